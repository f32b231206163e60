"""``import zcbench`` is fast, and what it offers is there."""

import importlib.metadata
import subprocess
import sys

import pytest

import zcbench


@pytest.mark.parametrize("name", zcbench.__all__)
def test_public_names(name):
    assert getattr(zcbench, name) is not None
    assert name in dir(zcbench)


def test_unknown_attribute():
    with pytest.raises(AttributeError, match="'zcbench' has no attribute 'scores'"):
        _ = zcbench.scores


def test_everything_public_is_documented():
    assert [n for n in zcbench.__all__ if not n.startswith("__") and not getattr(zcbench, n).__doc__] == []


def test_version_is_that_of_the_distribution():
    assert zcbench.__version__ == importlib.metadata.version("zcbench")


def test_import_is_light():
    code = (
        "import sys, zcbench; zcbench.Architecture; "
        "print(sorted({'torch', 'numpy', 'scipy', 'jinja2', 'rich', 'sklearn'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_module_is_a_command():
    done = subprocess.run([sys.executable, "-m", "zcbench", "--version"], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == zcbench.__version__
