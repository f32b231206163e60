"""What is refused before anything is exported."""

import pytest
import torch
from torch import nn

from zcbench.errors import InvalidInputError
from zcbench.spaces import get_space
from zcbench.supernets import WeightSharing, export
from zcbench.supernets._exportable import about_of, check_name
from zcbench.types import Architecture, Batch


def test_training_mode_is_refused(tmp_path):
    network = nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2))
    with pytest.raises(InvalidInputError, match="the network is in training mode"):
        export(network, tmp_path, torch.randn(3, 1, 6, 6))
    network.eval()[1].train()
    with pytest.raises(InvalidInputError, match="its module '1' is in training mode"):
        export(network, tmp_path, torch.randn(3, 1, 6, 6))
    assert list(tmp_path.iterdir()) == []


def test_the_code_to_build_is_given_only_where_it_holds(tmp_path):
    space = get_space("elastic-mobilenet")
    other = space.build(space.smallest, num_classes=3).eval()
    done = export(other, tmp_path, torch.randn(2, 1, 8, 8), architecture=space.smallest, kinds="weights")
    assert done.about["architecture"] == space.smallest.key and "build" not in done.about


@pytest.mark.parametrize(
    ("changed", "sentence"),
    [
        ({"kinds": ["onyx"]}, "kind 'onyx': choose from weights, torch, onnx"),
        ({"kinds": []}, "no kind of file"),
        ({"name": "a/b"}, "not a portable file name"),
        ({"name": ".."}, "not a portable file name"),
        ({"name": ""}, "not a portable file name"),
        ({"name": "d1|w4"}, "not a portable file name"),
        ({"name": "x" * 300}, "not a portable file name"),
        ({"name": "\ud800"}, "not a portable file name"),
        ({"name": 3}, "the name must be text"),
        ({"folder": "\0"}, "the folder"),
        ({"dynamic": 1}, "dynamic must be True or False"),
        ({"example": 3}, "inputs must be a tensor"),
        ({"example": torch.randn(0, 4)}, "the batch is empty"),
        ({"network": nn.Linear}, "pass a torch.nn.Module instance"),
        ({"network": nn.LazyLinear(3).eval()}, "no shape yet"),
        ({"architecture": "a|b"}, "architecture 'a|b'"),
    ],
)
def test_bad_input_is_a_sentence(tmp_path, changed, sentence):
    given = {"network": nn.Linear(4, 3).eval(), "folder": tmp_path, "example": torch.randn(3, 4), "kinds": ["weights"]}
    with pytest.raises(InvalidInputError, match=sentence.replace("|", r"\|")):
        export(**(given | changed))
    assert list(tmp_path.iterdir()) == []


def test_a_supernet_is_refused(tmp_path):
    space = get_space("elastic-transformer")
    supernet = WeightSharing(space, largest=space.largest, smallest=space.smallest).eval()
    with pytest.raises(InvalidInputError, match=r"give one of its networks,  supernet.subnet\(architecture\)"):
        export(supernet, tmp_path, torch.randn(2, 1, 8, 8))

    class Stranger(nn.Linear):
        space = None

        def subnet(self, architecture):
            return self

    with pytest.raises(InvalidInputError, match="this is a supernet"):
        export(Stranger(4, 3).eval(), tmp_path, torch.randn(2, 4))


def test_names_that_every_file_system_takes():
    for name in ("network", "ünïcode 日本 (1)", "a.b-c_d", "x" * 200):
        check_name(name)


def test_code_to_build_is_none_of_a_space_that_nobody_knows():
    network = nn.Linear(4, 3).eval()
    about = about_of(network, Batch(torch.randn(2, 4)), Architecture("mine", "a; b"))
    assert about == {"class": "torch.nn.modules.linear.Linear", "space": "mine", "architecture": "a; b"}
