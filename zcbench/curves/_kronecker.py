"""Gaussian processes on curves x times: a partly observed Kronecker structure, solved exactly.

Curve i at time t is y_i(t) = g(t) + λ_i (h_i(t) + ε) with

    cov(g(t), g(t')) = A(t, t'),   cov(h_i(t), h_j(t')) = C_ij B(t, t'),   C = Φ Φᵀ + diag(d),

so that the covariance of all values on a grid is 11ᵀ ⊗ A + ΛCΛ ⊗ B. The covariance of the observed values is a
projection of it plus noise (a latent Kronecker structure: J. A. Lin, S. Ament, M. Balandat and E. Bakshy,
arXiv:2410.09239). The paper solves linear systems by conjugate gradients. Here the part that curves share has few
dimensions, one for each time of the grid and each column of Φ. Therefore Woodbury's identity gives the exact solution,
its marginal variances and the determinant at a cost that is linear in the number of curves (C. E. Rasmussen and C. K.
I. Williams, "Gaussian Processes for Machine Learning", 2006, appendix A.3).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

#: added to diagonals, relative to their mean
_JITTER = 1e-9
#: number of curves whose forecasts are computed at once
_AT_ONCE = 32

Covariance = Callable[[Tensor, Tensor], Tensor]


@dataclass(frozen=True)
class Process:
    """A prior over curves; all tensors are float64.

    Attributes:
        shared: A, from times ``(..., n)`` and ``(..., m)`` to ``(..., n, m)``.
        own: B, with the same shapes.
        noise: variance of the noise, from times ``(..., n)`` to the same shape.
        columns: Φ ``(curves, columns)``; there may be no column.
        alone: d ``(curves,)``, positive.
        scales: λ ``(curves,)``, positive.
    """

    shared: Covariance
    own: Covariance
    noise: Callable[[Tensor], Tensor]
    columns: Tensor
    alone: Tensor
    scales: Tensor


@dataclass(frozen=True)
class Grid:
    """Observed values.

    Attributes:
        times: times of the grid ``(times,)``.
        values: ``(curves, times)``; 0 where nothing was observed.
        seen: where a value was observed ``(curves, times)``, bool.
    """

    times: Tensor
    values: Tensor
    seen: Tensor


class Conditioned:
    """A prior, conditioned on observed values.

    Attributes:
        log_likelihood: log-likelihood of the observed values, nats.
    """

    def __init__(self, process: Process, grid: Grid) -> None:
        self.process, self.grid = process, grid
        seen = grid.seen.to(grid.values.dtype)
        size = len(grid.times)
        # Curves that were observed at the same times and have the same d and λ share a matrix.
        kinds = torch.stack([process.alone.detach(), process.scales], 1)
        keys, group = torch.unique(torch.cat([seen, kinds], 1), dim=0, return_inverse=True)
        first = torch.full((len(keys),), len(group), dtype=torch.long)
        first = first.scatter_reduce(0, group, torch.arange(len(group)), "amin")
        self._group, mask = group, seen[first]
        own = process.own(grid.times, grid.times)
        noise = torch.diag(process.noise(grid.times))
        both = mask[:, :, None] * mask[:, None, :]
        squares = process.scales[first, None, None].square()
        blocks = both * squares * (process.alone[first, None, None] * own + noise) + torch.diag_embed(1 - mask)
        self._roots = torch.linalg.cholesky(blocks)
        inverse = both * torch.cholesky_inverse(self._roots)
        self._root_shared = _root(process.shared(grid.times, grid.times))
        self._root_own = _root(own)
        solved = torch.cholesky_solve(grid.values[..., None], self._roots[group])[..., 0] * seen
        self._solved = solved
        # Precision of the shared part, whitened: I + Lᵀ (Σ_i φ_i φ_iᵀ ⊗ S_i⁻¹) L, with φ_i0 = 1 for g.
        columns = process.scales[:, None] * process.columns
        loads = torch.cat([torch.ones_like(process.alone)[:, None], columns], 1)
        width = loads.shape[1]
        pairs = (loads[:, :, None] * loads[:, None, :]).reshape(len(loads), -1)
        summed = torch.zeros(len(first), width * width, dtype=pairs.dtype).index_add(0, group, pairs)
        weight = (summed.T @ inverse.reshape(len(first), -1)).reshape(width, width, size, size)
        roots = torch.stack([self._root_shared, *[self._root_own] * (width - 1)])
        weight = torch.einsum("aut,abuv,bvw->atbw", roots, weight, roots).reshape(width * size, -1)
        self._precision = torch.linalg.cholesky(weight + torch.eye(width * size, dtype=weight.dtype))
        moved = torch.einsum("aut,au->at", roots, loads.T @ solved).reshape(-1, 1)
        half = torch.linalg.solve_triangular(self._precision, moved, upper=False)
        self._factor = torch.linalg.solve_triangular(self._precision.T, half, upper=True)[:, 0]
        logs = self._roots.diagonal(dim1=1, dim2=2).log().sum(1)[group].sum() + self._precision.diagonal().log().sum()
        fit = (grid.values * solved).sum() - half.square().sum()
        count = float(grid.seen.sum())
        self.log_likelihood: Tensor = -0.5 * fit - logs - 0.5 * count * torch.log(torch.tensor(2 * torch.pi))

    def common(self) -> Tensor:
        """Return the mean of g at the times of the grid ``(times,)``."""
        size = len(self.grid.times)
        found: Tensor = self._root_shared @ self._factor[:size]
        return found

    def distances(self) -> Tensor:
        """Return squared Mahalanobis distances ``(curves,)`` from the mean of g, by the covariance of h_i + ε."""
        grid = self.grid
        covariance = self.process.own(grid.times, grid.times) + torch.diag(self.process.noise(grid.times))
        gaps = (grid.values - self.common()) * grid.seen
        masks, group = torch.unique(grid.seen, dim=0, return_inverse=True)
        found = torch.zeros(len(gaps), dtype=gaps.dtype)
        for number, mask in enumerate(masks):
            if mask.any():
                rows = group == number
                root = torch.linalg.cholesky(covariance[mask][:, mask])
                white = torch.linalg.solve_triangular(root, gaps[rows][:, mask].T, upper=False)
                found[rows] = white.square().sum(0)
        return found

    def forecast(self, curves: Tensor, asked: Tensor) -> tuple[Tensor, Tensor]:
        """Return means and variances of future observations, including noise.

        Args:
            curves: numbers of some curves ``(n,)``.
            asked: times ``(n, times)``, on the grid or not.

        Returns:
            Two tensors ``(n, times)``.
        """
        parts = [
            self._forecast(curves[start : start + _AT_ONCE], asked[start : start + _AT_ONCE])
            for start in range(0, len(curves), _AT_ONCE)
        ]
        means, variances = zip(*parts, strict=True)
        return torch.cat(means), torch.cat(variances)

    def _forecast(self, curves: Tensor, asked: Tensor) -> tuple[Tensor, Tensor]:
        process, times = self.process, self.grid.times
        shared, own = process.shared(times, asked), process.own(times, asked)
        scales = process.scales[curves][:, None]
        mine = (scales.square() * process.alone[curves][:, None])[..., None]
        columns = scales * process.columns[curves]
        known = self.grid.seen[curves][:, :, None]
        # Given g and the columns' processes, a curve's own part depends only on its own values.
        of_own = mine * own * known
        solved = torch.cholesky_solve(of_own, self._roots[self._group[curves]]) * known
        white_shared = torch.linalg.solve_triangular(self._root_shared, shared, upper=False)
        white_own = torch.linalg.solve_triangular(self._root_own, own, upper=False)
        each = columns[:, :, None, None] * (white_own - self._root_own.T @ solved)[:, None]
        moved = torch.cat([white_shared - self._root_shared.T @ solved, each.flatten(1, 2)], 1)
        mean = torch.einsum("nft,f->nt", moved, self._factor)
        mean = mean + torch.einsum("nut,nu->nt", of_own, self._solved[curves])
        flat = moved.transpose(0, 1).flatten(1)
        spread = torch.linalg.solve_triangular(self._precision, flat, upper=False)
        variance = spread.square().sum(0).reshape(asked.shape)
        variance = variance + (_at(process.shared, asked) - white_shared.square().sum(1)).clamp(min=0)
        before = _at(process.own, asked)
        total = columns.square().sum(1, keepdim=True)
        variance = variance + total * (before - white_own.square().sum(1)).clamp(min=0)
        variance = variance + (mine[..., 0] * before - (of_own * solved).sum(1)).clamp(min=0)
        return mean, variance + scales.square() * process.noise(asked)


def _at(covariance: Covariance, times: Tensor) -> Tensor:
    """Return variances at times ``(n, times)``."""
    return covariance(times[..., None], times[..., None])[..., 0, 0]


def _root(matrix: Tensor) -> Tensor:
    """Return the Cholesky factor of a covariance, which may be singular to rounding."""
    size = matrix.diagonal().mean().detach()
    found: Tensor = torch.linalg.cholesky(matrix + _JITTER * size * torch.eye(len(matrix), dtype=matrix.dtype))
    return found
