"""What does reading tables cost? python benchmarks/tables.py

A table as large as NAS-Bench-201's official one (15,625 cells, 28 targets, 4 seeds, six curves of 200 epochs) in the
cache, compared with the obvious format (pickle), which reads everything; the memory of enumerating NAS-Bench-101; and
reading a record in NATS-Bench's format, compared with Python's own unpickler, which runs foreign code.
"""

from __future__ import annotations

import bz2
import pickle
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from zcbench.datasets import benchmark_info
from zcbench.datasets._load import make_benchmark
from zcbench.datasets._nasbench201_files import SEEDS, columns_of, target_of
from zcbench.datasets._pickles import read_pickle
from zcbench.datasets._table import Table, load_table, save_table
from zcbench.spaces import get_space

ENUMERATE = """
import resource
from zcbench.spaces import get_space
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
count = sum(1 for _ in get_space("nasbench101"))
print(count, before, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""


def seconds(work: Callable[[], object], rounds: int = 3) -> float:
    """Return the fastest of a few rounds."""
    times = []
    for _ in range(rounds):
        started = time.perf_counter()
        work()
        times.append(time.perf_counter() - started)
    return min(times)


def made_up() -> Table:
    """Return random numbers of the official table's shape."""
    rng = np.random.default_rng(0)
    texts = [architecture.key for architecture in get_space("nasbench201")]
    names = [
        f"{name.rsplit('_', 1)[0]}_{metric}_{column.epochs}ep"
        for name, column in columns_of("topology").items()
        for metric in ("accuracy", "loss")
    ]
    values = {name: np.round(rng.uniform(10, 95, (len(texts), len(SEEDS))), 2) for name in names}
    curves = {name: rng.random((len(texts), len(SEEDS), 200), np.float32) for name in names[-6:]}
    return Table(
        texts,
        tuple(map(target_of, names)),
        values,
        dict.fromkeys(names, SEEDS),
        curves,
        {"params_M": rng.random(15_625)},
    )


def record() -> dict[str, object]:
    """Return random numbers in the form of a NATS-Bench record: 17 trainings with a table of every epoch each."""
    rng = np.random.default_rng(0)
    trainings = [
        (epochs, dataset, seed, sets)
        for epochs, seeds in ((12, (111, 777)), (200, (777, 888, 999)))
        for dataset, sets in (("cifar10-valid", 2), ("cifar10", 1), ("cifar100", 3), ("ImageNet16-120", 3))
        for seed in seeds
    ]
    content: dict[str, dict[str, dict[object, object]]] = {"12": {"all_results": {}}, "200": {"all_results": {}}}
    for epochs, dataset, seed, sets in trainings:
        run: dict[str, object] = {"params": 0.1, "flop": 15.6, "seed": seed, "arch_config": {"channel": 16}}
        for table in ("train_acc1es", "train_acc5es", "train_losses", "train_times"):
            run[table] = dict(enumerate(rng.random(epochs).tolist()))
        for table in ("eval_acc1es", "eval_losses", "eval_times"):
            keys = [f"{name}@{epoch}" for name in ("x-valid", "x-test", "ori-test")[:sets] for epoch in range(epochs)]
            run[table] = dict(zip(keys, rng.random(len(keys)).tolist(), strict=True))
        content[str(epochs)]["all_results"][dataset, seed] = run
    return content


def main() -> None:
    # First, while this process is small, because a child's peak begins with its parent's.
    started = time.perf_counter()
    out = subprocess.run([sys.executable, "-c", ENUMERATE], capture_output=True, text=True, check=True).stdout.split()
    count, before, after = map(int, out)
    print(
        f"NAS-Bench-101: {count:,} cells in {time.perf_counter() - started:.0f} s, peak memory {after / 1024:.0f} MB"
        f" ({before / 1024:.0f} MB before the first)"
    )
    info = benchmark_info("nasbench201")
    with tempfile.TemporaryDirectory() as folder:
        table, kept, plain = made_up(), Path(folder, "nasbench201.npz"), Path(folder, "table.pickle")
        save_table(table, kept)
        plain.write_bytes(pickle.dumps(table))
        ours = seconds(lambda: make_benchmark(info, load_table(kept)))
        theirs = seconds(lambda: make_benchmark(info, pickle.loads(plain.read_bytes())))
        name = next(iter(table.curves))
        curve = seconds(lambda: load_table(kept).curves[name])
        packed = Path(folder, "000000.pickle.pbz2")
        packed_size = packed.write_bytes(bz2.compress(pickle.dumps(record())))
        ours_packed = seconds(lambda: read_pickle(packed))
        python_packed = seconds(lambda: pickle.loads(bz2.decompress(packed.read_bytes())))
    print(f"15,625 cells x {len(table.targets)} targets x 4 seeds from the cache: {ours:.2f} s")
    print(f"from a pickle of everything: {theirs:.2f} s, {theirs / ours:.1f} times as long")
    print(f"a curve of 200 epochs, when it is requested: {curve:.2f} s")
    print(
        f"a NATS-Bench record of {packed_size / 1e3:,.0f} kB: {ours_packed * 1e3:.0f} ms,"
        f" {ours_packed / python_packed:.1f} times as long as by Python's unpickler, which would run foreign code"
    )


if __name__ == "__main__":
    main()
