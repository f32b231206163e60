"""The roles of a transformer's linear layers, determined from the autograd graph by how layers are connected.

Names and shapes of modules differ between libraries, but operations on a layer's output do not.
"""

from __future__ import annotations

import enum
from collections import defaultdict
from collections.abc import Iterator, Mapping
from typing import Any, TypeAlias

import torch
from torch import Tensor

Node: TypeAlias = Any  # torch.autograd.graph.Node


class Role(enum.StrEnum):
    """The function of a linear layer."""

    ATTENTION = "attention"  # produces queries, keys or values, or receives the output of the heads
    FFN_IN = "ffn-in"  # its output passes a non-linearity and then a layer that restores its width
    FFN_OUT = "ffn-out"  # the layer that restores the width


_PRODUCTS = {"AddmmBackward0", "MmBackward0", "LinearBackward0", "MkldnnLinearBackward0", "GroupedMmBackward0"}
_ATTENTION = {
    "BmmBackward0",
    "BaddbmmBackward0",
    "ScaledDotProductFlashAttentionForCpuBackward0",
    "ScaledDotProductFlashAttentionBackward0",
    "ScaledDotProductEfficientAttentionBackward0",
    "ScaledDotProductCudnnAttentionBackward0",
}
_SHAPES = {
    *("ViewBackward0", "UnsafeViewBackward0", "ReshapeAliasBackward0", "UnflattenBackward0", "FlattenBackward0"),
    *("TransposeBackward0", "PermuteBackward0", "TBackward0", "AliasBackward0", "CloneBackward0", "ToCopyBackward0"),
    *("UnbindBackward0", "SplitBackward0", "SplitWithSizesBackward0", "UnsafeSplitBackward0", "ChunkBackward0"),
    *("SelectBackward0", "SliceBackward0", "IndexBackward0", "RollBackward0", "UnfoldBackward0", "CatBackward0"),
    *("SqueezeBackward0", "SqueezeBackward1", "UnsqueezeBackward0", "ExpandBackward0", "StackBackward0"),
    *("NativeDropoutBackward0", "AsStridedBackward0", "ConstantPadNdBackward0"),  # flash attention of CUDA pads heads
}
_SCALES = {
    *("MulBackward0", "DivBackward0", "NegBackward0", "AddBackward0", "SubBackward0"),
    *("MulBackward1", "DivBackward1", "AddBackward1", "SubBackward1"),  # by a number
}
_ROOTS = {"RsqrtBackward0", "SqrtBackward0"}
_BENDS = {
    *("GeluBackward0", "ReluBackward0", "SiluBackward0", "MishBackward0", "EluBackward0", "LeakyReluBackward0"),
    *("HardswishBackward0", "HardtanhBackward0", "SoftplusBackward0", "SigmoidBackward0", "TanhBackward0"),
    *("PowBackward0", "ErfBackward0", "SoftplusBackward0", "HardsigmoidBackward0", "LogSigmoidBackward0"),
    *("ExpBackward0", "Expm1Backward0", "Log1pBackward0", "WhereBackward0", "MaximumBackward0", "MinimumBackward0"),
    *("ClampBackward1", "ClampMinBackward0", "ClampMaxBackward0", "PreluKernelBackward0"),
}
#: operations that are allowed between the non-linearity of a feed-forward block and its second layer
_INSIDE = {"NativeLayerNormBackward0", "FusedRmsNormBackward0", "ConvolutionBackward0", "MulBackward0"}


def linear_roles(outputs: Tensor, weights: Mapping[str, Tensor]) -> dict[str, Role]:
    """Return the roles of weights by name, for those that have one.

    Args:
        outputs: output of the network with its graph.
        weights: trainable weights by name; those with two dimensions, and with three where experts are stacked.
    """
    weights = {name: weight for name, weight in weights.items() if weight.dim() in (2, 3)}
    users, leaves = _graph(outputs)
    products = _products(users, leaves, {id(weight): name for name, weight in weights.items()})
    lands: dict[str, list[tuple[Node, bool]]] = defaultdict(list)
    for product, name in products.items():
        lands[name] += _downstream(product, users, _SHAPES | _SCALES, bends=True)
    found = _attention(users, products, lands)
    for name, ends in lands.items():
        feeds = {products.get(node, "") for node, bent in ends if not bent}
        if len(feeds) == 1 and found.get(other := feeds.pop()) is Role.ATTENTION and _is_square(weights[other]):
            found.setdefault(name, Role.ATTENTION)  # through a second product, as in weighted multiplicative attention
    for name in sorted(lands, key=lambda name: _is_square(weights[name])):  # square ones may be inside a chain
        if name in found:
            continue
        for chain in _chains(name, weights, lands, products):
            for inner in chain[:-1]:
                found.setdefault(inner, Role.FFN_IN)
            found.setdefault(chain[-1], Role.FFN_OUT)
    return found


def operations(outputs: Tensor) -> set[str]:
    """Return the names of the operations in a tensor's graph."""
    users, _ = _graph(outputs)
    return {node.name() for node in {*users, *(user for several in users.values() for user in several)}}


