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


def test_unknown_names_of_any_length_are_said_in_one_sentence():
    assert len(str(errors.UnknownNameError("proxy", "a" * 100_000, ["snip", "naswot"]))) < 300


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


# -- reasons -----------------------------------------------------------------------------------


def odd(str_):
    return type("Odd", (Exception,), {"__str__": lambda self: str_()})()


def fails(kind):
    def str_():
        raise kind

    return str_


class Text(str):
    """A text whose own methods lie."""

    def __getitem__(self, rows):
        raise RuntimeError

    splitlines = encode = __format__ = __getitem__


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (ValueError("one\ntwo"), "ValueError: one"),
        (ValueError("\n \n two"), "ValueError:  two"),
        (ValueError(), "ValueError"),
        (SystemExit(3), "SystemExit: 3"),
        (ValueError("\udcff"), "ValueError: \\udcff"),
        (odd(fails(RuntimeError)), "Odd: (its message cannot be read: RuntimeError)"),
        (odd(fails(KeyboardInterrupt)), "Odd: (its message cannot be read: KeyboardInterrupt)"),
        (odd(lambda: None), "Odd: (its message cannot be read: TypeError)"),
        (odd(lambda: Text("a text")), "Odd: a text"),
        (ExceptionGroup("several", [ValueError()]), "ExceptionGroup: several (1 sub-exception)"),
        (type("Od\nd", (Exception,), {})("x"), "Od: x"),
    ],
)
def test_the_first_line_of_any_exception(error, line):
    assert errors.first_line(error) == line
    assert type(errors.first_line(error)) is str


def test_a_class_that_hides_its_name():
    class Meta(type):
        @property
        def __name__(cls):
            raise RuntimeError

    class OddError(Exception, metaclass=Meta):
        pass

    assert errors.first_line(OddError("text")) == "OddError: text"


@pytest.mark.parametrize("text", ["x" * 10**6, "\udcff" * 400])
def test_long_messages_are_cut(text):
    line = errors.first_line(ValueError(text))
    assert len(line.encode().decode()) == 500
    assert line.endswith("…")


def test_a_text_that_begins_after_a_million_lines_is_not_looked_for():
    assert errors.first_line(ValueError("\n" * 10**6 + "x")) == "ValueError"


def test_what_is_short_stays():
    assert errors.shortened("x" * 500) == "x" * 500
    assert errors.shortened("x" * 501) == "x" * 499 + "…"
