"""Weights in safetensors: tied ones once, everything comes back, and what does not fit is a sentence."""

import json
import pickle

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from zcbench.errors import DataCorruptError, DataMissingError, InvalidInputError
from zcbench.supernets import load_weights
from zcbench.supernets.weights import packed, unpacked


class Tied(nn.Module):
    def __init__(self):
        super().__init__()
        self.embed, self.out = nn.Embedding(5, 4), nn.Linear(4, 5)
        self.out.weight = self.embed.weight
        self.register_buffer("mask", torch.full((2, 2), -torch.inf).triu(1))
        self.register_buffer("count", torch.tensor(3))
        self.register_buffer("view", torch.arange(12.0).view(3, 4).t()[1:])


def test_everything_comes_back_and_tied_weights_stand_there_once(tmp_path):
    network = Tied().half()
    content = packed(network, {"class": "Tied"})
    length = int.from_bytes(content[:8], "little")
    header = json.loads(content[8 : 8 + length])
    assert ("embed.weight" in header) != ("out.weight" in header)
    found, about = unpacked(content)
    assert about == {"class": "Tied"}
    for name, value in network.state_dict().items():
        assert found[name].dtype == value.dtype and torch.equal(found[name], value)
    (tmp_path / "a.safetensors").write_bytes(content)
    other = load_weights(Tied().half(), tmp_path / "a.safetensors")
    assert torch.equal(other.embed.weight, network.embed.weight) and other.out.weight is other.embed.weight


def test_slices_of_a_larger_tensor_are_written_alone():
    whole = torch.randn(1000, 1000)
    network = nn.Linear(2, 2, bias=False)
    network.weight = nn.Parameter(whole[:2, :2])
    content = packed(network, {})
    assert len(content) < 1000
    assert torch.equal(unpacked(content)[0]["weight"], whole[:2, :2])


def test_what_cannot_be_written_is_a_sentence():
    broken = nn.Linear(2, 2)
    broken.weight.data[0, 0] = torch.nan
    with pytest.raises(InvalidInputError, match="'weight' contains nan"):
        packed(broken, {})

    class Extra(nn.Linear):
        def get_extra_state(self):
            return {"epochs": 3}

        def set_extra_state(self, state): ...

    with pytest.raises(InvalidInputError, match="is a dict, but a file of weights contains tensors"):
        packed(Extra(2, 2), {})
    sparse = nn.Module()
    sparse.register_buffer("graph", torch.eye(3).to_sparse())
    with pytest.raises(InvalidInputError, match="not a dense tensor"):
        packed(sparse, {})


def test_what_cannot_be_read_is_a_sentence(tmp_path):
    path = tmp_path / "a.safetensors"
    with pytest.raises(DataMissingError, match="cannot be read"):
        load_weights(nn.Linear(2, 2), path)
    for content in (b"", b"{}", b"\xff" * 100, packed(nn.Linear(2, 2), {})[:-1]):
        path.write_bytes(content)
        with pytest.raises(DataCorruptError, match="no complete file of weights"):
            load_weights(nn.Linear(2, 2), path)


@pytest.mark.parametrize(
    "other", [nn.Linear(2, 3), nn.Linear(2, 2, bias=False), nn.Sequential(nn.Linear(2, 2))], ids=repr
)
def test_weights_of_another_network_are_refused_and_change_nothing(tmp_path, other):
    path = tmp_path / "a.safetensors"
    path.write_bytes(packed(nn.Linear(2, 2), {"class": "torch.nn.Linear", "architecture": "a|b"}))
    before = [one.clone() for one in other.parameters()]
    with pytest.raises(InvalidInputError, match="has the weights of a\\|b, which do not fit this network"):
        load_weights(other, path)
    assert all(map(torch.equal, before, other.parameters()))


def test_weights_of_another_type_and_nan_are_refused(tmp_path):
    network, path = nn.Linear(3, 2), tmp_path / "a.safetensors"
    for kind in (torch.float16, torch.float64, torch.int64):
        save_file({name: value.to(kind) for name, value in network.state_dict().items()}, path)
        before = network.weight.clone()
        with pytest.raises(InvalidInputError, match="which do not fit this network"):
            load_weights(network, path)
        assert torch.equal(network.weight, before)
    save_file({name: value * torch.nan for name, value in network.state_dict().items()}, path)
    with pytest.raises(DataCorruptError, match="contains nan in"):
        load_weights(network, path)


def test_a_file_that_runs_code_is_no_file_of_weights(tmp_path):
    class Evil:
        def __reduce__(self):
            return exec, (f"open({str(tmp_path / 'ran')!r}, 'w')",)

    torch.save({"weight": Evil()}, tmp_path / "a.pt")
    (tmp_path / "b.pt").write_bytes(pickle.dumps(Evil()))
    for name in ("a.pt", "b.pt"):
        with pytest.raises(DataCorruptError, match="not a safetensors file"):
            load_weights(nn.Linear(3, 2), tmp_path / name)
    assert not (tmp_path / "ran").exists()


def test_what_is_no_path_or_network_is_a_sentence(tmp_path):
    for path in (3, None, b"x"):
        with pytest.raises(InvalidInputError, match="give a path"):
            load_weights(nn.Linear(3, 2), path)
    with pytest.raises(InvalidInputError, match=r"give a torch\.nn\.Module"):
        load_weights(3, tmp_path / "a.safetensors")


def test_every_damage_of_a_weights_file_is_found(tmp_path):
    network, path, random = nn.Linear(30, 20), tmp_path / "a.safetensors", np.random.default_rng(0)
    whole = packed(network, {"class": "Linear"})
    for _ in range(200):
        content = bytearray(whole)
        where = int(random.integers(len(content)))
        if random.integers(3):
            content[where] ^= 1 << int(random.integers(8))
        else:
            del content[where : where + int(random.integers(1, 9))]
        path.write_bytes(content)
        with pytest.raises((DataCorruptError, InvalidInputError)):
            load_weights(network, path)
