"""Runs in processes of their own, on one store, and what became of them."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from toys import PLUGIN, calls

#: t-waits blocks on one network until the file "go" is there, for the first who comes; T_BROKEN is a worker without it.
CLUSTER_PLUGIN = (
    PLUGIN
    + '''
if "T_BROKEN" in os.environ:
    raise ImportError("no module of that name here")

@zcbench.register_proxy("t-waits", cost="static")
def waits(probe):
    """Waits, if it is the first, on the network of the size T_VICTIM."""
    if size(probe) == int(os.environ.get("T_VICTIM", 0)):
        try:
            CALLS.with_name("waiting").touch(exist_ok=False)
        except FileExistsError:
            pass
        else:
            while not CALLS.with_name("go").exists():
                time.sleep(0.05)
    return count(probe)
'''
)


def dying(program: str) -> list[str]:
    """A command that runs a program of Python which ends with this process, however suddenly that does."""
    head = f"import sys; from zcbench._process import die_with; die_with({os.getpid()}); "
    return [sys.executable, "-c", head + program]


def write_cluster_plugin(folder: Path) -> str:
    """The file to give to ``--import``."""
    path = folder / "plugin.py"
    path.write_text(CLUSTER_PLUGIN)
    return str(path)


@dataclass
class Place:
    """A folder with a store, and a plug-in whose proxy t-count leaves a line for each call."""

    folder: Path
    plugin: str
    environment: dict[str, str] = field(default_factory=dict)

    @property
    def store(self) -> Path:
        return self.folder / "runs"

    def command(self, *words, limit=12, proxies="t-count,params"):
        main = dying("from zcbench.cli import main; sys.exit(main())")
        head = [*main, "run", "digits-201", "--limit", limit, "--proxies", proxies]
        return [*map(str, [*head, "--batch-size", 4, "--import", self.plugin, "--store", self.store, *words])]

    def start(self, *words, **given):
        """A command in a process of its own."""
        return subprocess.Popen(
            self.command(*words, **given),
            env={**os.environ, **self.environment},
            cwd=self.folder,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def run(self, *words, status=0, **given):
        """What a command printed on stdout and stderr."""
        with self.start(*words, **given) as process:
            out, err = process.communicate(timeout=400)
        assert process.returncode == status, err
        return out, err

    @property
    def lines(self) -> Counter:
        """How often each architecture and proxy stand in the files of the store."""
        found = Counter()
        for path in self.store.rglob("*.jsonl"):
            for text in path.read_bytes().split(b"\n")[:-1]:
                line = json.loads(text)
                if "proxy" in line:
                    found[line["architecture"], line["proxy"]] += 1
        return found

    @property
    def calls(self) -> int:
        return len(calls(self.plugin))

    def wait_for_calls(self, count):
        wait_until(lambda: self.calls >= count, f"{count} calls")

    def values(self):
        """What a reader of the store finds."""
        from zcbench.records import Store

        found = Store(self.store).records("digits-201")
        return {(r.architecture, r.proxy): (r.score.value, r.score.status) for r in found}


def part(values, *proxies):
    """The values of some proxies."""
    return {key: value for key, value in values.items() if key[1].partition("@")[0] in proxies}


def wait_until(fact, what, seconds=200):
    until = time.monotonic() + seconds
    while not fact():
        assert time.monotonic() < until, f"waited for {what}"
        time.sleep(0.05)


def processes(*words, parent=None):
    """Ids of processes whose command line has all these words."""
    found = []
    for path in Path("/proc").iterdir():
        if path.name.isdecimal():
            try:
                command = (path / "cmdline").read_bytes().decode(errors="replace").split("\0")
                owner = int((path / "stat").read_text().rpartition(")")[2].split()[1])
            except (FileNotFoundError, ProcessLookupError):
                continue
            if all(any(word in part for part in command) for word in words) and parent in (None, owner):
                found.append(int(path.name))
    return found


def kill(process):
    os.kill(process, signal.SIGKILL)


@contextmanager
def cluster(folder, *workers):
    """A scheduler and workers with these variables in their environments: its address, and its processes."""
    found = folder / "scheduler.json"
    found.unlink(missing_ok=True)
    programs = "from distributed.cli import dask_{0} as d; d.main()"
    here = {"DASK_TEMPORARY_DIRECTORY": str(folder)}  # what is killed leaves its files there
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, "cwd": folder}

    def start(program, *words, **variables):
        command = [*dying(programs.format(program)), *words, "--scheduler-file", str(found)]
        return subprocess.Popen(command, env={**os.environ, **here, **variables}, **quiet)

    running = [start("scheduler", "--host", "127.0.0.1", "--port", "0", "--no-dashboard")]
    try:
        wait_until(found.exists, "the scheduler")
        running += [
            start("worker", "--no-nanny", "--nthreads", "1", "--no-dashboard", "--death-timeout", "5", **variables)
            for variables in workers
        ]
        yield json.loads(found.read_text())["address"].replace("tcp://", "dask://"), running
    finally:
        for process in running:
            process.kill()
            process.wait()


@contextmanager
def threads(count=2):
    """A Dask cluster in this process, one worker of so many threads: how it is written as an executor."""
    from distributed import LocalCluster

    settings = {"processes": False, "protocol": "tcp://", "host": "127.0.0.1", "dashboard_address": ":0"}
    with LocalCluster(n_workers=1, threads_per_worker=count, **settings) as found:
        yield found.scheduler_address.replace("tcp://", "dask://")
