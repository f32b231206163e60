"""What an author declares is checked at registration."""

import math
import re

import numpy as np
import pytest
from toys import registry_as_it_was

import zcbench
from zcbench.errors import DuplicateNameError, InvalidInputError, UnknownNameError
from zcbench.types import Cost


def test_the_first_ten_and_random():
    assert set(zcbench.list_proxies()) >= {
        *("params", "flops", "l2_norm", "num_layers", "grad_norm", "snip", "synflow", "jacov", "naswot", "gradsign"),
        "random",
    }


@pytest.mark.parametrize("name", zcbench.list_proxies())
def test_every_proxy_says_what_it_is(name):
    info = zcbench.get_proxy(name)
    assert info.name == name
    assert info.version >= 1
    assert isinstance(info.cost, Cost)
    assert info.reference
    assert info.summary.endswith((".", ":"))
    assert any(mark in info.reference for mark in ("baseline", "arXiv:", "NeurIPS"))


@pytest.mark.parametrize(
    ("name", "declared", "message"),
    [
        ("Naswot", {}, "cannot name a proxy"),
        ("", {}, "cannot name a proxy"),
        ("a/b", {}, "cannot name a proxy"),
        ("mine", {"cost": "cheap"}, "unknown cost class 'cheap'"),
        ("mine", {"domains": ("vision",)}, "unknown domain 'vision'"),
        ("mine", {"version": 0}, "positive integer"),
        ("mine", {"version": 1.5}, "version must be a positive integer up to 1000000000, not 1.5"),
        ("mine", {"version": True}, "version must be a positive integer"),
        ("mine", {"version": "2"}, "version must be a positive integer"),
        ("mine", {"version": 10**5000}, "version must be a positive integer"),
        (5, {}, "5 cannot name a proxy"),
        ("m" * 81, {}, "cannot name a proxy"),
        ("mine", {"higher_is_better": "no"}, "higher is better must be True or False, not 'no'"),
        ("mine", {"needs_labels": 1}, "needs labels must be True or False, not 1"),
        ("mine", {"stochastic": None}, "stochastic must be True or False"),
        ("mine", {"override": 1}, "override must be True or False"),
        ("mine", {"cost": "training"}, "unknown cost class 'training'"),
        ("mine", {"cost": None}, "unknown cost class None"),
        ("mine", {"domains": "anything"}, "unknown domain 'anything'"),
        ("mine", {"domains": ()}, "give at least 1"),
        ("mine", {"domains": ("any", "any")}, "a name is repeated"),
        ("mine", {"domains": {"any"}}, "domains must be a tuple"),
        ("mine", {"domains": (5,)}, "domains must be a tuple of texts"),
        ("mine", {"domains": 5}, "domains must be a tuple"),
        ("mine", {"invariances": "dat"}, "unknown invariance 'dat'"),
        ("mine", {"invariances": ("colour",)}, "unknown invariance 'colour'"),
        ("mine", {"batch_norm": "evel"}, "unknown batch-norm mode 'evel'"),
        ("mine", {"batch_norm": ""}, "unknown batch-norm mode ''"),
        ("mine", {"signals": "gradient"}, "unknown signal 'gradient'"),
        ("mine", {"signals": ("gradient",)}, "unknown signal 'gradient'; known: activation_codes, attention, blocks"),
        ("mine", {"signals": ("_place",)}, "unknown signal '_place'"),
        ("mine", {"signals": ("forward_pass",)}, "unknown signal 'forward_pass'"),
        ("mine", {"reference": None}, "reference must be text, not None"),
        ("mine", {"reference": "a\nb"}, "reference must be one line of text"),
        ("mine", {"ranges": {"eta": (0, 1)}}, "'eta' is not a numeric parameter"),
        ("mine", {"ranges": [("eta", 0, 1)]}, "ranges must be a mapping"),
        ("mine", {"ranges": {"eta": (1, 0)}}, "put the smallest first"),
        ("mine", {"ranges": {"eta": (0, float("nan"))}}, "both must be numbers"),
        ("mine", {"ranges": {"eta": 5}}, "must be a pair"),
    ],
)
def test_declarations_out_of_range(name, declared, message):
    before = zcbench.list_proxies()
    with pytest.raises(InvalidInputError, match=re.escape(message)):
        zcbench.register_proxy(name, **declared)(lambda probe: 0.0)
    assert zcbench.list_proxies() == before


