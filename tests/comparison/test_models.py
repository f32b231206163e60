"""Texts that stand for networks."""

import pickle

import pytest
import torch
from torch import nn

from zcbench.comparison._models import Given, found_in, source_of
from zcbench.errors import InvalidArchitectureError, InvalidInputError

CODE = """
from torch import nn
def small(): return nn.Linear(4, 2)
def needs(width): return nn.Linear(width, 2)
class Net(nn.Linear):
    def __init__(self): super().__init__(4, 3)
ready = nn.Linear(4, 5)
"""


@pytest.fixture(autouse=True)
def place(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    tmp_path.joinpath("nets.py").write_text(CODE)
    return tmp_path


@pytest.mark.parametrize(("text", "width"), [("nets.py:small", 2), ("nets.py:Net", 3), ("nets.py:ready", 5)])
def test_functions_classes_and_objects(text, width):
    source = source_of(text)
    source.check()
    assert source.build(0, None).out_features == width


def test_the_seed_decides_the_weights():
    source = source_of("nets.py:small")
    first, again, other = (source.build(seed, None).weight for seed in (1, 1, 2))
    assert first.equal(again)
    assert not first.equal(other)
    torch.manual_seed(1)
    assert nn.Linear(4, 2).weight.equal(first)


def test_of_a_search_space_with_classes():
    source = source_of("nasbench201:0")
    source.check()
    assert source.takes().shape == (3, 32, 32)
    assert source.build(0, 7)(torch.randn(2, 3, 32, 32))[-1].shape[-1] == 7


def test_a_worker_process_reads_the_text_again():
    source = pickle.loads(pickle.dumps(source_of("nets.py:Net")))
    assert source.text == "nets.py:Net"
    assert source.build(0, None).out_features == 3


def test_an_object_of_the_callers():
    assert Given("mine", lambda: nn.Linear(4, 2)).build(0, None).out_features == 2


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("nets.py:smal", "nets.py has no 'smal': did you mean 'small'? It has small, needs, Net."),
        ("nets.py:zzz", "write the name of a function or class in it. It has small, needs, Net."),
        ("nets.py", "It has small, needs, Net."),
        ("nets:nothing", "nets has no 'nothing'"),
        ("folder/nets:small", "There is a file folder/nets.py: write folder/nets.py:small"),
        ("resnet18", "write file.py:function, package.module:Class, timm:NAME or hf:config.json."),
        ("config.json", "write hf:config.json for a configuration of Hugging Face."),
        ("bert", "write hf:bert for a configuration of Hugging Face."),
        ("weights.safetensors", "a file of weights holds no network"),
        ("hf:", "names no configuration"),
        ("flexibert:x", "flexibert takes tokens"),
    ],
)
def test_what_stands_for_no_network(place, text, message):
    place.joinpath("folder").mkdir()
    place.joinpath("folder", "nets.py").write_text(CODE)
    place.joinpath("bert").mkdir()
    place.joinpath("bert", "config.json").write_text("{}")
    with pytest.raises(InvalidInputError) as raised:
        source_of(text).check()
    assert message in str(raised.value)


def test_a_function_that_wants_arguments():
    with pytest.raises(InvalidInputError, match=r"It is called without arguments: write a function that gives them"):
        source_of("nets.py:needs").build(0, None)


def test_an_architecture_that_does_not_exist():
    with pytest.raises(InvalidArchitectureError):
        source_of("nasbench201:nothing").check()


def test_names_of_other_modules_are_not_listed(place):
    place.joinpath("imports.py").write_text("from torch.nn import Linear, Conv2d\ndef mine(): return Linear(1, 1)\n")
    with pytest.raises(InvalidInputError, match=r"It has mine\."):
        found_in("imports.py:zzzz")