def _products(users: Mapping[Node, list[Node]], leaves: list[Node], names: Mapping[int, str]) -> dict[Node, str]:
    """Return the nodes that multiply by a weight, with its name."""
    found = {}
    for leaf in leaves:
        if name := names.get(id(leaf.variable)):
            for node, _ in _downstream(leaf, users, _SHAPES):
                if node.name() in _PRODUCTS | _ATTENTION:  # a three-dimensional product may become a batch of products
                    found[node] = name
    return found


def _attention(
    users: Mapping[Node, list[Node]], products: Mapping[Node, str], lands: Mapping[str, list[tuple[Node, bool]]]
) -> dict[str, Role]:
    """Return the layers that produce queries, keys and values, and those that receive the result."""
    found = {}
    for name, ends in lands.items():
        for node, bent in ends:
            if node.name() in _ATTENTION and node not in products and not bent:
                found[name] = Role.ATTENTION
                for out, _ in _downstream(node, users, _SHAPES):
                    if out in products:
                        found.setdefault(products[out], Role.ATTENTION)
    return found


def _chains(
    name: str,
    weights: Mapping[str, Tensor],
    lands: Mapping[str, list[tuple[Node, bool]]],
    products: Mapping[Node, str],
) -> Iterator[list[str]]:
    """Yield chains of layers from this one, each after a non-linearity, to one that restores the input's width.

    Between them there may be layers that keep the inner width.
    """
    stack = [[name]]
    while stack:
        chain = stack.pop()
        for node, bent in lands[chain[-1]]:
            other = products.get(node)
            if other is None or not bent or other in chain:
                continue
            inner, outer = weights[name].shape[-2:], weights[other].shape[-2:]
            # The input of a state space, next to its gate, goes elsewhere, too.
            alone = all(products.get(end) == other for end, _ in lands[name])
            if outer == inner[::-1] or (alone and _is_packed(inner, outer)):
                yield [*chain, other]
            elif _is_square(weights[other]) and outer[0] in inner:
                stack.append([*chain, other])


def _bends_in_place(node: Node) -> bool:
    """Return whether it overwrites a view by a function of nothing else, as an in-place activation does."""
    return node.name().endswith("CopySlices") and sum(child is not None for child, _ in node.next_functions) == 1


def _is_written_by_hand(node: Node) -> bool:
    """Return whether it is a user-defined function with one differentiable argument, as activations are."""
    own = isinstance(node, torch.autograd.function.BackwardCFunction)
    return own and sum(child is not None for child, _ in node.next_functions) == 1


def _is_weight_of(node: Node, user: Node) -> bool:
    """Return whether a result is the weight of a convolution."""
    return user.name() == "ConvolutionBackward0" and user.next_functions[0][0] is not node


def _normalizes(node: Node) -> bool:
    """Return whether a product is the last step of a written-out norm: x times 1 / root of its mean square."""
    return any(child is not None and child.name() in _ROOTS for child, _ in node.next_functions)


def _is_packed(inner: torch.Size, outer: torch.Size) -> bool:
    """Return whether a layer has twice the width of the next layer's input: gate and values in one, in any order."""
    return (inner[0] == 2 * outer[1] and inner[1] == outer[0]) or (inner[1] == 2 * outer[0] and inner[0] == outer[1])


def _is_square(weight: Tensor) -> bool:
    return weight.shape[-2] == weight.shape[-1]


def _graph(outputs: Tensor) -> tuple[dict[Node, list[Node]], list[Node]]:
    """Return the users of each node's result, and the nodes of leaf tensors."""
    users: dict[Node, list[Node]] = defaultdict(list)
    leaves: list[Node] = []
    stack, seen = [outputs.grad_fn], {outputs.grad_fn}
    while stack:
        node = stack.pop()
        if node is None:
            continue
        if hasattr(node, "variable"):
            leaves.append(node)
        for child, _ in node.next_functions:
            if child is not None:
                users[child].append(node)
                if child not in seen:
                    seen.add(child)
                    stack.append(child)
    return users, leaves


def _downstream(
    start: Node, users: Mapping[Node, list[Node]], through: set[str], *, bends: bool = False
) -> Iterator[tuple[Node, bool]]:
    """Yield the nodes that a result reaches through operations of these names, and whether a non-linearity was applied.

    Args:
        start: the node of the result.
        users: from a node to those that use its result.
        through: names of operations.
        bends: whether to follow through non-linearities, too.
    """
    stack, seen = [(start, False)], {(start, False)}
    while stack:
        node, bent = stack.pop()
        for user in users.get(node, ()):
            bend = user.name() in _BENDS or _bends_in_place(user) or _is_written_by_hand(user)
            if bends and bent and user.name() in _INSIDE:  # a norm or a convolution over positions
                passes = not _is_weight_of(node, user)
            else:
                passes = (bends if bend else user.name() in through) and not _normalizes(user)
            state = (user, bent or bend)
            if state in seen:
                continue
            seen.add(state)
            if passes:
                stack.append(state)
            else:
                yield state
