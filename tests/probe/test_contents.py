"""Whatever is done to a tensor's contents, form or memory, by whatever way, is seen and undone."""

import pytest
import torch
from torch import Tensor, nn

from zcbench.probe import _contents
from zcbench.probe._contents import Contents, Together

TENSORS = {
    "matrix": lambda: torch.randn(3, 5),
    "channels last": lambda: torch.randn(4, 4, 3, 3).to(memory_format=torch.channels_last),
    "transposed": lambda: torch.randn(6, 6).t(),
    "large": lambda: torch.randn(300, 301),
    "with gaps": lambda: torch.randn(10, 10)[:, ::2],
    "expanded": lambda: torch.randn(5).expand(3, 5),
    "part of another": lambda: torch.randn(9)[1:4],
    "complex": lambda: torch.randn(4, dtype=torch.complex64),
    "integers": lambda: torch.arange(3),
    "one truth": lambda: torch.tensor(True),
    "bfloat16": lambda: torch.randn(3).bfloat16(),
    "nothing but nan": lambda: torch.full((3,), float("nan")),
    "float64": lambda: torch.randn(101, dtype=torch.float64),
    "eight bits": lambda: torch.randn(4).to(torch.float8_e4m3fn),
    "parameter": lambda: nn.Parameter(torch.randn(4, 4)),
}


def write(tensor: Tensor) -> None:
    """Flip a bit of its first number, behind torch's back."""
    storage, place = tensor.data.untyped_storage(), tensor.storage_offset() * tensor.itemsize
    storage[place] = storage[place] ^ 1


CHANGES = {
    "written": write,
    "other memory": lambda tensor: setattr(tensor, "data", tensor.data.clone()),
    "other form": lambda tensor: setattr(tensor, "data", torch.zeros(2, 2, dtype=tensor.dtype)),
    "shared": lambda tensor: tensor.data.share_memory_(),
    "freed": lambda tensor: tensor.data.untyped_storage().resize_(0),
}


def raw(tensor: Tensor) -> bytes:
    """Every bit, in the order of the dimensions."""
    return bytes(tensor.detach().contiguous().reshape(-1).view(torch.uint8).tolist())


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("kind", TENSORS)
@pytest.mark.parametrize("direct", [True, False])
def test_every_change_is_seen_and_undone(kind, change, direct, monkeypatch):
    if not direct:  # as on a GPU
        monkeypatch.setattr(_contents, "_is_direct", lambda _: False)
    torch.manual_seed(0)
    tensor, other = TENSORS[kind](), torch.randn(7)
    before, stride, version, address = raw(tensor), tensor.stride(), tensor._version, tensor.data_ptr()
    contents = Contents([other, tensor])
    both = Together([contents, Contents([torch.ones(2)])])
    assert contents.unchanged()
    assert both.unchanged()
    assert contents.restore() == []
    CHANGES[change](tensor)
    assert not contents.unchanged()
    assert not both.unchanged()
    restored = contents.restore()
    assert [id(one) for one in restored] == [id(tensor)]
    assert raw(tensor) == before
    assert tensor.stride() == stride
    assert tensor._version == version  # graphs that saved it stay valid
    assert (tensor.data_ptr() == address) or change in ("freed", "shared")
    assert contents.unchanged()


def test_only_what_was_changed_is_named():
    tensors = [torch.randn(4), torch.randn(100, 200), torch.randn(4), torch.randn(10, 10)[:, ::2]]
    contents = Contents(tensors)
    tensors[1].numpy()[0, 0] = 5
    tensors[3][0, 0] = 5
    assert [id(tensor) for tensor in contents.restore()] == [id(tensors[1]), id(tensors[3])]


def test_what_has_no_plain_memory_is_left_out():
    odd = [
        torch.eye(3).to_sparse(),
        torch.zeros(3, device="meta"),
        nn.UninitializedParameter(),
        torch.ones(2, dtype=torch.complex64).conj(),
        torch.ones(300),
        torch.ones(300),
    ]
    odd[-2].untyped_storage().resize_(0)
    odd[-1].untyped_storage().resize_(8)
    contents = Contents(odd)
    assert contents.tensors == []
    assert contents.unchanged()


@pytest.mark.parametrize(
    "change",
    [
        lambda t: t.data.mul_(2),
        lambda t: t.data.neg_(),
        lambda t: t.numpy().sort(axis=-1),
        lambda t: t.numpy().sort(axis=0),
        lambda t: t.data.copy_(t.flip(0).clone()),
        lambda t: t.view(-1).__setitem__(-1, 7.0),
        lambda t: t.view(-1).__setitem__(0, 7.0),
    ],
)
@pytest.mark.parametrize("shape", [(5, 7), (300, 256), (97, 31, 17)])
def test_sums_of_pieces_tell_changes_of_large_tensors(shape, change):
    tensor = torch.randn(shape, generator=torch.Generator().manual_seed(1))
    contents = Contents([tensor], copies=False)
    assert contents.unchanged()
    assert contents.unchanged(sampled=True)
    change(tensor)
    assert not contents.unchanged()


def test_a_sample_tells_what_changes_a_large_tensor_as_a_whole():
    tensor = torch.randn(300, 257)
    contents = Contents([tensor])
    tensor.data.mul_(0.5)
    assert not contents.unchanged(sampled=True)
    contents.restore()
    assert contents.unchanged(sampled=True)
