"""A Gaussian process over all curves of a task, with a latent Kronecker structure."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from zcbench.curves._base import CurvePredictor
from zcbench.curves._context import Context, Floats
from zcbench.curves._forecast import Forecast, Normals
from zcbench.curves._kronecker import Conditioned, Grid, Process
from zcbench.curves._register import register_curve_predictor

#: values are clipped to this range, in units, so that one diverging training does not affect the others
REACH = (-1.0, 2.0)
#: largest number of times on the grid; if there are more, they are rounded to integers
_TIMES = 128
#: number of curves and times for fitting hyper-parameters, and columns of codes in this fit
_CURVES, _LEARNED, _COLUMNS = 200, 24, 10
#: dimensions of the shared part, times by columns, in a forecast
_SHARED = 1_500
_STEPS, _ROUNDS = 30, 3
#: prior degrees of freedom of a curve's scale, and number of parts of a forecast
_FREEDOM, _PARTS = 5.0, 5
#: least standard deviation of noise, in units
_LEAST = 1e-4
#: limits of hyper-parameters, in standard deviations of the prior
_WITHIN = 4.0

#: mean and standard deviation of each hyper-parameter's prior; times are logarithms of epochs, values units
PRIOR: dict[str, tuple[float, float]] = {
    # There is one common curve, which hardly determines its own kernel, so that its prior is narrow.
    "shared": (math.log(0.25), 0.4),  # log standard deviation
    "shared_length": (math.log(3.0), 0.4),
    "own": (math.log(0.1), 1.0),  # log standard deviation of a curve's individual part
    "growth": (0.0, 0.5),  # its power of time
    "level": (0.0, 1.0),  # logits of its shares: constant, smooth; the third, rough, has 0
    "smooth": (0.0, 1.0),
    "smooth_length": (math.log(3.0), 0.7),
    "rough_length": (math.log(2.0), 0.7),
    "noise": (math.log(0.01), 1.0),  # log standard deviation
    "noise_growth": (0.0, 0.5),
    "coded": (0.0, 1.5),  # logit of the share of the individual part that codes explain
    "code_length": (0.0, 0.7),  # in root mean squares of distances between codes
}


@dataclass(frozen=True)
class _Task:
    """All curves in one table.

    Attributes:
        grid: values relative to their median, in units.
        centre: this median.
        codes: of configurations ``(curves, features)``, scaled to a root mean square distance of 1, or None.
    """

    grid: Grid
    centre: float
    codes: Tensor | None


@register_curve_predictor(
    "lkgp",
    reference="J. A. Lin et al., 'Scaling Gaussian Processes for Learning Curve Prediction via Latent Kronecker "
    "Structure', arXiv:2410.09239; own kernels and an exact solution",
)
class LKGP(CurvePredictor):
    """Gaussian process over curves and time: all curves of a task, complete or not, inform each other.

    A curve is the sum of a common curve and an individual part with noise, which are multiplied by the curve's scale.
    The common curve has a Matern kernel (3/2) and a constant over the logarithm of time. The individual part has a
    product of a kernel over curves and one over time. The kernel over time is a sum of a constant, a smooth (Matern
    5/2) and a rough (Matern 1/2) kernel over the logarithm of time with learned shares, times a power of time. The
    kernel over curves is 1 for a curve with itself and 0 for different curves. If every curve has a code of its
    configuration, a learned share of it is a squared exponential of the distance of codes. Without codes, curves are
    therefore exchangeable: only their values distinguish them. The scales make the individual part a multivariate t of
    five degrees of freedom, so that an outlying curve neither affects the others nor gets too narrow a spread.

    Hyper-parameters maximize the posterior probability given all curves, complete or not, of which 200 at 24 times are
    used. Conditioning on the values is exact. If there are more different codes than 1,500 divided by the number of
    times, the others are projected on codes that are far apart, and the projection's error is added to the individual
    part (E. Snelson and Z. Ghahramani, "Sparse Gaussian Processes using Pseudo-inputs", NeurIPS 2005). The paper has
    one kernel over codes and one over time, and neither a common curve nor scales.

    Complete curves are not needed: a single beginning is a Gaussian process over time.

    Args:
        codes: whether codes are used.
    """

    joint = True

    def __init__(self, codes: bool = True) -> None:
        self.codes = codes

    def fit(self, curves: Sequence[Context]) -> Self:
        """Store complete curves of the task, of which there may be none."""
        self.curves_ = [one for one in curves if len(one)]
        return self

    def predict(self, contexts: Sequence[Context], asked: Floats) -> Forecast:
        """Return Student's t as mixtures of five normal distributions, given all contexts and all complete curves."""
        if not len(contexts):
            return Normals.single(np.zeros(asked.shape), np.ones(asked.shape))
        curves = [*getattr(self, "curves_", ()), *contexts]
        with torch.no_grad():
            task = _task(curves, self.codes)
            conditioned, freedom = _conditioned(task, learned(task), _SHARED // len(task.grid.times))
            rows = torch.arange(len(curves) - len(contexts), len(curves))
            times = torch.as_tensor(np.array(asked, dtype=np.float64))
            mean, variance = conditioned.forecast(rows, times)
        return _student(task.centre + mean.numpy(), variance.sqrt().numpy(), freedom[rows].numpy())


def _task(curves: Sequence[Context], coded: bool) -> _Task:
    """Return curves as rows of a table."""
    every = np.unique(np.concatenate([one.times for one in curves]))
    every = every if len(every) else np.ones(1)
    whole = len(every) > _TIMES
    times = np.unique(np.round(every)) if whole else every
    sums, counts = np.zeros((len(curves), len(times))), np.zeros((len(curves), len(times)))
    for row, one in enumerate(curves):
        at = np.searchsorted(times, np.round(one.times) if whole else one.times)
        np.add.at(sums[row], at, np.clip(one.values, *REACH))
        np.add.at(counts[row], at, 1)
    seen = counts > 0
    values = sums / np.maximum(counts, 1)
    seen[:, 0] &= not _alike(values, seen)
    centre = float(np.median(values[seen])) if seen.any() else 0.5
    about = torch.as_tensor(np.where(seen, values - centre, 0.0))
    grid = Grid(torch.as_tensor(times), about, torch.as_tensor(seen))
    return _Task(grid, centre, _codes(curves) if coded else None)


def _alike(values: Floats, seen: NDArray[np.bool_]) -> bool:
    """Return whether all curves begin with the same value and then differ, like losses divided by their first value.

    Such a value contains no information, and no kernel has a variance that is 0 there and not shortly after.
    """
    first = values[seen[:, 0], 0]
    later = [values[rows, column] for column, rows in enumerate(seen.T) if column and rows.sum() > 1]
    return len(first) > 1 and np.ptp(first) < 1e-9 and (not later or any(np.ptp(one) > 1e-9 for one in later))


def _codes(curves: Sequence[Context]) -> Tensor | None:
    """Return codes of all curves, with unit variance of each feature, or None."""
    given = [one.code for one in curves if one.code is not None and np.isfinite(one.code).all()]
    if len(given) < len(curves) or len({len(one) for one in given}) > 1 or not len(given[0]):
        return None
    codes = np.array(given, dtype=np.float64)
    spread = codes.std(0)
    codes = (codes - codes.mean(0)) / np.where(spread > 1e-12, spread, 1.0)
    varied = int((spread > 1e-12).sum())
    return torch.as_tensor(codes / math.sqrt(2 * varied)) if varied else None


def learned(task: _Task) -> dict[str, Tensor]:
    """Return the hyper-parameters with the largest posterior probability, alternating with estimates of the scales."""
    from scipy.optimize import minimize

    part = _part(task)
    names = [name for name in PRIOR if part.codes is not None or not name.startswith("code")]
    means, spreads = (np.array([PRIOR[name][place] for name in names]) for place in (0, 1))
    scales = torch.ones(len(part.grid.values), dtype=torch.float64)

    def given(free: Tensor) -> dict[str, Tensor]:
        return dict(zip(names, free * torch.as_tensor(spreads) + torch.as_tensor(means), strict=True))

    def loss(raw: Floats) -> tuple[float, Floats]:
        with torch.enable_grad():
            free = torch.tensor(raw, requires_grad=True)
            try:
                process = _process(given(free), part, _COLUMNS, scales)
                total = free.square().sum() / 2 - Conditioned(process, part.grid).log_likelihood
            except RuntimeError:  # no Cholesky factor
                return 1e12, np.zeros(len(raw))
            (slope,) = torch.autograd.grad(total, free)
        if not (torch.isfinite(total) and torch.isfinite(slope).all()):
            return 1e12, np.zeros(len(raw))
        return float(total.detach()), slope.numpy()

    bounds, found = [(-_WITHIN, _WITHIN)] * len(names), np.zeros(len(names))
    for _ in range(_ROUNDS):
        options = {"maxiter": _STEPS, "ftol": 1e-6}
        found = minimize(loss, found, jac=True, method="L-BFGS-B", bounds=bounds, options=options).x
        chosen = given(torch.as_tensor(found))
        scales = _scales(Conditioned(_process(chosen, part, _COLUMNS, scales), part.grid))
    return chosen


def _scales(conditioned: Conditioned) -> Tensor:
    """Return the ratio of each curve's distance from the common one to its expectation, shrunk towards 1 ``(curves,)``.

    This is a step of expectation maximisation for a multivariate t (G. J. McLachlan and T. Krishnan, "The EM Algorithm
    and Extensions", 2008, section 5.8): λ² = (ν + squared distance) / (ν + values).
    """
    count = conditioned.grid.seen.sum(1)
    return ((_FREEDOM + conditioned.distances()) / (_FREEDOM + count)).sqrt()


def _conditioned(task: _Task, chosen: dict[str, Tensor], most: int) -> tuple[Conditioned, Tensor]:
    """Return the conditioned process, and degrees of freedom ``(curves,)``."""
    scales = torch.ones(len(task.grid.values), dtype=torch.float64)
    for _ in range(_ROUNDS):
        scales = _scales(Conditioned(_process(chosen, task, 0, scales), task.grid))
    return Conditioned(_process(chosen, task, most, scales), task.grid), _FREEDOM + task.grid.seen.sum(1)


def _student(means: Floats, spreads: Floats, freedom: Floats) -> Normals:
    """Return Student's t as mixtures of normal distributions with precisions at quantiles of a gamma distribution."""
    from scipy.special import gammaincinv

    levels = (np.arange(_PARTS) + 0.5) / _PARTS
    wide = 1 / np.sqrt(gammaincinv(freedom[:, None] / 2, levels) / (freedom[:, None] / 2))
    several = spreads[..., None] * wide[:, None]
    weights = np.broadcast_to(1 / _PARTS, several.shape)
    return Normals(weights, np.broadcast_to(means[..., None], several.shape), several)


def _part(task: _Task) -> _Task:
    """Select some curves at some times, independent of the order of curves."""
    grid = task.grid
    size = len(grid.times)
    times = np.arange(size)
    if size > _LEARNED:
        # Evenly by time and by its logarithm, each with its neighbour, because short changes determine the noise.
        logs = np.log(grid.times.numpy().clip(0.5))
        even = np.linspace(0, size - 2, _LEARNED // 4)
        late = np.interp(np.linspace(logs[0], logs[-2], _LEARNED // 4), logs, np.arange(size))
        first = np.unique(np.concatenate([even, late]).astype(int))
        times = np.unique(np.concatenate([first, first + 1]))
    seen = grid.seen.numpy()[:, times]
    rows = np.flatnonzero(seen.any(1)) if seen.any() else np.arange(1)
    if len(rows) > _CURVES:
        # Half of them those with the most values, the others evenly from the rest.
        values = grid.values.numpy()[rows]
        rows = rows[np.lexsort([*values.T, -seen[rows].sum(1)])]
        half = _CURVES // 2
        rows = np.concatenate([rows[:half], rows[np.linspace(half, len(rows) - 1, half).astype(int)]])
    kept = Grid(grid.times[times], grid.values[rows][:, times], grid.seen[rows][:, times])
    return _Task(kept, task.centre, None if task.codes is None else task.codes[rows])


def _process(given: dict[str, Tensor], task: _Task, most: int, scales: Tensor) -> Process:
    """Return the prior with these hyper-parameters and at most ``most`` columns for codes."""
    middle = float(_log(task.grid.times).mean())
    shares = torch.softmax(torch.stack([given["level"], given["smooth"], torch.zeros_like(given["level"])]), 0)

    def shared(a: Tensor, b: Tensor) -> Tensor:
        return torch.exp(2 * given["shared"]) * (1 + _matern(a, b, given["shared_length"], 3))

    def own(a: Tensor, b: Tensor) -> Tensor:
        form = shares[0] + shares[1] * _matern(a, b, given["smooth_length"], 5)
        form = form + shares[2] * _matern(a, b, given["rough_length"], 1)
        grown = [torch.exp(given["own"] + given["growth"] * (_log(one) - middle)) for one in (a, b)]
        return grown[0][..., :, None] * form * grown[1][..., None, :]

    def noise(a: Tensor) -> Tensor:
        return torch.exp(2 * (given["noise"] + given["noise_growth"] * (_log(a) - middle))) + _LEAST**2

    count = len(task.grid.values)
    columns, alone = torch.zeros(count, 0, dtype=torch.float64), torch.ones(count, dtype=torch.float64)
    if task.codes is not None and most:
        share = torch.sigmoid(given["coded"])
        columns = share.sqrt() * _columns(task.codes, given["code_length"], most)
        alone = (1 - columns.square().sum(1)).clamp(min=1e-6)
    return Process(shared, own, noise, columns, alone, scales)


def _log(times: Tensor) -> Tensor:
    return times.clamp(min=0.5).log()


def _matern(a: Tensor, b: Tensor, length: Tensor, twice: int) -> Tensor:
    """Return Matern's correlation of smoothness twice / 2 of logarithms of times (Rasmussen and Williams, eq. 4.17)."""
    gap = (_log(a)[..., :, None] - _log(b)[..., None, :]).abs() / length.exp() * math.sqrt(twice)
    powers = {1: torch.ones_like(gap), 3: 1 + gap, 5: 1 + gap + gap**2 / 3}[twice]
    return powers * torch.exp(-gap)


def _columns(codes: Tensor, length: Tensor, most: int) -> Tensor:
    """Return Φ where Φ Φᵀ is the squared exponential of codes, projected on distant codes if there are too many."""
    picked, nearest = [0], (codes - codes[0]).square().sum(1)
    while len(picked) < max(1, most) and float(nearest.max()) > 1e-12:
        picked.append(int(nearest.argmax()))
        nearest = torch.minimum(nearest, (codes - codes[picked[-1]]).square().sum(1))
    some = codes[picked]

    def kernel(a: Tensor, b: Tensor) -> Tensor:
        gap = (a[:, None] - b[None]).square().sum(-1)
        return torch.exp(-0.5 * gap / (2 * length).exp())

    inner = kernel(some, some) + 1e-8 * torch.eye(len(some), dtype=codes.dtype)
    root = torch.linalg.cholesky(inner)
    found: Tensor = torch.linalg.solve_triangular(root, kernel(some, codes), upper=False).T
    return found
