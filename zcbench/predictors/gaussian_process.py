"""Gaussian processes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from zcbench.errors import InvalidInputError
from zcbench.predictors._base import UncertainPredictor
from zcbench.predictors._register import register_predictor
from zcbench.predictors._targets import Floats

if TYPE_CHECKING:
    from zcbench.encodings import Encoding

#: Number of rows that determine the kernel's parameters; the process is then conditioned on all rows.
_TUNED = 800


@register_predictor(
    "gp", reference="C. Rasmussen, C. Williams, 'Gaussian Processes for Machine Learning', 2006, algorithm 2.1, eq. 5.9"
)
class GaussianProcess(UncertainPredictor):
    """Gaussian process whose kernel has one length scale for each joined encoding; parameters maximise the evidence.

    k(a, b) = signal · exp(-½ Σ_g ‖a_g - b_g‖² / (d_g ℓ_g²)) or Matérn's 5/2 of the same distance, plus noise on the
    diagonal; d_g is the number of columns of part g.

    Args:
        encoding: vectors.
        kernel: "rbf" or "matern".
        targets: "standard" or "ranks", as in :class:`VectorPredictor`.
        seed: determines the rows that tune the kernel if there are more than 800.
    """

    def __init__(
        self,
        encoding: str | Encoding = "onehot+stats+path",
        kernel: str = "matern",
        targets: str = "ranks",
        seed: int = 0,
    ) -> None:
        super().__init__(encoding, targets, seed)
        self.kernel = kernel

    def _learn(self, x: Floats, y: Floats) -> None:
        from scipy.linalg import cho_factor, cho_solve
        from scipy.optimize import minimize

        if self.kernel not in _KERNELS:
            raise InvalidInputError(f"kernel={self.kernel!r}: choose one of {', '.join(_KERNELS)}.")
        assert self.scaling_ is not None
        self.groups_ = np.unique(self.scaling_.groups)
        some = np.sort(np.random.default_rng(self.seed).permutation(len(y))[:_TUNED])
        parts = self._distances(x[some], x[some])
        mean = y.mean()
        best, lowest = np.zeros(2 + len(parts)), np.inf
        for length in (1.0, 3.0):
            start = np.log([1.0, 0.1, *[length**2] * len(parts)])
            bounds = [(-5.0, 5.0), (-9.0, 2.0)] + [(-3.0, 8.0)] * len(parts)
            found = minimize(self._evidence, start, (parts, y[some] - mean), jac=True, method="L-BFGS-B", bounds=bounds)
            if found.fun < lowest:
                best, lowest = found.x, float(found.fun)
        self.parameters_ = best
        self.mean_, self.x_ = mean, x
        covariance = self._covariance(self._distances(x, x)) + self._noise * np.eye(len(y))
        self.factor_ = cho_factor(covariance, lower=True)
        self.weights_ = cho_solve(self.factor_, y - mean)

    @property
    def _noise(self) -> float:
        return float(np.exp(self.parameters_[1])) + 1e-8

    def _distances(self, a: Floats, b: Floats) -> Floats:
        """Compute mean squared distances ``(parts, a, b)``."""
        from scipy.spatial.distance import cdist

        assert self.scaling_ is not None
        groups = [self.scaling_.groups == g for g in self.groups_]
        return np.stack([cdist(a[:, g], b[:, g], "sqeuclidean") / g.sum() for g in groups])

    def _covariance(self, parts: Floats) -> Floats:
        squared = np.tensordot(np.exp(-self.parameters_[2:]), parts, 1)
        value: Floats = np.exp(self.parameters_[0]) * _KERNELS[self.kernel](squared)[0]
        return value

    def _evidence(self, parameters: Floats, parts: Floats, y: Floats) -> tuple[float, Floats]:
        """Compute negative log evidence and its gradient in log signal, log noise, log squared length scales."""
        from scipy.linalg import cho_factor, cho_solve

        signal, noise, *inverse = np.exp([*parameters[:2], *-parameters[2:]])
        squared = np.tensordot(inverse, parts, 1)
        value, slope = _KERNELS[self.kernel](squared)
        covariance = signal * value
        covariance[np.diag_indices_from(covariance)] += noise + 1e-8
        factor = cho_factor(covariance, lower=True)
        weights = cho_solve(factor, y)
        result = 0.5 * y @ weights + np.log(np.diag(factor[0])).sum() + 0.5 * len(y) * np.log(2 * np.pi)
        rest = cho_solve(factor, np.eye(len(y))) - np.outer(weights, weights)
        common = -rest * slope * signal
        gradient = [
            0.5 * signal * (rest * value).sum(),
            0.5 * noise * np.trace(rest),
            *(0.5 * weight * (common * part).sum() for weight, part in zip(inverse, parts, strict=True)),
        ]
        return float(result), np.array(gradient)

    def _value_and_std(self, x: Floats) -> tuple[Floats, Floats]:
        from scipy.linalg import solve_triangular

        means, deviations = [], []
        for start in range(0, len(x), 2048):
            cross = self._covariance(self._distances(x[start : start + 2048], self.x_))
            means.append(cross @ self.weights_ + self.mean_)
            explained = solve_triangular(self.factor_[0], cross.T, lower=True)
            variance = np.exp(self.parameters_[0]) + self._noise - (explained**2).sum(0)
            deviations.append(np.sqrt(np.maximum(variance, 1e-12)))
        return np.concatenate(means), np.concatenate(deviations)


def _rbf(squared: Floats) -> tuple[Floats, Floats]:
    """Compute the kernel of squared distances, and its derivative in them."""
    value = np.exp(-0.5 * squared)
    return value, -0.5 * value


def _matern(squared: Floats) -> tuple[Floats, Floats]:
    root = np.sqrt(5 * squared)
    decay = np.exp(-root)
    return (1 + root + 5 / 3 * squared) * decay, -5 / 6 * (1 + root) * decay


_KERNELS = {"rbf": _rbf, "matern": _matern}
