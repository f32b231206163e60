"""Without the packages of an extra every command that needs them names the extra, and all others work."""

import ast
import re
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
EXTRAS = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf8"))["project"]["optional-dependencies"]

#: package to hide, its extra, and commands with their exit statuses
COMMANDS = [
    ("lightgbm", "predictors", "run digits-201 --limit 12 --predictors lightgbm --train-sizes 5 --seeds 1", 1),
    ("xgboost", "predictors", "check xgboost", 2),
    ("torch_geometric", "predictors", "check gcn", 2),
    ("ngboost", "ngboost", "check ngboost", 2),
    ("tabpfn", "tabpfn", "run digits-201 --limit 12 --predictors tabpfn --train-sizes 5 --seeds 1", 1),
    ("timm", "timm", "score timm:resnet10t --proxies params", 2),
    ("timm", "timm", "run models.csv --target acc --space timm --data digits --proxies params,l2_norm", 1),
    ("matplotlib", "plots", "curves predict curves.csv --horizon 9 --figure f.png", 2),
    ("matplotlib", "plots", "search digits-201 --budget 2 --searcher random --out found", 1),
    ("pyarrow", "parquet", "run my.parquet --target acc", 2),
    ("pyarrow", "parquet", "curves predict my.parquet --horizon 9", 2),
    ("pyarrow", "parquet", "store compact --format parquet", 2),
    ("requests", "download", "data get nasbenchmacro", 2),
    ("optuna", "optuna", "search digits-201 --searcher optuna --budget 3", 2),
    ("optuna", "optuna", "run digits-201 --searchers optuna --budget 3 --seeds 1", 1),
    ("optuna", "optuna", "check optuna", 2),
    ("emcee", "mcmc", "curves predict curves.csv --horizon 9 --predictor mcmc", 1),
    ("emcee", "mcmc", "check mcmc", 2),
    ("submitit", "submitit", "run digits-201 --limit 3 --executor submitit", 2),
    ("submitit", "submitit", "search digits-201 --evaluate nets.py:f --executor submitit", 2),
    ("distributed", "dask", "run digits-201 --limit 3 --executor dask://127.0.0.1:1", 2),
]
#: commands that need no extra
WITHOUT = [
    "list predictors",
    "list proxies",
    "list searchers",
    "list curve_predictors",
    "list spaces",
    "list benchmarks",
    "show lightgbm",
    "show gcn",
    "show ngboost",
    "show tabpfn",
    "show timm",
    "show space:timm",
    "show optuna",
    "show mcmc",
    "data",
    "env",
]


def hidden(monkeypatch, package):
    """Make imports of a package fail."""
    for name in [name for name in sys.modules if name.partition(".")[0] == package]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, package, None)


@pytest.fixture
def files(place):
    place.joinpath("curves.csv").write_text("run,acc_1,acc_2,acc_3,acc_4\na,.2,.3,.4,.45\nb,.1,.3,.35,.36\n")
    place.joinpath("models.csv").write_text("model,acc\nresnet10t,.5\nresnet18,.6\nresnet26,.7\n")
    place.joinpath("my.parquet").write_bytes(b"PAR1")
    place.joinpath("nets.py").write_text("def f(architecture):\n    return 1.0\n")


@pytest.mark.parametrize(("package", "extra", "command", "status"), COMMANDS, ids=str)
def test_the_extra_is_named(cli, files, monkeypatch, package, extra, command, status):
    hidden(monkeypatch, package)
    if command.startswith("store"):
        assert cli("run", "digits-201", "--limit", 1, "--proxies", "params", "--workers", 0).status == 0
    workers = ["--workers", "0"] if command.startswith("run") and "executor" not in command else []
    result = cli(*command.split(), *workers)
    assert result.status == status
    said = [line for line in result.err.splitlines() if line.startswith("zcbench")] or result.out.splitlines()
    assert sum(f'which is not installed: run  pip install "zcbench[{extra}]"' in line for line in said) == 1
    assert "Traceback" not in result.err
    if status == 2:
        assert "pip install" in result.err.splitlines()[-1]


def test_other_commands_need_no_extra(cli, monkeypatch):
    for package in {package for package, *_ in COMMANDS} - {"torch_geometric", "timm"}:
        hidden(monkeypatch, package)
    hidden(monkeypatch, "transformers")
    assert {command: cli(*command.split()).status for command in WITHOUT} == dict.fromkeys(WITHOUT, 0)


def test_a_run_continues_once_the_package_is_installed(cli, monkeypatch):
    command = [*COMMANDS[0][2].split(), "--workers", "0"]
    with monkeypatch.context() as context:
        hidden(context, "lightgbm")
        assert cli(*command).status == 1
    result = cli(*command)
    assert result.status == 0 and "not installed" not in result.out + result.err


def test_every_error_names_an_extra_that_has_the_package():
    """Extras and packages are those of pyproject.toml; packages of no extra are named by themselves."""
    found = 0
    for path in (ROOT / "zcbench").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf8"))):
            if not (isinstance(node, ast.Call) and getattr(node.func, "id", "") == "MissingDependencyError"):
                continue
            package, extra = (getattr(argument, "value", None) for argument in node.args[:2])
            found += 1
            if extra:
                assert extra in EXTRAS, (path, extra)
                assert not isinstance(package, str) or any(
                    re.match(rf"{package}(-cpu)?\b", wanted) for wanted in EXTRAS[extra]
                ), (path, package)
    assert found > 15


def test_every_extra_of_a_predictor_exists():
    import zcbench
    from zcbench.predictors import predictor_info

    extras = {predictor_info(name).extra for name in zcbench.list_predictors()}
    assert {"", "predictors", "ngboost", "tabpfn"} <= extras <= {"", *EXTRAS}
