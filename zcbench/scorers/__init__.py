"""What ranks architectures for a search, behind one protocol: proxies, predictors, ensembles, tables.

Each file without a leading underscore holds one kind of scorer.
"""

from zcbench.scorers._base import Scorer, Scores

__all__ = ["Scorer", "Scores"]
