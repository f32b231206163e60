"""What was measured, and where it is kept: records of scores, trials of predictors, the store. Loads no torch."""

from zcbench.records._columns import Records, Trials
from zcbench.records._environment import describe_environment
from zcbench.records._record import Record, Trial
from zcbench.records._store import Store
from zcbench.records._writer import Writer

__all__ = ["Record", "Records", "Store", "Trial", "Trials", "Writer", "describe_environment"]
