"""The script runs as printed, whatever stands in its words."""

import json
import os
import subprocess
import sys

import pytest

from zcbench import devices
from zcbench.errors import InvalidInputError
from zcbench.runs._sbatch import sbatch_script

ODD = ["digits-201", "--import", 'it\'s $HOME/`x`; "p".py', "--target", "a b\nc", "--arch", "*", "--lower", "#é"]


def ran(script, tmp_path, task="2", **environment):
    """What the script would call with, by a Python that tells instead of running zcbench."""
    path = tmp_path / "job.sh"
    path.write_text(script)
    there = tmp_path / "zcbench"
    there.mkdir(exist_ok=True)
    (there / "__init__.py").touch()
    (there / "__main__.py").write_text(
        "import json, os, sys\nprint(json.dumps([sys.argv[1:], os.getcwd(), os.environ.get('ZCBENCH_DATA')]))"
    )
    given = {**os.environ, "SLURM_ARRAY_TASK_ID": task, "PYTHONPATH": str(tmp_path), **environment}
    given.pop("ZCBENCH_DATA", None)
    process = subprocess.run(["bash", str(path)], capture_output=True, env=given, cwd="/", check=True)
    return json.loads(process.stdout)


def test_words_arrive_as_they_were_given(tmp_path):
    place = tmp_path / "a 'place' $x"
    place.mkdir()
    script = sbatch_script(ODD, 7, folder=place, settings={"ZCBENCH_DATA": "my tables"})
    words, folder, data = ran(script, tmp_path)
    assert words == ["run", "--shard", "2/7", "--workers", "1", *ODD]
    assert folder == str(place)
    assert data == str(place / "my tables")
    assert ran(script, tmp_path, SLURM_CPUS_PER_TASK="4")[0][3:5] == ["--workers", "4"]


def test_workers_that_the_user_names_stay(tmp_path):
    script = sbatch_script(["digits-201", "--workers", "3"], 7, folder=tmp_path, settings={}, workers=False)
    assert ran(script, tmp_path)[0] == ["run", "--shard", "2/7", "digits-201", "--workers", "3"]


def test_what_slurm_reads(tmp_path):
    script = sbatch_script(["digits-201"], 100, name="my table;\n#SBATCH --uid=0", folder=tmp_path, settings={})
    lines = script.splitlines()
    assert lines[0] == "#!/bin/bash"
    asked = [line for line in lines if line.startswith("#SBATCH")]
    assert "#SBATCH --array=1-100" in asked
    assert "#SBATCH --job-name=my-table-SBATCH---uid-0" in asked
    assert {line.split("=")[0].split()[1] for line in asked} == {
        *("--job-name", "--array", "--cpus-per-task", "--mem-per-cpu", "--time", "--output")
    }
    # SLURM stops reading at the first line that is no comment.
    assert all(line.startswith("#") for line in lines[: lines.index(asked[-1])])
    assert sys.executable in script


def test_it_stops_where_its_folder_is_gone(tmp_path):
    script = tmp_path / "job.sh"
    script.write_text(sbatch_script(["digits-201"], 2, folder=tmp_path / "gone", settings={}))
    assert subprocess.run(["bash", str(script)], capture_output=True, env={"SLURM_ARRAY_TASK_ID": "1"}).returncode != 0
    script.write_text(sbatch_script(["digits-201"], 2, folder=tmp_path, settings={}))
    process = subprocess.run(["bash", str(script)], capture_output=True, env={}, text=True)
    assert process.returncode != 0
    assert "SLURM_ARRAY_TASK_ID" in process.stderr


@pytest.mark.parametrize("word", ["a\0b", "\udcff"])
def test_a_word_that_no_script_holds(word, tmp_path):
    with pytest.raises(InvalidInputError):
        sbatch_script([word], 2, folder=tmp_path, settings={})


@pytest.mark.parametrize("count", [0, -1, 10**7])
def test_so_many_shards_there_are_not(count, tmp_path):
    with pytest.raises(InvalidInputError, match="shards"):
        sbatch_script(["digits-201"], count, folder=tmp_path, settings={})


@pytest.mark.parametrize(("device", "gpu"), [("cpu", False), ("cuda", True), ("mps", False)])
def test_jobs_ask_for_the_gpu_that_the_command_is_given(device, gpu):
    with devices.using(device):
        lines = sbatch_script(["digits-201"], 2).splitlines()
    assert ("#SBATCH --gpus-per-task=1" in lines) is gpu
    assert (f"export ZCBENCH_DEVICE={device}" in lines) is (device != "cpu")