HALF = np.float64(0.5)


async def late(probe):
    return 1.0


def drips(probe):
    yield 1.0


@pytest.mark.parametrize(
    ("function", "message"),
    [
        (5, "function must be a function, not 5"),
        (lambda: 0.0, "function is called with 1 argument"),
        (lambda probe, eta: 0.0, "function is called with 1 argument, which (probe, eta) does not accept"),
        (lambda probe, *, eta: 0.0, "'eta' needs a default"),
        (lambda probe, *, repeats=2: 0.0, "a name other than repeats, epochs, steps"),
        (lambda probe, *, eta=None: 0.0, "needs a default that is a bool, int, float or str"),
        (lambda probe, *, eta=(1,): 0.0, "needs a default that is a bool, int, float or str"),
        (lambda probe, *, eta=HALF: 0.0, "needs a default that is a bool, int, float or str"),
        (lambda probe, *, eta=math.nan: 0.0, "choose a finite number"),
        (lambda probe, *, eta=-math.inf: 0.0, "choose a finite number"),
        (lambda probe, *, eta=10**30: 0.0, "choose at most"),
        (lambda probe, *, which="a:b": 0.0, "a label cannot contain"),
        (lambda probe, *, which=" a": 0.0, "a label cannot contain"),
        (lambda probe, *, which="a\n": 0.0, "a label cannot contain"),
        (lambda probe, *, batch_norm="evel": 0.0, "unknown batch-norm mode 'evel'"),
        (lambda probe, *, batch_norm=True: 0.0, "unknown batch-norm mode"),
        (late, "async functions and generators do not"),
        (drips, "async functions and generators do not"),
    ],
)
def test_functions_that_are_no_proxies(function, message):
    before = zcbench.list_proxies()
    with pytest.raises(InvalidInputError, match=re.escape(message)):
        zcbench.register_proxy("mine")(function)
    with pytest.raises(InvalidInputError, match=re.escape(message)):
        zcbench.register_proxy("params", override=True)(function)
    assert zcbench.list_proxies() == before
    assert zcbench.get_proxy("params").reference == "baseline"


def test_a_default_lies_in_its_range():
    with pytest.raises(InvalidInputError, match=r"the default eta=2\.0 is outside its range \(0, 1\)"):
        zcbench.register_proxy("mine", ranges={"eta": (0, 1)})(lambda probe, *, eta=2.0: 0.0)


def test_lists_stand_for_tuples_and_every_signal_can_be_named():
    with registry_as_it_was():
        zcbench.register_proxy("t-all", domains=["any"], signals=zcbench.list_signals(), invariances=["data"])(
            lambda probe: 0
        )
        info = zcbench.get_proxy("t-all")
        assert (info.domains, info.invariances, list(info.signals)) == (("any",), ("data",), zcbench.list_signals())
        hash((info.domains, info.signals))


def test_what_was_stored_is_read_again(tmp_path):
    """A version that is no whole number made the store unreadable; the largest one does not."""
    with registry_as_it_was():
        zcbench.register_proxy("t-late", version=10**9, cost="static")(lambda probe: float(len(probe.weights)))
        for _ in range(2):
            result = zcbench.evaluate("digits-201", ["t-late"], limit=2, batch_size=4, store=tmp_path)
            assert [entry.n for entry in result.entries] == [2]


def test_duplicates_and_unknown_names():
    with pytest.raises(DuplicateNameError, match="'naswot' exists already"):
        zcbench.register_proxy("naswot")(lambda probe: 0.0)
    with pytest.raises(UnknownNameError, match="did you mean 'grad_norm'"):
        zcbench.get_proxy("gradnorm")
    with pytest.raises(UnknownNameError):
        zcbench.list_proxies("zzz*")


def test_patterns():
    assert zcbench.list_proxies("grad*") == ["grad_norm", "grad_norm_all", "gradsign", "gradsign_mean"]


def test_patterns_take_settings():
    infos = zcbench.proxies.resolve(["synflow*:repeats=2", "snip"])
    assert [info.label for info in infos][:2] == ["synflow:repeats=2", "synflow_log:repeats=2"]
    assert infos[-1].label == "snip"


def test_training_is_a_cost_class():
    assert zcbench.get_proxy("params:steps=1").cost is Cost.TRAINING
    assert zcbench.get_proxy("params:repeats=2").cost is Cost.STATIC
