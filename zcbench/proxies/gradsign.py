"""GradSign: whether the samples agree on the direction in which each weight should change.

If the optima of single samples lie close together, gradients at a random point agree in sign, and the paper bounds both
training and population loss by that distance. The size of the gradients is ignored.

Each sample is processed alone, so batch norm uses the statistics of that sample (a batch of one in train mode).

**The sign of what is zero.** Many gradients are zero by construction: those of a bias before batch norm, of the keys'
bias in attention. In floating point they are round-off, whose sign depends on the processor, and the paper does not
define how to treat them. Here a gradient counts as zero where it is at most ``zero`` times the largest gradient of the
same sample in the same row of its array. In a weight, a row holds the weights of one output. A vector (an array with at
most one dimension longer than one: a bias, the scales of a norm) has no rows, and all of it can be zero. It is compared
with the largest gradient in itself and in the four arrays before and after it, in the order of ``named_parameters``.
:data:`ZERO` lies between the measured sizes of round-off and of true gradients (docs/method.md). ``gradsign:zero=0`` is
the plain sign of the paper.

Deviations: the sum runs over all trainable parameters, as in the paper; a complex parameter counts as two real ones.
The authors' code excludes biases and batch norm. This code never stores the gradients of the whole batch, as theirs
does, except those of vectors.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional as F

from zcbench.errors import InvalidInputError
from zcbench.probe import Probe
from zcbench.proxies import register_proxy

_REFERENCE = "Zhang and Jia, 'GradSign', ICLR 2022, arXiv:2110.08616, algorithm 1"

#: Share of the largest gradient up to which a gradient is round-off.
ZERO = 1e-4
#: Number of arrays before and after a vector that it is compared with.
NEAR = 4


@register_proxy(
    "gradsign",
    version=2,
    cost="per-sample",
    needs_labels=True,
    batch_norm="per-sample",
    invariances=("sample-order",),
    ranges={"zero": (0.0, 1.0)},
    reference=_REFERENCE,
)
def gradsign(probe: Probe, *, zero: float = ZERO) -> float:
    """Sum over parameters k |sum over samples i of sign(dl_i/dw_k)|.

    A gradient counts as zero where it is at most ``zero`` times the largest gradient of the same sample in the same row
    (docs/method.md, "The sign of what is zero").

    Parameter: ``zero``, at least 0 and less than 1; 0 is the plain sign of the paper.
    """
    return float(sum(total.abs().sum(dtype=torch.float64) for total in sign_sums(probe, zero).values()))


@register_proxy(
    "gradsign_mean",
    version=2,
    cost="per-sample",
    needs_labels=True,
    batch_norm="per-sample",
    invariances=("sample-order",),
    ranges={"zero": (0.0, 1.0)},
    reference=f"{_REFERENCE}; averaged as in the authors' gradsign.py",
)
def gradsign_mean(probe: Probe, *, zero: float = ZERO) -> float:
    """Average over parameters k |sum over samples i of sign(dl_i/dw_k)|.

    This is the other of the two aggregations in the authors' code. It does not grow with the network, and parameters
    that the network never uses reduce it. Parameter: as for :func:`gradsign`.
    """
    totals = sign_sums(probe, zero).values()
    return gradsign(probe, zero=zero) / sum(total.numel() for total in totals)


def sign_sums(probe: Probe, zero: float = ZERO) -> dict[str, Tensor]:
    """Sum over the samples the signs of their gradients, by name of the parameter.

    Args:
        probe: the network and its batch.
        zero: share of the largest gradient up to which a gradient counts as zero, at least 0 and less than 1; see the
            module.

    Raises:
        InvalidInputError: ``zero`` is out of range.
    """
    if not 0 <= zero < 1:
        raise InvalidInputError(
            f"gradsign:zero={zero}: choose a share of the largest gradient, at least 0 and less than 1."
        )
    return probe.once(f"sign_sums:{zero}", lambda: _sign_sums(probe, zero))


def _sign_sums(probe: Probe, zero: float) -> dict[str, Tensor]:
    totals: dict[str, Tensor] = {}
    largest: dict[str, list[Tensor]] = defaultdict(list)  # by array, for each sample in order
    vectors: dict[str, list[Tensor]] = defaultdict(list)

    def count(name: str, signs: Tensor) -> None:
        totals[name] = totals[name] + signs.sum(0) if name in totals else signs.sum(0)

    def add(name: str, gradients: Tensor) -> None:
        shape = gradients.shape[1:]
        if gradients.is_complex():  # two real numbers each
            gradients = torch.view_as_real(gradients)
        if not zero or not gradients.numel():
            count(name, _signs(gradients, None))
        elif is_vector(shape):
            vectors[name].append(gradients)
            largest[name].append(gradients.reshape(len(gradients), -1).abs().amax(1))
        else:
            rows = gradients.flatten(2)
            # The larger of 0 and -0 may be either.
            tops = torch.maximum(rows.amax(2), -rows.amin(2)).abs_()
            largest[name].append(tops.amax(1))
            count(name, _signs(gradients, zero * tops))

    probe.each_sample_gradient(add)
    tops = {name: _joined(largest[name]) for name in probe.parameters if name in largest}
    gradients = {name: _joined(vectors[name]) for name in tops if name in vectors}
    for kind in dict.fromkeys((one.dtype, one.device) for one in gradients.values()):
        alike = {name: one for name, one in gradients.items() if (one.dtype, one.device) == kind}
        totals.update(_sums_of_vectors(alike, tops, zero))
    return totals


def _joined(parts: list[Tensor]) -> Tensor:
    return torch.cat(parts) if len(parts) > 1 else parts[0]


def _sums_of_vectors(vectors: dict[str, Tensor], tops: dict[str, Tensor], zero: float) -> dict[str, Tensor]:
    """Sum over samples the signs of vectors, all at once, because each is small and there are many.

    Args:
        vectors: gradients ``(batch, *shape)`` of one type, by name of the array.
        tops: largest gradient of every sample, by name, of all arrays in order.
        zero: share of the largest gradient of the near arrays up to which a gradient counts as zero.
    """
    first, places = next(iter(vectors.values())), {name: place for place, name in enumerate(tops)}
    wide = torch.promote_types(first.dtype, torch.float32)  # no maximum changes in this type
    of_all = torch.stack([top.to(first.device, wide) for top in tops.values()], 1)  # (batch, arrays)
    near = F.max_pool1d(of_all[None], 2 * NEAR + 1, stride=1, padding=NEAR)[0]
    values = torch.cat([one.reshape(len(one), -1) for one in vectors.values()], 1)
    sizes = [one[0].numel() for one in vectors.values()]
    columns = [near[:, places[name], None].expand(-1, size) for name, size in zip(vectors, sizes, strict=True)]
    sums = _signs(values, zero * torch.cat(columns, 1).to(first.dtype)).sum(0)
    parts = torch.split(sums, sizes)
    return {name: part.reshape(one.shape[1:]) for (name, one), part in zip(vectors.items(), parts, strict=True)}


def is_vector(shape: Sequence[int]) -> bool:
    """Return whether at most one dimension is longer than one."""
    return sum(size > 1 for size in shape) <= 1


def _signs(gradients: Tensor, threshold: Tensor | None) -> Tensor:
    """Return the signs of gradients above the threshold of their leading dimensions and 0 for the others."""
    # Three times as fast as torch.sign and comparisons.
    largest = torch.finfo(gradients.dtype).max
    if threshold is None:
        return (gradients * largest).mul_(largest).clamp_(-1, 1)  # any number but zero overflows
    scale = threshold.reciprocal().clamp_(max=largest)  # with a threshold of zero, all gradients are zero
    scaled = gradients * scale.view(*scale.shape, *(1,) * (gradients.dim() - scale.dim()))
    return F.hardshrink(scaled, 1.0).clamp_(-1, 1)
