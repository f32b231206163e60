"""A search that is killed at any moment goes on to the ledger of one that was not."""

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from clusters import cluster, kill, processes, wait_until
from searches import timeless

SCRIPT = """
import os
import time
import zlib

import zcbench


def evaluate(architecture):
    import random  # whose numbers are global

    time.sleep(float(os.environ["T_PAUSE"]) * (8 if zlib.crc32(architecture.key.encode()) % 3 == 0 else 1))
    with open(os.environ["T_CALLS"], "a") as file:
        file.write(architecture.key + "\\n")
    return sum("conv" in part for part in architecture.key.split("|")) + random.random()


if __name__ == "__main__":
    print("begins", flush=True)
    result = zcbench.search(
        zcbench.get_space("digits-201"), evaluate, searcher="evolution:population=4:sample=2", budget=24, batch=4,
        workers=int(os.environ["T_WORKERS"]), ledger=os.environ["T_LEDGER"], executor=os.environ["T_EXECUTOR"],
    )
    print(len(result), "done", flush=True)
"""


class Run:
    """A script that searches; its ledger and the calls of its function are in a folder."""

    def __init__(self, folder: Path, workers: int, pause: float = 0.0, executor: str = "local") -> None:
        folder.mkdir(exist_ok=True)
        self.script, self.ledger, self._calls = folder / "search.py", folder / "ledger", folder / "calls"
        self.ahead = folder / "ledger.ahead"
        self.script.write_text(SCRIPT)
        settings = {"T_PAUSE": pause, "T_WORKERS": workers, "T_LEDGER": self.ledger, "T_CALLS": self._calls}
        self._environment = {**os.environ, **{name: str(value) for name, value in settings.items()}}
        self.on(executor)

    def on(self, executor: str) -> None:
        """Evaluate there from now on."""
        self._environment["T_EXECUTOR"] = executor

    @property
    def calls(self) -> list[str]:
        return self._calls.read_text().splitlines() if self._calls.exists() else []

    @property
    def size(self) -> int:
        return self.ledger.stat().st_size if self.ledger.exists() else 0

    def start(self) -> subprocess.Popen:
        command = [sys.executable, str(self.script)]
        pipe = subprocess.PIPE
        return subprocess.Popen(command, stdout=pipe, stderr=pipe, text=True, env=self._environment)

    def whole(self) -> None:
        process = self.start()
        said, trouble = process.communicate(timeout=300)
        assert process.returncode == 0, trouble
        assert "24 done" in said

    def kill_when(self, wanted: Callable[[], bool]) -> bool:
        """Start and kill as soon as something is so; whether it was killed before it was done."""
        process = self.start()
        process.stdout.readline()
        until = time.monotonic() + 120
        while process.poll() is None and not wanted() and time.monotonic() < until:
            time.sleep(0.002)
        process.kill()
        process.communicate()
        return process.returncode == -signal.SIGKILL


@pytest.mark.slow
def test_killed_twice_with_workers_it_ends_as_undisturbed_without(tmp_path):
    undisturbed, run = Run(tmp_path / "undisturbed", 0), Run(tmp_path / "killed", 2, 0.05)
    undisturbed.whole()
    assert run.kill_when(run.ahead.exists)
    assert run.ahead.stat().st_size
    assert run.kill_when(lambda: run.size > 2_000)
    run.whole()
    assert timeless(run.ledger) == timeless(undisturbed.ledger)
    # What is lost is what was being evaluated: two at each kill.
    assert len(set(run.calls)) == 24 and len(run.calls) <= 24 + 2 * 2
    assert not run.ahead.exists()


@pytest.mark.slow
@pytest.mark.parametrize("workers", [0, 3])
@pytest.mark.parametrize("seed", range(3))
def test_killed_at_random(tmp_path, workers, seed):
    rng = random.Random(seed)
    undisturbed, run = Run(tmp_path / "undisturbed", 0), Run(tmp_path / "killed", workers, 0.05)
    undisturbed.whole()
    for _ in range(10):
        wanted, latest = rng.randrange(run.size, run.size + 1_500), time.monotonic() + 60
        if not run.kill_when(lambda w=wanted, u=latest: run.size > w or time.monotonic() > u):
            break
        if rng.random() < 0.3:  # what a power cut may leave
            with run.ledger.open("r+b") as file:
                file.truncate(max(0, run.size - rng.randrange(300)))
    run.whole()
    assert timeless(run.ledger) == timeless(undisturbed.ledger)
    assert len(set(run.calls)) == 24


@pytest.mark.slow
def test_killed_on_dask_it_ends_as_undisturbed_without(tmp_path):
    """The search is killed, then a worker, then the scheduler: each time it goes on."""
    pytest.importorskip("distributed")
    variables = {"T_PAUSE": "0.3", "T_CALLS": str(tmp_path / "killed" / "calls")}
    undisturbed, run = Run(tmp_path / "undisturbed", 0), Run(tmp_path / "killed", 0, 0.3)
    undisturbed.whole()
    with cluster(tmp_path, variables, variables) as (address, running):
        run.on(address)
        assert run.kill_when(lambda: run.size > 1_500)
        wait_until(lambda: not processes("zcbench.executors", parent=running[1].pid), "the end of its call")
        wait_until(lambda: not processes("zcbench.executors", parent=running[2].pid), "the end of its call")
        process, size = run.start(), run.size
        wait_until(lambda: run.size > size + 600, "some evaluations")
        kill(running[1].pid)  # Dask gives what it had to the other one
        size = run.size
        wait_until(lambda: run.size > size + 600, "some evaluations")
        kill(running[0].pid)
        _, trouble = process.communicate(timeout=120)
        assert process.returncode == 1 and "Traceback" in trouble  # a script's own
        last = trouble.splitlines()[-1]
        assert "the Dask scheduler at" in last and last.endswith("start the same search again when it is back.")
    assert run.size < undisturbed.size
    run.on("local")
    run.whole()
    assert timeless(run.ledger) == timeless(undisturbed.ledger)
    assert len(set(run.calls)) == 24


@pytest.mark.slow
def test_killed_with_jobs_of_submitit_it_ends_as_undisturbed_without(tmp_path):
    pytest.importorskip("submitit")
    undisturbed, run = (
        Run(tmp_path / "undisturbed", 0),
        Run(tmp_path / "killed", 0, 0.1, "submitit:cluster=local:jobs=2"),
    )
    undisturbed.whole()
    assert run.kill_when(lambda: run.size > 1_500)
    process = run.start()
    size = run.size
    wait_until(lambda: run.size > size + 600, "some evaluations")
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=60)
    wait_until(lambda: not processes("submitit", str(tmp_path)), "the jobs")
    run.on("local")
    run.whole()
    assert timeless(run.ledger) == timeless(undisturbed.ledger)
    assert len(set(run.calls)) == 24
