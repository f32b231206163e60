"""The script of a SLURM array job that runs the shards of a command."""

from __future__ import annotations

import os
import re
import shlex
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from zcbench import devices
from zcbench.errors import InvalidInputError
from zcbench.runs._shards import Shard

#: variables of the environment that an array job needs; their values are folders
_FOLDERS = ("ZCBENCH_DATA", "ZCBENCH_CACHE", "ZCBENCH_RUNS")

_SCRIPT = """\
#!/bin/bash
# {count} shards of one run. Each writes a separate file, so any number may run at the same time.
# Read the lines that begin with #SBATCH, then submit:  sbatch THIS_FILE
#SBATCH --job-name={name}
#SBATCH --array=1-{count}
# "--array=1-{count}%20" runs at most 20 at a time.
# The cluster limits the size of an array:  scontrol show config | grep MaxArraySize
#SBATCH --cpus-per-task=1
# Each processor scores one network at a time.
#SBATCH --mem-per-cpu=3G
# 3 GB are for networks as small as those of NAS-Bench-201.
# The memory that a job took:  sacct --format=JobID,MaxRSS
{gpus}#SBATCH --time=04:00:00
# A time limit or a kill loses the one score that is being computed.
# Submit again: only the missing scores are computed.
#SBATCH --output=zcbench-%A_%a.log
# Your cluster may need further lines:
##SBATCH --partition=NAME
##SBATCH --account=NAME

set -eu
cd -- {folder}
{settings}exec {command}
"""


def sbatch_script(
    words: Sequence[str],
    count: int,
    *,
    name: str = "zcbench",
    folder: str | os.PathLike[str] | None = None,
    settings: Mapping[str, str] | None = None,
    workers: bool = True,
) -> str:
    """Return a script for ``sbatch`` that runs ``zcbench run`` once for each shard.

    Args:
        words: the words after ``zcbench run``, without ``--shard``.
        count: number of shards.
        name: name of the job.
        folder: base of the relative paths in the words; default the current folder.
        settings: variables of the environment; default those of this process.
        workers: whether a shard uses one worker process per processor of its SLURM task.

    Raises:
        InvalidInputError: the number of shards is out of range, or a word cannot be written into a script.
    """
    Shard(1, count)
    given = os.environ if settings is None else settings
    place = Path(folder) if folder is not None else Path.cwd()
    device = devices.chosen()
    lines = f"export {devices.VARIABLE}={_quoted(device)}\n" if device != devices.CPU else ""
    lines += "".join(f"export {key}={_quoted(str(place / given[key]))}\n" for key in _FOLDERS if given.get(key))
    shard = [f'--shard "${{SLURM_ARRAY_TASK_ID}}/{count}"']
    shard += ['--workers "${SLURM_CPUS_PER_TASK:-1}"'] if workers else []
    command = [_quoted(sys.executable), "-m zcbench run", *shard, *map(_quoted, words)]
    return _SCRIPT.format(
        count=count,
        name=re.sub(r"[^A-Za-z0-9._-]+", "-", name).strip("-.")[:60] or "zcbench",
        folder=_quoted(str(place.absolute())),
        settings=lines,
        gpus="#SBATCH --gpus-per-task=1\n" if devices.kind_of(device) == "cuda" else "",
        command=" ".join(command),
    )


def _quoted(word: str) -> str:
    """Quote a word for a shell."""
    try:
        word.encode()
    except UnicodeEncodeError:
        raise InvalidInputError(f"{word!a} is not text: rename the file, or give another path.") from None
    if "\0" in word:
        raise InvalidInputError(f"{word!r} has a zero byte, which no shell takes.")
    return shlex.quote(word)
