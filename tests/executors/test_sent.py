"""What travels to a process that calls a user's function, and what that process makes of it."""

import pickle
import sys
import threading

import pytest

from zcbench._calls import Call
from zcbench._imports import import_file
from zcbench.errors import InvalidInputError
from zcbench.executors import Sent
from zcbench.types import Architecture, Status

PART = '["s", "one", null]'


def sent(function, by_value=False):
    return Sent.of(Call(function, ["value"], 0), "mine", "evaluate here", by_value=by_value)


def received(one):
    """What another process has."""
    found = pickle.loads(pickle.dumps(one))
    found.prepare()
    return found


def value(one):
    ((part, outcome),) = one.results("key", [PART])
    assert part == PART
    return outcome.values["value"]


@pytest.fixture
def module(tmp_path, monkeypatch):
    """A module that another process could import; it is forgotten as if this one had not."""
    names = []

    def made(text, name="t_sent_module"):
        (tmp_path / f"{name}.py").write_text(text)
        monkeypatch.syspath_prepend(tmp_path)
        names.append(name)
        return __import__(name), tmp_path / f"{name}.py"

    yield made
    for name in names:
        sys.modules.pop(name, None)


def test_a_closure_travels_and_is_called():
    offset = 3
    for by_value in (False, True):
        assert value(received(sent(lambda architecture: offset + len(architecture.key), by_value))) == 6


def test_what_has_no_process_any_more_gives_nothing():
    found = sent(len).lost(Status.FAILED, "gone.", 2.0)
    assert (found.status, found.detail, found.seconds) == ("failed", "gone.", {"training": 2.0})
    assert found.values["value"] != found.values["value"]


def test_functions_of_a_script_go_by_name_here_and_by_value_elsewhere(monkeypatch):
    """Processes of this machine run the script again; an engine's do not."""
    main = sys.modules["__main__"]
    function = eval("lambda architecture: 5", vars(main))
    function.__qualname__ = function.__name__ = "t_of_a_script"
    monkeypatch.setattr(main, "t_of_a_script", function, raising=False)
    monkeypatch.setattr(main, "__file__", __file__, raising=False)  # a process of xdist has none
    by_name, by_value = sent(function), sent(function, by_value=True)
    monkeypatch.delattr(main, "t_of_a_script")
    assert value(received(by_value)) == 5
    with pytest.raises(AttributeError):
        received(by_name)


def test_what_cannot_travel_is_one_sentence(monkeypatch):
    lock = threading.Lock()
    for by_value in (False, True):
        with pytest.raises(InvalidInputError) as error:
            sent(lambda architecture: lock and 1, by_value)
        assert str(error.value).startswith("mine cannot be sent to other processes (TypeError: cannot pickle '_thread")
        assert str(error.value).endswith("): let it open what it needs itself, or evaluate here.")
    monkeypatch.setitem(sys.modules, "cloudpickle", None)
    with pytest.raises(InvalidInputError, match=r"\(.*\): define it in a module, or run  pip install cloudpickle"):
        sent(lambda architecture: lock and 1)


def test_files_that_were_imported_by_their_paths_are_imported_before(tmp_path):
    path = tmp_path / "mine.py"
    path.write_text("def train(architecture):\n    return 7\n")
    made = sent(import_file(str(path)).train)
    assert str(path) in made.imports
    for name in [name for name in sys.modules if name.startswith("zcbench_import_")]:
        del sys.modules[name]  # as in another process
    made.imports = (str(path),)
    assert value(received(made)) == 7


def test_a_file_that_was_edited_is_named(module):
    found, path = module("def train(architecture):\n    return 7\n")
    made = sent(found.train)
    assert value(received(made)) == 7
    path.write_text("def train(architecture):\n    return 8\n")
    with pytest.raises(InvalidInputError, match=rf"{path} has changed since the search began: it was edited"):
        received(made)
    found.train.version = 2  # which says alone whether it is the same
    received(sent(found.train))


def test_a_helper_that_a_call_imports_is_looked_at_too(module):
    _, path = module("WORTH = 7\n", "t_sent_helper")
    found, _ = module("def train(architecture):\n    import t_sent_helper\n    return t_sent_helper.WORTH\n")
    made = received(sent(found.train))
    assert value(made) == 7
    path.write_text("WORTH = 8\n")
    del sys.modules["t_sent_helper"]
    made = received(made)
    with pytest.raises(InvalidInputError, match=str(path)):
        value(made)


def test_architectures_arrive_as_they_are():
    keys = []

    def seen(architecture, epochs=None):
        keys.append((architecture, epochs))
        return 1

    call = Call(seen, ["value"], 0)
    one = Sent(pickle.dumps(None), ["value"], (), {})
    one._call = call
    list(one.results("key", ['["s", "two", 3]']))
    assert keys == [(Architecture("s", "two"), 3)]
