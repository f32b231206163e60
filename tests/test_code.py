"""Digests of code: the same for the same code wherever it is, another one for every edit that matters."""

import ctypes
import functools
import importlib.util
import linecache
import math
import os
import subprocess
import sys
import textwrap

import numpy as np
import pytest
import torch

import zcbench
from zcbench._code import UNKNOWN, called_digest, code_digest, edited, files_called, joined_codes
from zcbench._kinds import isolated
from zcbench.encodings import encoding_info, list_encodings
from zcbench.ensembles import get_ensemble
from zcbench.predictors import list_predictors, predictor_info
from zcbench.spaces import FactorySpace, get_space, list_spaces

PROXY = """
import math
FACTOR = 2.0

def score(probe):
    return FACTOR * helper(probe)

def helper(probe):
    return math.sqrt(len(probe))
"""
NAMES = iter(range(10_000))


def load(path, name=None):
    """A new module from a file, under a name of its own as ``--import`` gives it."""
    spec = importlib.util.spec_from_file_location(name or f"zcbench_import_{next(NAMES)}", path)
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    exec(compile(path.read_bytes(), path, "exec"), module.__dict__)  # without a cache of compiled files
    return module


@pytest.fixture
def digest(tmp_path):
    """The digest of something in a file of that text, each time in another folder."""

    def made(text, thing="score", file="own.py", **others):
        folder = tmp_path / str(next(NAMES))
        folder.mkdir()
        for name, content in {file: text, **{f"{k}.py": v for k, v in others.items()}}.items():
            (folder / name).write_text(textwrap.dedent(content))
        for other in others:
            sys.modules.pop(other, None)
        sys.path.insert(0, str(folder))
        try:
            found = code_digest(getattr(load(folder / file), thing))
        finally:
            sys.path.remove(str(folder))
        assert len(found) == 16
        assert int(found, 16) > 0
        return found

    return made


def in_memory(text, thing="score", filename="<string>", **known):
    space = {"__name__": "__main__", **known}
    exec(compile(textwrap.dedent(text), filename, "exec"), space)
    return space[thing]


def test_what_zcbench_wrote_has_none():
    infos = [zcbench.get_proxy(name) for name in ("naswot", "zen", "flops")]
    infos += [predictor_info(name) for name in list_predictors()]
    infos += [encoding_info(name) for name in list_encodings()]
    assert {info.code for info in infos} == {""}
    assert get_ensemble("mean_rank(naswot+params)").code == ""
    assert {code_digest(get_space(name)) for name in list_spaces()} == {""}


def test_the_same_file_elsewhere_is_the_same(digest):
    assert digest(PROXY) == digest(PROXY) == digest(PROXY, file="another.py")


@pytest.mark.parametrize(
    ("old", "new"),
    [("FACTOR * helper", "FACTOR + helper"), ("math.sqrt", "math.log"), ("FACTOR = 2.0", "FACTOR = 3.0")],
    ids=["formula", "helper", "constant"],
)
def test_an_edit_is_seen(digest, old, new):
    assert digest(PROXY) != digest(PROXY.replace(old, new))


def test_line_endings_and_marks_of_other_systems_are_no_edit(tmp_path, digest):
    for content in (PROXY.replace("\n", "\r\n").encode(), b"\xef\xbb\xbf" + PROXY.encode()):
        path = tmp_path / "crlf.py"
        path.write_bytes(content)
        assert code_digest(load(path).score) == digest(PROXY)


def test_another_process_and_hash_seed(tmp_path):
    text = """
    from zcbench._code import code_digest
    class Score:
        kinds = {"b", "a", "conv", "linear"}
        def __init__(self, names):
            self.names = names
        def __call__(self, probe):
            return len(self.names & {"x", "y", "z"})
    exec('''
    WORDS = {"one", "two", "three"}
    def kept(probe, words=frozenset(["p", "q", "r"])):
        return len(words) in {"s", "t", "u"}
    ''')
    print(code_digest(Score({"one", "two", "three"})), code_digest(kept))
    """
    found = set()
    for i, seed in enumerate(("1", "2", "3")):
        folder = tmp_path / f"checkout{i}"
        folder.mkdir()
        (folder / "script.py").write_text(textwrap.dedent(text))
        environment = {**os.environ, "PYTHONHASHSEED": seed}
        done = subprocess.run(
            [sys.executable, "script.py"], cwd=folder, env=environment, capture_output=True, text=True, check=True
        )
        found.add(done.stdout)
    assert len(found) == 1


