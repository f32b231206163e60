"""Eigenvalues and singular values of many matrices; matrices of one shape are processed together.

Singular values are computed from a Gram matrix in float64, because a singular value decomposition takes longer, several
times for a matrix that is not square. Squaring loses half of the digits: singular values have an error of about 1e-8 of
the largest one, which itself is exact. Where the remaining digits do not suffice for a sum, the decomposition is
computed instead.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence

import torch
from torch import Tensor

#: Numbers that are processed together: 128 MiB in float64.
_TOGETHER = 2**24
#: Bound on the error of an eigenvalue of a Gram matrix, relative to the largest one. Measured: a fiftieth of it.
_ROUNDING = torch.finfo(torch.float64).eps
#: Largest relative error of a sum of singular values.
_ERROR = 1e-6


def stacked(tensors: Sequence[Tensor]) -> Iterator[tuple[list[int], Tensor]]:
    """Yield stacks of tensors of one shape with their places; large groups are split into several stacks."""
    places: dict[object, list[int]] = defaultdict(list)
    for at, tensor in enumerate(tensors):
        places[tensor.shape, tensor.dtype, tensor.device].append(at)
    for group in places.values():
        size = max(1, _TOGETHER // max(1, tensors[group[0]].numel()))
        for start in range(0, len(group), size):
            part = group[start : start + size]
            yield part, torch.stack([tensors[at] for at in part])


def gram(rows: Tensor) -> Tensor:
    """Return the smaller Gram matrix of ``(…, rows, columns)``; both have the same eigenvalues, except for zeros."""
    across = rows.transpose(-1, -2)
    return rows @ across if rows.shape[-2] < rows.shape[-1] else across @ rows


def eigenvalues(matrices: Sequence[Tensor]) -> list[Tensor]:
    """Compute the eigenvalues of symmetric matrices, ascending; nan for matrices with non-finite entries."""
    found: dict[int, Tensor] = {}
    for places, several in stacked(matrices):
        finite = several.isfinite().all(-1).all(-1)
        values = torch.linalg.eigvalsh(several.where(finite[:, None, None], 0.0))
        found.update(zip(places, values.where(finite[:, None], torch.nan), strict=True))
    return [found[at] for at in range(len(matrices))]


def largest_singular_values(matrices: Sequence[Tensor]) -> list[float]:
    """Compute the largest singular value of each matrix; nan for a matrix with non-finite entries."""
    tops = [value[-1].clamp(min=0).sqrt() for value in eigenvalues([gram(matrix.double()) for matrix in matrices])]
    return torch.stack(tops).tolist() if tops else []


def nuclear_norms(matrices: Sequence[Tensor]) -> list[float]:
    """Sum the singular values of each matrix; nan for a matrix with non-finite entries."""
    found = dict.fromkeys(range(len(matrices)), 0.0)
    # squares in float64 would lose digits of these
    exactly = [at for at, matrix in enumerate(matrices) if matrix.dtype is torch.float64]
    if others := [at for at in found if at not in set(exactly)]:
        sums, errors = zip(*map(_of_squares, eigenvalues([gram(matrices[at].double()) for at in others])), strict=True)
        found.update(zip(others, torch.stack(sums).tolist(), strict=True))
        exactly += [at for at, error in zip(others, torch.stack(errors).tolist(), strict=True) if error > _ERROR]
    found.update(zip(exactly, _decomposed([matrices[at].double() for at in exactly]), strict=True))
    return list(found.values())


def _of_squares(squares: Tensor) -> tuple[Tensor, Tensor]:
    """Sum the square roots, and bound the relative error of the sum."""
    squares = squares.clamp(min=0)
    roots, off = squares.sqrt(), _ROUNDING * squares[-1:]
    # An error e of a square is an error e / 2s of its root s, and at most the root of e.
    errors = torch.minimum(off.sqrt(), off / (2 * roots)).nan_to_num(0.0)
    total = roots.sum()
    return total, errors.sum() / total.clamp(min=torch.finfo(total.dtype).tiny)


def _decomposed(matrices: Sequence[Tensor]) -> list[float]:
    found: dict[int, Tensor] = {}
    for places, several in stacked(matrices):
        finite = several.isfinite().all(-1).all(-1)
        sums = torch.linalg.svdvals(several.where(finite[:, None, None], 0.0)).sum(-1)
        found.update(zip(places, sums.where(finite, torch.nan), strict=True))
    return torch.stack([found[at] for at in range(len(matrices))]).tolist() if matrices else []
