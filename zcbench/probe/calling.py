"""Find the tensor that is used as a network's output, whatever the network returns.

A tensor is the output. In an object or mapping, ``logits`` are the output, else its ``logits_per_image``, ``out`` or
``last_hidden_state``. Official networks return more: NAS-Bench-201's ``(features, logits)``, DARTS' ``(logits,
logits_aux)``. There the output is a floating-point tensor with two dimensions whose first one is the number of samples;
if there is none, a tensor with the fewest dimensions, at least two; else with one. Among several such tensors it is the
one that depends on the most trainable parameters: logits depend on more than the features before them, and on more than
the output of an auxiliary head. If there is still a tie, it is the last. Tuples, lists, mappings and dataclasses are
searched in order, to any depth. None, and values under names that begin with "aux", are excluded.

The place is determined from the network in evaluation mode on a few samples, never from targets. All passes, of single
samples and of training too, read the same place. :func:`chosen` overrides the rule.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, TypeAlias

import torch
from torch import Tensor, nn

from zcbench._arguments import shown
from zcbench.errors import InvalidInputError, UnsupportedModelError
from zcbench.types import Batch, OutputChoice, Shared

#: Path to a tensor inside a network's return value: indices and names.
Place: TypeAlias = tuple[int | str, ...]

_NAMED = ("logits", "logits_per_image", "out", "last_hidden_state")
#: Numbers of samples of the passes that show which tensors have a sample dimension.
_FEW = (2, 3)
_DEEPEST = 20


def invoke(model: nn.Module, inputs: object) -> object:
    """Call a network with a tensor, a tuple of positional arguments or a mapping of keyword arguments."""
    positional, named = arguments(inputs)
    return model(*positional, **named)


def arguments(inputs: object) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """Return positional and keyword arguments for the inputs of a batch, with the values of shared inputs."""

    def plain(part: Any) -> Any:
        return part.value if isinstance(part, Shared) else part

    if isinstance(inputs, Mapping):
        return (), {name: plain(part) for name, part in inputs.items()}
    return tuple(map(plain, inputs if isinstance(inputs, (tuple, list)) else (inputs,))), {}


def narrowed(output: object) -> object:
    """Return the part with one of the known names, such as ``logits``, or the output itself."""
    if isinstance(output, Tensor):
        return output
    for name in _NAMED:
        found = output.get(name) if isinstance(output, Mapping) else getattr(output, name, None)
        if found is not None:
            return narrowed(found) if found is not output else found
    return output


def chosen(output: object, choice: OutputChoice | None) -> Any:
    """Return the chosen part of a network's return value, or all of it without a choice.

    Args:
        output: the network's return value.
        choice: an index into a tuple, list or object, counted from its end if negative; a name in a mapping or object;
            a sequence of these, from the outside in; or a function of the whole.

    Raises:
        UnsupportedModelError: the part does not exist.
    """
    if choice is None:
        return output
    if callable(choice):
        return choice(output)
    for step in [choice] if isinstance(choice, (int, str)) else choice:
        found = _part(output, step)
        if found is None:
            names = [repr(name) if isinstance(name, str) else str(name) for name, _ in _parts(output)]
            there = f"with the parts {', '.join(names[:12])}" if names else "without parts"
            raise UnsupportedModelError(
                f"the network returned a {type(output).__name__} {there}: output={step!r} is none of them."
            )
        output = found
    return output


def _part(output: object, step: int | str) -> object:
    """Return a part by its index or name, also an attribute; None if it does not exist."""
    parts = list(_parts(output))
    if isinstance(step, int):
        return parts[step][1] if -len(parts) <= step < len(parts) else None
    named = dict(parts).get(step)
    found = getattr(output, step, None) if named is None else named
    return None if callable(found) else found


def check_choice(choice: object) -> None:
    """Raise InvalidInputError if a value cannot choose a part of a network's output."""
    steps = choice if isinstance(choice, (list, tuple)) and choice else [choice]
    if choice is None or callable(choice) or all(isinstance(step, (int, str)) for step in steps):
        return
    raise InvalidInputError(
        f"output={shown(choice)}: choose a name, an index, a sequence of these, or a function of the network's "
        "return value."
    )


def as_tensor(output: object, place: Place | None = None) -> Tensor:
    """Return the output tensor.

    Args:
        output: the network's return value.
        place: the place of the tensor, if it is neither the output itself nor named.

    Raises:
        UnsupportedModelError: there is no such tensor, or it is empty, a single number, or not real.
    """
    found = narrowed(output)
    if not isinstance(found, Tensor) and place is not None:
        found = _follow(found, place)
    if not isinstance(found, Tensor):
        raise UnsupportedModelError(
            f"the network returned {type(found).__name__}: it must return a tensor or an object with .logits."
        )
    if found.dim() == 0 or found.numel() == 0:
        what = "a single number" if found.dim() == 0 else f"an empty tensor of shape {tuple(found.shape)}"
        raise UnsupportedModelError(f"the network returned {what}: its output must have values for every sample.")
    if not found.is_floating_point():
        raise UnsupportedModelError(
            f"the network returned numbers of the type {found.dtype}: its output must be of a floating-point type."
        )
    return found


