"""What a forward pass calls, watched or changed as it happens, whether modules or plain functions call it.

Function modes see ``nn.BatchNorm2d`` and ``F.batch_norm`` alike and leave no hooks behind.
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
    """Batch norm runs on other rows than samples, such as frames: only a sample alone has its own statistics."""


class BatchNormMode(TorchFunctionMode):
    """Changes what batch norm does; "eval" leaves it to the modules.

    "off" also leaves out the norms that are batch norm for one sample: instance norm, and group norm with a group for
    each channel. Norms over several channels stay.

    Statistics of the batch are used but not recorded: the graph of an earlier pass has saved the running ones, and
    would be void if they changed.
    """

    def __init__(self, mode: BatchNorm) -> None:
        super().__init__()
        self.mode = mode
        self.samples: int | None = None  # that the network is called with, where that is known

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
    """Whether it is a norm that stands in batch norm's place: of each channel by itself, over positions."""
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
        return input.clone()  # the network may write to what a norm returns
    if mode != "per-sample":
        if training:
            if len(input) == 1 and input[0, 0].numel() == 1:  # torch refuses it by the name of no layer
                raise UnsupportedModelError("batch norm of a single value for each channel has no statistics.")
            return batch_norm(input, weight, bias, eps)
        return F.batch_norm(input, running_mean, running_var, weight, bias, training, momentum, eps)
    if input[0, 0].numel() < 2:
        raise UnsupportedModelError(
            "batch norm over single values has no statistics of one sample: this proxy takes samples one by one."
        )
    if samples == 1 and len(input) > 1:  # several rows of one sample
        return batch_norm(input, weight, bias, eps)
    if samples is not None and len(input) != samples:
        raise FoldedError(
            f"batch norm runs on {len(input)} rows for {samples} samples, so that a sample has statistics of its own "
            "only where it is alone."
        )
    # One group per channel is instance norm, several times faster; and its output is no view, so that the hooks on it
    # survive an in-place operation that follows.
    return F.group_norm(input, input.shape[1], weight, bias, eps)


_COMPILER = "torch._dynamo"


class DispatchMode(TorchDispatchMode):
    """Sees every operation, as its base does, without torch's compiler, which takes two seconds to import.

    The base hides each call of the mode from the compiler. This one does so where the compiler is there already.
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
    """Call a function that enters a new :class:`DispatchMode`; again if the network needs the compiler meanwhile."""
    known = _COMPILER in sys.modules
    try:
        return run()
    except Exception:
        if known or _COMPILER not in sys.modules:
            raise
    return run()


@contextmanager
def default_dtype(dtype: torch.dtype) -> Iterator[None]:
    """Tensors that the network creates on its way have this type."""
    before = torch.get_default_dtype()
    torch.set_default_dtype(dtype)
    try:
        yield
    finally:
        torch.set_default_dtype(before)


class HardsigmoidWrittenOut(TorchFunctionMode):
    """Writes hard sigmoids out as the clips that they are, which have a second derivative; torch's have none."""

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
    """Recurrent layers are written out operation by operation, so that they have second derivatives."""
    enabled = torch._C._get_mkldnn_enabled()
    torch._C._set_mkldnn_enabled(False)
    try:
        with torch.backends.cudnn.flags(enabled=False):
            yield
    finally:
        torch._C._set_mkldnn_enabled(enabled)
