"""A search that is killed at any moment goes on to the ledger of one that was not."""

import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from searches import timeless

SCRIPT = """
import sys
import time

import zcbench


def evaluate(architecture):
    import random  # whose numbers are global

    time.sleep({pause} * (1 + len(architecture.key) % 3))
    with open({calls!r}, "a") as file:
        file.write(architecture.key + "\\n")
    return sum("conv" in part for part in architecture.key.split("|")) + random.random()


if __name__ == "__main__":
    print("begins", flush=True)
    result = zcbench.search(
        zcbench.get_space("digits-201"), evaluate, searcher="evolution:population=4:sample=2", budget=24, batch=4,
        workers={workers}, ledger={ledger!r},
    )
    print(len(result), "done", flush=True)
"""
KILLED = -signal.SIGKILL


def written(folder: Path, workers: int, pause: float) -> Path:
    path = folder / f"search{workers}.py"
    ledger, calls = str(folder / f"ledger{workers}"), str(folder / f"calls{workers}")
    path.write_text(SCRIPT.format(ledger=ledger, calls=calls, workers=workers, pause=pause))
    return path


def start(path: Path) -> subprocess.Popen:
    return subprocess.Popen([sys.executable, str(path)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def whole(path: Path) -> None:
    process = start(path)
    said, trouble = process.communicate(timeout=300)
    assert process.returncode == 0, trouble
    assert "24 done" in said


def kill_when(path: Path, wanted) -> bool:
    """Start and kill as soon as something is so; whether it was killed before it was done."""
    process = start(path)
    process.stdout.readline()
    until = time.monotonic() + 120
    while process.poll() is None and not wanted() and time.monotonic() < until:
        time.sleep(0.002)
    process.kill()
    process.communicate()
    return process.returncode == KILLED


def size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


def calls(path: Path) -> list[str]:
    return path.read_text().splitlines() if path.exists() else []


def test_killed_twice_with_workers_it_ends_as_undisturbed_without(tmp_path):
    whole(written(tmp_path, 0, 0.0))
    path, ledger = written(tmp_path, 2, 0.02), tmp_path / "ledger2"
    assert kill_when(path, lambda: (tmp_path / "ledger2.ahead").exists())
    ahead = size(tmp_path / "ledger2.ahead")
    assert kill_when(path, lambda: size(ledger) > 2_000)
    whole(path)
    assert ahead and timeless(ledger) == timeless(tmp_path / "ledger0")
    # What is lost is what was being evaluated: two at each kill.
    assert 24 <= len(calls(tmp_path / "calls2")) <= 24 + 2 * 2
    assert len(set(calls(tmp_path / "calls2"))) == 24
    before = ledger.read_bytes()
    whole(path)
    assert ledger.read_bytes() == before and not (tmp_path / "ledger2.ahead").exists()


@pytest.mark.slow
@pytest.mark.parametrize("workers", [0, 3])
@pytest.mark.parametrize("seed", range(4))
def test_killed_at_random(tmp_path, workers, seed):
    rng = random.Random(seed)
    reference = tmp_path / "reference"
    reference.mkdir()
    whole(written(reference, 0, 0.0))
    path, ledger = written(tmp_path, workers, 0.03), tmp_path / f"ledger{workers}"
    for _ in range(12):
        moment = time.monotonic() + rng.expovariate(1 / 2.5) + 1.0
        if not kill_when(path, lambda moment=moment: time.monotonic() > moment):
            break
        if rng.random() < 0.3 and ledger.exists():  # what a power cut may leave
            with ledger.open("r+b") as file:
                file.truncate(max(0, size(ledger) - rng.randrange(300)))
    whole(path)
    assert timeless(ledger) == timeless(reference / "ledger0")
    assert len(set(calls(tmp_path / f"calls{workers}"))) == 24
