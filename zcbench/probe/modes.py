"""Observe or change the function calls of a forward pass, in modules and plain functions.

Function modes receive ``nn.BatchNorm2d`` and ``F.batch_norm`` alike and leave no hooks behind.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Literal, Self, TypeVar

import torch
from torch import Tensor
from torch.nn import functional as F
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode

from zcbench.errors import UnsupportedModelError
from zcbench.probe._batch_norm import batch_norm

T = TypeVar("T")
BatchNorm = Literal["train", "eval", "per-sample", "off"]


class FoldedError(UnsupportedModelError):
    """Batch norm runs on rows that are not samples, such as frames: only a sample alone has its own statistics."""


class BatchNormMode(TorchFunctionMode):
    """Changes the computation of batch norm; "eval" leaves it to the modules.

    "off" also removes the norms that are batch norm for one sample: instance norm, and group norm with one group per
    channel. Norms over several channels stay.

    Statistics of the batch are used but not recorded: the graph of an earlier pass has saved the running statistics,
    and would be void if they changed.
    """

    def __init__(self, mode: BatchNorm) -> None:
        super().__init__()
        self.mode = mode
        self.samples: int | None = None  # number of samples of the call, if known

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Sequence[type],
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:
        kwargs = kwargs or {}
        if func is F.batch_norm:
            return _batch_norm(self.mode, self.samples, *args, **kwargs)
        if self.mode == "off" and _is_of_single_channels(func, *args, **kwargs):
            return (args[0] if args else kwargs["input"]).clone()
        return func(*args, **kwargs)


def _is_of_single_channels(func: Callable[..., Any], *args: Any, **kwargs: Any) -> bool:
    """Return whether it is a norm that replaces batch norm: of each channel separately, over positions."""
    if func is F.group_norm:
        inputs, groups = (*args, *(kwargs[name] for name in ("input", "num_groups")[len(args) :]))[:2]
        return bool(groups == inputs.shape[1])
    return func is F.instance_norm


def _batch_norm(
    mode: BatchNorm,
    samples: int | None,
    input: Tensor,  # noqa: A002  # the names of F.batch_norm
    running_mean: Tensor | None,
    running_var: Tensor | None,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    training: bool = False,
    momentum: float = 0.1,
    eps: float = 1e-5,
) -> Tensor:
    if mode == "off":
        return input.clone()  # the network may overwrite the output of a norm
    if mode != "per-sample":
        if training:
            if len(input) == 1 and input[0, 0].numel() == 1:  # torch's error does not name the layer
                raise UnsupportedModelError("batch norm of a single value for each channel has no statistics.")
            return batch_norm(input, weight, bias, eps)
        return F.batch_norm(input, running_mean, running_var, weight, bias, training, momentum, eps)
    if input[0, 0].numel() < 2:
        raise UnsupportedModelError(
            "batch norm over single values has no statistics of one sample, and this proxy processes samples one by "
            "one."
        )
    if samples == 1 and len(input) > 1:  # several rows of one sample
        return batch_norm(input, weight, bias, eps)
    if samples is not None and len(input) != samples:
        raise FoldedError(
            f"batch norm runs on {len(input)} rows for {samples} samples, so a sample has its own statistics only if "
            "it is processed alone."
        )
    # One group per channel is instance norm, several times faster; its output is not a view, so its hooks survive a
    # later in-place operation.
    return F.group_norm(input, input.shape[1], weight, bias, eps)


_COMPILER = "torch._dynamo"


class DispatchMode(TorchDispatchMode):
    """Receives every operation, as its base class does, without torch's compiler, whose import takes two seconds.

    The base hides each call of the mode from the compiler. This class does so only if the compiler is already loaded.
    """

    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        return False

    def __enter__(self) -> Self:
        kind = type(self)
        if _COMPILER in sys.modules and "_hidden" not in vars(kind):
            kind.__torch_dispatch__ = torch._disable_dynamo(kind.__torch_dispatch__)  # type: ignore
            kind._hidden = True  # type: ignore[attr-defined]
        super().__enter__()  # type: ignore[no-untyped-call]
        return self


def dispatched(run: Callable[[], T]) -> T:
    """Call a function that enters a :class:`DispatchMode`; repeat it if the network loads the compiler meanwhile."""
    known = _COMPILER in sys.modules
    try:
        return run()
    except Exception:
        if known or _COMPILER not in sys.modules:
            raise
    return run()


@contextmanager
def default_dtype(dtype: torch.dtype) -> Iterator[None]:
    """Set the type of tensors that the network creates."""
    before = torch.get_default_dtype()
    torch.set_default_dtype(dtype)
    try:
        yield
    finally:
        torch.set_default_dtype(before)


class HardsigmoidWrittenOut(TorchFunctionMode):
    """Replaces hard sigmoids by clips, which have a second derivative; torch's hard sigmoids have none."""

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Sequence[type],
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:
        kwargs = kwargs or {}
        if func is F.hardsigmoid:
            return F.relu6((args[0] if args else kwargs["input"]) + 3.0) / 6.0
        return func(*args, **kwargs)


@contextmanager
def unfused() -> Iterator[None]:
    """Run recurrent layers operation by operation, so that they have second derivatives."""
    enabled = torch._C._get_mkldnn_enabled()
    torch._C._set_mkldnn_enabled(False)
    try:
        with torch.backends.cudnn.flags(enabled=False):
            yield
    finally:
        torch._C._set_mkldnn_enabled(enabled)
