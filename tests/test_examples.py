"""The examples run from end to end, in their quick forms."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


@pytest.mark.slow
def test_the_supernet_on_digits(tmp_path):
    script = [sys.executable, str(ROOT / "examples" / "supernet_digits.py"), "--quick", "--to", "story"]
    around = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    run = subprocess.run(script, cwd=tmp_path, env=around, capture_output=True, text=True, timeout=600, check=False)
    assert run.returncode == 0, run.stderr
    for words in ("step 30 of 30", "33 subnets", "evaluations found", "fine-tuned", "an image"):
        assert words in run.stdout
    assert (tmp_path / "story" / "exported" / "subnet.md").exists()
    again = subprocess.run(script, cwd=tmp_path, env=around, capture_output=True, text=True, timeout=600, check=False)
    assert again.returncode == 0 and "step 30" not in again.stdout


def test_an_own_supernet(tmp_path):
    """As a stranger copies it: the contract holds, and the bound is on the networks that it builds."""
    around = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    script = [sys.executable, str(ROOT / "examples" / "own_supernet.py")]
    run = subprocess.run(script, cwd=tmp_path, env=around, capture_output=True, text=True, timeout=300, check=False)
    assert run.returncode == 0, run.stderr
    assert "14 passed, 0 failed" in run.stdout and "Constraints: params<=5000" in run.stdout
    assert float(run.stdout.rpartition("test accuracy ")[2].split("%")[0]) > 80
