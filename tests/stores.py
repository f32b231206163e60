"""Stores that hold a little of everything, and all that a reader learns of one."""

import math

from toys import record, trial

from zcbench.records import Record


def write(store, *items, benchmark="toy"):
    """Write as one process would; the path of the file of records, if it made one."""
    before = set(store.files(benchmark))
    with store.writer(benchmark) as writer:
        for item in items:
            (writer.record if isinstance(item, Record) else writer.trial)(item)
    return next(iter(set(store.files(benchmark)) - before), None)


def said(store, benchmark="toy"):
    """All that a reader learns, exactly (also of nan, of -0.0 and of types)."""
    records, trials = store.records(benchmark), store.trials(benchmark)
    return (
        *(list(map(repr, records)), list(map(repr, trials)), store.environments(benchmark)),
        *(records.notes, trials.notes, store.disagreeing(benchmark).keys()),
    )


def fill(store):
    """Several files of what a store may hold."""
    write(store, record("a", 1 / 3), record("b", None, detail='"no" – |\n</script>\0'), record("c", -0.0, network="a"))
    write(store, record("d", seconds=math.nan), record("e", 5e-324, repeats=3), trial(), trial(seed=1, tau=None))
    write(store, record("a", 1 / 3, seconds=9.0), record("b", 2.0), record("a", 5.0, attempt=1), record("f", 1.7e308))
    write(store, record("disagrees"), record("close", 3.0), trial(seed=2), trial(seed=2, tau=0.1))
    write(store, record("disagrees", 2.0), record("close", 3.0 + 1e-9), record("g", None, status="non-finite"))
    write(store, record("h", 2.0, code="01", sample="02", higher_is_better=False, seed=2**32 - 1, environment="e1"))
