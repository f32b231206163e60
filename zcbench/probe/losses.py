"""The default loss of a network."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from zcbench.errors import UnsupportedModelError
from zcbench.probe._measurable import as_classes

#: Class that the loss ignores, as torch's cross-entropy does.
_IGNORED = -100


def default_loss(outputs: Tensor, targets: Tensor) -> Tensor:
    """Compute mean cross-entropy for classes or class probabilities, mean squared error for other real targets.

    Args:
        outputs: ``(batch, …, classes)``, or ``(batch, classes, …)`` as in PyTorch's own loss; or of the real targets'
            shape.
        targets: ``(batch, …)`` class indices of any integer type (-100 is ignored), or bools for two classes; or real
            targets. Real targets ``(batch, classes)`` that are not negative and sum to one in each row are
            probabilities.

    Raises:
        UnsupportedModelError: shapes do not match, the class dimension of the outputs is ambiguous, or a class is not
            among the network's outputs.
    """
    if targets.is_floating_point():
        _check_shapes(outputs, targets)
        return F.cross_entropy(outputs, targets) if _probabilities(targets) else F.mse_loss(outputs, targets)
    outputs, targets = _class_targets(outputs, targets)
    return F.cross_entropy(outputs.flatten(0, -2), targets.flatten())


def sample_losses(outputs: Tensor, targets: Tensor) -> Tensor:
    """Compute the default loss of every sample alone, ``(batch,)``: means over its positions.

    Raises:
        UnsupportedModelError: as for :func:`default_loss`.
    """
    if targets.is_floating_point():
        _check_shapes(outputs, targets)
        if _probabilities(targets):
            return F.cross_entropy(outputs, targets, reduction="none")
        return (outputs - targets).square().reshape(len(outputs), -1).mean(1)
    outputs, targets = _class_targets(outputs, targets)
    each = F.cross_entropy(outputs.flatten(0, -2), targets.flatten(), reduction="none")
    return each.reshape(len(targets), -1).sum(1) / (targets != _IGNORED).reshape(len(targets), -1).sum(1)


def _check_shapes(outputs: Tensor, targets: Tensor) -> None:
    if targets.shape != outputs.shape:
        raise UnsupportedModelError(
            f"real targets of shape {tuple(targets.shape)} do not fit outputs of shape {tuple(outputs.shape)}."
        )


def _class_targets(outputs: Tensor, targets: Tensor) -> tuple[Tensor, Tensor]:
    """Return the outputs ``(batch, …, classes)``, and targets as int64, all in range."""
    outputs = _classes_last(outputs, targets)
    targets = as_classes(targets)
    if targets.numel():
        low, high = (int(edge) for edge in targets.aminmax())
        if low < 0:  # other than the ignored index
            low = int(targets.masked_fill(targets == _IGNORED, 0).min())
        if high >= outputs.shape[-1] or low < 0:
            raise UnsupportedModelError(
                f"target class {low if low < 0 else high} is out of range: the network has {outputs.shape[-1]} outputs."
            )
    return outputs, targets


def _classes_last(outputs: Tensor, targets: Tensor) -> Tensor:
    """Return the outputs ``(batch, …, classes)`` for class targets ``(batch, …)``."""
    shape = tuple(targets.shape)
    if outputs.dim() == len(shape) + 1:
        last = tuple(outputs.shape[:-1]) == shape
        second = outputs.dim() > 2 and (outputs.shape[0], *outputs.shape[2:]) == shape
        if last and second and outputs.dim() > 3:
            raise UnsupportedModelError(
                f"the classes of outputs of shape {tuple(outputs.shape)} may be the second dimension or the last: "
                "pass loss_fn=torch.nn.functional.cross_entropy for the second."
            )
        if last:
            return outputs
        if second:
            return outputs.movedim(1, -1)
    raise UnsupportedModelError(
        f"class targets of shape {shape} do not fit outputs of shape {tuple(outputs.shape)}: "
        "the last dimension of the output must be the classes, or the second one."
    )


def _probabilities(targets: Tensor) -> bool:
    """Return whether each row is a distribution over classes."""
    if targets.dim() != 2 or targets.shape[1] < 2 or not bool((targets >= 0).all()):
        return False
    sums = targets.double().sum(1)
    return bool(((sums - 1).abs() <= targets.shape[1] * torch.finfo(targets.dtype).eps).all())
