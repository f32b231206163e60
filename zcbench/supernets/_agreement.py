"""Whether an exported network computes what the network does: inputs to try, and what rounding explains."""

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

#: difference that is allowed, in units of the largest output; four units of rounding for types that are not here
_RELATIVE = {torch.float64: 1e-10, torch.float32: 1e-5}
#: the exported network may be so many times as inexact as the network itself, up to so many times the share above
_TIMES, _MOST = 4, 10
#: standard deviations of the noise that is added to samples
_NOISE = 0.5


class Trial:
    """Inputs, and what the network gives for them.

    Args:
        inputs: as the network takes them.
        size: number of samples.
        expected: tensors that it returns, in order.
        tolerances: largest difference of each from what an equal network returns.
    """

    def __init__(self, inputs: Inputs, size: int, expected: Sequence[Tensor], tolerances: Sequence[float]) -> None:
        self.inputs, self.size = inputs, size
        self.expected, self.tolerances = list(expected), list(tolerances)

    def difference(self, given: Sequence[Tensor]) -> tuple[float, float]:
        """Largest difference of what an exported network gives, and the largest as a share of its tensor's numbers.

        Raises:
            InvalidInputError: it gives other tensors, or numbers that differ by more than rounding.
        """
        if [tuple(one.shape) for one in given] != [tuple(one.shape) for one in self.expected]:
            raise InvalidInputError(
                f"for {self.size} samples it gives tensors of the shapes {[tuple(one.shape) for one in given]}, and "
                f"the network {[tuple(one.shape) for one in self.expected]}."
            )
        largest = share = 0.0
        for one, other, tolerance in zip(given, self.expected, self.tolerances, strict=True):
            difference = _distance(one, other)
            if not difference <= tolerance:
                raise InvalidInputError(
                    f"for {self.size} samples its numbers differ from the network's by {difference:.2g}, and rounding "
                    f"explains {tolerance:.2g}."
                )
            largest = max(largest, difference)
            share = max(share, difference / (_largest(other) or 1.0))
        return largest, share


def trials(network: nn.Module, example: Batch, *, dynamic: bool) -> list[Trial]:
    """The example, and samples like it in batches of other sizes, with what the network gives.

    Sizes that the network itself does not take are left out.

    Args:
        network: in evaluation mode.
        example: inputs.
        dynamic: whether the number of samples may be another than the example's.

    Raises:
        InvalidInputError: the network cannot compute the example, returns no tensor, gives nan, or gives something else
            each time.
    """
    once, again = (_computed(network, example.inputs) for _ in range(2))
    try:
        Trial(example.inputs, len(example), once, [_tolerance(one, None) for one in once]).difference(again)
    except InvalidInputError:
        raise InvalidInputError(
            "the network gives something else each time that it is called with the same inputs: it draws random "
            "numbers or counts its calls, and a file could not be compared with it."
        ) from None
    exact = _doubled(network)
    found = [_trial(network, exact, example.inputs, len(example))]
    for inputs, size in _others(example, dynamic):
        with Foreign() as call:
            found.append(_trial(network, exact, inputs, size))
        if call.kind is not None:  # inputs that were changed, or a size, that the network does not take
            continue
    return found


def _others(example: Batch, dynamic: bool) -> Iterator[tuple[Inputs, int]]:
    """Rows of the example, drawn anew, with noise where they are real numbers; and without."""
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
        with Foreign():  # types of numbers that are fixed in the code
            truth = _computed(exact, Batch(inputs).map(lambda one: one.double() if one.is_floating_point() else one))
    known = [one.shape for one in truth] == [one.shape for one in expected]
    tolerances = [_tolerance(one, truth[place] if known else None) for place, one in enumerate(expected)]
    return Trial(inputs, size, expected, tolerances)


def _tolerance(expected: Tensor, exact: Tensor | None) -> float:
    """Of one tensor: a share of its largest number, and what the network itself is off for rounding."""
    if not (expected.is_floating_point() or expected.is_complex()):
        return 0.0
    relative = _RELATIVE.get(expected.dtype, 4 * torch.finfo(expected.dtype).eps)
    largest = _largest(expected)
    if exact is None:
        return relative * max(1.0, largest)
    own = _distance(expected, exact)
    return min(relative * largest + _TIMES * own, _MOST * relative * largest)


def _largest(tensor: Tensor) -> float:
    """The largest finite absolute value; 0 where there is none."""
    size = tensor.detach().abs().double()
    return float(size[size.isfinite()].max()) if size.isfinite().any() else 0.0


def _distance(one: Tensor, other: Tensor) -> float:
    """The largest absolute difference; infinities must be the same, and nothing may be nan."""
    a, b = (x.detach().to(torch.complex128 if x.is_complex() else torch.float64) for x in (one, other))
    gaps = torch.where(a == b, 0.0, (a - b).abs())
    if not gaps.numel():
        return 0.0
    return float("inf") if gaps.isnan().any() else float(gaps.max())


def _computed(network: nn.Module, inputs: Inputs) -> list[Tensor]:
    given = Batch(inputs).map(torch.clone)  # which it may overwrite
    output: object = None
    with Foreign() as call, torch.no_grad():
        output = invoke(network, given)
    if call.kind is not None:
        raise InvalidInputError(f"the network cannot compute the example: {call.said}")
    found = [one.detach().clone() for one in tree_leaves(output) if isinstance(one, Tensor)]
    if not found:
        raise InvalidInputError("the network returns no tensor: return a tensor, or a tuple or dictionary of tensors.")
    if any(one.isnan().any() for one in found):
        raise InvalidInputError("the network gives nan for the example: its weights or the inputs are of no use.")
    return found


def _doubled(network: nn.Module) -> nn.Module | None:
    """The network in float64; None where it has no copy, or is of that type."""
    found: nn.Module | None = None
    if all(one.dtype == torch.float64 for one in network.parameters() if one.is_floating_point()):
        return None
    with Foreign():
        found = copy.deepcopy(network)
        found.double()
    return found