def test_what_runs_counts_not_what_the_file_says_by_now(tmp_path):
    path = tmp_path / "mine.py"
    path.write_text(PROXY)
    first = load(path)
    before = code_digest(first.score)
    path.write_text(PROXY.replace("math.sqrt", "math.log"))
    assert code_digest(first.score) == before  # the old formula is what the process has
    again = load(path)
    assert code_digest(again.score) != before
    path.write_text(PROXY)
    assert code_digest(load(path).score) == before


def test_a_file_that_no_longer_holds_what_runs(tmp_path):
    path = tmp_path / "mine.py"
    path.write_text(PROXY)
    right = code_digest(load(path).score)
    stale = load(path)
    edited = PROXY.replace("FACTOR * helper", "FACTOR + helper")
    path.write_text(edited)  # before anybody asks
    assert code_digest(stale.score) not in (right, code_digest(load(path).score))


def test_registering_reads_the_file(tmp_path):
    with isolated():
        path = tmp_path / "mine.py"
        text = "import zcbench\n@zcbench.register_proxy('code-early', cost='static', override=True)" + PROXY.replace(
            "\nimport math\nFACTOR = 2.0\n", ""
        ).replace("FACTOR", "2.0").replace("math.sqrt", "float")
        path.write_text(text)
        load(path)
        edited = text.replace("2.0", "3.0")
        path.write_text(edited)
        early = zcbench.get_proxy("code-early").code
        load(path)
        late = zcbench.get_proxy("code-early").code
        path.write_text(text)
        load(path)
        assert early == zcbench.get_proxy("code-early").code != late


def test_helpers_in_other_files_of_ones_own(digest):
    text = (
        "from code_helpers import helper\n"
        "def score(probe):\n    return inner(probe)\ndef inner(probe):\n    return helper(1)\n"
    )
    other = "import code_helpers\ndef score(probe):\n    return code_helpers.helper(probe)"
    for main in (text, other):
        one, two = ("def helper(x):\n    return x + 1\n", "def helper(x):\n    return x + 2\n")
        assert digest(main, code_helpers=one) == digest(main, code_helpers=one) != digest(main, code_helpers=two)


@pytest.mark.parametrize(
    ("text", "helper", "deeper"),
    [
        ("def score(p):\n    import code_one\n    return code_one.f(p)\n", "def f(p): return {}\n", ""),
        ("def score(p):\n    from code_one import f\n    return f(p)\n", "def f(p): return {}\n", ""),
        ("from code_one import S\ndef score(p): return S\n", "S = {}\n", ""),
        ("from code_one import *\ndef score(p): return S\n", "S = {}\n", ""),
        ("try:\n    from code_one import S\nexcept ImportError:\n    S = 0\ndef score(p): return S\n", "S = {}\n", ""),
        ("from code_one import T\ndef score(p): return T[0](p)\n", "def f(p): return {}\nT = [f]\n", ""),
        ("import code_one\nL = [code_one.f]\ndef score(p): return L[0](p)\n", "def f(p): return {}\n", ""),
        ("from code_one import a\ndef score(p): return a.f()\n", "class A:\n    def f(self): return {}\na = A()\n", ""),
        ("import torch, code_one\nW = code_one.f(1)\ndef score(p): return W\n", "def f(p): return p * {}\n", ""),
        (
            "from code_one import f\ndef score(p): return f(p)\n",
            "from code_two import S\ndef f(p): return S\n",
            "S = {}\n",
        ),
        ("from code_one import N\nclass score(N): pass\n", "from code_two import S\nclass N:\n    s = S\n", "S = {}\n"),
    ],
)
def test_constants_tables_objects_and_late_imports(digest, text, helper, deeper):
    one, same, two = (
        digest(text, code_one=helper.replace("{}", value), code_two=deeper.replace("{}", value)) for value in "112"
    )
    assert one == same != two


