"""What was measured, and where it is kept: records of scores, trials of predictors, the store. Loads no torch."""

from zcbench.records._record import Record, Trial
from zcbench.records._store import Store, TrialStore, Writer

__all__ = ["Record", "Store", "Trial", "TrialStore", "Writer"]
