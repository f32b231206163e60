"""``zcbench.search`` is a package and a function, in whatever order it is imported."""

import inspect
import subprocess
import sys

import pytest

import zcbench
from zcbench.search import search

ORDERS = [
    "import zcbench.search",
    "from zcbench import search; import zcbench",
    "import zcbench; zcbench.search; import zcbench.search",
]


@pytest.mark.parametrize("order", ORDERS)
def test_it_can_be_called_however_it_was_imported(order):
    code = f"{order}; print(callable(zcbench.search), zcbench.search.Budget(7))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout == "True 7 evaluations\n", done.stderr


def test_help_and_editors_see_the_arguments_of_the_function():
    assert inspect.signature(zcbench.search).parameters == inspect.signature(search).parameters
    assert zcbench.search.__call__.__doc__ == search.__doc__
