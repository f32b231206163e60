"""Scores against trained accuracies: run the scorers, store every score, correlate."""

from zcbench.evaluation._run import Track, evaluate, run
from zcbench.evaluation._summary import Entry, Evaluation, Failure, summarize

__all__ = ["Entry", "Evaluation", "Failure", "Track", "evaluate", "run", "summarize"]
