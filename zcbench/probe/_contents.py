"""Contents of many tensors, stored to detect and undo any change, however it was made.

Version counters count in-place operations, but not changes through ``.data`` or a NumPy view. Therefore the memory
itself is compared: half a microsecond for a small tensor, one pass through memory for a large one.
"""

from __future__ import annotations

import ctypes
import sys
from collections.abc import Iterable, Iterator
from itertools import chain
from typing import Any, NamedTuple

import torch
from torch import Tensor

#: Largest number of bytes for which tensors on accelerators are joined before they are compared.
_SMALL = 1 << 16
#: Numbers in a piece that is summed.
_PIECE = 251
#: A sample reads one of this many pieces.
_SAMPLED = 16
_INTEGERS = {8: torch.int64, 4: torch.int32, 2: torch.int16, 1: torch.uint8}


def _load_memcmp() -> Any:
    library = ctypes.PyDLL("msvcrt" if sys.platform == "win32" else None)
    library.memcmp.argtypes = [ctypes.c_void_p, ctypes.c_void_p, ctypes.c_size_t]
    library.memcmp.restype = ctypes.c_int
    return library.memcmp


_memcmp = _load_memcmp()


class _Joined(NamedTuple):
    """Small tensors of one type and device: their places, flat views of their memory, and their contents in one row."""

    places: list[int]
    views: list[Tensor]
    kept: Tensor

    def compared(self) -> tuple[Tensor, Tensor]:
        """Return the current and the stored contents."""
        return torch.cat(self.views), self.kept

    def different(self) -> list[bool]:
        """Return which of them differ; the device is read once."""
        differs = (torch.cat(self.views) != self.kept).cpu()
        return [bool(part.any()) for part in torch.split(differs, [view.numel() for view in self.views])]


class _Alone(NamedTuple):
    """A large tensor: its place, its memory as integers, the sums of its pieces, and a copy if it is to be restored.

    Sums take one pass through one memory, while a comparison takes two: half the time.
    """

    place: int
    bits: Tensor
    sums: Tensor
    copy: Tensor | None

    def compared(self, *, sampled: bool) -> tuple[Tensor, Tensor]:
        """Return the current and the stored sums."""
        if not sampled or self.bits.dim() != 1:
            return _sums(self.bits), self.sums
        pieces = self.bits.numel() // _PIECE
        some = self.bits[: pieces * _PIECE].view(-1, _PIECE)[::_SAMPLED]
        return some.sum(1, dtype=torch.int64), self.sums[:pieces:_SAMPLED]


class Contents:
    """The present contents of some tensors, and their memory.

    Tensors without plain memory (sparse, quantized, on the meta device, freed, of a foreign subclass) are excluded.

    Args:
        tensors: the tensors.
        copies: whether large tensors are copied, so that they can be restored. Changes are detected by sums over
            pieces, which miss only changes that are designed to be missed.
    """

    def __init__(self, tensors: Iterable[Tensor], *, copies: bool = True) -> None:
        self.tensors = [tensor for tensor in tensors if _is_plain(tensor)]
        # Through .data, so that writing does not raise the version: graphs that saved the tensor stay valid.
        self._memory = [tensor.data for tensor in self.tensors]
        self._addresses = list(map(Tensor.data_ptr, self.tensors))
        self._strides = list(map(Tensor.stride, self.tensors))
        self._numbers = list(map(Tensor.numel, self.tensors))
        self._copies: dict[int, Tensor] = {}  # of tensors that are dense in CPU memory
        self._alone: list[_Alone] = []
        small: dict[tuple[torch.dtype, torch.device], tuple[list[int], list[Tensor]]] = {}
        for place, memory in enumerate(self._memory):
            little = memory.nbytes <= _SMALL
            if little and _is_direct(memory):
                self._copies[place] = memory.clone()  # in the same order of dimensions
            elif little and memory.is_contiguous():
                bits = _bits(memory)
                places, views = small.setdefault((bits.dtype, bits.device), ([], []))
                places.append(place)
                views.append(bits)
            else:
                bits = _bits(memory)
                self._alone.append(_Alone(place, bits, _sums(bits), bits.clone() if copies else None))
        self._joined = [_Joined(places, views, torch.cat(views)) for places, views in small.values()]
        self._aim()

    def _aim(self) -> None:
        """Prepare the direct comparison: addresses of memory and of its copy, and bytes."""
        self._compared = (
            [self._addresses[place] for place in self._copies],
            [copy.data_ptr() for copy in self._copies.values()],
            [copy.nbytes for copy in self._copies.values()],
        )

    def unchanged(self, *, sampled: bool = False) -> bool:
        """Return whether all contents, forms and memory are the same; ``sampled`` compares parts of large ones only."""
        return (
            self._has_same_forms()
            and not any(map(_memcmp, *self._compared))
            and next(_different(self._pairs(sampled)), None) is None
        )

    def _pairs(self, sampled: bool) -> Iterator[tuple[int, Tensor, Tensor]]:
        yield from ((0, *joined.compared()) for joined in self._joined)
        yield from ((0, *alone.compared(sampled=sampled)) for alone in self._alone)

    def _has_same_forms(self) -> bool:
        return (
            list(map(Tensor.data_ptr, self.tensors)) == self._addresses  # otherwise they may have been freed
            and list(map(Tensor.stride, self.tensors)) == self._strides
            and list(map(Tensor.numel, self.tensors)) == self._numbers
        )

    def restore(self) -> list[Tensor]:
        """Restore changed contents, and return the changed :attr:`tensors`."""
        return [] if self.unchanged() else self.rewrite()

    def rewrite(self) -> list[Tensor]:
        """Restore as :meth:`restore` does, if some tensors are known to have changed."""
        changed = {*self._restore_storages()}
        for (place, copy), differs in zip(self._copies.items(), map(_memcmp, *self._compared), strict=True):
            if differs:
                self._memory[place].copy_(copy)
                changed.add(place)
        for joined in self._joined:
            parts = torch.split(joined.kept, [view.numel() for view in joined.views])
            rows = zip(joined.places, joined.views, parts, joined.different(), strict=True)
            for place, view, part, differs in rows:
                if differs:
                    view.copy_(part)
                    changed.add(place)
        copied = {alone.place: (alone.bits, alone.copy) for alone in self._alone if alone.copy is not None}
        for place in _different((place, *both) for place, both in copied.items()):
            bits, copy = copied[place]
            bits.copy_(copy)
            changed.add(place)
        for place, (tensor, memory) in enumerate(zip(self.tensors, self._memory, strict=True)):
            if not tensor.is_set_to(memory) or tensor.dtype != memory.dtype:
                tensor.data = memory
                changed.add(place)
        return [self.tensors[place] for place in sorted(changed)]

    def _restore_storages(self) -> list[int]:
        """Follow storages that were moved, and allocate memory that was freed; return the places of such tensors."""
        found = []
        for place, memory in enumerate(self._memory):
            if memory.data_ptr() != self._addresses[place]:
                needed = _needed(memory)
                if memory.untyped_storage().nbytes() < needed:  # one in shared memory was moved, and has no other size
                    memory.untyped_storage().resize_(needed)
                self._addresses[place] = memory.data_ptr()
                found.append(place)
        if found:
            self._aim()
        return found


