"""The tests of ``zcbench/a/b.py`` or ``zcbench/a/_b.py`` stand in ``tests/a/test_b.py``.

The lists of exceptions may only shrink: one that is not needed any more fails, too.
"""

from __future__ import annotations

import ast
import functools
from collections.abc import Iterable
from pathlib import Path

import pytest

TESTS = Path(__file__).parent
ROOT = TESTS.parent

#: modules without a test file of their name, by the reason
UNTESTED: dict[str, tuple[str, ...]] = {
    "one call that registers our tracks": ("zcbench/runs/tracks/ours.py",),
    "makers of the documentation's tables and figures, which need the authors' files": (
        "tools/compare_published.py",
        "tools/correlate_text_networks.py",
        "tools/describe_benchmarks.py",
        "tools/draw_curves.py",
    ),
    "writes a text that only one version of Python has": ("tools/make_text.py",),
}
#: test files of another name than their module's, by the module
RENAMED = {
    "zcbench/__main__.py": "tests/test_package.py",
    "zcbench/cli/__init__.py": "tests/cli/test_main.py",
}
#: test files of no single module; ``test_contract.py`` tests what holds of all that a package registers
ACROSS = {
    "tests/cli/test_advice.py": "commands that messages suggest",
    "tests/cli/test_extras.py": "every command without the packages of an extra",
    "tests/cli/test_hostile.py": "what no command may do, whatever names and files hold",
    "tests/cli/test_mistakes.py": "typical mistakes in every command",
    "tests/datasets/test_mutations.py": "damaged files of every reader",
    "tests/proxies/test_devices.py": "every proxy on a second device",
    "tests/runs/test_kills.py": "runs that are killed at random lose nothing",
    "tests/search/test_kills.py": "searches that are killed go on as if they had not been",
    "tests/supernets/test_strangers.py": "supernets of modules that are not ours, each in a page",
    "tests/test_docs.py": "code blocks of all pages, and notebooks",
    "tests/test_examples.py": "the examples, from end to end",
    "tests/test_layout.py": "this file",
    "tests/test_prose.py": "the words of documentation, docstrings and messages",
    "tests/test_readme.py": "a command of the README from end to end",
}
#: what tests share
HELPERS = {
    "tests/as_found.py",
    "tests/boards.py",
    "tests/by_hand.py",
    "tests/cifar_files.py",
    "tests/clusters.py",
    "tests/damage.py",
    "tests/easy.py",
    "tests/elastic.py",
    "tests/hostile.py",
    "tests/hugging_face.py",
    "tests/matrices.py",
    "tests/networks.py",
    "tests/odd_server.py",
    "tests/official.py",
    "tests/official_tables.py",
    "tests/partly.py",
    "tests/pickled.py",
    "tests/published.py",
    "tests/rankings.py",
    "tests/samples.py",
    "tests/searches.py",
    "tests/searched.py",
    "tests/second_device.py",
    "tests/stores.py",
    "tests/stories.py",
    "tests/toys.py",
    "tests/vandals.py",
}


def modules(root: Path) -> list[str]:
    """Python files of the package and of the tools that define something, relative to the root."""
    files = [path for top in ("zcbench", "tools") for path in (root / top).rglob("*.py")]
    return sorted(path.relative_to(root).as_posix() for path in files if defines(path))


@functools.cache
def defines(path: Path) -> bool:
    """Whether a file has more than a docstring, imports and, in a package's ``__init__``, names that it passes on."""
    for node in ast.parse(path.read_text(encoding="utf8")).body:
        if isinstance(node, (ast.Import, ast.ImportFrom)):
            continue
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            continue
        if path.name == "__init__.py" and (
            isinstance(node, (ast.Assign, ast.AnnAssign, ast.If))
            or (isinstance(node, ast.FunctionDef) and node.name in ("__getattr__", "__dir__"))
        ):
            continue
        return True
    return False


def place_of(module: str) -> str:
    """Where the tests of a module stand."""
    if module in RENAMED:
        return RENAMED[module]
    path = Path(module)
    folder = path.parent.relative_to("zcbench") if path.parts[0] == "zcbench" else path.parent
    return (Path("tests") / folder / f"test_{path.stem.strip('_')}.py").as_posix()


def without_tests(root: Path) -> set[str]:
    """Modules whose test file is not there."""
    return {module for module in modules(root) if not (root / place_of(module)).exists()}


def without_module(root: Path) -> set[str]:
    """Python files among the tests that are of no module."""
    named = {place_of(module) for module in modules(root)}
    packages = {Path(module).parent for module in modules(root)}
    contracts = {(Path("tests") / package.relative_to("zcbench") / "test_contract.py").as_posix()
                 for package in packages if package.parts[0] == "zcbench"}  # fmt: skip
    files = {path.relative_to(root).as_posix() for path in (root / "tests").rglob("*.py")}
    return {file for file in files if Path(file).name != "conftest.py"} - named - contracts


def excused() -> list[str]:
    return [module for group in UNTESTED.values() for module in group]


def test_every_module_has_a_test_file_of_its_name():
    assert sorted(without_tests(ROOT) - set(excused())) == [], (
        "write the test file or, if there is a reason, say it above"
    )


def test_every_test_file_is_of_a_module():
    assert sorted(without_module(ROOT) - set(ACROSS) - HELPERS) == [], "name it after the module that it tests"


def test_exceptions_only_shrink():
    assert sorted(set(excused()) - without_tests(ROOT)) == [], "these have their test file: take them off the list"
    assert sorted((set(ACROSS) | HELPERS) - without_module(ROOT)) == [], "these are gone or have their module"
    assert sorted(set(RENAMED) - set(modules(ROOT))) == [], "these modules are gone"
    assert sorted(m for m, file in RENAMED.items() if not (ROOT / file).exists()) == [], "these have no tests"


@pytest.mark.parametrize("names", [*UNTESTED.values(), tuple(RENAMED), tuple(ACROSS)], ids=lambda names: names[0])
def test_lists_are_in_order(names: Iterable[str]):
    assert list(names) == sorted(set(names))
    assert len(excused()) == len(set(excused()))


def test_every_helper_is_used():
    texts = {path: path.read_text(encoding="utf8") for path in TESTS.rglob("*.py")}
    for helper in sorted(HELPERS):
        name = Path(helper).stem
        users = [p for p, text in texts.items() if f"from {name} import" in text or f"import {name}\n" in text]
        assert users, f"{helper} serves nobody"


def test_what_is_missing_and_what_is_left_is_found(tmp_path):
    """A package of two modules, of which one has tests; a file of tests that outlived its module; a helper."""
    for name, text in {
        "zcbench/__init__.py": '"""Nothing of its own."""\n\nfrom zcbench.a import b\n\n__all__ = ["b"]\n',
        "zcbench/a/__init__.py": "",
        "zcbench/e/__init__.py": "def f(): ...\n",
        "zcbench/a/_b.py": "def f(): ...\n",
        "zcbench/a/c.py": "X = 1\n",
        "tools/_loop.py": "X = 1\n",
        "tests/a/test_b.py": "",
        "tests/a/test_d.py": "",
        "tests/a/test_contract.py": "",
        "tests/a/conftest.py": "",
        "tests/tools/test_loop.py": "",
        "tests/words.py": "",
    }.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    assert without_tests(tmp_path) == {"zcbench/a/c.py", "zcbench/e/__init__.py"}
    assert without_module(tmp_path) == {"tests/a/test_d.py", "tests/words.py"}
