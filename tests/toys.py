"""A benchmark small enough to reckon by hand, records for it, and proxies that misbehave."""

from __future__ import annotations

import resource
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from zcbench.datasets import Benchmark
from zcbench.records import CurveTrial, Record, SearchTrace, Trial
from zcbench.spaces import get_space
from zcbench.types import Architecture, Score, Status, Target

BATCH = "digits/train/8 of 500/seed 0"


def toy(
    values: Sequence[object] = (0.1, 0.2, 0.3, 0.4),
    *,
    version: int = 1,
    higher_is_better: bool = True,
    keys: Sequence[str] = (),
) -> Benchmark:
    """One row per value; a row of several values is one of repeats. Every cell is another network."""
    space = get_space("digits-201")
    table = np.array([np.atleast_1d(v) for v in values], float)
    if not keys:
        networks = dict.fromkeys(space.canonical(architecture).key for architecture in list(space)[-200:])
        keys = list(networks)[: len(table)]
    return Benchmark(
        name="toy",
        version=version,
        space=space,
        architectures=tuple(space.parse(key) for key in keys),
        targets={
            "quality": Target("quality", "digits", higher_is_better, "how good"),
            "other": Target("other", "digits", True, "something else"),
        },
        values={"quality": table, "other": table[::-1]},
        default_target="quality",
        classes={"digits": 10},
        seeds={"quality": tuple(range(table.shape[1]))},
        source="made by hand",
    )


