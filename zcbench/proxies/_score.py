"""Score a network: every chosen proxy on one probe, each outcome a value or a reason."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from zcbench.errors import UnsupportedModelError, first_line
from zcbench.probe import Probe
from zcbench.proxies._register import resolve
from zcbench.types import Batch, Inputs, LossFunction, ProxyInfo, Score, Status

if TYPE_CHECKING:
    from torch import Tensor, nn


def score(
    model: nn.Module,
    inputs: Inputs,
    targets: Tensor | None = None,
    proxies: Iterable[str] | None = None,
    *,
    loss_fn: LossFunction | None = None,
    seed: int = 0,
) -> dict[str, Score]:
    """Score any network with training-free proxies; the network comes back as it was.

    Args:
        model: returns a tensor, or an object or mapping with ``logits``.
        inputs: a tensor, a tuple (positional arguments) or a mapping (keyword arguments) of tensors whose first
            dimension counts the samples.
        targets: class indices or real targets; proxies that need labels are "unsupported" without them.
        proxies: names or shell patterns such as "grad*"; default all.
        loss_fn: from ``(outputs, targets)`` to a scalar that averages over samples. Default: cross-entropy for
            integer targets, mean squared error for real ones.
        seed: seeds everything random; the same seed gives the same scores.

    Returns:
        A :class:`zcbench.Score` by name; ``float(score)`` is its value, nan where it has none.

    Raises:
        UnknownNameError: a proxy does not exist.
        InvalidInputError: the model is no module, or inputs and targets do not fit together.

    Example:
        >>> import torch, zcbench
        >>> model = torch.nn.Sequential(torch.nn.Linear(4, 8), torch.nn.ReLU(), torch.nn.Linear(8, 3))
        >>> scores = zcbench.score(model, torch.randn(16, 4), torch.randint(3, (16,)), ["params", "snip"])
        >>> float(scores["params"])
        67.0
    """
    infos = resolve(proxies)
    batch = Batch(inputs, targets)
    return {info.name: result for info, result in score_with(infos, model, batch, loss_fn=loss_fn, seed=seed)}


def score_with(
    infos: Iterable[ProxyInfo],
    model: nn.Module,
    batch: Batch,
    *,
    loss_fn: LossFunction | None = None,
    seed: int = 0,
) -> Iterator[tuple[ProxyInfo, Score]]:
    """Yield each proxy with its score as soon as it exists; all share one probe."""
    with Probe(model, batch, loss_fn=loss_fn, seed=seed) as probe:
        for info in infos:
            yield info, _one(info, probe)


def _one(info: ProxyInfo, probe: Probe) -> Score:
    detail = ""
    value = math.nan
    with probe.stopwatch() as seconds:
        try:
            if info.needs_labels and probe.batch.targets is None:
                raise UnsupportedModelError(f"{info.name} needs targets: pass targets=… with the inputs.")
            value = float(info.function(probe))
            status = Status.OK if math.isfinite(value) else Status.NON_FINITE
            detail = "" if status is Status.OK else f"the formula gave {value}."
        except UnsupportedModelError as error:
            status, detail = Status.UNSUPPORTED, str(error)
        except Exception as error:  # a proxy or a network that throws costs this score, not the run
            status, detail = Status.FAILED, first_line(error)
    return Score(value if status is Status.OK else None, status, seconds(), detail)
