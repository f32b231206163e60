"""What an author declares is checked at registration."""

import pytest

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
    ],
)
def test_declarations_out_of_range(name, declared, message):
    with pytest.raises(InvalidInputError, match=message):
        zcbench.register_proxy(name, **declared)(lambda probe: 0.0)
    assert name not in zcbench.list_proxies()


def test_duplicates_and_unknown_names():
    with pytest.raises(DuplicateNameError, match="'naswot' exists already"):
        zcbench.register_proxy("naswot")(lambda probe: 0.0)
    with pytest.raises(UnknownNameError, match="did you mean 'grad_norm'"):
        zcbench.get_proxy("gradnorm")
    with pytest.raises(UnknownNameError):
        zcbench.list_proxies("zzz*")


def test_patterns():
    assert zcbench.list_proxies("grad*") == ["grad_norm", "grad_norm_all", "gradsign", "gradsign_mean"]
