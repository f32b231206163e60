"""Build the wheel and the source distribution, install them without extras, and run the main commands elsewhere.

``make test-installed`` runs it. The new virtual environment contains only the core dependencies, in the
versions of constraints.txt. The commands run in an empty folder that does not contain the source code.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import subprocess
import sys
import tempfile
import time
import venv
import zipfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


@dataclass(frozen=True)
class Job:
    """A command of the installed package, and its expected outcome.

    Attributes:
        words: arguments of ``zcbench``.
        status: exit status.
        says: texts that standard output and standard error contain together.
        json: whether standard output is JSON.
    """

    words: str
    status: int = 0
    says: Sequence[str] = ()
    json: bool = False


def _needs(extra: str) -> Sequence[str]:
    return (f'pip install "zcbench[{extra}]"',)


#: commands that a user without extras runs first, and messages about missing extras
JOBS = (
    Job("--version"),
    Job("", says=["zcbench run digits-201"]),
    Job("list proxies", says=["gradsign", "naswot"]),
    Job("list predictors", says=["lightgbm", "tabpfn"]),
    Job("list benchmarks --json", json=True),
    Job("show digits-201", says=["test_nll"]),
    Job("show xgboost", says=_needs("predictors")),
    Job("run digits-201 --limit 12 --proxies standard --workers 1", says=["gradsign", "12/12"]),
    Job("run digits-201 --limit 12 --predictors gp,random_forest --train-sizes 5 --seeds 2 --workers 1", says=["gp"]),
    Job("leaderboard", says=["gradsign"]),
    Job("leaderboard digits-201 --out boards --json", json=True),
    Job("score nets.py:net --input 3x16x16 --proxies params,synflow,naswot", says=["synflow"]),
    Job("search digits-201 --budget 5 --searcher random", says=["test_nll"]),
    Job("curves predict curves.csv --horizon 20", says=["first"]),
    Job("store check"),
    Job("--print-completion bash", says=["_shtab_zcbench"]),
    Job("run digits-201 --limit 12 --predictors lightgbm --train-sizes 5 --seeds 1", 1, _needs("predictors")),
    Job("data get nasbenchmacro", 2, _needs("download")),
    Job("run table.parquet --target acc", 2, _needs("parquet")),
    Job("search digits-201 --searcher optuna --budget 3", 2, _needs("optuna")),
    Job("curves predict curves.csv --horizon 20 --figure f.png", 2, _needs("plots")),
    Job("run digits-201 --limit 12 --executor dask://127.0.0.1:1", 2, _needs("dask")),
    Job("run digits-201 --limit 12 --executor submitit", 2, _needs("submitit")),
    Job("score timm:resnet10t --proxies params", 2, _needs("timm")),
)

_FILES = {
    "nets.py": "import torch\n\ndef net():\n    return torch.nn.Sequential(torch.nn.Conv2d(3, 4, 3), torch.nn.ReLU(), "
    "torch.nn.AdaptiveAvgPool2d(1), torch.nn.Flatten(), torch.nn.Linear(4, 10))\n",
    "curves.csv": "run,acc_1,acc_2,acc_3,acc_4\nfirst,.2,.3,.4,.45\nsecond,.1,.3,.35,.36\n",
    "table.parquet": "PAR1",
}


def differences(wheel: Iterable[str], tracked: Iterable[str]) -> list[str]:
    """Return sentences about files that only the wheel or only git has; metadata of the wheel is not compared.

    Args:
        wheel: names of the files in the wheel.
        tracked: names of the files of the package that git tracks.
    """
    packed = {name for name in wheel if not name.partition("/")[0].endswith(".dist-info")}
    known = {*tracked}
    missing = [f"the wheel lacks {name}" for name in sorted(known - packed)]
    return missing + [f"the wheel has {name}, which git does not track" for name in sorted(packed - known)]


def contents(wheel: Path) -> dict[str, str]:
    """Return the SHA-256 of every file in a wheel by its name."""
    with zipfile.ZipFile(wheel) as archive:
        return {name: hashlib.sha256(archive.read(name)).hexdigest() for name in archive.namelist()}


def unlike(first: Mapping[str, str], second: Mapping[str, str]) -> list[str]:
    """Return the names of files that two wheels do not share, or whose contents differ."""
    return sorted(name for name in {*first, *second} if first.get(name) != second.get(name))


def wrong(job: Job, status: int, out: str, err: str) -> list[str]:
    """Return differences between the outcome of a command and the expected one."""
    found = []
    if status != job.status:
        found.append(f"status {status} instead of {job.status}")
    found += [f"does not contain {text!r}" for text in job.says if text not in out + err]
    if "Traceback" in err:
        found.append("a traceback")
    if job.status == 2 and len(err.strip().splitlines()) > 2:
        found.append("an error of more than one sentence")
    if job.json:
        try:
            json.loads(out)
        except ValueError:
            found.append("standard output is not JSON")
    return found


@dataclass
class Check:
    """Steps of the check, and the problems found.

    Attributes:
        folder: an empty folder for all files of the check.
        constraints: options of pip for versions.
        troubles: descriptions of the problems.
    """

    folder: Path
    constraints: Sequence[str]
    troubles: list[str] = field(default_factory=list)
    begun: float = field(default_factory=time.monotonic)

    def say(self, text: str) -> None:
        """Print a step with the seconds since the beginning."""
        print(f"{time.monotonic() - self.begun:5.1f} s  {text}", flush=True)

    def build(self) -> tuple[Path, Path]:
        """Build the source distribution, a wheel from it, and a wheel from the source tree; compare them."""
        dist, direct = self.folder / "dist", self.folder / "direct"
        _run([sys.executable, "-m", "build", "--outdir", str(dist), str(ROOT)])  # the wheel is built from the sdist
        _run([sys.executable, "-m", "build", "--wheel", "--outdir", str(direct), str(ROOT)])
        (sdist,), (wheel,), (other,) = dist.glob("*.tar.gz"), dist.glob("*.whl"), direct.glob("*.whl")
        self.say(f"built {sdist.name} ({sdist.stat().st_size / 1e6:.1f} MB), {wheel.name}")
        for name in unlike(contents(wheel), contents(other)):
            self.troubles.append(f"{name} of the wheel from the source distribution is not that of the source tree")
        tracked = _run(["git", "-C", str(ROOT), "ls-files", "zcbench"]).split("\n")
        self.troubles += differences(contents(wheel), filter(None, tracked))
        return sdist, wheel

    def install(self, wheel: Path) -> Path:
        """Create an environment with only the core dependencies, and return its Python."""
        home = self.folder / "venv"
        venv.EnvBuilder(with_pip=True).create(home)
        python = home / ("Scripts" if os.name == "nt" else "bin") / "python"
        _run([str(python), "-m", "pip", "install", "--quiet", *self.constraints, str(wheel)])
        self.say("installed the wheel and the core dependencies")
        return python

    def reinstall(self, python: Path, package: Path) -> None:
        """Replace the package with another build of it."""
        _run([str(python), "-m", "pip", "install", "--quiet", "--no-deps", "--force-reinstall", str(package)])
        self.say(f"installed {package.name}")

    def jobs(self, python: Path, jobs: Iterable[Job]) -> None:
        """Run commands in a separate folder."""
        place = self.folder / "elsewhere"
        place.mkdir(exist_ok=True)
        for name, text in _FILES.items():
            (place / name).write_text(text, encoding="utf8")
        plain = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "ZCBENCH_"))}
        environment = {**plain, "ZCBENCH_CACHE": str(self.folder / "cache"), "OMP_NUM_THREADS": "1"}
        for job in jobs:
            command = [str(python.with_name("zcbench")), *job.words.split()]
            done = subprocess.run(
                command, cwd=place, env=environment, capture_output=True, text=True, timeout=300, check=False
            )
            found = wrong(job, done.returncode, done.stdout, done.stderr)
            self.say(f"zcbench {job.words}".strip() + (f": {'; '.join(found)}" if found else ""))
            if found:
                print(done.stdout + done.stderr)
                self.troubles.append(f"zcbench {job.words}: {'; '.join(found)}")


def _run(command: Sequence[str]) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{' '.join(command)} failed:\n{done.stdout}{done.stderr}")
    return done.stdout


def main(arguments: Sequence[str] | None = None) -> int:
    """Run all steps; return 1 if there is a problem."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--constraint", default=str(ROOT / "constraints.txt"), help="constraints file for pip")
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory(prefix="zcbench-installed-") as folder:
        check = Check(Path(folder), ["--constraint", options.constraint])
        sdist, wheel = check.build()
        python = check.install(wheel)
        check.jobs(python, JOBS)
        check.reinstall(python, sdist)
        check.jobs(python, JOBS[:1])
    for trouble in check.troubles:
        print(trouble)
    print(f"{len(JOBS) + 1} commands of the installed package ran; {len(check.troubles)} problems")
    return 1 if check.troubles else 0


if __name__ == "__main__":
    sys.exit(main())
