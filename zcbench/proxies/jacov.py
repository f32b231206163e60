"""Correlations of input gradients: whether different inputs change the output in different directions.

Row n of the Jacobian is the gradient of the sum of all outputs with respect to input n; for inputs that are tokens,
with respect to their embeddings. Batch norm in train mode couples the samples. An input that receives no gradient has
no correlation: the score is non-finite.
"""

from __future__ import annotations

import torch
from torch import Tensor

from zcbench.errors import UnsupportedModelError
from zcbench.probe import Probe
from zcbench.proxies import register_proxy

#: the authors' k, added to each eigenvalue and each correlation
EPSILON = 1e-5


@register_proxy(
    "jacov",
    signals=("input_gradients",),
    invariances=("sample-order",),
    reference="Mellor et al., 'Neural Architecture Search without Training', arXiv:2006.04647v1, section 3",
)
def jacov(probe: Probe) -> float:
    """Compute minus the sum of log(v + k) + 1 / (v + k) over the eigenvalues v of the correlation of input gradients.

    k = 1e-5. The identity correlation is best, -B; perfectly correlated gradients are worst, near -(B - 1) / k. The
    second term dominates. Correlation and eigenvalues are computed in float64 with a symmetric solver, because the
    general solver of the authors may return complex numbers.
    """
    if len(probe.batch) < 2:
        raise UnsupportedModelError("jacov compares samples: the batch must hold at least two.")
    return correlation_score(probe.input_gradients)


def correlation_score(rows: Tensor) -> float:
    """Compute the score for rows ``(batch, features)`` of a Jacobian; nan where a row is constant."""
    correlation = torch.corrcoef(rows.double())
    if not correlation.isfinite().all():
        return float("nan")
    eigenvalues = torch.linalg.eigvalsh(correlation) + EPSILON
    return float(-(eigenvalues.log() + 1 / eigenvalues).sum())


@register_proxy(
    "epe_nas",
    needs_labels=True,
    signals=("input_gradients", "outputs"),
    invariances=("sample-order", "class-names"),
    ranges={"many": (1, 10**9)},
    reference="Lopes et al., 'EPE-NAS', ICANN 2021, arXiv:2102.08099, equations 3 to 5",
)
def epe_nas(probe: Probe, *, many: int = 100) -> float:
    """Sum over classes c |s_c|, with s_c = sum of log(|C| + k) over the correlations C within the class, k = 1e-5.

    With more than ``many`` classes the paper uses another formula: the sum of |s_c - s_d| over pairs of classes,
    divided by the number of classes, with s_c divided by the number of samples of the class. The two are different
    scores; on ImageNet16-120 the second ranks much worse. Classes are those of the network's output. A class with one
    sample in the batch has s_c = log(1 + k); a class without samples adds nothing.

    Args:
        probe: the probe.
        many: above this number of classes the second formula is used.
    """
    classes, rows = probe.classes, probe.input_gradients.double()
    found = []
    for label in torch.unique(classes):
        members = rows[classes == label]
        correlation = torch.corrcoef(members).reshape(len(members), -1)
        if len(members) == 1:  # defined as 1 for a single sample
            correlation = torch.ones_like(correlation)
        score = (correlation.abs() + EPSILON).log().sum()
        found.append(score / correlation.numel() if probe.outputs.shape[-1] > many else score)
    scores = torch.stack(found)
    if probe.outputs.shape[-1] <= many:
        return float(scores.abs().sum())
    return float((scores[:, None] - scores).abs().sum() / len(scores))
