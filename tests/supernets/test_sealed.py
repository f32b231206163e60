"""A file that was changed in any bit is refused."""

import json

import pytest
import torch
from safetensors.torch import save

from zcbench.errors import DataCorruptError
from zcbench.supernets._sealed import opened, sealed

TENSORS = {
    "b": torch.arange(6.0).view(2, 3).t(),
    "a": torch.tensor(3),
    "none": torch.zeros(0, 2),
    "h": torch.ones(3).bfloat16(),
}


def test_everything_comes_back():
    tensors, texts = opened(sealed(TENSORS, {"about": "ä"}), strict=True)
    assert texts == {"about": "ä"} and set(tensors) == set(TENSORS)
    assert all(
        torch.equal(tensors[name], value) and tensors[name].dtype == value.dtype for name, value in TENSORS.items()
    )


def test_every_bit_counts():
    content = sealed({"a": torch.arange(2.0)}, {"about": "x"})
    changed = 0
    for place in range(8 * len(content)):
        damaged = bytearray(content)
        damaged[place // 8] ^= 1 << place % 8
        try:
            tensors, texts = opened(bytes(damaged), strict=True)
        except DataCorruptError:
            changed += 1
        else:  # spaces that fill the header up
            assert texts == {"about": "x"} and torch.equal(tensors["a"], torch.arange(2.0))
    assert changed > 8 * (len(content) - 8)


def test_files_of_other_programs():
    content = save({"a": torch.ones(2)}, {"about": "x"})
    assert opened(content, strict=False)[1] == {"about": "x"}
    with pytest.raises(DataCorruptError, match="no digest"):
        opened(content, strict=True)
    for odd in (b"", b"\xff" * 20, json.dumps({}).encode(), (2).to_bytes(8, "little") + b"[]"):
        with pytest.raises(DataCorruptError, match="it is not a safetensors file"):
            opened(odd, strict=False)
