"""Cutting: how a smaller module takes its weights from a larger one, for each kind of layer.

A subnet is a separate network whose parameters are slices of the supernet's. Therefore any module can be elastic,
including user-defined ones: it only has to be built in several sizes whose modules have the same names. The rule of a
layer determines the slice: the first channels of a convolution and the centre of its kernel (H. Cai et al.,
"Once-for-All", ICLR 2020, arXiv:1908.09791, section 3.3), the first features of a linear layer (M. Chen et al.,
"AutoFormer", ICCV 2021, arXiv:2107.00651, section 3.2), the first heads of an attention. Depth is shared by names: a
network of two blocks has those of the first two.

Modules without a rule share the first entries along each axis: linear layers, norms, embeddings, parameters of modules.
For a linear layer whose features are heads side by side (queries, keys and values of most transformers), this is
correct if the width of a head and the number of query heads for each key do not change. If they change, or if one layer
computes queries, keys and values, register a rule for the module that knows the heads, and write it with
:func:`first_of_blocks`. Layers whose usual names identify such parts are refused without a rule.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, TypeVar

import torch
from torch import Tensor, nn
from torch.nn.modules.rnn import RNNCellBase
from torch.nn.parameter import UninitializedParameter
from torch.nn.utils.parametrize import is_parametrized

from zcbench.errors import InvalidInputError
from zcbench.spaces._elastic_transformer_network import Attention
from zcbench.supernets._several_parts import refuse_groups, refuse_parts

#: from a module and its smaller counterpart to slices of the larger one's parameters, by local name
Cut = Callable[[Any, Any], Mapping[str, Tensor]]
C = TypeVar("C", bound=Cut)

_CUTS: dict[type[nn.Module], Cut] = {}


def register_cut(*kinds: type[nn.Module]) -> Callable[[C], C]:
    """Register the rule by which a kind of module is cut; subclasses without their own rule use it, too.

    The rule is a function of the larger and the smaller module. It returns slices of the larger one's parameters (or
    tensors computed from them, with gradients) by local name, for all parameters of the smaller one and of its
    submodules. The larger one's class determines which rule is used.

    Args:
        kinds: classes of modules. A later rule replaces an earlier one.

    Raises:
        InvalidInputError: an argument is not a class of modules.
    """
    for kind in kinds:
        if not (isinstance(kind, type) and issubclass(kind, nn.Module)):
            raise InvalidInputError(f"{kind!r} is not a class of modules: write  register_cut(nn.Linear).")

    def register(cut: C) -> C:
        _CUTS.update(dict.fromkeys(kinds, cut))
        return cut

    return register


def shared_weights(whole: nn.Module, part: nn.Module) -> dict[str, Tensor]:
    """Return the slices of a supernet's parameters that are the parameters of a subnet.

    Args:
        whole: the largest network.
        part: a network from the same build function, whose modules have names of the whole's.

    Returns:
        By name of each parameter of ``part`` (a parameter with several names has several entries), its slice of the
        whole's parameter, in the part's shape.

    Raises:
        InvalidInputError: the whole has no such module or parameter, or a smaller one; a module is parametrised or
            lazy; one parameter of the part is two in the whole; a layer's name says that it has several parts.
    """
    found: dict[str, Tensor] = {}
    for prefix, larger, smaller in _pairs(whole, part, ""):
        _refuse(prefix, smaller)
        cut = _rule_of(prefix, larger, smaller)
        if cut is None or cut is _convolution:
            refuse_parts(prefix, larger, smaller)
        for name, slices in (cut or _corners)(larger, smaller).items():
            found[prefix + name] = slices
    first: dict[Tensor, str] = {}
    for name, value in part.named_parameters(remove_duplicate=False):
        if name not in found or found[name].shape != value.shape:
            shape = f"one of {tuple(found[name].shape)}" if name in found else "none"
            raise InvalidInputError(
                f"{name} of the subnet has the shape {tuple(value.shape)}, but the supernet has {shape} for it: "
                "register a rule for its module with register_cut."
            )
        if first.setdefault(value, name) != name:
            _refuse_untied(whole, first[value], name)
    return found


def _refuse(prefix: str, module: nn.Module) -> None:
    """Refuse modules whose parameters are not their weights."""
    if is_parametrized(module):
        names = ", ".join(sorted(module.parametrizations))  # type: ignore[arg-type]
        raise InvalidInputError(
            f"{prefix.rstrip('.') or 'the network'} is parametrised ({names}), and slices of its parameters do not "
            "give slices of its weights: use torch.nn.utils.parametrize.remove_parametrizations first."
        )
    if any(isinstance(value, UninitializedParameter) for value in module._parameters.values()):
        raise InvalidInputError(
            f"{prefix.rstrip('.') or 'the network'} is lazy and has no weights yet: run the network once on an input "
            "before build returns it."
        )


def _refuse_untied(whole: nn.Module, name: str, other: str) -> None:
    """Refuse a parameter with two names in the part that is two parameters in the whole."""
    if whole.get_parameter(name) is not whole.get_parameter(other):
        raise InvalidInputError(
            f"{name} and {other} are one parameter in the subnet and two in the supernet: tie them in all sizes."
        )


def _rule(kind: type[nn.Module]) -> Cut | None:
    return next((_CUTS[parent] for parent in kind.__mro__ if parent in _CUTS), None)


def _rule_of(prefix: str, larger: nn.Module, smaller: nn.Module) -> Cut | None:
    cut = _rule(type(larger)) or _rule(type(smaller))
    related = isinstance(larger, type(smaller)) or isinstance(smaller, type(larger))
    if cut is not None and not related:
        raise InvalidInputError(
            f"{prefix.rstrip('.')} is a {type(larger).__name__} in the supernet and a {type(smaller).__name__} in the "
            "subnet: modules with the same name must have the same kind in all sizes."
        )
    return cut


def _pairs(whole: nn.Module, part: nn.Module, prefix: str) -> Iterator[tuple[str, nn.Module, nn.Module]]:
    """Yield modules with parameters or a rule, in pairs of the same name; a module used twice is yielded twice."""
    if (_rule(type(whole)) or _rule(type(part))) is not None and any(True for _ in part.parameters()):
        yield prefix, whole, part
        return
    refuse_groups(prefix, whole, part)
    if is_parametrized(part) or any(value is not None for value in part._parameters.values()):
        yield prefix, whole, part
    for name, child in part._modules.items():
        if child is None or not any(True for _ in child.parameters()):
            continue
        other = whole._modules.get(name)
        if other is None:
            raise InvalidInputError(
                f"the supernet has no module {prefix + name}, but the subnet has: build networks of all sizes with "
                "modules of the same names."
            )
        yield from _pairs(other, child, f"{prefix}{name}.")


def corner(larger: Tensor, shape: torch.Size | tuple[int, ...], name: str = "the parameter") -> Tensor:
    """Return the first entries along each axis.

    Raises:
        InvalidInputError: the tensor has fewer axes, or a smaller one.
    """
    if larger.ndim != len(shape) or any(a < b for a, b in zip(larger.shape, shape, strict=True)):
        raise InvalidInputError(f"{name} has the shape {tuple(larger.shape)}, which does not contain {tuple(shape)}.")
    return larger[tuple(slice(size) for size in shape)]


def first_of_blocks(larger: Tensor, axis: int, had: tuple[int, ...], has: tuple[int, ...]) -> Tensor:
    """Return the first entries of each of the first blocks along an axis: heads, gates, groups of channels.

    Args:
        larger: a parameter whose axis consists of equal blocks, one after another.
        axis: number of the axis, from 0 on.
        had: number and length of blocks, ``(heads, width)``; blocks may consist of blocks.
        has: number and length to keep.

    Returns:
        The entries; the length of the axis is the product of ``has``.

    Raises:
        InvalidInputError: the axis does not consist of such blocks, or has fewer or shorter ones.

    Example:
        Two of four heads, and eight features of the sixteen of each: ``first_of_blocks(weight, 0, (4, 16), (2, 8))``.
    """
    total = 1
    for size in had:
        total *= size
    if not 0 <= axis < larger.ndim or larger.shape[axis] != total or len(had) != len(has):
        raise InvalidInputError(
            f"axis {axis} of the shape {tuple(larger.shape)} does not consist of {_times(had)} entries."
        )
    if any(a < b or b < 1 for a, b in zip(had, has, strict=True)):
        raise InvalidInputError(f"{_times(has)} entries are not part of {_times(had)}.")
    apart = larger.reshape(*larger.shape[:axis], *had, *larger.shape[axis + 1 :])
    for place, size in enumerate(has):
        apart = apart.narrow(axis + place, 0, size)
    return apart.flatten(axis, axis + len(has) - 1)


def _times(sizes: tuple[int, ...]) -> str:
    return " x ".join(map(str, sizes))


def _corners(larger: nn.Module, smaller: nn.Module) -> dict[str, Tensor]:
    """Return the first entries of each parameter of a module without a rule."""
    found = {}
    for name, value in smaller._parameters.items():
        if value is not None:
            other = larger._parameters.get(name)
            if other is None:
                raise InvalidInputError(
                    f"a {type(smaller).__name__} of the subnet has a {name}, but the supernet's does not."
                )
            found[name] = corner(other, value.shape, name)
    return found


def central(weight: Tensor, kernel: tuple[int, ...]) -> Tensor:
    """Return the centre of kernels, which are the axes from the third on.

    Raises:
        InvalidInputError: one size is odd and the other even, or the kernels are smaller.
    """
    for axis, has in enumerate(kernel, 2):
        had = weight.shape[axis]
        if has > had or (had - has) % 2:
            raise InvalidInputError(
                f"a kernel of {has} is not the centre of one of {had}: choose only odd sizes, or only even sizes."
            )
        weight = weight.narrow(axis, (had - has) // 2, has)
    return weight


@register_cut(nn.Conv1d, nn.Conv2d, nn.Conv3d)
def _convolution(larger: Any, smaller: Any) -> dict[str, Tensor]:
    """Return the first groups or, for equal numbers of groups, the first channels of each; the centre of the kernel."""
    (groups, outputs, inputs), had = _groups(larger, smaller)
    weight = first_of_blocks(central(larger.weight, smaller.kernel_size), 0, had[:2], (groups, outputs))[:, :inputs]
    return {"weight": weight, **_bias(larger, smaller, had[:2], (groups, outputs))}


@register_cut(nn.ConvTranspose1d, nn.ConvTranspose2d, nn.ConvTranspose3d)
def _transposed(larger: Any, smaller: Any) -> dict[str, Tensor]:
    """Return the slices for a transposed convolution, whose first axis is that of the inputs."""
    (groups, outputs, inputs), had = _groups(larger, smaller)
    blocks = (had[0], had[2]), (groups, inputs)
    weight = first_of_blocks(central(larger.weight, smaller.kernel_size), 0, *blocks)[:, :outputs]
    return {"weight": weight, **_bias(larger, smaller, had[:2], (groups, outputs))}


def _groups(larger: Any, smaller: Any) -> tuple[tuple[int, int, int], tuple[int, int, int]]:
    """Return groups, and outputs and inputs of each, of the smaller and of the larger convolution."""
    has, had = (
        (one.groups, one.out_channels // one.groups, one.in_channels // one.groups) for one in (smaller, larger)
    )
    if has[0] != had[0] and has[1:] != had[1:]:
        raise InvalidInputError(
            f"{smaller} is not part of {larger}: with fewer groups, each group must have the same size."
        )
    if any(a < b for a, b in zip(had, has, strict=True)):
        raise InvalidInputError(f"{larger} has fewer channels than {smaller}.")
    return has, had


def _bias(larger: Any, smaller: Any, had: tuple[int, ...], has: tuple[int, ...]) -> dict[str, Tensor]:
    if smaller.bias is None:
        return {}
    if larger.bias is None:
        raise InvalidInputError(f"{smaller} has a bias, but {larger} of the supernet has none.")
    return {"bias": first_of_blocks(larger.bias, 0, had, has)}


@register_cut(nn.MultiheadAttention)
def _attention(larger: nn.MultiheadAttention, smaller: nn.MultiheadAttention) -> dict[str, Tensor]:
    """Return the first heads, features of each head and features of the input, for queries, keys and values."""
    if larger.in_proj_weight is None or smaller.in_proj_weight is None:
        raise InvalidInputError("attention with kdim or vdim cannot be cut: register a rule with register_cut.")
    had, has, embed = (larger.num_heads, larger.head_dim), (smaller.num_heads, smaller.head_dim), smaller.embed_dim
    sliced: dict[str, Callable[[Tensor], Tensor]] = {
        "in_proj_weight": lambda value: first_of_blocks(value, 0, (3, *had), (3, *has))[:, :embed],
        "in_proj_bias": lambda value: first_of_blocks(value, 0, (3, *had), (3, *has)),
        "out_proj.weight": lambda value: first_of_blocks(value, 1, had, has)[:embed],
        "out_proj.bias": lambda value: value[:embed],
        "bias_k": lambda value: first_of_blocks(value, 2, had, has),
        "bias_v": lambda value: first_of_blocks(value, 2, had, has),
    }
    weights = dict(larger.named_parameters())
    return {name: sliced[name](weights[name]) for name, _ in smaller.named_parameters() if name in weights}


@register_cut(nn.RNNBase)
def _recurrent(larger: nn.RNNBase, smaller: nn.RNNBase) -> dict[str, Tensor]:
    """Return the first features within each gate, and of each direction that a layer reads."""
    if smaller.mode != larger.mode or smaller.proj_size or larger.proj_size:
        raise InvalidInputError("recurrent layers can only be cut to the same kind, without projections.")
    if smaller.bidirectional != larger.bidirectional:
        raise InvalidInputError("recurrent layers can only be cut to the same number of directions.")
    gates = {"LSTM": 4, "GRU": 3}.get(smaller.mode, 1)
    had, has, ways = larger.hidden_size, smaller.hidden_size, 1 + smaller.bidirectional
    found = {}
    for name, value in smaller.named_parameters():
        if (other := larger._parameters.get(name)) is None:
            raise InvalidInputError(
                f"a {type(smaller).__name__} of the subnet has a {name}, but the supernet's does not."
            )
        rows = first_of_blocks(other, 0, (gates, had), (gates, has))
        if name.startswith("weight_ih_l") and not name.startswith("weight_ih_l0"):
            found[name] = first_of_blocks(rows, 1, (ways, had), (ways, has))
        else:
            found[name] = corner(rows, value.shape, name)
    return found


@register_cut(RNNCellBase)
def _cell(larger: RNNCellBase, smaller: RNNCellBase) -> dict[str, Tensor]:
    """Return the first features within each gate."""
    if type(larger) is not type(smaller):
        raise InvalidInputError("recurrent cells can only be cut to the same kind.")
    gates = larger.weight_hh.shape[0] // larger.hidden_size
    found = {}
    for name, value in smaller.named_parameters():
        if (other := larger._parameters.get(name)) is None:
            raise InvalidInputError(
                f"a {type(smaller).__name__} of the subnet has a {name}, but the supernet's does not."
            )
        rows = first_of_blocks(other, 0, (gates, larger.hidden_size), (gates, smaller.hidden_size))
        found[name] = corner(rows, value.shape, name)
    return found


@register_cut(Attention)
def _grouped_attention(larger: Attention, smaller: Attention) -> dict[str, Tensor]:
    """Return the first groups, first query heads of each, first features of each head."""
    had, has = ((one.groups, one.heads // one.groups, one.head_width) for one in (larger, smaller))
    inputs = smaller.query.in_features
    if any(a < b for a, b in zip(had, has, strict=True)) or inputs > larger.query.in_features:
        raise InvalidInputError(
            f"{has[0]} groups of {has[1]} heads of {has[2]} are not part of {had[0]} of {had[1]} of {had[2]}."
        )
    out = first_of_blocks(larger.out.weight, 1, had, has)[:inputs]
    found = {"out.weight": out, "out.bias": larger.out.bias[:inputs]}
    single = (had[0], had[2]), (has[0], has[2])
    for name, blocks in (("query", (had, has)), ("key", single), ("value", single)):
        layer = getattr(larger, name)
        found[f"{name}.weight"] = first_of_blocks(layer.weight, 0, *blocks)[:, :inputs]
        found[f"{name}.bias"] = first_of_blocks(layer.bias, 0, *blocks)
    return found
