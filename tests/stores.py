"""Stores that hold a little of everything, and all that a reader learns of one."""

import math
from pathlib import Path

from toys import forecast, record, trace, trial

from zcbench.records import CurveTrial, Record, SearchTrace, Trial, _lines
from zcbench.records._columns import Builder
from zcbench.records._kinds import RECORDS
from zcbench.records._layout import Source
from zcbench.records._schema import encoded, record_line

#: made by  zcbench run  of commit cb76440: three proxies, one of which failed and was tried again; three trials
OLD = Path(__file__).parent / "records" / "schema_1"


def write(store, *items, benchmark="toy", described=False):
    """Write as one process would; the path of the file of records, if it made one."""
    before = set(store.files(benchmark))
    with store.writer(benchmark) as writer:
        if described:
            writer.environment("e0", {"torch": "2"})
        for item in items:
            ways = {Record: "record", Trial: "trial", SearchTrace: "search", CurveTrial: "forecast"}
            getattr(writer, ways[type(item)])(item)
    return next(iter(set(store.files(benchmark)) - before), None)


def said(store, benchmark="toy"):
    """All that a reader learns, exactly (also of nan, of -0.0 and of types)."""
    records, trials, searches = store.records(benchmark), store.trials(benchmark), store.searches(benchmark)
    forecasts = store.forecasts(benchmark)
    return (
        *(list(map(repr, records)), list(map(repr, trials)), store.environments(benchmark)),
        *(records.notes, trials.notes, store.disagreeing(benchmark).keys(), list(searches), searches.notes),
        *(list(map(repr, forecasts)), list(forecasts), forecasts.notes),
    )


def fill(store):
    """Several files of what a store may hold."""
    write(
        store,
        record("a", 1 / 3),
        record("b", None, detail='"no" – |\n</script>\0'),
        record("c", -0.0, network="a"),
        described=True,
    )
    write(
        store,
        record("d", seconds=math.nan),
        record("e", 5e-324, repeats=3),
        trial(),
        trial(seed=1, tau=None),
        trace(),
        trace(seed=1, rows=(), detail="no"),
        forecast(),
        forecast(context="0.5", log_density=None, detail="no"),
        forecast("lcpfn:prior=paper@2", code="01", attempt=1),
        record("i", 4.0, device="cuda", device_name="NVIDIA H100 80GB HBM3", memory=2.5e9),
        record("j", None, status="out-of-memory", device="mps"),
        trial(seed=3, device="cuda", device_name="NVIDIA H100 80GB HBM3", memory=1e6),
        trace(seed=3, device="cpu"),
        forecast(seed=3, device="cuda"),
        trace("halving:eta=3@2", scorers="warm-start=naswot@1", epochs=(1, 1, 9), code="01"),
        described=True,
    )
    write(
        store,
        record("a", 1 / 3, seconds=9.0),
        record("b", 2.0),
        record("a", 1 / 3, attempt=1),
        record("f", 1.7e308),
        described=True,
    )
    write(
        store,
        record("disagrees"),
        record("close", 3.0),
        trial(seed=2),
        trial(seed=2, tau=0.1),
        trace(seed=2),
        trace(seed=2, rows=(1,)),
        forecast(seed=2),
        forecast(seed=2, log_density=0.1),
        described=True,
    )
    write(
        store,
        record("disagrees", 2.0),
        record("close", 3.0 + 1e-9),
        record("g", None, status="non-finite"),
        described=True,
    )
    write(
        store,
        record("h", 2.0, code="01", sample="02", higher_is_better=False, seed=2**32 - 1, environment="e1"),
        described=True,
    )


def gpu_lines():
    """Lines of records that were measured on an accelerator."""
    gpu = {"device": "cuda", "device_name": "NVIDIA H100 80GB HBM3"}
    items = [
        record("a", 1 / 3, **gpu, memory=2.5e9),
        record("b", 2.0, **gpu, memory=512.0),
        record("c", 3.0, **gpu, memory=0),
    ]
    items.append(record("d", None, status="out-of-memory", detail="no memory was left", **gpu, memory=8e10))
    return [encoded(record_line(item)) for item in items]


def columns_of(path, *, quick):
    """Columns, bad lines and the rest of what a file holds."""
    kind = RECORDS.traced
    builder = Builder(kind)
    reader = _lines.Reader(kind, builder)
    if not quick:
        reader._known = None
    part = reader.read(Source(path, "jsonl", "origin"))
    arrays, texts = builder.finish()
    columns = {
        name: [texts[name][code] for code in arrays[name]] if name in texts else arrays[name].tolist()
        for name in kind.names
    }
    # By their text, as nan is not equal to itself; whole numbers, and not bools or floats that are equal.
    return repr(columns), part


def old_lines():
    return (OLD / "digits-201.jsonl").read_bytes().splitlines(keepends=True)[1:]


def new_lines():
    items = [
        *(record("a", 1 / 3), record("b", None), record("c", -0.0, network="a"), record("d", 7, code="01", sample="2")),
        *(record("e", 2.5, repeats=3), record("f", 1e300, attempt=2), record('quoted","value":1', 2.0, detail="odd\n")),
        *(record("ü\u2028", 1.0, higher_is_better=False), record("h", None, status="non-finite", seconds=1e-9)),
    ]
    return [encoded(record_line(item)) for item in items]
