"""Jobs through submitit: real processes of this machine, some of which are killed."""

import os
from pathlib import Path

import pytest
from clusters import kill, processes, wait_until

from zcbench.errors import InvalidInputError, UnknownNameError, ZcbenchError
from zcbench.runs.executors import get_executor

pytest.importorskip("submitit")
LOCAL = "submitit:cluster=local:jobs=2"


def part(undisturbed, *proxies):
    return {key: value for key, value in undisturbed.items() if key[1].partition("@")[0] in proxies}


def test_two_jobs_do_it_once(place, undisturbed):
    out, err = place.run("--executor", LOCAL, limit=4)
    assert place.values().items() <= undisturbed.items()
    assert set(place.lines.values()) == {1}
    assert place.calls == 4
    assert "8/8 scores" in err
    assert "t-count" in out
    again, _ = place.run("--executor", LOCAL, limit=4)  # nothing is left: no job is submitted
    assert again == out
    assert place.calls == 4
    assert not list(place.store.glob(".zcbench*"))


@pytest.mark.slow
def test_a_job_that_is_killed_costs_what_it_computed(place, undisturbed):
    place.environment["T_SLEEP"] = "0.4"
    with place.start("--executor", LOCAL) as run:
        place.wait_for_calls(3)
        kill(processes("submitit.core._submit", str(place.store))[0])
        _, err = run.communicate(timeout=400)
    # The job was submitted again, and did what was left.
    assert run.returncode == 1
    assert "it ended without an answer" in err
    assert place.values() == part(undisturbed, "t-count", "params")
    assert set(place.lines.values()) == {1}
    assert place.calls <= 12 + 1
    before = place.calls
    place.run("--executor", LOCAL)
    assert place.calls == before


@pytest.mark.slow
def test_the_submitting_process_dies_and_the_jobs_go_on(place, undisturbed):
    place.environment["T_SLEEP"] = "0.4"
    with place.start("--executor", LOCAL) as run:
        place.wait_for_calls(2)
        kill(run.pid)
    wait_until(lambda: not processes("submitit", str(place.store)), "the jobs")
    assert place.values() == part(undisturbed, "t-count", "params")
    place.run("--executor", LOCAL)
    assert place.calls == 12
    assert set(place.lines.values()) == {1}


@pytest.mark.slow
def test_a_plugin_that_no_job_can_import(place):
    place.environment["T_SLEEP"] = "0"
    module = place.folder / "helper.py"
    module.touch()
    with Path(place.plugin).open("a") as file:
        file.write(f"\nif not os.path.exists({str(module)!r}): raise ImportError('the helper is gone')\n")
    with place.start("--executor", LOCAL, limit=4) as run:
        wait_until(lambda: list(place.store.glob(".zcbench-plan-*")), "the plan")
        module.unlink()
        out, err = run.communicate(timeout=400)
    assert run.returncode == 1
    last = err.splitlines()[-1]
    assert place.plugin in last
    assert "the helper is gone" in last
    assert os.uname().nodename in last
    assert out == ""


def test_settings_are_checked_before_anything_is_submitted():
    for text, error in [
        ("submitit:queue=gpu", UnknownNameError),
        ("submitit:hours=soon", InvalidInputError),
        ("submitit:hours=-1", InvalidInputError),
        ("submitit:cluster=mars", InvalidInputError),
        ("submitit:partition", InvalidInputError),
    ]:
        with pytest.raises(error):
            get_executor(text)


def test_slurm_is_asked_for_what_the_settings_say(tmp_path, monkeypatch):
    """A stand-in for sbatch keeps the script that submitit writes; no SLURM is needed."""
    kept = tmp_path / "kept"
    sbatch = tmp_path / "bin" / "sbatch"
    sbatch.parent.mkdir()
    sbatch.write_text(f'#!/bin/sh\ncp "$1" {kept}\necho "Submitted batch job 7"\n')
    sbatch.chmod(0o755)
    (tmp_path / "bin" / "srun").symlink_to(sbatch)
    monkeypatch.setenv("PATH", f"{sbatch.parent}:{os.environ['PATH']}")
    executor = get_executor("submitit:partition=cpu:hours=1.5:memory=2:jobs=3:at_once=2:account=me")
    order = {"store": str(tmp_path), "workers": 4}
    executor._submitted(executor._executor(order), order, [("a",), ("b",), ("c",)])
    asked = {line for line in kept.read_text().splitlines() if line.startswith("#SBATCH")}
    wanted = {"--partition=cpu", "--time=90", "--mem=8GB", "--cpus-per-task=4", "--array=0-2%2", "--account=me"}
    assert {f"#SBATCH {option}" for option in wanted} <= asked


def test_where_there_is_no_slurm(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ZcbenchError, match="cluster=local"):
        next(get_executor("submitit").carry_out({"store": str(tmp_path), "workers": 1}, ["a"], print))
