"""Checks that an exported network computes the same as the network: trial inputs, and tolerances from rounding."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Sequence

import torch
from torch import Tensor, nn
from torch.utils._pytree import tree_leaves

from zcbench._foreign import Foreign
from zcbench.errors import InvalidInputError
from zcbench.probe.calling import invoke
from zcbench.types import Batch, Inputs

#: allowed difference, relative to the largest output; four units of rounding for other types
_RELATIVE = {torch.float64: 1e-10, torch.float32: 1e-5}
#: the exported network's error may be this many times the network's own, up to this multiple of the tolerance above
_TIMES, _MOST = 4, 10
#: standard deviation of the noise that is added to samples, relative to theirs
_NOISE = 0.5


class Trial:
    """Inputs with the network's outputs.

    Args:
        inputs: inputs in the network's form.
        size: number of samples.
        expected: tensors that the network returns, in order.
        tolerances: largest allowed difference of each tensor.
    """

    def __init__(self, inputs: Inputs, size: int, expected: Sequence[Tensor], tolerances: Sequence[float]) -> None:
        self.inputs, self.size = inputs, size
        self.expected, self.tolerances = list(expected), list(tolerances)

    def difference(self, given: Sequence[Tensor]) -> tuple[float, float]:
        """Return an exported network's largest difference, absolute and relative to the largest number of its tensor.

        Raises:
            InvalidInputError: it returns other tensors, or numbers that differ by more than rounding.
        """
        if [tuple(one.shape) for one in given] != [tuple(one.shape) for one in self.expected]:
            raise InvalidInputError(
                f"for {self.size} samples it returns tensors of the shapes {[tuple(one.shape) for one in given]}, but "
                f"the network returns {[tuple(one.shape) for one in self.expected]}."
            )
        largest = share = 0.0
        for one, other, tolerance in zip(given, self.expected, self.tolerances, strict=True):
            difference = _distance(one, other)
            if not difference <= tolerance:
                raise InvalidInputError(
                    f"for {self.size} samples its numbers differ from the network's by {difference:.2g}, but rounding "
                    f"explains only {tolerance:.2g}."
                )
            largest = max(largest, difference)
            share = max(share, difference / (_largest(other) or 1.0))
        return largest, share


def trials(network: nn.Module, example: Batch, *, dynamic: bool) -> list[Trial]:
    """Return the example and similar samples in batches of other sizes, with the network's outputs.

    Sizes that the network itself does not support are skipped.

    Args:
        network: in evaluation mode.
        example: inputs.
        dynamic: whether the number of samples may differ from the example's.

    Raises:
        InvalidInputError: the network cannot compute the example, returns no tensor, returns nan, or is not
            deterministic.
    """
    once, again = (_computed(network, example.inputs) for _ in range(2))
    try:
        Trial(example.inputs, len(example), once, [_tolerance(one, None) for one in once]).difference(again)
    except InvalidInputError:
        raise InvalidInputError(
            "the network returns different outputs for the same inputs: it draws random numbers or counts its calls, "
            "and an exported file could not be compared with it."
        ) from None
    exact = _doubled(network)
    found = [_trial(network, exact, example.inputs, len(example))]
    for inputs, size in _others(example, dynamic):
        with Foreign() as call:
            found.append(_trial(network, exact, inputs, size))
        if call.kind is not None:  # the network does not support the changed inputs, or the size
            continue
    return found


def _others(example: Batch, dynamic: bool) -> Iterator[tuple[Inputs, int]]:
    """Yield random rows of the example, with noise if they are real numbers, and without noise."""
    count = len(example)
    generator = torch.Generator().manual_seed(0)
    for size in dict.fromkeys((1, 2, 3, count, 2 * count + 1) if dynamic else (count,)):
        rows = torch.randint(count, (size,), generator=generator)

        def drawn(tensor: Tensor, rows: Tensor = rows, noise: float = 0.0) -> Tensor:
            taken = tensor[rows]
            if noise and tensor.is_floating_point():
                width = noise * float(tensor.double().std(correction=0))
                drawn = torch.randn(taken.shape, generator=generator, dtype=torch.float64) * width
                taken = (taken.double() + drawn).to(tensor.dtype)
            return taken

        yield example.map(lambda tensor, drawn=drawn: drawn(tensor, noise=_NOISE)), size  # type: ignore[misc]
        yield example.map(drawn), size


def _trial(network: nn.Module, exact: nn.Module | None, inputs: Inputs, size: int) -> Trial:
    expected = _computed(network, inputs)
    truth: Sequence[Tensor] = ()
    if exact is not None:
        with Foreign():  # the code may fix types of numbers
            truth = _computed(exact, Batch(inputs).map(lambda one: one.double() if one.is_floating_point() else one))
    known = [one.shape for one in truth] == [one.shape for one in expected]
    tolerances = [_tolerance(one, truth[place] if known else None) for place, one in enumerate(expected)]
    return Trial(inputs, size, expected, tolerances)


def _tolerance(expected: Tensor, exact: Tensor | None) -> float:
    """Return the tolerance of one tensor, from its largest number and the network's own rounding error."""
    if not (expected.is_floating_point() or expected.is_complex()):
        return 0.0
    relative = _RELATIVE.get(expected.dtype, 4 * torch.finfo(expected.dtype).eps)
    largest = _largest(expected)
    if exact is None:
        return relative * max(1.0, largest)
    own = _distance(expected, exact)
    return min(relative * largest + _TIMES * own, _MOST * relative * largest)


def _largest(tensor: Tensor) -> float:
    """Return the largest finite absolute value; 0 if there is none."""
    size = tensor.detach().abs().double()
    return float(size[size.isfinite()].max()) if size.isfinite().any() else 0.0


def _distance(one: Tensor, other: Tensor) -> float:
    """Return the largest absolute difference; infinities must be equal, and nan gives infinity."""
    a, b = (x.detach().to(torch.complex128 if x.is_complex() else torch.float64) for x in (one, other))
    gaps = torch.where(a == b, 0.0, (a - b).abs())
    if not gaps.numel():
        return 0.0
    return float("inf") if gaps.isnan().any() else float(gaps.max())


def _computed(network: nn.Module, inputs: Inputs) -> list[Tensor]:
    given = Batch(inputs).map(torch.clone)  # because the network may overwrite them
    output: object = None
    with Foreign() as call, torch.no_grad():
        output = invoke(network, given)
    if call.kind is not None:
        raise InvalidInputError(f"the network cannot compute the example: {call.said}")
    found = [one.detach().clone() for one in tree_leaves(output) if isinstance(one, Tensor)]
    if not found:
        raise InvalidInputError("the network returns no tensor: return a tensor, or a tuple or dictionary of tensors.")
    if any(one.isnan().any() for one in found):
        raise InvalidInputError("the network returns nan for the example: its weights or the inputs are not usable.")
    return found


def _doubled(network: nn.Module) -> nn.Module | None:
    """Return the network in float64; None if it cannot be copied, or already has this type."""
    found: nn.Module | None = None
    if all(one.dtype == torch.float64 for one in network.parameters() if one.is_floating_point()):
        return None
    with Foreign():
        found = copy.deepcopy(network)
        found.double()
    return found
