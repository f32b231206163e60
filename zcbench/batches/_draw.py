"""Drawing of samples, and checks of user-defined samples."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

import numpy as np

from zcbench import _arguments as rules
from zcbench._foreign import Foreign
from zcbench.batches._register import _BATCHES, BatchInfo, Chosen
from zcbench.errors import InvalidInputError
from zcbench.types import Batch

if TYPE_CHECKING:
    from torch import Tensor

#: target of positions without a prediction, which torch's cross-entropy ignores
IGNORED = -100
#: number of hexadecimal digits of a digest in the provenance
_DIGITS = 16


def get_batch(text: str, size: int | None, seed: int = 0) -> Batch:
    """Draw training samples at random.

    Args:
        text: name of a registered batch (``zcbench list batches``). Some accept a number: "cifar100@224" are images
            scaled to 224 pixels, "wikitext2@10000" has a vocabulary of 10,000 words.
        size: number of samples; None for all, in random order.
        seed: determines the samples. A smaller batch is the beginning of a larger one.

    Returns:
        Inputs and targets of the function of the batch. Images: ``(size, channels, height, width)`` float32 and class
        indices ``(size,)``. Texts: ids ``(size, length)`` and target ids of the same shape, -100 at positions without a
        prediction.

    Raises:
        UnknownNameError: there is no such batch.
        DataMissingError: the samples are not on this machine.
        InvalidInputError: there are fewer samples than ``size``, an argument is out of range, or the result of a
            user-defined function does not meet the requirements of :func:`register_batch`.
    """
    chosen: Chosen = _BATCHES.get(text)
    if size is not None:
        size = rules.whole("the size of a batch", size)
        if size < 1:
            raise InvalidInputError(f"a batch of {size} samples is impossible: the size must be at least 1.")
    seed = rules.seed("the seed", seed)
    ours = _BATCHES.is_built_in(chosen.info.name)
    inputs, targets = chosen.info.function() if ours else _strangers(chosen.info)
    count = len(targets)
    size = count if size is None else size
    if size > count:
        raise InvalidInputError(f"a batch of {size} samples: {chosen.label} has only {count} here.")
    end = "" if ours else f"/{chosen.info.version}-{_same_as_before(chosen.info, inputs, targets)}"
    if order := getattr(inputs, "order", ""):
        end += f"/{order}"
    rows = np.random.RandomState(seed).permutation(count)[:size]
    inputs, targets = inputs[rows], targets[rows]
    if ours:
        inputs, targets = _tensors(inputs, targets)
    if chosen.number is not None:
        inputs, targets = _resized(chosen, inputs, targets, ours)
        if not (ours or chosen.info.resizable is True):
            end += f"-{_digest(inputs, targets)}"  # a digest of the result of user-defined code
    return Batch(inputs, targets, provenance=f"{chosen.label}/train/{size} of {count}/seed {seed}{end}")


def _tensors(inputs: Any, targets: Any) -> tuple[Tensor, Tensor]:
    import torch

    return torch.from_numpy(np.ascontiguousarray(inputs)), torch.from_numpy(np.ascontiguousarray(targets))


def _strangers(info: BatchInfo) -> tuple[Tensor, Tensor]:
    found: Any = None
    with Foreign() as call:
        found = info.function()
    if call.kind is not None:
        raise InvalidInputError(f"the samples of the batch {info.name!r} could not be loaded: {call.said}")
    return checked(info, found)


def _same_as_before(info: BatchInfo, inputs: Tensor, targets: Tensor) -> str:
    """Return the digest of samples, which must be the same at every load, so that runs find their records again."""
    digest = _digest(inputs, targets)
    if _BATCHES.made.setdefault(info.name, digest) != digest:
        raise InvalidInputError(
            f"the batch {info.name!r} gave different samples than before: seed random numbers in its function, or "
            "register it again if the data have changed."
        )
    return digest


def _resized(chosen: Chosen, inputs: Tensor, targets: Tensor, ours: bool) -> tuple[Tensor, Tensor]:
    """Return inputs and targets after applying the number behind the name."""
    import torch

    info, number = chosen.info, chosen.number
    assert number is not None
    if info.resizable is True:
        size = (number, number)
        scaled = torch.nn.functional.interpolate(
            inputs, size=size, mode="bilinear", antialias=True, align_corners=False
        )
        return scaled.contiguous(), targets
    assert callable(info.resizable)
    if ours:
        inputs, targets = info.resizable(inputs, targets, number)
        return inputs, targets
    found: Any = None
    with Foreign() as call:
        found = info.resizable(inputs, targets, number)
    if call.kind is not None:
        raise InvalidInputError(f"the samples of {chosen.label} could not be resized: {call.said}")
    resized = checked(info, found)
    if len(resized[0]) != len(inputs):
        raise InvalidInputError(f"{chosen.label}: resizing made {len(resized[0])} samples of {len(inputs)}: keep all.")
    return resized


def checked(info: BatchInfo, found: Any) -> tuple[Tensor, Tensor]:
    """Convert the result of a user-defined function to torch tensors of the types of network inputs.

    Raises:
        InvalidInputError: it does not meet the requirements of :func:`register_batch`.
    """
    import torch

    what = f"the batch {info.name!r}"
    if not isinstance(found, (tuple, list)) or len(found) != 2:
        raise InvalidInputError(f"{what}: its function must return (inputs, targets), not {rules.shown(found)}.")
    inputs, targets = (
        as_numbers(f"{what}: its {name}", part) for name, part in zip(("inputs", "targets"), found, strict=True)
    )
    if inputs.dim() < 2 or targets.dim() < 1:
        shapes = f"inputs {tuple(inputs.shape)} and targets {tuple(targets.shape)}"
        raise InvalidInputError(
            f"{what} has {shapes}: give inputs (n, …), e.g. images (n, channels, height, width), and targets (n,)."
        )
    if len(inputs) != len(targets):
        raise InvalidInputError(f"{what} has {len(inputs)} inputs and {len(targets)} targets: give one target each.")
    if not inputs.numel() or not targets.numel():
        raise InvalidInputError(f"{what} has no samples: inputs {tuple(inputs.shape)}, targets {tuple(targets.shape)}.")
    for name, part in (("inputs", inputs), ("targets", targets)):
        if part.is_floating_point() and not bool(torch.isfinite(part).all()):
            row = int((~torch.isfinite(part)).reshape(len(part), -1).any(1).nonzero()[0])
            raise InvalidInputError(
                f"{what}: its {name} are nan or infinite in sample {row}: correct or remove such samples."
            )
    if info.resizable is True and (inputs.dim() != 4 or not inputs.is_floating_point()):
        raise InvalidInputError(
            f"{what} has inputs {tuple(inputs.shape)} of {_type(inputs)}: only images, floats (n, channels, height, "
            "width), can be resizable."
        )
    _check_labels(what, info.classes, targets)
    return inputs, targets


def _check_labels(what: str, classes: int | None, targets: Tensor) -> None:
    if targets.is_floating_point():
        if classes is not None:
            raise InvalidInputError(
                f"{what} has {classes} classes, and its targets are floats: give class indices, integers."
            )
        return
    if classes is None:
        raise InvalidInputError(
            f"{what} has targets that are integers: declare classes=N, or give floats for real targets."
        )
    wrong = ((targets < 0) & (targets != IGNORED)) | (targets >= classes)
    if bool(wrong.any()):
        raise InvalidInputError(
            f"{what}: its targets contain {int(targets[wrong][0])}, and it has {classes} classes: indices go from 0 to "
            f"{classes - 1}."
        )
    if bool((targets == IGNORED).all()):
        raise InvalidInputError(f"{what}: all its targets are {IGNORED}: there is no prediction target.")


def as_numbers(what: str, part: Any) -> Any:
    """Return a tensor on the processor: float32 of floats, int64 of integers.

    Args:
        what: its name in messages; the name of inputs ends in "inputs".
        part: an array or tensor.

    Raises:
        InvalidInputError: it contains other values, or small integers where inputs are expected.
    """
    import torch

    if not isinstance(part, torch.Tensor):
        part = torch.from_numpy(_array(what, part))
    if part.layout != torch.strided or part.is_quantized or part.is_complex() or part.is_meta:
        raise InvalidInputError(f"{what} are a tensor without plain numbers ({_type(part)}): give floats or integers.")
    part = part.detach()
    if part.is_floating_point():
        return part.to("cpu", torch.float32).contiguous()
    small = part.dtype in (torch.uint8, torch.int8)
    if part.dtype is torch.bool or (small and what.endswith("inputs")):
        images = (
            "give float32, images normalised (pixels / 255, less the mean, over the deviation), or int64 ids of words"
        )
        advice = images if what.endswith("inputs") else "give integers or floats"
        raise InvalidInputError(f"{what} are {_type(part)}: {advice}.")
    return part.to("cpu", torch.int64).contiguous()


def _array(what: str, part: Any) -> Any:
    """Convert to an array of a type that torch has, with the same numbers."""
    array: Any = None
    with Foreign() as call:  # a user-defined __array__
        array = np.asarray(part)
    if array is None or array.dtype.kind not in "fiub":
        why = call.said if call.kind is not None else f"it is {array.dtype}"
        raise InvalidInputError(f"{what} are not an array of numbers ({why}): give a numpy array or torch tensor.")
    if isinstance(part, np.ma.MaskedArray) and np.ma.is_masked(part):
        raise InvalidInputError(f"{what} are masked in places: remove such samples, or fill them.")
    if array.dtype.kind == "f":
        with np.errstate(over="ignore"):  # infinite values are refused later
            return np.array(array, np.float32)
    if array.dtype.itemsize == 1:
        return np.array(array)
    if array.size and array.max() > np.iinfo(np.int64).max:
        raise InvalidInputError(f"{what} contain {array.max()}: choose integers below 2 ** 63.")
    return np.array(array, np.int64)


def _type(tensor: Tensor) -> str:
    return str(tensor.dtype).removeprefix("torch.")


def _digest(*tensors: Tensor) -> str:
    """Return the digest of types, shapes and values."""
    found = hashlib.sha256()
    for tensor in tensors:
        found.update(f"{tensor.dtype}{tuple(tensor.shape)}".encode())
        found.update(tensor.contiguous().numpy().data)
    return found.hexdigest()[:_DIGITS]
