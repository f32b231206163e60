"""What supernets are trained, calibrated and judged with: inputs of any form, and classes."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from zcbench import _arguments as rules
from zcbench._display import many
from zcbench.errors import InvalidInputError
from zcbench.probe.calling import narrowed
from zcbench.types import Batch, Inputs

#: a target of no class; it counts neither in losses nor in accuracies
IGNORED = -100


def checked_inputs(what: str, inputs: Any) -> Inputs:
    """A tensor, a tuple of positional or a mapping of keyword arguments, whose tensors have as many samples.

    Raises:
        InvalidInputError: it is something else, or there is no sample.
    """
    if not isinstance(inputs, Tensor | tuple | list | Mapping):
        kind = type(inputs).__name__
        advice = "torch.as_tensor makes one of it" if kind == "ndarray" else "or a tuple or a mapping of tensors"
        raise InvalidInputError(f"{what} are given as {kind}: give a tensor, {advice}.")
    batch = Batch(inputs)  # type: ignore[arg-type]
    tensors = [one for one in batch.tensors() if one.ndim]  # a single number is for all samples
    if not tensors:
        raise InvalidInputError(f"{what} hold no tensor: give a tensor, or a tuple or a mapping of tensors.")
    if len({len(one) for one in tensors}) > 1:
        shapes = ", ".join(str(tuple(one.shape)) for one in tensors)
        raise InvalidInputError(f"{what} are tensors of the shapes {shapes}: each needs as many samples.")
    if not len(tensors[0]):
        raise InvalidInputError(f"{what} have no sample: give some.")
    return batch.inputs


def checked_both(what: str, pair: Any) -> tuple[Inputs, Tensor]:
    """As :func:`checked_pair`, of one argument.

    Raises:
        InvalidInputError: it is no pair of inputs and targets, or they do not go together.
    """
    if not isinstance(pair, tuple | list) or len(pair) != 2:
        raise InvalidInputError(f"{what} are given as {type(pair).__name__}: give a pair, (inputs, targets).")
    return checked_pair(what, *pair)


def count(inputs: Inputs) -> int:
    """Number of samples."""
    return next(len(one) for one in Batch(inputs).tensors() if one.ndim)


def checked_pair(what: str, inputs: Any, targets: Any) -> tuple[Inputs, Tensor]:
    """Inputs with a class each, or with a class for each place of each.

    Raises:
        InvalidInputError: they are none, or do not go together.
    """
    inputs = checked_inputs(what, inputs)
    if not isinstance(targets, Tensor):
        kind = type(targets).__name__
        raise InvalidInputError(f"targets of {what} are given as {kind}: give a tensor of classes.")
    samples = count(inputs)
    if not targets.ndim or len(targets) != samples:
        given = len(targets) if targets.ndim else 1
        raise InvalidInputError(
            f"{what} have {many(samples, 'sample')} and {many(given, 'target')}: give a target for each sample."
        )
    if targets.is_floating_point() or targets.is_complex() or targets.dtype == torch.bool:
        raise InvalidInputError(
            f"targets of {what} have the type {targets.dtype}: give classes, whole numbers from 0 on."
        )
    known = targets[targets != IGNORED]
    if not known.numel():
        raise InvalidInputError(
            f"every target of {what} is {IGNORED}, which stands for no class: give classes from 0 on."
        )
    if int(known.min()) < 0:
        raise InvalidInputError(f"a target of {what} is {int(known.min())}: give classes from 0 on.")
    return inputs, targets


def taken(inputs: Inputs, rows: Any) -> Inputs:
    """Some of the samples: a slice, or numbers."""

    def some(one: Tensor) -> Tensor:
        if not one.ndim:
            return one
        return one[rows.to(one.device) if isinstance(rows, Tensor) else rows]

    return Batch(inputs).map(some)


def placed(inputs: Inputs, like: Tensor | None) -> Inputs:
    """Inputs where a parameter lies; floating-point numbers in its precision, too."""
    if like is None:
        return inputs
    return Batch(inputs).map(lambda one: one.to(like.device, like.dtype if one.is_floating_point() else one.dtype))


def arguments(inputs: Inputs) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """Positional and keyword arguments of a call."""
    if isinstance(inputs, Mapping):
        return (), dict(inputs)
    return (tuple(inputs) if isinstance(inputs, tuple) else (inputs,)), {}


def logits_of(output: object) -> Tensor:
    """The logits that a network returns, ``(batch, …, classes)``; of an object with ``logits`` these.

    Raises:
        InvalidInputError: it returns something else.
    """
    found = narrowed(output)
    if not isinstance(found, Tensor) or found.ndim < 2 or not found.is_floating_point():
        what = type(found).__name__ if not isinstance(found, Tensor) else f"the shape {tuple(found.shape)}"
        raise InvalidInputError(f"the network returns {what}: it must return logits (batch, …, classes).")
    return found


def flat(logits: Tensor, targets: Tensor) -> tuple[Tensor, Tensor]:
    """Logits ``(n, classes)`` and targets ``(n,)``, places of samples one after another.

    Raises:
        InvalidInputError: they do not go together.
    """
    if logits.shape[:-1] != targets.shape:
        raise InvalidInputError(
            f"the network returns {tuple(logits.shape)} for targets of the shape {tuple(targets.shape)}: it must give "
            f"{tuple(targets.shape)} and one axis more, the classes."
        )
    return logits.flatten(0, -2), targets.flatten().long()


def check_classes(targets: Tensor, classes: int) -> None:
    """Refuse targets that are no class of the network's.

    Raises:
        InvalidInputError: one is.
    """
    if int(targets.max()) >= classes:
        raise InvalidInputError(
            f"targets go up to {int(targets.max())}, and the network gives {classes} logits: give classes from 0 to "
            f"{classes - 1}."
        )


def digest(inputs: Inputs) -> str:
    """Of the numbers of all tensors, wherever they lie, and of what stands beside them."""
    if isinstance(inputs, Tensor):
        return _digest(inputs)
    named = inputs.items() if isinstance(inputs, Mapping) else enumerate(inputs)
    parts = [f"{name}={_digest(one) if isinstance(one, Tensor) else rules.shown(one)}" for name, one in named]
    return hashlib.blake2b(repr(parts).encode(), digest_size=8).hexdigest()


def _digest(values: Tensor) -> str:
    data = values.detach().cpu().contiguous().view(-1).view(torch.uint8).numpy()
    return hashlib.blake2b(data.tobytes(), digest_size=8).hexdigest()
