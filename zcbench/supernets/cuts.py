"""How a smaller module takes its weights from a larger one: what each kind of layer shares.

A subnet is a network of its own whose parameters are slices of the supernet's. So any module can be elastic, also one of
a stranger's: it only has to be built in several sizes whose modules have the same names. The rule of a layer says which
slice: the first channels of a convolution and the centre of its kernel (H. Cai et al., "Once-for-All", ICLR 2020,
arXiv:1908.09791, section 3.3), the first features of a linear layer (M. Chen et al., "AutoFormer", ICCV 2021,
arXiv:2107.00651, section 3.2), the first heads of an attention. Depth is shared by names: a network of two blocks has
those of the first two.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, TypeVar

import torch
from torch import Tensor, nn

from zcbench.errors import InvalidInputError
from zcbench.spaces._elastic_transformer_network import Attention

#: from a module and the smaller one of its place to slices of the larger one's parameters, by local name
Cut = Callable[[Any, Any], Mapping[str, Tensor]]
C = TypeVar("C", bound=Cut)

_CUTS: dict[type[nn.Module], Cut] = {}


def register_cut(*kinds: type[nn.Module]) -> Callable[[C], C]:
    """Register the rule by which a kind of module is cut; it holds for subclasses without a rule of their own.

    The rule is a function of the larger and the smaller module. It returns slices (views) of the larger one's
    parameters by local name, all parameters of the smaller one and of what lies within it.

    Args:
        kinds: classes of modules. A later rule takes the place of an earlier one.

    Raises:
        InvalidInputError: one is no class of modules.
    """
    for kind in kinds:
        if not (isinstance(kind, type) and issubclass(kind, nn.Module)):
            raise InvalidInputError(f"{kind!r} is no class of modules: register_cut(nn.Linear).")

    def register(cut: C) -> C:
        _CUTS.update(dict.fromkeys(kinds, cut))
        return cut

    return register


def shared_weights(whole: nn.Module, part: nn.Module) -> dict[str, Tensor]:
    """Slices of a supernet's parameters that are the parameters of a subnet.

    Args:
        whole: the largest network.
        part: one of the same build whose modules have names of the whole's.

    Returns:
        By name of each parameter of ``part``, a view of the whole's parameter of that name, of the part's shape.

    Raises:
        InvalidInputError: the whole has no such module or parameter, or a smaller one.
    """
    found: dict[str, Tensor] = {}
    for prefix, larger, smaller in _pairs(whole, part, ""):
        cut = _rule(type(smaller))
        for name, slices in (cut or _corners)(larger, smaller).items():
            found[prefix + name] = slices
    for name, value in part.named_parameters(remove_duplicate=False):
        if name not in found or found[name].shape != value.shape:
            shape = tuple(found[name].shape) if name in found else None
            raise InvalidInputError(
                f"{name} of the subnet has the shape {tuple(value.shape)}, and its slice of the supernet {shape}: "
                "register a rule for its module with register_cut."
            )
    return found


def _rule(kind: type[nn.Module]) -> Cut | None:
    return next((_CUTS[parent] for parent in kind.__mro__ if parent in _CUTS), None)


def _pairs(whole: nn.Module, part: nn.Module, prefix: str) -> Iterator[tuple[str, nn.Module, nn.Module]]:
    """Modules that have parameters of their own or a rule, with those of the same place."""
    if _rule(type(part)) is not None:
        yield prefix, whole, part
        return
    if part._parameters:
        yield prefix, whole, part
    for name, child in part.named_children():
        other = whole._modules.get(name)
        if other is None:
            raise InvalidInputError(
                f"the supernet has no module {prefix + name}, which the subnet has: build networks of all sizes with "
                "modules of the same names."
            )
        yield from _pairs(other, child, f"{prefix}{name}.")


def corner(larger: Tensor, shape: torch.Size | tuple[int, ...], name: str = "the parameter") -> Tensor:
    """The first entries along each axis.

    Raises:
        InvalidInputError: fewer axes, or a smaller one.
    """
    if larger.ndim != len(shape) or any(a < b for a, b in zip(larger.shape, shape, strict=True)):
        raise InvalidInputError(f"{name} has the shape {tuple(larger.shape)}, of which {tuple(shape)} is no part.")
    return larger[tuple(slice(size) for size in shape)]


def _corners(larger: nn.Module, smaller: nn.Module) -> dict[str, Tensor]:
    """The first entries of each parameter of the module itself: what has no rule."""
    found = {}
    for name, value in smaller._parameters.items():
        if value is not None:
            other = larger._parameters.get(name)
            if other is None:
                raise InvalidInputError(
                    f"a {type(smaller).__name__} of the subnet has a {name}, the supernet's has not."
                )
            found[name] = corner(other, value.shape, name)
    return found


@register_cut(nn.Conv1d, nn.Conv2d, nn.Conv3d)
def _convolution(larger: Any, smaller: Any) -> dict[str, Tensor]:
    """First channels within each group, or first groups; the centre of the kernel."""
    weight = larger.weight
    for axis, (had, has) in enumerate(zip(larger.kernel_size, smaller.kernel_size, strict=True), 2):
        if has > had or (had - has) % 2:
            raise InvalidInputError(
                f"a kernel of {has} is not the centre of one of {had}: choose odd ones, or even ones."
            )
        weight = weight.narrow(axis, (had - has) // 2, has)
    outputs, inputs = (smaller.out_channels // smaller.groups, smaller.in_channels // smaller.groups)
    if smaller.groups == larger.groups:
        groups = weight.unflatten(0, (larger.groups, -1))
        if outputs > groups.shape[1] or inputs > groups.shape[2]:
            raise InvalidInputError(f"{larger} has fewer channels than {smaller}.")
        weight = groups[:, :outputs, :inputs].flatten(0, 1)
        bias = None if larger.bias is None else larger.bias.unflatten(0, (larger.groups, -1))[:, :outputs].flatten()
    else:
        if (outputs, inputs) != (larger.out_channels // larger.groups, larger.in_channels // larger.groups):
            raise InvalidInputError(f"{smaller} is no part of {larger}: of fewer groups each must be as large.")
        weight, bias = (
            weight[: smaller.out_channels],
            None if larger.bias is None else larger.bias[: smaller.out_channels],
        )
    return {"weight": weight} if smaller.bias is None or bias is None else {"weight": weight, "bias": bias}


@register_cut(nn.MultiheadAttention)
def _attention(larger: nn.MultiheadAttention, smaller: nn.MultiheadAttention) -> dict[str, Tensor]:
    """First heads, first features of each head, first features of the input; queries, keys and values apart."""
    if larger.in_proj_weight is None or smaller.in_proj_weight is None:
        raise InvalidInputError("attention with kdim or vdim is not cut: register a rule with register_cut.")
    heads, width, embed = smaller.num_heads, smaller.head_dim, smaller.embed_dim
    if heads > larger.num_heads or width > larger.head_dim or embed > larger.embed_dim:
        raise InvalidInputError(f"{heads} heads of {width} are no part of {larger.num_heads} of {larger.head_dim}.")

    def packed(value: Tensor) -> Tensor:
        apart = value.unflatten(0, (3, larger.num_heads, larger.head_dim))[:, :heads, :width]
        return (apart[..., :embed] if value.ndim == 2 else apart).flatten(0, 2)

    out = larger.out_proj.weight.unflatten(1, (larger.num_heads, larger.head_dim))[:embed, :heads, :width].flatten(1)
    found = {"in_proj_weight": packed(larger.in_proj_weight), "out_proj.weight": out}
    if smaller.in_proj_bias is not None and larger.in_proj_bias is not None:
        found["in_proj_bias"] = packed(larger.in_proj_bias)
        found["out_proj.bias"] = larger.out_proj.bias[:embed]
    return found


@register_cut(nn.RNNBase)
def _recurrent(larger: nn.RNNBase, smaller: nn.RNNBase) -> dict[str, Tensor]:
    """First features within each gate."""
    gates = {"LSTM": 4, "GRU": 3}.get(smaller.mode, 1)
    if smaller.mode != larger.mode or smaller.proj_size or larger.proj_size:
        raise InvalidInputError("recurrent layers are cut to the same kind, without projections.")
    found = {}
    for name, value in smaller._parameters.items():
        other = larger._parameters.get(name)
        if value is not None and other is not None:
            apart = corner(other.unflatten(0, (gates, -1)), (gates, value.shape[0] // gates, *value.shape[1:]), name)
            found[name] = apart.flatten(0, 1)
    return found


@register_cut(Attention)
def _grouped_attention(larger: Attention, smaller: Attention) -> dict[str, Tensor]:
    """First groups, first query heads of each, first features of each head."""
    groups, width = smaller.groups, smaller.head_width
    each, had = smaller.heads // groups, larger.heads // larger.groups
    if groups > larger.groups or width > larger.head_width or each > had:
        raise InvalidInputError(
            f"{groups} groups of {each} heads of {width} are no part of {larger.groups} of {had} of {larger.head_width}."
        )
    inputs = smaller.query.in_features

    def rows(value: Tensor, heads: int, kept: int) -> Tensor:
        apart = value.unflatten(0, (larger.groups, heads, larger.head_width))[:groups, :kept, :width]
        return (apart[..., :inputs] if value.ndim == 2 else apart).flatten(0, 2)

    out = larger.out.weight.unflatten(1, (larger.groups, had, larger.head_width))
    found = {"out.weight": out[:inputs, :groups, :each, :width].flatten(1), "out.bias": larger.out.bias[:inputs]}
    for name, heads, kept in (("query", had, each), ("key", 1, 1), ("value", 1, 1)):
        layer = getattr(larger, name)
        found |= {f"{name}.weight": rows(layer.weight, heads, kept), f"{name}.bias": rows(layer.bias, heads, kept)}
    return found
