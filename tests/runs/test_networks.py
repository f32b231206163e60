"""One architecture: whatever goes wrong is a score, and the same seed gives the same one."""

import math
import sys

import pytest
import torch
from torch import nn
from toys import calls, toy

from zcbench.batches import load_batch
from zcbench.errors import InvalidInputError, UnsupportedModelError
from zcbench.runs import _networks, import_file
from zcbench.runs._networks import Job
from zcbench.spaces import get_space

KEY, OTHER = (a.key for a in toy().architectures[:2])


@pytest.fixture
def job():
    return Job("digits-201", 10, load_batch("digits", 8, 0), 0)


def scores(job, proxies, key=KEY):
    return dict(job.results(key, proxies))


def test_seed_and_architecture_decide(job, plugin):
    names = ["t-count", "random"]
    first, again = (scores(job, names) for _ in range(2))
    assert {n: s.value for n, s in first.items()} == {n: s.value for n, s in again.items()}
    other_seed = scores(Job(job.space, job.classes, job.batch, 1), names)
    other_network = scores(job, names, OTHER)
    for name in names:
        assert len({s[name].value for s in (first, other_seed, other_network)}) == 3


def test_company_order_and_global_state_do_not_matter(job, plugin):
    alone = scores(job, ["t-count"])["t-count"].value
    torch.manual_seed(99)
    state = torch.get_rng_state()
    together = scores(job, ["grad_norm", "random", "t-raises", "t-count"])
    assert together["t-count"].value == alone
    assert list(together) == ["grad_norm", "random", "t-raises", "t-count"]
    assert torch.equal(torch.get_rng_state(), state)


@pytest.mark.parametrize(
    ("proxy", "status", "detail"),
    [
        ("t-raises", "failed", "RuntimeError: no luck \\udc80"),
        ("t-none", "failed", "TypeError"),
        ("t-nan", "non-finite", "the formula gave nan."),
        ("t-inf", "non-finite", "the formula gave -inf."),
        ("t-tensors", "failed", ""),
        ("t-tensor", "ok", ""),
    ],
)
def test_what_proxies_do(job, plugin, proxy, status, detail):
    score = scores(job, [proxy, "params"])[proxy]
    assert score.status == status
    assert score.detail.startswith(detail)
    assert "\n" not in score.detail
    assert (score.value is None) == (status != "ok")
    assert score.seconds >= 0


def space_that(build, monkeypatch):
    class Space(type(get_space("digits-201"))):
        pass

    Space.build = staticmethod(build)
    monkeypatch.setattr(_networks, "get_space", lambda name: Space(name))


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (ValueError("two\nlines"), "failed"),
        (UnsupportedModelError("too odd"), "unsupported"),
        (SystemExit("bye"), "failed"),
        (KeyboardInterrupt("not yours"), "failed"),
        (GeneratorExit("gone"), "failed"),
    ],
)
def test_a_network_that_cannot_be_built(job, monkeypatch, error, status):
    def build(architecture, *, num_classes):
        raise error

    space_that(build, monkeypatch)
    found = scores(job, ["params", "snip"])
    assert [s.status for s in found.values()] == [status] * 2
    first_line = str(error).splitlines()[0]
    assert found["snip"].detail == f"the network cannot be built: {type(error).__name__}: {first_line}"


def test_a_network_that_is_none(job, monkeypatch):
    space_that(lambda architecture, *, num_classes: None, monkeypatch)
    found = scores(job, ["params", "snip"])
    assert [s.status for s in found.values()] == ["failed"] * 2
    assert found["params"].detail.startswith("the network cannot be measured: InvalidInputError: the model is a None")


class Hostile(nn.Linear):
    """A network that cannot be looked at."""

    def __init__(self):
        super().__init__(64, 10)

    def named_modules(self, *args, **kwargs):
        raise SystemExit(3)

    modules = named_modules


def test_a_network_that_cannot_be_looked_at(job, monkeypatch):
    space_that(lambda architecture, *, num_classes: Hostile(), monkeypatch)
    found = scores(job, ["params", "snip"])
    assert {s.detail for s in found.values()} == {"the network cannot be measured: SystemExit: 3"}


