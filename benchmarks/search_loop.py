"""What does a search cost in addition to drawing architectures? CPU seconds per ask, ledger, resuming, and memory.

python benchmarks/search_loop.py [ASKS]        # 100,000 asks: some minutes
"""

import resource
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from zcbench.search import Budget, Domain, Evaluation, Evaluator, Ledger, Objective, Problem, Search, get_searcher
from zcbench.search._loop import Loop, began_with
from zcbench.spaces import get_space

ASKS = int(sys.argv[1]) if len(sys.argv) > 1 else 100_000


class Free(Evaluator):
    """An evaluation that takes no time."""

    label, simulated = "free", True

    def evaluate(self, architecture, epochs=None):
        return Evaluation({"value": float(hash(architecture.key) % 1_000)}, {"training": 1.0})


def run(space, searcher: str, asks: int, path: Path | None) -> tuple[float, int, int]:
    """Return CPU seconds, evaluations and asks of a search."""
    goals, budget = (Objective("value"),), Budget(asks=asks)
    domain = Domain(space)
    began = time.process_time()
    with Ledger(path, {"searcher": searcher}, durable=False) as ledger:
        problem = Problem(domain, goals, began_with(ledger, budget), np.random.default_rng(0))
        result = Loop(lambda metered: Search(get_searcher(searcher), problem), Free(), goals, ledger, 1, budget).run()
    return time.process_time() - began, len(result), result.asks


def bare(space, asks: int) -> float:
    """Return CPU seconds of a loop that draws, compares networks and evaluates."""
    rng, known, evaluator = np.random.default_rng(0), {}, Free()
    began = time.process_time()
    for _ in range(asks):
        one = space.sample(rng)
        key = space.canonical(one).key
        if key not in known:
            known[key] = evaluator.evaluate(one)
    return time.process_time() - began


def megabytes() -> float:
    """Return the resident memory now."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize() / 1e6


def main() -> None:
    for name, searcher in (("ofa-mbv3", "random"), ("digits-201", "evolution")):
        space = get_space(name)
        run(space, searcher, 500, None)  # warm-up
        base = bare(space, ASKS) / ASKS
        before = megabytes()
        for asks in (ASKS // 10, ASKS):
            spent, evaluations, done = run(space, searcher, asks, None)
            print(
                f"{searcher} on {name}, {done:,} asks, {evaluations:,} evaluations: {1e6 * spent / done:.0f} µs per "
                f"ask, {spent / done / base:.2f} times a bare loop; memory {megabytes() - before:+.1f} MB"
            )
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "ledger"
            kept, _, done = run(space, searcher, ASKS, path)
            state = path.with_name("ledger.state")
            print(f"  with a ledger of {path.stat().st_size / 1e6:.0f} MB: {kept / spent:.2f} times as long")
            size = state.stat().st_size
            again = run(space, searcher, ASKS, path)[0]
            print(f"  read again with its state of {size / 1e3:.0f} kB: {again / kept:.2f} of that, {again:.1f} s")
            state.unlink()
            slowly = run(space, searcher, ASKS, path)[0]
            print(f"  read again without: {slowly / kept:.2f} of that, {slowly:.1f} s")


if __name__ == "__main__":
    main()
