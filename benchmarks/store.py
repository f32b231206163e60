"""What does a store of many records cost? python benchmarks/store.py

A million records (25 proxies of networks of NAS-Bench-201, random scores), written as a run writes them: seconds and
memory to read them before and after compaction, and bytes on disk, compared with the obvious reader, json.loads of
every line. Each figure is of a separate process. ``--records 10000000`` does the same with ten times as many.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

from zcbench.records import Record
from zcbench.records._schema import encoded, record_line
from zcbench.spaces import get_space
from zcbench.types import Score

PROXIES = 25
BENCHMARK = "nasbench201"

PREPARE = """
import json, resource, sys, time
from pathlib import Path
import numpy as np
from zcbench.records import Store
def peak():
    return next(int(line.split()[1]) for line in open("/proc/self/status") if line.startswith("VmHWM")) / 1024
store, before, started, used = Store(sys.argv[1]), peak(), time.perf_counter(), time.process_time()
"""
READERS = {
    "json.loads of every line": """
found = [json.loads(line) for path in sorted(Path(sys.argv[1], "nasbench201").iterdir()) for line in path.open()]
""",
    "Store.records": """
found = store.records("nasbench201")
""",
    "Store.records, every object once": """
found = store.records("nasbench201")
for record in found:
    pass
""",
}
REPORT = """
print(len(found), time.perf_counter() - started, time.process_time() - used, peak() - before)
"""


def write(folder: Path, count: int) -> None:
    """Make the files that four writers would have made."""
    space = get_space(BENCHMARK)
    keys = [architecture.key for architecture in space]
    networks = [space.canonical(architecture).key for architecture in space]
    rng = np.random.default_rng(0)
    values = iter(rng.normal(0, 100, count).tolist())
    seconds = iter(rng.gamma(2, 0.05, count).tolist())
    files = [(folder / f"host-{n}-20260101T00000{n}000000Z.jsonl").open("wb", 1 << 20) for n in range(4)]
    for file in files:
        file.write(encoded({"schema": 2, "environment": "0123456789ab", "torch": "2.6.0", "processor": "made up"}))
    done = 0
    for number in range(-(-count // PROXIES)):
        seed, row = divmod(number, len(keys))
        network = networks[row] if networks[row] != keys[row] else ""
        for proxy in range(PROXIES):
            if done == count:
                break
            record = Record(
                *("nasbench201@1", keys[row], f"proxy_{proxy}@1", seed, "cifar10/train/64 of 50000/seed 0"),
                *(Score(next(values), seconds=next(seconds)), network, True, "0123456789ab"),
            )
            files[number % 4].write(encoded(record_line(record)))
            done += 1
    for file in files:
        file.close()


def measured(code: str, folder: Path) -> tuple[float, float, float]:
    """Return seconds, processor seconds and MB of a reader in a separate process."""
    command = [sys.executable, "-c", PREPARE + code + REPORT, str(folder)]
    _, seconds, used, memory = subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()
    return float(seconds), float(used), float(memory)


def show(title: str, code: str, folder: Path) -> None:
    """Print a row of the table."""
    seconds, used, memory = measured(code, folder)
    print(f"{title:48}{seconds:8.2f}{used:8.2f}{memory:8.0f}{size(folder):13.0f}", flush=True)


def size(folder: Path) -> float:
    """Return MB on disk."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()) / 1e6


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--records", type=int, default=1_000_000)
    parser.add_argument("--no-baseline", action="store_true", help="omit json.loads, which needs gigabytes")
    options = parser.parse_args()
    print(f"{options.records:,} records\n{'':48}{'s':>8}{'CPU s':>8}{'MB':>8}{'on disk, MB':>13}")
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        (folder / BENCHMARK).mkdir()
        write(folder / BENCHMARK, options.records)
        readers = dict(list(READERS.items())[options.no_baseline :])
        for name, code in readers.items():
            show(f"lines: {name}", code, folder)
        for form in ("jsonl", "parquet"):
            show(f"compact to {form}", f"store.compact('nasbench201', {form!r}); found = ()", folder)
            for name, code in list(READERS.items())[1:]:
                show(f"{form}: {name}", code, folder)


if __name__ == "__main__":
    main()