def test_what_is_begun_is_said(job, plugin):
    said = []
    names = ["random:repeats=2", "t-raises", "params"]
    list(job.results(KEY, names, said.append))
    first, *parts = said
    assert first == ""
    assert sorted(set(parts)) == sorted(names)
    assert parts.count("random:repeats=2") >= 2  # before each initialisation


def test_a_network_that_cannot_run(job, monkeypatch):
    space_that(lambda architecture, *, num_classes: nn.Linear(3, num_classes), monkeypatch)
    found = scores(job, ["params", "grad_norm"])
    assert found["params"].value == 40
    assert found["grad_norm"].status == "failed"
    assert found["grad_norm"].detail.startswith("RuntimeError: ")


def test_the_batch_is_the_one_asked_for(job):
    small = scores(job, ["grad_norm"])
    large = scores(Job(job.space, job.classes, load_batch("digits", 16, 0), 0), ["grad_norm"])
    assert small["grad_norm"].value != large["grad_norm"].value
    assert math.isfinite(float(large["grad_norm"]))


# -- files of proxies --------------------------------------------------------------------------


def test_a_file_is_run_once(tmp_path, monkeypatch):
    path = tmp_path / "counted.py"
    path.write_text("import builtins\nbuiltins.runs = getattr(builtins, 'runs', 0) + 1\nvalue = 5\n")
    monkeypatch.setattr("builtins.runs", 0, raising=False)
    monkeypatch.chdir(tmp_path)
    first = import_file(str(path))
    assert import_file("./counted.py") is first
    assert first.value == 5
    assert sys.modules["builtins"].runs == 1


def test_two_files_of_one_name(tmp_path):
    found = []
    for folder in ("a", "b"):
        path = tmp_path / folder / "same.py"
        path.parent.mkdir()
        path.write_text(f"value = {folder!r}")
        found.append(import_file(str(path)).value)
    assert found == ["a", "b"]


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("absent.py", None, "is not a file: give a Python file."),
        ("text.txt", "x = 1", "is not a Python file: its name must end in .py."),
        ("syntax.py", "def f(:", "could not be imported: SyntaxError: "),
        ("raises.py", "1 / 0", "could not be imported: ZeroDivisionError: division by zero"),
        ("leaves.py", "raise SystemExit(3)", "could not be imported: SystemExit: 3"),
        ("taken.py", "import zcbench\nzcbench.register_proxy('snip')(len)", "'snip' exists already"),
        ("binary.py", "\0", "could not be imported: "),
        ("stops.py", "raise KeyboardInterrupt", "could not be imported: KeyboardInterrupt"),
        (
            "mute.py",
            "class E(Exception):\n    def __str__(self): raise SystemExit\nraise E",
            "could not be imported: E: (its message cannot be read: SystemExit)",
        ),
        ("forgets.py", "import sys\ndel sys.modules[__name__]\n1 / 0", "could not be imported: ZeroDivisionError"),
    ],
)
def test_files_that_cannot_be_imported(tmp_path, name, content, message):
    path = tmp_path / name
    if content is not None:
        path.write_text(content)
    modules = set(sys.modules)
    with pytest.raises(InvalidInputError) as caught:
        import_file(str(path))
    assert str(caught.value).startswith(str(path))
    assert message in str(caught.value)
    assert not {m for m in set(sys.modules) - modules if m.startswith("zcbench_import")}


def test_a_factory_that_hides(tmp_path):
    path = tmp_path / "hides.py"
    path.write_text("def __getattr__(name): raise SystemExit(0)")
    with pytest.raises(InvalidInputError, match="has no function 'build'"):
        _networks.space_named(f"{path}:build")


def test_a_folder_is_no_file(tmp_path):
    with pytest.raises(InvalidInputError, match="is not a file"):
        import_file(str(tmp_path))


def test_plugin_leaves_no_trace(plugin):
    assert calls(plugin) == []