def find_place(returned: Sequence[tuple[int, object]]) -> Place:
    """Find the place of the output tensor; the module's docstring defines the rule.

    Args:
        returned: pairs of a number of samples and the network's return value for them, with its graph.

    Raises:
        UnsupportedModelError: the return value contains no suitable tensor.
    """
    found: dict[Place, Tensor] = {}
    for number, (samples, output) in enumerate(returned):
        fits = {place: tensor for place, tensor in _tensors(narrowed(output)) if _counts(tensor, samples)}
        found = fits if number == 0 else {place: tensor for place, tensor in found.items() if place in fits}
    if not found:
        kind = type(narrowed(returned[0][1])).__name__
        raise UnsupportedModelError(
            f"the network returned {kind} without a tensor that has values for every sample: it must return a "
            "tensor, an object with .logits, or a tuple that ends with such a tensor."
        )
    fewest = min((tensor.dim() for tensor in found.values() if tensor.dim() > 1), default=1)
    behind = {place: _parameters_behind(tensor) for place, tensor in found.items() if tensor.dim() == fewest}
    most = max(behind.values())
    return [place for place, number in behind.items() if number == most][-1]


def _parameters_behind(tensor: Tensor) -> int:
    """Count the leaves in the graph of a tensor."""
    reached, queue, leaves = {tensor.grad_fn}, [tensor.grad_fn], 0
    while queue:
        node = queue.pop()
        leaves += hasattr(node, "variable")
        for following, _ in () if node is None else node.next_functions:
            if following not in reached:
                reached.add(following)
                queue.append(following)
    return leaves


def settle(run: Callable[[int], object], samples: int) -> Place:
    """Find the place of a network's output tensor by passes of two and of three samples, or as many as there are.

    Args:
        run: from a number of samples to the network's return value for that many first samples, with its graph.
        samples: number of samples.
    """
    sizes = sorted({min(few, samples) for few in (*_FEW, max(samples - 1, 1))})[:2]
    try:
        returned = [(size, run(size)) for size in sizes]
    except Exception:  # a network that accepts whole batches only, or raises anyway
        returned = [(samples, run(samples))]
    return find_place(returned)


def output_of(model: nn.Module, batch: Batch, choice: OutputChoice | None = None) -> Tensor:
    """Return the output of a network, in its present mode, for a batch's first sample; without gradients.

    Args:
        model: the network.
        batch: its input.
        choice: the part of its return value that is used; see :func:`chosen`.

    Raises:
        UnsupportedModelError: it returns no suitable tensor.
    """
    with torch.no_grad():
        output = chosen(invoke(model, batch[:1].inputs), choice)
    if isinstance(narrowed(output), Tensor):
        return as_tensor(output)
    with torch.enable_grad():
        place = settle(lambda size: chosen(invoke(model, batch[:size].inputs), choice), len(batch))
    return as_tensor(output, place)


def alike(output: object, like: Tensor) -> Place:
    """Return the place of the first tensor whose shape equals that of ``like``, except for the number of samples.

    Raises:
        UnsupportedModelError: there is none.
    """
    for place, tensor in _tensors(narrowed(output)):
        if tensor.shape[1:] == like.shape[1:]:
            return place
    raise UnsupportedModelError(
        "the network has different return values in training and in evaluation: return one tensor."
    )


def _counts(tensor: Tensor, samples: int) -> bool:
    return tensor.is_floating_point() and tensor.dim() > 0 and tensor.shape[0] == samples and tensor.numel() > 0


def _parts(output: object) -> Iterator[tuple[int | str, object]]:
    if isinstance(output, Mapping):
        yield from ((str(name), part) for name, part in output.items())
    elif dataclasses.is_dataclass(output) and not isinstance(output, type):
        yield from ((field.name, getattr(output, field.name)) for field in dataclasses.fields(output))
    elif isinstance(output, (tuple, list)):
        names: Sequence[Any] = getattr(output, "_fields", range(len(output)))
        yield from zip(names, output, strict=False)


def _tensors(output: object, place: Place = ()) -> Iterator[tuple[Place, Tensor]]:
    if isinstance(output, Tensor):
        yield place, output
    elif len(place) < _DEEPEST:
        for name, part in _parts(output):
            if not (isinstance(name, str) and name.lower().startswith("aux")):
                yield from _tensors(part, (*place, name))


def _follow(output: object, place: Place) -> object:
    for step in place:
        output = next((part for name, part in _parts(output) if name == step), None)
    return output
