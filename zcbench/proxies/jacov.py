"""Jacobian covariance: do different inputs pull the output in different directions?"""

from __future__ import annotations

import torch
from torch import Tensor

from zcbench.errors import UnsupportedModelError
from zcbench.probe import Probe
from zcbench.proxies import register_proxy

#: the authors' k, added to each eigenvalue
EPSILON = 1e-5


@register_proxy(
    "jacov",
    signals=("input_gradients",),
    reference="Mellor et al., 'Neural Architecture Search without Training', arXiv:2006.04647v1, section 3",
)
def jacov(probe: Probe) -> float:
    """Minus sum of log(v + k) + 1 / (v + k) over the eigenvalues v of the correlation of input gradients, k = 1e-5.

    Row n of the Jacobian is the gradient of the sum of all outputs with respect to input n. Identity correlation is
    best, -B; perfectly correlated gradients are worst, near -(B - 1) / k. The second term dominates. Batch norm in
    train mode couples the samples. Correlation and eigenvalues are taken in float64 with a symmetric solver: the
    authors' general one may return complex numbers. An input that no gradient reaches has no correlation: non-finite.
    """
    if len(probe.batch) < 2:
        raise UnsupportedModelError("jacov compares samples: the batch must hold at least two.")
    return correlation_score(probe.input_gradients)


def correlation_score(rows: Tensor) -> float:
    """The score for rows ``(batch, features)`` of a Jacobian; nan where a row is constant."""
    correlation = torch.corrcoef(rows.double())
    if not correlation.isfinite().all():
        return float("nan")
    eigenvalues = torch.linalg.eigvalsh(correlation) + EPSILON
    return float(-(eigenvalues.log() + 1 / eigenvalues).sum())
