"""Every call of attention."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor
from torch.nn import functional as F

from zcbench.errors import UnsupportedModelError
from zcbench.probe._register import register_signal
from zcbench.probe.signals._watcher import FunctionWatcher, Watcher

if TYPE_CHECKING:
    from zcbench.probe import Probe


_SOFTMAX = {F.softmax, torch.softmax, Tensor.softmax, torch.special.softmax}
_MATMUL = {torch.matmul, Tensor.matmul, Tensor.__matmul__, torch.bmm, Tensor.bmm}
#: functions after which a tensor still holds probabilities: conversions, layouts, masks, dropout
_STILL = {
    *(Tensor.to, Tensor.type, Tensor.type_as, Tensor.float, Tensor.half, Tensor.bfloat16, Tensor.double),
    *(Tensor.mul, Tensor.mul_, Tensor.__mul__, Tensor.__rmul__, Tensor.__imul__, torch.mul, torch.multiply),
    *(Tensor.masked_fill, Tensor.masked_fill_, torch.masked_fill, torch.where, torch.nan_to_num, Tensor.nan_to_num),
    *(F.dropout, torch.dropout, torch.clone, Tensor.clone, Tensor.contiguous, Tensor.detach),
    *(Tensor.view, Tensor.reshape, torch.reshape, Tensor.flatten, torch.flatten, Tensor.unflatten, Tensor.squeeze),
    *(Tensor.unsqueeze, torch.squeeze, torch.unsqueeze),
}


@dataclass
class Attended:
    """One call of attention.

    Attributes:
        probabilities: ``(batch, heads, queries, keys)``; windows with a separate axis count as heads.
        heads: the output of the heads, ``(batch, heads, queries, width)``.
    """

    probabilities: Tensor
    heads: Tensor


class Attention(Watcher):
    """Records every call of attention: fused, by ``nn.MultiheadAttention``, or a softmax followed by a product.

    Conversions, masks and dropout are allowed between softmax and product; the product may be an einsum.
    """

    of_samples = True

    def start(self) -> None:
        """Observe functions."""
        self.applications: list[Attended] = []
        self.softmaxes: dict[int, Tensor] = {}  # kept alive, so that addresses are not reused
        self.gated: set[int] = set()  # tensors multiplied by a tensor: a mask, or the input gates of a state space
        self.stack.enter_context(FunctionWatcher(after=self._after))

    def _after(self, func: Callable[..., Any], args: tuple[Any, ...], kwargs: Mapping[str, Any], result: Any) -> None:
        if func in _SOFTMAX:
            self._remember(result)
        elif func is F.scaled_dot_product_attention:
            self._add(_probabilities(*args, **kwargs), result)
        elif func in _MATMUL and self._known(args[0]):
            self._add(args[0], result)
        elif func in _MATMUL and self._known(args[1]) and _is_transposed(args[1]) and not self._is_gated(args[1]):
            self._add(args[1].mT, result.mT)  # values (width, keys) times probabilities (keys, queries)
        elif func is torch.einsum and isinstance(args[0], str):
            self._take_einsum(args[0], args[1:], result)
        elif func in _STILL and isinstance(result, Tensor):
            parts = [one for one in (*args, *kwargs.values()) if isinstance(one, Tensor) and self._known(one)]
            if any(one.numel() == result.numel() for one in parts):
                self._remember(result)
                tensors = [one for one in (*args, *kwargs.values()) if isinstance(one, Tensor)]
                if len(tensors) > 1 or any(one.data_ptr() in self.gated for one in parts):
                    self.gated.add(result.data_ptr())

    def _remember(self, probabilities: Tensor) -> None:
        self.softmaxes[probabilities.data_ptr()] = probabilities.detach()

    def _known(self, tensor: Tensor) -> bool:
        return tensor.data_ptr() in self.softmaxes and tensor.numel() > 0

    def _is_gated(self, tensor: Tensor) -> bool:
        return tensor.data_ptr() in self.gated

    def _take_einsum(self, equation: str, operands: tuple[Any, ...], result: Tensor) -> None:
        """Record an einsum of probabilities ``(…, queries, keys)`` and values over the keys, in any axis order."""
        if len(operands) == 1 and isinstance(operands[0], (list, tuple)):
            operands = tuple(operands[0])
        terms, _, out = equation.replace(" ", "").partition("->")
        names = terms.split(",")
        if len(operands) != 2 or not out or "." in equation:
            return
        for (probabilities, axes), (_, others) in itertools.permutations(zip(operands, names, strict=True)):
            width = [axis for axis in out if axis not in axes]
            if self._known(probabilities) and axes[-1] in others and axes[-1] not in out and len(width) == 1:
                if set(axes[:-1]) <= set(out):
                    self._add(probabilities, result.permute([out.index(axis) for axis in (*axes[:-1], *width)]))
                return

    def _add(self, probabilities: Tensor, heads: Tensor) -> None:
        found = []
        for x, key in ((probabilities.detach(), "probabilities"), (heads.detach(), "heads")):
            layout = self.samples(x, key)
            if layout is None or layout.axis >= x.dim() - 2:
                continue
            if x.dim() == 3:  # heads may be folded into the batch
                x = layout.first(x) if layout.positions > 1 else layout.first(x)[:, None]
            elif x.dim() == 4:  # windows may be folded into it too
                x = layout.rows(x)
            elif x.dim() > 4:  # windows or blocks with separate axes
                x = layout.first(x).flatten(1, -3)
            if x.dim() == 4:
                found.append(x)
        if len(found) == 2:
            self.applications.append(Attended(*found))


def _is_transposed(matrices: Tensor) -> bool:
    return matrices.dim() > 2 and matrices.mT.is_contiguous()


def _probabilities(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attn_mask: Tensor | None = None,
    dropout_p: float = 0.0,
    is_causal: bool = False,
    scale: float | None = None,
    enable_gqa: bool = False,
) -> Tensor:
    with torch.no_grad():
        if enable_gqa:
            key = key.repeat_interleave(query.shape[-3] // key.shape[-3], -3)
        scores = query @ key.transpose(-2, -1) * (query.shape[-1] ** -0.5 if scale is None else scale)
        if is_causal:
            scores = scores.masked_fill(scores.new_ones(scores.shape[-2:]).tril().logical_not(), -torch.inf)
        if attn_mask is not None and attn_mask.dtype is torch.bool:
            scores = scores.masked_fill(attn_mask.logical_not(), -torch.inf)
        elif attn_mask is not None:
            scores = scores + attn_mask
        return scores.softmax(-1)


@register_signal("attention", watcher=Attention)
def attention(probe: Probe) -> list[Attended]:
    """Return every call of attention: its probabilities and the output of its heads.

    Raises:
        UnsupportedModelError: there is none.
    """
    watcher = probe.watched(Attention)
    if not watcher.applications:
        if problem := watcher.nothing("attention returns"):
            raise UnsupportedModelError(problem)
        raise UnsupportedModelError("the network has no attention.")
    return watcher.applications
