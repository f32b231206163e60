"""Several networks on one batch, compared with one call of ``score`` each."""

import json

import numpy as np
import pytest
import torch
from torch import nn

import zcbench
from zcbench.errors import InvalidInputError, UnknownNameError
from zcbench.types import Status

CODE = """
import time
from torch import nn
def net(width):
    return nn.Sequential(nn.Conv2d(3, width, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(width, 4))
def small(): return net(4)
def wide(): return net(8)
def raises(): raise ValueError("no weights here")
def few(): return nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(3, 2))
def hangs(): time.sleep(600)
"""
PROXIES = ["params", "snip", "naswot", "random"]


@pytest.fixture(autouse=True)
def place(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    tmp_path.joinpath("nets.py").write_text(CODE)
    return tmp_path


def net(width):
    space = {}
    exec(CODE, space)
    return space["net"](width)


def samples(count=12, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(count, 3, 8, 8, generator=generator), torch.randint(4, (count,), generator=generator)


def test_scores_are_those_of_one_network_alone():
    found = zcbench.compare(["nets.py:small", "nets.py:wide"], samples(), PROXIES, seed=3)
    for name, width in (("nets.py:small", 4), ("nets.py:wide", 8)):
        torch.manual_seed(3)
        expected = zcbench.score(net(width), *samples(), PROXIES, seed=3)
        assert {p: found.score(p, name).value for p in PROXIES} == {p: s.value for p, s in expected.items()}
    assert found.ranks("params") == (2, 1)
    assert [one.kinds for one in found.facts] == [("convolutional",)] * 2
    assert found.facts[0].parameters == 3 * 4 * 9 + 4 + 4 * 4 + 4


def test_every_seed_has_weights_and_samples_of_its_own(place):
    inputs, targets = samples(40)
    np.savez(place / "own.npz", x=inputs.numpy(), y=targets.numpy())
    found = zcbench.compare(["nets.py:small", "nets.py:wide"], "own.npz", ["snip"], seeds=2, seed=5)
    for k, seed in enumerate((5, 6)):
        torch.manual_seed(seed)
        rows = np.random.RandomState(seed).permutation(40)[:16]
        expected = zcbench.score(net(8), inputs[rows], targets[rows], ["snip"], seed=seed)
        assert found._scores["nets.py:wide"]["snip"][k].value == expected["snip"].value
    assert found.score("snip", "nets.py:wide").spread > 0


def test_networks_and_functions_by_name():
    torch.manual_seed(0)
    ready = net(4)
    before = {name: tensor.clone() for name, tensor in ready.state_dict().items()}
    found = zcbench.compare({"ready": ready, "made": lambda: net(8)}, samples(), ["snip"], seeds=3)
    assert found._scores["ready"]["snip"][0].value == zcbench.score(ready, *samples(), ["snip"])["snip"].value
    assert len({one.value for one in found._scores["ready"]["snip"]}) == 3  # new weights for the other seeds
    assert all(tensor.equal(before[name]) for name, tensor in ready.state_dict().items())


def test_random_numbers_and_order_of_calls_do_not_matter():
    torch.manual_seed(7)
    expected = torch.randn(3)
    torch.manual_seed(7)
    first = zcbench.compare(["nets.py:small", "nets.py:wide"], samples(), PROXIES)
    assert torch.randn(3).equal(expected)
    second = zcbench.compare(["nets.py:wide", "nets.py:small"], samples(), PROXIES)
    for proxy in PROXIES:
        assert first.score(proxy, "nets.py:small").value == second.score(proxy, "nets.py:small").value


def test_a_network_that_fails_is_a_status():
    names = ["nets.py:raises", "nets.py:small", "nets.py:few", "nets.py:wide"]
    found = zcbench.compare(names, samples(), ["params", "snip"])
    assert found.facts[0].error == "nets.py:raises raised ValueError: no weights here"
    assert found.facts[2].error.startswith("the given batch has 4 classes, and nets.py:few returns 2 outputs")
    assert found.score("snip", names[0]).status is Status.FAILED
    assert found.ranks("snip").count(None) == 2
    assert found.failed == ["params", "snip"]
    assert set(found.ranking) == {"params", "snip"}


def test_workers_give_the_same_scores_and_stop_what_takes_too_long(place):
    inputs, targets = samples()
    np.savez(place / "own.npz", x=inputs.numpy(), y=targets.numpy())
    names = ["nets.py:small", "nets.py:wide"]
    here = zcbench.compare(names, "own.npz", PROXIES)
    there = zcbench.compare([*names, "nets.py:hangs"], "own.npz", PROXIES, timeout=5)
    for name in names:
        assert [there.score(p, name).value for p in PROXIES] == [here.score(p, name).value for p in PROXIES]
    assert there.score("snip", "nets.py:hangs").status is Status.TIMED_OUT
    assert [one.kinds for one in there.facts] == [("convolutional",), ("convolutional",), ()]


def test_progress_counts_scores():
    seen = []
    zcbench.compare(
        ["nets.py:small", "nets.py:wide"],
        samples(),
        ["params", "snip"],
        progress=lambda done, total, latest: seen.append((done, total)),
    )
    assert seen == [(1, 4), (2, 4), (3, 4), (4, 4)]


@pytest.mark.parametrize(
    ("models", "options", "message"),
    [
        ([], {}, "give the models as a list"),
        ("nets.py:small", {}, "give the models as a list"),
        (["nets.py:small", "nets.py:small"], {}, "nets.py:small is given twice"),
        ([nn.Linear(1, 1)], {}, "has no name: give models as a mapping"),
        ({"a": 3}, {}, "the model a is 3"),
        (["nets.py:raises"], {}, "nets.py:raises raised ValueError: no weights here"),
        (["nets.py:smal"], {}, "did you mean 'small'"),
        (["nets.py:small"], {"seeds": 0}, "the number of seeds 0"),
        (["nets.py:small"], {"kinds": "cnn"}, "unknown kind of networks 'cnn'"),
        (["nets.py:small"], {"classes": 0}, "the number of classes 0"),
        (["nets.py:small"], {"length": 3}, "was given together with samples"),
        ({"a": lambda: net(4)}, {"timeout": 5}, "a timeout needs worker processes, which get texts"),
    ],
)
def test_what_is_wrong(models, options, message):
    with pytest.raises(InvalidInputError) as raised:
        zcbench.compare(models, samples(), ["params"], **options)
    assert message in str(raised.value)


def test_unknown_names():
    with pytest.raises(UnknownNameError, match="did you mean 'params'"):
        zcbench.compare(["nets.py:small"], samples(), ["parms"])
    with pytest.raises(UnknownNameError, match="did you mean 'cifar10'"):
        zcbench.compare(["nets.py:small"], "cifra10", ["params"])


def test_two_depths_of_a_configuration(place):
    pytest.importorskip("transformers", reason="needs the extra zcbench[hf]")
    config = {"model_type": "bert", "hidden_size": 16, "num_attention_heads": 2, "intermediate_size": 32}
    for depth in (1, 2):
        content = {**config, "num_hidden_layers": depth, "vocab_size": 60, "max_position_embeddings": 12}
        (place / f"{depth}.json").write_text(json.dumps(content))
    found = zcbench.compare(
        ["hf:1.json", "hf:2.json"], None, ["params", "num_layers", "grad_norm"], batch_size=4, length=6
    )
    assert found.ranks("num_layers") == (2, 1)
    assert [(one.kinds, one.inputs, one.texts) for one in found.facts] == [(("transformer",), "6", True)] * 2
    assert set(found.belief.benchmarks) == {"chars-bert", "flexibert"}
    assert found.belief.best.proxy == "num_layers"
