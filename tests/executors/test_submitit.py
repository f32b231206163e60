"""Jobs through submitit: real processes of this machine, some of which are killed."""

import os
import signal
import time
from pathlib import Path
from types import SimpleNamespace

import pytest
from clusters import kill, part, processes, wait_until

from zcbench.errors import InvalidInputError, UnknownNameError, ZcbenchError
from zcbench.executors import Answer, get_executor
from zcbench.executors._submitit import _Chunk

pytest.importorskip("submitit")
LOCAL = "submitit:cluster=local:jobs=2"


def test_two_jobs_do_it_once(place, undisturbed):
    out, err = place.run("--executor", LOCAL, limit=4)
    assert place.values().items() <= undisturbed.items()
    assert set(place.lines.values()) == {1}
    assert place.calls == 4
    assert "8/8 scores" in err
    assert "t-count" in out
    assert [path.name for path in place.store.iterdir()] == ["digits-201"]  # neither plan nor pickles stay


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
    (logs,) = place.store.glob(".submitit-*")
    assert str(logs) in err
    assert logs.stat().st_mode & 0o777 == 0o700
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
    executor._submit(executor._executor(order, tmp_path), order, [_Chunk((key,)) for key in "abc"])
    asked = {line for line in kept.read_text().splitlines() if line.startswith("#SBATCH")}
    wanted = {"--partition=cpu", "--time=90", "--mem=8GB", "--cpus-per-task=4", "--array=0-2%2", "--account=me"}
    assert {f"#SBATCH {option}" for option in wanted} <= asked
    assert not any("gpus" in line for line in asked)
    order["device"] = "cuda"  # what needs a GPU asks for one
    executor._submit(executor._executor(order, tmp_path), order, [_Chunk((key,)) for key in "abc"])
    assert "#SBATCH --gpus-per-node=1" in kept.read_text().splitlines()


def test_where_there_is_no_slurm(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ZcbenchError, match="cluster=local"):
        next(get_executor("submitit").carry_out({"store": str(tmp_path), "workers": 1}, ["a"], print))
    assert not list(tmp_path.iterdir())


class Done:
    """A job that has done it."""

    job_id = "1"

    def done(self):
        return True

    def result(self):
        return {"worker": "h, process 1", "trouble": "", "fit": True, "said": None}


@pytest.mark.parametrize(
    ("mode", "said"), [(0o700, False), (0o755, False), (0o757, True), (0o1777, False), (0o775, None)]
)
def test_a_store_that_others_may_write_into_is_named(tmp_path, monkeypatch, mode, said):
    """What lies in the folder of the jobs is read as pickles: who can exchange it runs code."""
    executor, told, folders = get_executor("submitit:cluster=local"), [], []

    def submit(_, order, parts):
        folders.extend(tmp_path.glob(".submitit-*"))
        for chunk in parts:
            chunk.job = Done()

    monkeypatch.setattr(executor, "_submit", submit)
    tmp_path.chmod(mode)
    answers = list(executor.carry_out({"store": str(tmp_path), "workers": 1}, ["a"], told.append))
    assert answers == [Answer(("a",))]
    if said is None:  # of a group that may be the user's own
        state = tmp_path.stat()
        said = state.st_gid != state.st_uid
    assert [f"other users may write into {tmp_path}" in note for note in told] == [True] * said
    assert len(folders) == 1
    assert not folders[0].exists()


def test_as_many_jobs_are_out_as_may_be_and_one_folder_serves_a_block(tmp_path, monkeypatch):
    executor, sizes, folders = get_executor("submitit:cluster=local:jobs=3"), [], set()

    def submit(_, order, parts):
        folders.update(tmp_path.glob(".submitit-*"))
        if parts:
            sizes.append([chunk.keys for chunk in parts])
        for chunk in parts:
            chunk.job = Done()

    monkeypatch.setattr(executor, "_submit", submit)
    order = {"store": str(tmp_path), "workers": 1, "chunk": 1}
    with executor:
        list(executor.carry_out(order, "abcde", str))
        assert sizes == [[("a",), ("b",), ("c",)], [("d",), ("e",)]]
        list(executor.carry_out({**order, "at_once": 1}, "fg", str))
        assert sizes[2:] == [[("f",)], [("g",)]]
        assert len(folders) == 1 and folders.pop().exists()
    assert list(tmp_path.iterdir()) == []


def test_an_interrupt_while_jobs_are_submitted_cancels_them(tmp_path, monkeypatch):
    """As far as they were submitted: nobody else would know of them."""
    executor, cancelled = get_executor("submitit:cluster=local:jobs=3"), []
    job = SimpleNamespace(cancel=lambda check: cancelled.append(check), job_id="1")

    class Batch:
        def __enter__(self):
            os.kill(os.getpid(), signal.SIGINT)  # which waits for the end of what was begun
            time.sleep(0.3)

        def __exit__(self, *_):
            pass

    engine = SimpleNamespace(batch=Batch, submit=lambda *_: job)
    monkeypatch.setattr(executor, "_executor", lambda *_: engine)
    with pytest.raises(KeyboardInterrupt):
        next(executor.carry_out({"store": str(tmp_path), "workers": 1, "chunk": 1}, "ab", str))
    assert cancelled == [False, False]