def distinct_cells(n: int) -> list[Architecture]:
    """Cells of distinct networks."""
    space, cells = get_space("digits-201"), {}
    for architecture in list(space)[:: 15625 // (3 * n)]:
        cells.setdefault(space.functional_key(architecture), architecture)
    return list(cells.values())[:n]


def table(n: int = 60, **changes: object) -> Benchmark:
    """Cells whose quality is the number of operations with weights, on distinct networks."""
    from zcbench.encodings import get_encoding

    drawn = distinct_cells(n)
    quality = [get_encoding("stats").rows([a])[0]["count weighted"] + 0.01 * i for i, a in enumerate(drawn)]
    return toy(quality, keys=[a.key for a in drawn], **changes)  # type: ignore[arg-type]


def record(architecture: str = "a", value: float | None = 1.0, proxy: str = "mine@1", **changes: object) -> Record:
    """A record; without a value a failed one, unless a status says otherwise."""
    status = Status(str(changes.pop("status", "ok" if value is not None else "failed")))
    detail = str(changes.pop("detail", "" if value is not None else "it broke."))
    seconds, repeats = float(changes.pop("seconds", 0.5)), int(changes.pop("repeats", 1))  # type: ignore[arg-type]
    where = {name: changes.pop(name) for name in ("device", "device_name", "memory") if name in changes}
    score = Score(value, status, seconds, detail, repeats, **where)  # type: ignore[arg-type]
    fields = {"benchmark": "toy@1", "seed": 0, "batch": BATCH, "environment": "e0"} | changes
    return Record(architecture=architecture, proxy=proxy, score=score, **fields)  # type: ignore[arg-type]


def trial(predictor: str = "gp@1", tau: float | None = 0.5, **changes: object) -> Trial:
    """A trial; without a tau a failed one."""
    status = Status.OK if tau is not None else Status.FAILED
    metrics = {} if tau is None else {"tau": tau, "rho": tau, "fit_seconds": 0.1}
    fields = {
        "benchmark": "toy@1",
        "target": "quality",
        "transfer_from": "",
        "pool": 4,
        "train_size": 2,
        "tuned_size": 0,
    }
    fields |= {"seed": 0, "environment": "e0", "data": "d-f"} | changes
    return Trial(predictor=predictor, status=status, metrics=metrics, **fields)  # type: ignore[arg-type]


def trace(searcher: str = "random@1", rows: Sequence[int] = (3, 0, 2), **changes: object) -> SearchTrace:
    """A trace of a search; without rows one that failed."""
    status = Status.OK if rows else Status.FAILED
    clock = tuple(10.5 * n for n in range(1, len(rows) + 1))
    fields = {"benchmark": "toy@1", "guide": "quality", "scorers": "", "budget": "3 evaluations", "constraints": ""}
    fields |= {"seed": 0, "environment": "e0", "data": "d-s", "metrics": {"evaluations": float(len(rows))}} | changes
    return SearchTrace(searcher=searcher, status=status, rows=tuple(rows), clock=clock, **fields)  # type: ignore[arg-type]


def forecast(curve_predictor: str = "last_value@1", log_density: float | None = 1.5, **changes: object) -> CurveTrial:
    """A trial of a curve predictor; one without a log-density failed."""
    status = Status.FAILED if log_density is None else Status.OK
    metrics = (
        {} if log_density is None else {"curves": 8.0, "log_density": log_density, "mse": 0.25, "predict_seconds": 0.5}
    )
    fields = {
        "benchmark": "toy@1",
        "curve": "loss",
        "pool": 40,
        "complete": 20,
        "parts": 4,
        "context": "0.1",
        "seed": 0,
    }
    fields |= {"metrics": metrics, "environment": "e0", "data": "0f", **changes}
    return CurveTrial(curve_predictor=curve_predictor, status=status, **fields)  # type: ignore[arg-type]


def records(benchmark: Benchmark, values: Sequence[float | None], proxy: str = "mine@1", **changes: object) -> list:
    """One record per architecture."""
    pairs = zip(benchmark.architectures, values, strict=True)
    return [record(a.key, value, proxy, benchmark=benchmark.identifier, **changes) for a, value in pairs]


#: t-count writes a line per call, so that tests see what is computed twice; the others show what authors do.
PLUGIN = '''
import math, os, signal, time
from pathlib import Path
import torch, zcbench

CALLS = Path(__file__).with_name("calls")

def size(probe):
    return sum(p.numel() for p in probe.parameters.values())

@zcbench.register_proxy("t-count", cost="static")
def count(probe):
    """The sum of all weights; every call leaves a line."""
    time.sleep(float(os.environ.get("T_SLEEP", 0)))
    total = float(sum(p.detach().double().sum() for p in probe.parameters.values()))
    with CALLS.open("a") as file:
        file.write(f"{total!r}\\n")
    return total

@zcbench.register_proxy("t-low", cost="static", higher_is_better=False)
def low(probe):
    """Fewer weights are better."""
    return size(probe)

@zcbench.register_proxy("t-raises")
def raises(probe):
    """Raises."""
    raise RuntimeError("no luck \\udc80\\nsecond line")

@zcbench.register_proxy("t-none")
def none(probe):
    """Returns nothing."""

@zcbench.register_proxy("t-nan")
def nan(probe):
    """Not a number."""
    return math.nan

@zcbench.register_proxy("t-inf")
def infinite(probe):
    """Too much."""
    return -math.inf

@zcbench.register_proxy("t-tensor")
def tensor(probe):
    """A tensor with one element is a number."""
    return torch.tensor([2.5])

@zcbench.register_proxy("t-tensors")
def tensors(probe):
    """A tensor with two is not."""
    return torch.ones(2)

@zcbench.register_proxy("t-exits")
def exits(probe):
    """Ends its process on the network of the size T_VICTIM."""
    if size(probe) == int(os.environ["T_VICTIM"]):
        os._exit(7)
    return 1.0

@zcbench.register_proxy("t-killed")
def killed(probe):
    """Is killed."""
    if size(probe) == int(os.environ["T_VICTIM"]):
        os.kill(os.getpid(), signal.SIGKILL)
    return 1.0

@zcbench.register_proxy("t-hangs")
def hangs(probe):
    """Never ends on the network of the size T_VICTIM, in native code that never lets go of Python."""
    if "T_HANG" in os.environ and size(probe) == int(os.environ["T_VICTIM"]):
        sum(range(10**13))
    return 1.0

@zcbench.register_proxy("t-interrupt")
def interrupt(probe):
    """Presses Ctrl-C in the second network."""
    if len(CALLS.read_text().splitlines()) == 2:
        os.kill(os.getpid(), signal.SIGINT)
    return 1.0
'''


def write_plugin(folder: Path) -> str:
    """The file to give to ``--import``."""
    path = folder / "plugin.py"
    path.write_text(PLUGIN)
    return str(path)


def calls(plugin: str) -> list[str]:
    """What t-count has computed so far."""
    path = Path(plugin).with_name("calls")
    return path.read_text().splitlines() if path.exists() else []


@contextmanager
def registry_as_it_was() -> Iterator[None]:
    """Forget what was registered meanwhile, of all kinds."""
    from zcbench._kinds import isolated

    with isolated():
        yield


@contextmanager
def disk_of(size: int) -> Iterator[None]:
    """Files cannot grow beyond ``size`` bytes: the kernel refuses as it does on a full disk."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def is_alive(process: int) -> bool:
    """Whether a process runs; one that ended and that nobody has asked for does not."""
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False
