"""What does reading cost? The command compared with the import of torch, and columns with an object for every record.

python benchmarks/reading.py        # half a minute
"""

import os
import resource
import subprocess
import sys
import tempfile
import time

import numpy as np

import zcbench
from zcbench.evaluation import summarize
from zcbench.records import Record, Records, Store
from zcbench.types import Score

PROXIES = 25
TABLE = zcbench.get_benchmark("digits-201")


def records(limit: int) -> list[Record]:
    """Return scores of proxies that agree with the truth to different degrees."""
    rng = np.random.default_rng(0)
    sample = TABLE.sample(limit, 0, TABLE.default_target)
    truth = TABLE.truth()[TABLE.rows(sample)]
    return [
        Record(TABLE.identifier, a.key, f"proxy{p}@1", 0, "digits/train/64 of 500/seed 0", Score(float(value)))
        for p in range(PROXIES)
        for a, value in zip(sample, truth + rng.normal(size=limit), strict=True)
    ]


def cpu(*words: str) -> float:
    """Return the lowest CPU seconds of three processes."""
    times = []
    for _ in range(3):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run([sys.executable, *words], check=True, stdout=subprocess.DEVNULL)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        times.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
    return min(times)


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        with Store(folder).writer("digits-201") as writer:
            for record in records(500):
                writer.record(record)
        read = cpu("-m", "zcbench", "leaderboard", "digits-201", "--store", folder)
    loaded = cpu("-c", "import torch")
    print(f"zcbench leaderboard, {500 * PROXIES:,} records: {read:.2f} s of CPU; import torch alone: {loaded:.2f} s")
    print(f"ratio {read / loaded:.2f}")
    rows = records(4000)
    columns = Records.of(rows)
    started = time.process_time()
    evaluation = summarize(columns, TABLE)
    by_column = time.process_time() - started
    started = time.process_time()
    table = {architecture.key: row for row, architecture in enumerate(TABLE.architectures)}
    by_proxy: dict[str, np.ndarray] = {}
    for record in columns:  # the obvious way to the same columns, without any statistic
        scores = by_proxy.setdefault(record.proxy, np.full(len(TABLE), np.nan))
        if record.architecture in table and record.benchmark == TABLE.identifier:
            scores[table[record.architecture]] = float(record.score)
    one_by_one = time.process_time() - started
    assert len(by_proxy) == len(evaluation.entries)
    print(f"{len(rows):,} records, all statistics: {by_column:.2f} s; through them as objects: {one_by_one:.2f} s")
    print(f"ratio {by_column / one_by_one:.2f}")


if __name__ == "__main__":
    os.environ["OMP_NUM_THREADS"] = "1"
    main()
