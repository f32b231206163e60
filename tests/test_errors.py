"""One sentence that says what is wrong and what to do; also catchable as what Python calls it."""

import pytest

from zcbench import errors


@pytest.mark.parametrize(
    ("name", "known", "advice"),
    [
        ("naswt", ["snip", "naswot"], "unknown proxy 'naswt': did you mean 'naswot'?"),
        ("snap", ["snip", "snaps"], "unknown proxy 'snap': did you mean 'snaps' or 'snip'?"),
        ("qqq", ["b", "a"], "unknown proxy 'qqq': known: a, b."),
        ("qqq", [], "unknown proxy 'qqq': none is registered."),
    ],
)
def test_unknown_name(name, known, advice):
    error = errors.UnknownNameError("proxy", name, known)
    assert str(error) == advice
    assert (error.kind, error.name) == ("proxy", name)


def test_unknown_name_lists_a_dozen_and_ends_with_the_hint():
    message = str(errors.UnknownNameError("proxy", "?", [f"p{i:02}" for i in range(20)], "Try this."))
    assert message.endswith("p10, p11, …. Try this.")
    assert "p12" not in message


def test_missing_dependency_says_what_to_install():
    error = errors.MissingDependencyError("pyarrow", "parquet", "reading the table")
    assert 'pip install "zcbench[parquet]"' in str(error)
    assert str(error).startswith("reading the table needs the package 'pyarrow'")


@pytest.mark.parametrize(
    ("kind", "builtin"),
    [
        (errors.UnknownNameError, LookupError),
        (errors.DuplicateNameError, ValueError),
        (errors.BrokenRegistryError, ImportError),
        (errors.InvalidArchitectureError, ValueError),
        (errors.InvalidInputError, ValueError),
        (errors.UnsupportedModelError, TypeError),
        (errors.DataMissingError, FileNotFoundError),
        (errors.DataCorruptError, ValueError),
        (errors.MissingDependencyError, ImportError),
        (errors.StoreError, OSError),
    ],
)
def test_kinds(kind, builtin):
    assert issubclass(kind, errors.ZcbenchError)
    assert issubclass(kind, builtin)
    assert kind.__doc__