@pytest.mark.parametrize("load_first", [False, True])
def test_files_of_a_package(tmp_path, load_first):
    found = []
    for value in "112":
        package = tmp_path / str(next(NAMES)) / "code_pack"
        package.mkdir(parents=True)
        (package / "__init__.py").write_text("from .first import f\n")
        (package / "first.py").write_text("from . import second\nfrom .second import S\ndef f(p): return S\n")
        (package / "second.py").write_text(f"S = {value}\n")
        own = package.parent / "own.py"
        own.write_text("def score(p):\n    import code_pack.first as g\n    return g.f(p)\n")
        sys.path.insert(0, str(package.parent))
        try:
            importlib.invalidate_caches()
            score = load(own).score
            if load_first:
                assert score(0) == int(value)
            found.append(code_digest(score))
            assert score(0) == int(value)  # it is in no state of the first call
            assert code_digest(score) == found[-1]
        finally:
            sys.path.remove(str(package.parent))
            for name in [name for name in sys.modules if name.partition(".")[0] == "code_pack"]:
                del sys.modules[name]
    assert found[0] == found[1] != found[2]


def test_a_helper_that_was_edited_and_loaded_again(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    helper, own = tmp_path / "code_again.py", tmp_path / "own.py"
    own.write_text("from code_again import S\ndef score(p): return S\n")
    found = []
    helper.write_text("S = 1\n")
    found.append(code_digest(load(own).score))
    helper.write_text("S = 22\n")
    found.append(code_digest(load(own).score))  # what runs is what was loaded
    importlib.reload(sys.modules["code_again"])
    found.append(code_digest(load(own).score))
    del sys.modules["code_again"]
    assert found[0] == found[1] != found[2]


def test_long_chains_of_helpers_and_objects_that_raise(digest):
    chain = "".join(f"def f{i}(x):\n    return f{i + 1}(x)\n" for i in range(3000))
    text = (
        chain
        + "def f3000(x):\n    return odd.name\nscore = f0\n"
        + textwrap.dedent("""
    class Odd:
        def __getattr__(self, name):
            raise RuntimeError(name)
    odd = Odd()
    """)
    )
    assert digest(text) == digest(text)


def test_an_installed_plug_in(tmp_path):
    found = []
    for i, body in enumerate(("x + 1", "x + 1", "x + 2")):
        package = tmp_path / str(i) / "site-packages" / "code_plugin"
        package.mkdir(parents=True)
        (package / "__init__.py").write_text("from .maths import helper\ndef score(probe):\n    return helper(probe)\n")
        (package / "maths.py").write_text(f"def helper(x):\n    return {body}\n")
        sys.path.insert(0, str(package.parent))
        try:
            importlib.invalidate_caches()
            found.append(code_digest(importlib.import_module("code_plugin").score))
        finally:
            sys.path.remove(str(package.parent))
            for name in ("code_plugin", "code_plugin.maths"):
                sys.modules.pop(name)
    assert found[0] == found[1] != found[2]


def test_what_a_stranger_only_imports_is_named_by_the_environment(tmp_path, digest):
    text = "import torch, numpy as np\ndef score(probe):\n    return float(np.sum(torch.ones(3).numpy()))\n"
    assert digest(text) == digest(text)


@pytest.mark.parametrize("decorate", ["@functools.wraps(function)\n", ""], ids=["wraps", "bare"])
def test_decorators_hide_nothing(digest, decorate):
    """Neither the wrapper's code nor what it wraps, in whichever file they stand."""
    decorator = f"""
import functools
def twice(function):
    {decorate.strip() or "# nothing"}
    def inner(probe):
        return 2 * function(probe)
    return inner
"""
    main = "from code_decorator import twice\n@twice\ndef score(probe):\n    return len(probe)\n"
    first = digest(main, code_decorator=decorator)
    assert first == digest(main, code_decorator=decorator)
    assert first != digest(main, code_decorator=decorator.replace("2 *", "3 *"))
    assert first != digest(main.replace("len(probe)", "-len(probe)"), code_decorator=decorator)


def test_decorators_of_libraries(digest):
    for line in ("@torch.no_grad()", "@functools.lru_cache", "@functools.cache", "@contextlib.contextmanager"):
        text = f"import contextlib, functools, torch\n{line}\ndef score(probe):\n    return 1.0\n"
        assert digest(text) == digest(text) != digest(text.replace("1.0", "2.0"))


def test_what_functions_close_over_and_default_to(digest):
    text = """
    def make(power, *, weights=[1, 2]):
        def score(probe, eta=power):
            return probe ** power * weights[0]
        return score
    one, same, other = make(2), make(2), make(3)
    def wide(probe, eta=0.5): return eta
    """
    found = {name: digest(text, name) for name in ("one", "same", "other")}
    assert found["one"] == found["same"] != found["other"]


def test_objects_that_are_called_and_partial_functions(digest):
    text = """
    import functools, threading
    import numpy as np
    class Score:
        def __init__(self, power):
            self.power, self.table, self.lock = power, np.arange(power), threading.Lock()
        def __call__(self, probe):
            return probe ** self.power
        @functools.cached_property
        def slow(self):
            return [1, 2, 3]
    one, same, other = Score(2), Score(2), Score(3)
    method = one.__call__
    used = Score(2)
    used.slow
    half, third = (functools.partial(pow, exp=e) for e in (2, 3))
    both = functools.partial(one, 1.0)
    either = functools.partial(other, 1.0)
    """
    names = ("one", "same", "used", "other", "method", "half", "third", "both", "either")
    found = {name: digest(text, name) for name in names}
    assert found["one"] == found["same"] == found["used"]
    assert len(set(found.values())) == len(names) - 2
    assert digest(text, "one") != digest(text.replace("probe **", "probe *"), "one")


def test_what_an_object_remembers_later_is_no_edit(tmp_path):
    path = tmp_path / "space.py"
    path.write_text(
        "class Space:\n    def __init__(self):\n        self.known = {}\n"
        "    def build(self, name):\n        self.known[name] = 1\nspace = Space()\n"
    )
    module = load(path)
    before = code_digest(module.space)
    module.space.build("a")
    assert code_digest(module.space) == before == code_digest(load(path).space)


def test_a_part_of_zcbench_with_arguments_of_ones_own():
    naswot = zcbench.get_proxy("naswot").function
    found = [code_digest(functools.partial(naswot, power=power)) for power in (2, 2, 3)]
    assert found[0] == found[1] != found[2]
    assert "" not in found


def test_classes_and_their_bases(digest):
    text = """
    import zcbench
    class Base(zcbench.VectorPredictor):
        def _learn(self, x, y):
            self.mean_ = y.mean()
    class score(Base):
        '''A predictor.'''
        def _value(self, x):
            return x[:, 0] * self.mean_
    """
    assert digest(text) == digest(text) != digest(text.replace("y.mean()", "y.max()"))
    main = "from code_base import Base\nclass score(Base):\n    width = 3\n"
    base = "class Base:\n    def f(self):\n        return 1\n"
    assert digest(main, code_base=base) != digest(main, code_base=base.replace("return 1", "return 2"))
    assert digest(main, code_base=base) != digest(main.replace("3", "4"), code_base=base)


def test_factories_of_networks(tmp_path, digest):
    text = "from code_nets import Net\ndef build(name):\n    return Net(int(name))\n"
    net = "from torch import nn\nclass Net(nn.Linear):\n    def __init__(self, n):\n        super().__init__(n, {})\n"
    one, two = net.format(1), net.format(2)
    assert digest(text, "build", code_nets=one) != digest(text, "build", code_nets=two)
    found = set()
    for folder in ("a", "b"):
        path = tmp_path / folder / "my_networks.py"
        path.parent.mkdir()
        path.write_text("from torch import nn\ndef build(name):\n    return nn.Linear(3, int(name))\n")
        found.add(code_digest(FactorySpace(f"{path}:build", load(path).build)))
    assert len(found) == 1
    assert "" not in found


def test_notebooks():
    """Cells have no file; Python keeps their source, and the helper may stand in another cell."""

    def cell(text, name):
        text = textwrap.dedent(text)
        linecache.cache[name] = (len(text), None, text.splitlines(keepends=True), name)
        return compile(text, name, "exec")

    def notebook(helper="x + 1", score="helper(probe) * SCALE", scale="2.0", process="1", more=""):
        space = {"__name__": "__main__"}
        exec(cell(f"def helper(x):\n    return {helper}\nSCALE = {scale}\n", f"/tmp/ipykernel_{process}/7.py"), space)
        exec(cell(f"{more}def score(probe):\n    return {score}\n", f"/tmp/ipykernel_{process}/8.py"), space)
        return space

    first = code_digest(notebook()["score"])
    assert first == code_digest(notebook(process="2")["score"])
    assert first == code_digest(notebook(more="print\n\n")["score"])  # another line number
    assert first != code_digest(notebook(helper="x + 2")["score"])
    assert first != code_digest(notebook(score="helper(probe) / SCALE")["score"])
    assert first != code_digest(notebook(scale="3.0")["score"])
    space = notebook()
    assert code_digest(space["score"]) == first
    space["helper"] = notebook(helper="x + 2")["helper"]  # the cell of the helper alone is run again
    assert code_digest(space["score"]) != first


def test_code_without_any_source():
    one = "LIMIT = 2\ndef score(probe, eta=1):\n    return helper(probe) + LIMIT\ndef helper(x):\n    return {x, 'a'}\n"
    first = code_digest(in_memory(one))
    assert first == code_digest(in_memory("\n\n" + one, filename="<other>"))
    for old, new in (("eta=1", "eta=2"), ("+ LIMIT", "- LIMIT"), ("LIMIT = 2", "LIMIT = 3"), ("'a'", "'b'")):
        assert code_digest(in_memory(one.replace(old, new))) != first, new
    text = "class score:\n    width = 3\n    def f(self):\n        return 1\n"
    first = code_digest(in_memory(text))
    assert first == code_digest(in_memory(text))
    assert first != code_digest(in_memory(text.replace("3", "4"))) != code_digest(in_memory(text.replace("1", "2")))


def test_a_file_that_is_no_source_of_the_code(tmp_path):
    path = tmp_path / "other.py"
    path.write_text("nothing = 1\n")
    one, two = (in_memory(f"def score(probe):\n    return {i}\n", filename=str(path)) for i in (1, 2))
    assert code_digest(one) != code_digest(two)


def test_what_cannot_be_read_is_said():
    class Closed:
        def __reduce_ex__(self, _):
            raise RuntimeError("no")

    assert not code_digest(Closed()).startswith(UNKNOWN)  # its class says what it does when it is called
    foreign = ctypes.CDLL(None).abs
    assert code_digest(foreign).startswith(UNKNOWN)
    assert code_digest(lambda probe, call=foreign: call(1)).startswith(UNKNOWN)
    assert not code_digest(math.sqrt).startswith(UNKNOWN)
    assert code_digest(math.sqrt) != ""

    class Raises:
        def __getattribute__(self, name):
            raise RuntimeError(name)

    assert code_digest(Raises()).startswith(UNKNOWN)


def test_arrays_and_tensors_count():
    def made(values):
        return lambda probe: values

    for make in (np.asarray, torch.tensor, lambda v: torch.tensor(v, dtype=torch.bfloat16, requires_grad=True)):
        one, same, other = (code_digest(made(make(v))) for v in ([1.0, 2.0], [1.0, 2.0], [1.0, 4.0]))
        assert one == same != other


def test_digests_of_several():
    assert joined_codes() == joined_codes("", "") == ""
    assert joined_codes("", "a") == "a"
    assert joined_codes("a", "b") != joined_codes("b", "a")
    assert joined_codes("a", f"{UNKNOWN}-b").startswith(UNKNOWN)


def test_what_is_declared_counts_for_strangers_only():
    def score(probe):
        return 1.0

    def info(mode):
        return zcbench.types.ProxyInfo("x", score, declared_batch_norm=mode)

    assert info("train").code == info("train").code != info("eval").code


def test_long_chains_of_classes(digest):
    """Each a member of the next: deeper than Python's stack."""
    chain = "class C0:\n    value = 1\n" + "".join(f"class C{i}:\n    inner = C{i - 1}\n" for i in range(1, 3000))
    text = chain + "class score:\n    inner = C2999\n"
    assert digest(text) == digest(text)


SCRIPT = """
import helper_of_script as other
from zcbench._code import called_digest

RATE = 3
BUDGET = 10


class Kept:
    def __call__(self, one):
        return helper(one)


def helper(one):
    return one * RATE


def evaluate(one):
    from lazy_of_script import factor

    return helper(one) * factor * other.more(one)


print(called_digest(evaluate), called_digest(Kept()), called_digest(lambda one: helper(one)))
"""


def test_of_a_script_counts_what_the_function_uses(tmp_path):
    def digests(script=SCRIPT, helper="def more(one):\n    return 1\n", lazy="factor = 2\n"):
        (tmp_path / "script.py").write_text(script)
        (tmp_path / "helper_of_script.py").write_text(helper)
        (tmp_path / "lazy_of_script.py").write_text(lazy)
        environment = {**os.environ, "PYTHONDONTWRITEBYTECODE": "1"}
        done = subprocess.run(
            [sys.executable, "script.py"], cwd=tmp_path, env=environment, capture_output=True, text=True, check=True
        )
        return done.stdout.split()

    before = digests()
    assert len(set(before)) == 3 and all(len(one) == 16 for one in before)
    assert digests() == before
    assert digests(SCRIPT.replace("BUDGET = 10", "BUDGET = 20\n\n# a remark\n")) == before
    for changed in (SCRIPT.replace("RATE = 3", "RATE = 4"), SCRIPT.replace("one * RATE", "one + RATE")):
        assert all(one != two for one, two in zip(before, digests(changed), strict=True))
    assert digests(SCRIPT.replace("* factor *", "+ factor *"))[0] != before[0]
    assert digests(helper="def more(one):\n    return 2\n")[0] != before[0]
    assert digests(lazy="factor = 3\n")[0] != before[0]
    assert called_digest(get_space) == "" and called_digest(FactorySpace) == ""  # zcbench wrote them


def test_files_that_a_function_comes_from_are_named_and_looked_at_again(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "t_code_late.py").write_text("WORTH = 1\n")
    (tmp_path / "t_code_helper.py").write_text("class Kind:\n    pass\n")
    path = tmp_path / "t_code_own.py"
    path.write_text("import t_code_helper\n\ndef train(one):\n    import t_code_late\n    return t_code_helper.Kind\n")
    own = load(path, "t_code_own")
    files = files_called(own.train)
    assert sorted(files) == ["t_code_helper", "t_code_late", "t_code_own"]
    assert edited(files) == ""
    (tmp_path / "t_code_late.py").write_text("WORTH = 2\n")
    assert edited(files) == ""  # it is not loaded
    path.write_bytes(path.read_bytes().replace(b"\n", b"\r\n"))
    assert edited(files) == ""
    path.write_text("def train(one):\n    return 2\n")
    assert edited(files) == str(path)
    path.unlink()
    assert edited(files) == str(path)
    assert files_called(len) == files_called(get_space) == {}
    for name in files:
        sys.modules.pop(name, None)