def _different(pairs: Iterable[tuple[int, Tensor, Tensor]]) -> Iterator[int]:
    """Yield the places of the pairs that differ. Accelerators are read once, not for every pair."""
    later: dict[torch.device, list[tuple[int, Tensor]]] = {}
    for place, now, before in pairs:
        if now.is_cpu:
            if not torch.equal(now, before):
                yield place
        else:
            later.setdefault(now.device, []).append((place, (now != before).any()))
    for flags in later.values():
        for (place, _), differs in zip(flags, torch.stack([flag for _, flag in flags]).tolist(), strict=True):
            if differs:
                yield place


class Together(Contents):
    """Several contents that are compared at once; it must be created again after they were restored."""

    def __init__(self, parts: Iterable[Contents]) -> None:
        self._parts = parts = list(parts)  # the parts own the copies whose addresses are compared
        self.tensors = [tensor for part in parts for tensor in part.tensors]
        self._memory = [memory for part in parts for memory in part._memory]
        self._strides = [stride for part in parts for stride in part._strides]
        self._numbers = [number for part in parts for number in part._numbers]
        self._addresses = [address for part in parts for address in part._addresses]
        first, second, sizes = (list(chain.from_iterable(part._compared[i] for part in parts)) for i in range(3))
        self._compared = (first, second, sizes)
        self._joined = [joined for part in parts for joined in part._joined]
        self._alone = [alone for part in parts for alone in part._alone]


def _is_plain(tensor: Tensor) -> bool:
    if torch.nn.parameter.is_lazy(tensor):
        return False
    if (
        tensor.layout is not torch.strided
        or tensor.is_meta
        or tensor.is_quantized
        or tensor.is_conj()
        or tensor.is_neg()
    ):
        return False
    if type(tensor).__torch_dispatch__ is not torch._C._disabled_torch_dispatch_impl:
        return False  # a subclass may store its numbers elsewhere
    return tensor.untyped_storage().nbytes() >= _needed(tensor)  # otherwise its memory was freed


def _needed(memory: Tensor) -> int:
    """Return the number of bytes that a tensor's storage must have."""
    if not memory.numel():
        return 0
    last = sum((size - 1) * stride for size, stride in zip(memory.shape, memory.stride(), strict=True))
    return int(memory.storage_offset() + last + 1) * memory.itemsize


def _is_direct(memory: Tensor) -> bool:
    """Return whether the CPU can compare it byte by byte."""
    return memory.is_cpu and (memory.is_contiguous() or _is_dense(memory))


def _bits(memory: Tensor) -> Tensor:
    """View memory as integers: nan equals itself, and wide integers are compared faster."""
    if memory.is_complex():
        memory = torch.view_as_real(memory)
    for dimension, stride in enumerate(memory.stride()):
        if stride == 0 and memory.shape[dimension]:  # expanded: one entry represents all
            memory = memory.narrow(dimension, 0, 1)
    if not _is_dense(memory):
        return memory.view(_INTEGERS[memory.itemsize])
    flat = memory.as_strided((memory.numel(),), (1,))
    size, offset = flat.nbytes, flat.storage_offset() * flat.itemsize
    return flat.view(next(_INTEGERS[width] for width in _INTEGERS if size % width == 0 and offset % width == 0))


def _is_dense(memory: Tensor) -> bool:
    """Return whether it fills a contiguous range of memory, in any order of dimensions."""
    expected = 1
    for stride, size in sorted(zip(memory.stride(), memory.shape, strict=True)):
        if size > 1:
            if stride != expected:
                return False
            expected *= size
    return True


def _sums(bits: Tensor) -> Tensor:
    """Sum pieces whose length is prime, so that sorting along any dimension moves numbers between pieces."""
    flat = bits.reshape(-1)
    whole = flat.numel() // _PIECE * _PIECE
    return torch.cat([flat[:whole].view(-1, _PIECE).sum(1, dtype=torch.int64), flat[whole:].to(torch.int64)])
