"""Samples for training, calibrating and evaluating supernets: inputs of any form, and classes."""

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

#: target without a class, which is ignored in losses and accuracies
IGNORED = -100


def checked_inputs(what: str, inputs: Any) -> Inputs:
    """Check a tensor, a tuple of positional or a mapping of keyword arguments with equal numbers of samples.

    Raises:
        InvalidInputError: the inputs have another form, or no sample.
    """
    if not isinstance(inputs, Tensor | tuple | list | Mapping):
        kind = type(inputs).__name__
        advice = "for example with torch.as_tensor" if kind == "ndarray" else "or a tuple or a mapping of tensors"
        raise InvalidInputError(f"{what} are given as {kind}: give a tensor, {advice}.")
    batch = Batch(inputs)  # type: ignore[arg-type]
    tensors = [one for one in batch.tensors() if one.ndim]  # a single number is for all samples
    if not tensors:
        raise InvalidInputError(f"{what} contain no tensor: give a tensor, or a tuple or a mapping of tensors.")
    if len({len(one) for one in tensors}) > 1:
        shapes = ", ".join(str(tuple(one.shape)) for one in tensors)
        raise InvalidInputError(f"{what} are tensors of the shapes {shapes}: each needs the same number of samples.")
    if not len(tensors[0]):
        raise InvalidInputError(f"{what} have no sample: give some.")
    return batch.inputs


def checked_both(what: str, pair: Any) -> tuple[Inputs, Tensor]:
    """Check a pair in one argument like :func:`checked_pair`.

    Raises:
        InvalidInputError: it is not a pair of inputs and targets, or they do not fit together.
    """
    if not isinstance(pair, tuple | list) or len(pair) != 2:
        raise InvalidInputError(f"{what} are given as {type(pair).__name__}: give a pair, (inputs, targets).")
    return checked_pair(what, *pair)


def count(inputs: Inputs) -> int:
    """Return the number of samples."""
    return next(len(one) for one in Batch(inputs).tensors() if one.ndim)


def checked_pair(what: str, inputs: Any, targets: Any) -> tuple[Inputs, Tensor]:
    """Check inputs with one class each, or with one class for each position of each sample.

    Raises:
        InvalidInputError: they have another form, or do not fit together.
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
        raise InvalidInputError(f"every target of {what} is {IGNORED}, which means no class: give classes from 0 on.")
    if int(known.min()) < 0:
        raise InvalidInputError(f"a target of {what} is {int(known.min())}: give classes from 0 on.")
    return inputs, targets


def taken(inputs: Inputs, rows: Any) -> Inputs:
    """Return some of the samples, by a slice or by numbers."""

    def some(one: Tensor) -> Tensor:
        if not one.ndim:
            return one
        return one[rows.to(one.device) if isinstance(rows, Tensor) else rows]

    return Batch(inputs).map(some)


def placed(inputs: Inputs, like: Tensor | None) -> Inputs:
    """Return inputs on a parameter's device, with floating-point numbers in its precision."""
    if like is None:
        return inputs
    return Batch(inputs).map(lambda one: one.to(like.device, like.dtype if one.is_floating_point() else one.dtype))


def arguments(inputs: Inputs) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """Return positional and keyword arguments of a call."""
    if isinstance(inputs, Mapping):
        return (), dict(inputs)
    return (tuple(inputs) if isinstance(inputs, tuple) else (inputs,)), {}


def logits_of(output: object) -> Tensor:
    """Return a network's logits ``(batch, …, classes)``; the output may be an object with ``logits``.

    Raises:
        InvalidInputError: the network returns something else.
    """
    found = narrowed(output)
    if not isinstance(found, Tensor) or found.ndim < 2 or not found.is_floating_point():
        what = type(found).__name__ if not isinstance(found, Tensor) else f"the shape {tuple(found.shape)}"
        raise InvalidInputError(f"the network returns {what}: it must return logits (batch, …, classes).")
    return found


def flat(logits: Tensor, targets: Tensor) -> tuple[Tensor, Tensor]:
    """Return logits ``(n, classes)`` and targets ``(n,)``, with all positions of samples one after another.

    Raises:
        InvalidInputError: they do not fit together.
    """
    if logits.shape[:-1] != targets.shape:
        raise InvalidInputError(
            f"the network returns {tuple(logits.shape)} for targets of the shape {tuple(targets.shape)}: it must "
            f"return {tuple(targets.shape)} and a last axis for the classes."
        )
    return logits.flatten(0, -2), targets.flatten().long()


def check_classes(targets: Tensor, classes: int) -> None:
    """Refuse targets that are not classes of the network.

    Raises:
        InvalidInputError: a target is too large.
    """
    if int(targets.max()) >= classes:
        raise InvalidInputError(
            f"targets go up to {int(targets.max())}, but the network returns {classes} logits: give classes from 0 to "
            f"{classes - 1}."
        )


def digest(inputs: Inputs) -> str:
    """Return a digest of the numbers of all tensors, independent of their device, and of all other values."""
    if isinstance(inputs, Tensor):
        return _digest(inputs)
    named = inputs.items() if isinstance(inputs, Mapping) else enumerate(inputs)
    parts = [f"{name}={_digest(one) if isinstance(one, Tensor) else rules.shown(one)}" for name, one in named]
    return hashlib.blake2b(repr(parts).encode(), digest_size=8).hexdigest()


def _digest(values: Tensor) -> str:
    data = values.detach().cpu().contiguous().view(-1).view(torch.uint8).numpy()
    return hashlib.blake2b(data.tobytes(), digest_size=8).hexdigest()
