"""Count the arithmetic of a forward pass, operation by operation, below autograd; see ``proxies.counts.flops``.

One dispatch mode receives every operation that PyTorch runs, whether a module, a function or a script calls it.
Composite operations are decomposed. One table has a formula from shapes for each remaining operation, so a fused kernel
counts the same as its written-out form on every device. Nothing is counted by module, so the count does not depend on
hooks.
"""

from __future__ import annotations

import math
import re
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any, TypeAlias
from unittest import mock

import torch
from torch import Tensor
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils._pytree import tree_leaves

from zcbench.errors import UnsupportedModelError
from zcbench.probe.modes import DispatchMode

#: The ``__torch_dispatch__`` of tensor classes that define none.
_PLAIN = torch._C._disabled_torch_dispatch_impl
#: From an operation's arguments by name and its first result to its number of multiply-adds.
Formula: TypeAlias = Callable[[Mapping[str, Any], Tensor], int]


class OperationCounter(DispatchMode):
    """Count the floating-point operations that run in its block.

    Attributes:
        flops: the count so far, two per multiply-add.

    Raises:
        UnsupportedModelError: in the block, if an operation that may multiply has no formula.
    """

    supports_higher_order_operators = True

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.flops = 0

    def __torch_dispatch__(self, func: Any, types: Sequence[type], args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        if any(getattr(kind, "__torch_dispatch__", None) is not _PLAIN for kind in types):
            # Tensors of such a class run their own operations, which this mode then receives one by one. Parameters are
            # excluded, although torch lists their class where .data is read.
            return NotImplemented
        if isinstance(func, torch._ops.HigherOrderOperator):
            return self._higher_order(func, args, kwargs)
        name = func._schema.name
        formula = FORMULAS.get(name) or FORMULAS.get(name.removesuffix("_"))
        if formula is None:
            with self:
                result = func.decompose(*args, **kwargs)
            if result is not NotImplemented:
                return result
        result = func(*args, **kwargs)
        if formula is not None:
            self._count(name, formula, _named(func, args, kwargs), result)
        elif _may_multiply(func.namespace, name):
            self.flops += _registered(func, args, kwargs, result)
        return result

    def _higher_order(self, func: Any, args: Any, kwargs: Any) -> Any:
        if func is torch.ops.higher_order.flex_attention:
            self.flops += 2 * _attention(*(tensor.shape for tensor in args[:3]))
            return func(*args, **kwargs)
        if func is torch.ops.higher_order.cond:
            holds, if_true, if_false, operands = args
            with self:
                return (if_true if holds else if_false)(*operands)
        raise _unknown(func.name())

    def _count(self, name: str, formula: Formula, arguments: Mapping[str, Any], result: Any) -> None:
        if any(isinstance(leaf, Tensor) and leaf.is_nested for leaf in tree_leaves(arguments)):
            raise UnsupportedModelError(
                f"the network runs {name} on nested tensors, whose shapes are unknown: use padded or jagged ones."
            )
        first = next(leaf for leaf in tree_leaves(result) if isinstance(leaf, Tensor))
        # A product of complex numbers takes four real products.
        self.flops += (8 if first.is_complex() else 2) * formula(arguments, first)


@contextmanager
def counted_operations(*, gpu: bool) -> Iterator[OperationCounter]:
    """Count the operations that run in the block, without the memory that written-out attention needs.

    Args:
        gpu: whether the network runs on a GPU.
    """
    flex: Any = sys.modules.get("torch.nn.attention.flex_attention")
    with ExitStack() as stack:
        if gpu:  # before dispatch, flash attention pads the width of heads to a multiple of 8
            stack.enter_context(sdpa_kernel([SDPBackend.EFFICIENT_ATTENTION, SDPBackend.MATH]))
        if flex is not None:  # this mode cannot observe a compiled graph, and PyTorch refuses to compile here
            stack.enter_context(mock.patch.object(flex, "_FLEX_ATTENTION_DISABLE_COMPILE_DEBUG", True, create=True))
        yield stack.enter_context(OperationCounter())


def _may_multiply(namespace: str, name: str) -> bool:
    if namespace not in _WITHOUT_PRODUCTS:
        return True
    return _PRODUCT.search(name) is not None and _NO_PRODUCT.search(name) is None


def _named(func: Any, args: Sequence[Any], kwargs: Mapping[str, Any]) -> dict[str, Any]:
    """Return the arguments by their names in the operation's schema."""
    names = [argument.name for argument in func._schema.arguments]
    return {**dict(zip(names, args, strict=False)), **kwargs}


def _registered(func: Any, args: Any, kwargs: Any, result: Any) -> int:
    """Apply the user's formula that was registered with torch.utils.flop_counter.register_flop_formula."""
    from torch.utils.flop_counter import flop_registry

    formula = flop_registry.get(func._overloadpacket)
    if formula is None:
        raise _unknown(func._schema.name)
    return int(formula(*args, **kwargs, out_val=result))


def _unknown(name: str) -> UnsupportedModelError:
    return UnsupportedModelError(
        f"the network runs {name}, whose operations cannot be counted: "
        "declare it with torch.utils.flop_counter.register_flop_formula."
    )


# -- formulas: multiply-adds from shapes ------------------------------------------------------------


def _product(left: str) -> Formula:
    """Return the formula of a product, whose elements are sums over the last dimension of the left factor."""
    return lambda a, out: out.numel() * a[left].shape[-1]


def _convolution(a: Mapping[str, Any], out: Tensor) -> int:
    """Count kernel positions times positions of the result (transposed: of the input), padding included."""
    return _positions(a, out, transposed=a.get("transposed", False))


def _positions(a: Mapping[str, Any], out: Tensor, *, transposed: bool) -> int:
    data = a["input"] if "input" in a else a["self"]
    return int((data if transposed else out).numel() * math.prod(a["weight"].shape[1:]))


def _convolution_backward(a: Mapping[str, Any], out: Tensor) -> int:
    """Count the gradient of the input and that of the weight; each takes as many multiply-adds as the forward pass."""
    forward = _positions(a, a["grad_output"], transposed=a["transposed"])
    return forward * sum(bool(wanted) for wanted in a["output_mask"][:2])


def _attention(query: Sequence[int], key: Sequence[int], value: Sequence[int]) -> int:
    """Count the scores of queries ``(batch, heads, n, d)`` with keys ``(…, m, d)``, and the products with values.

    The whole matrix of scores counts, whatever the mask. Each head of the query counts, whether or not it shares keys
    and values with other heads.
    """
    batch, heads, n, d = query
    return batch * heads * n * key[-2] * (d + value[-1])


def _fused_attention(times: int = 1) -> Formula:
    return lambda a, out: times * _attention(a["query"].shape, a["key"].shape, a["value"].shape)


def _attention_kernel(a: Mapping[str, Any], out: Tensor) -> int:
    """Count a kernel whose heads come after positions; sequences may be packed in one row if their ends are given."""
    query, key, value = (a[name].shape for name in ("query", "key", "value"))
    ends = [a.get(f"cum_seq_{side}", a.get(f"cu_seqlens_{side}", a.get(f"cu_seq_{side}"))) for side in "qk"]
    if ends[0] is None:
        return _attention(*((s[0], s[2], s[1], s[3]) for s in (query, key, value)))
    lengths = [(ends[0] if end is None else end).diff().tolist() for end in ends]
    pairs = sum(n * m for n, m in zip(*lengths, strict=True))
    return int(query[-2] * pairs * (query[-1] + value[-1]))


def _multihead(a: Mapping[str, Any], query: Tensor, key: Tensor) -> int:
    """Count projections and attention in one kernel: ``(batch, n, width)`` on ``(batch, m, width)``."""
    batch, n, width = query.shape
    m, each = key.shape[1], a["qkv_weight"].numel() // 3
    return int(batch * (n * (each + a["proj_weight"].numel()) + m * 2 * each + 2 * n * m * width))


def _multihead_attention(a: Mapping[str, Any], out: Tensor) -> int:
    return _multihead(a, a["query"], a["key"])


def _encoder_layer(a: Mapping[str, Any], out: Tensor) -> int:
    weights = a["ffn_weight_1"].numel() + a["ffn_weight_2"].numel()
    return int(_multihead(a, a["src"], a["src"]) + math.prod(a["src"].shape[:-1]) * weights)


def _recurrent(weights: Callable[[Mapping[str, Any]], Sequence[Tensor]]) -> Formula:
    """Return the formula: each weight matrix at each position of ``(length, batch, width)`` or of packed sequences."""

    def formula(a: Mapping[str, Any], out: Tensor) -> int:
        return int(math.prod(a["input"].shape[:-1]) * sum(w.numel() for w in weights(a) if w.dim() > 1))

    return formula


def _bilinear(a: Mapping[str, Any], out: Tensor) -> int:
    """Count the product of the first input and the weight ``(out, in1, in2)``, and of the second with the result."""
    *_, first, second = a["i2"].shape
    return int(out.numel() * (first * second + second))


def _grouped(a: Mapping[str, Any], out: Tensor) -> int:
    groups = out.shape[0] if a["self"].dim() == a["mat2"].dim() == 2 else 1
    return int(out.numel() * a["self"].shape[-1] // groups)


def _quantized_weight(a: Mapping[str, Any]) -> Tensor:
    weight: Tensor = next(v for n, v in a.items() if "pack" in n or n in ("W", "weight")).unpack()[0]
    return weight


def _quantized_convolution(a: Mapping[str, Any], out: Tensor) -> int:
    return out.numel() * math.prod(_quantized_weight(a).shape[1:])


def _quantized_transposed(a: Mapping[str, Any], out: Tensor) -> int:
    return int(a["qx"].numel() * math.prod(_quantized_weight(a).shape[1:]))


#: the left factor of each product of two matrices, or of a matrix and a vector
_LEFT = {
    "self": (
        *("mm", "bmm", "mv", "dot", "vdot", "_int_mm", "_scaled_mm", "_scaled_mm_v2", "mkldnn_linear"),
        *("_weight_int8pack_mm", "_weight_int4pack_mm", "_weight_int4pack_mm_for_cpu", "_sparse_sparse_matmul"),
    ),
    "mat1": ("addmm", "_addmm_activation", "_sparse_addmm", "sparse_sampled_addmm"),
    "mat": ("addmv",),
    "batch1": ("baddbmm",),
    "input": ("linear", "_sparse_semi_structured_linear"),
    "inp": ("_dyn_quant_matmul_4bit",),
}
_CONVOLUTIONS = (
    *("convolution", "_convolution", "convolution_overrideable", "_slow_conv2d_forward", "mkldnn_convolution"),
    *("cudnn_convolution", "cudnn_convolution_relu", "cudnn_convolution_add_relu"),
)
_ATTENTION = tuple(f"_scaled_dot_product_{name}attention" for name in ("flash_", "efficient_", "cudnn_"))
#: by name of the operation; the same formula applies to a name that ends in "_"
FORMULAS: dict[str, Formula] = {
    **{f"aten::{name}": _product(left) for left, names in _LEFT.items() for name in names},
    **{f"aten::{name}": _convolution for name in _CONVOLUTIONS},
    **{f"aten::{name}": _fused_attention() for name in _ATTENTION},
    **{f"aten::{name}_backward": _fused_attention(2) for name in _ATTENTION},
    "aten::_scaled_dot_product_flash_attention_for_cpu": _fused_attention(),
    "aten::_scaled_dot_product_flash_attention_for_cpu_backward": _fused_attention(2),
    "aten::_scaled_dot_product_fused_attention_overrideable": _fused_attention(),
    "aten::_scaled_dot_product_attention_math_for_mps": _fused_attention(),
    "aten::scaled_dot_product_attention": _fused_attention(),
    "aten::_flash_attention_forward": _attention_kernel,
    "aten::_flash_attention_forward_no_dropout_inplace": _attention_kernel,
    "aten::_efficient_attention_forward": _attention_kernel,
    "aten::_cudnn_attention_forward": _attention_kernel,
    "torch_attn::_varlen_attn": _attention_kernel,
    "aten::_native_multi_head_attention": _multihead_attention,
    "aten::_triton_multi_head_attention": _multihead_attention,
    "aten::_transformer_encoder_layer_fwd": _encoder_layer,
    "aten::mkldnn_rnn_layer": _recurrent(lambda a: [a[f"weight{i}"] for i in range(4)]),
    "aten::_cudnn_rnn": _recurrent(lambda a: a["weight"]),
    "aten::miopen_rnn": _recurrent(lambda a: a["weight"]),
    "aten::_lstm_mps": _recurrent(lambda a: a["params"]),
    "aten::convolution_backward": _convolution_backward,
    "aten::conv_tbc": lambda a, out: out.numel() * math.prod(a["weight"].shape[:2]),
    "aten::addbmm": lambda a, out: out.numel() * a["batch1"].shape[0] * a["batch1"].shape[2],
    "aten::_trilinear": _bilinear,
    "aten::_grouped_mm": _grouped,
    "aten::_scaled_grouped_mm": _grouped,
    **{
        f"quantized::linear{name}": lambda a, out: out.numel() * a["X"].shape[-1]
        for name in ("", "_relu", "_leaky_relu", "_tanh", "_dynamic", "_relu_dynamic", "_dynamic_fp16")
    },
    **{f"quantized::conv{d}d{name}": _quantized_convolution for d in (1, 2, 3) for name in ("", "_relu", "_dynamic")},
    **{f"quantized::conv_transpose{d}d{name}": _quantized_transposed for d in (1, 2, 3) for name in ("", "_dynamic")},
}

#: name spaces whose other operations multiply no matrices
_WITHOUT_PRODUCTS = {"aten", "prim", "prims", "rngprims", "debugprims", "profiler", "quantized", "c10d"}
#: names of other operations that may be a product of matrices, and names that look so but are not
_PRODUCT = re.compile(r"mm(_|$)|matmul|conv(?!ert)|linear|attention|rnn|lstm|gru|gemm|einsum")
_NO_PRODUCT = re.compile(r"_thnn_fused_|flatten_weight|reorder|upsample|prepack$|unpack")
