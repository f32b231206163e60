"""Layers that hold several parts one after another, of which the first entries are no smaller layer's.

What a linear layer's outputs mean is known to the module around it alone. Names tell of the usual ones: a layer called
``qkv`` makes queries, keys and values, and the first third of its rows makes queries. A subnet that took them would
compute its values with what learned to be queries, without an error.
"""

from __future__ import annotations

from torch import nn

from zcbench.errors import InvalidInputError

#: names of layers whose outputs are parts, and what they are
_PARTS = {
    **dict.fromkeys(
        ("qkv", "qkv_proj", "to_qkv", "wqkv", "in_proj_qkv", "c_attn", "query_key_value"), "queries, keys and values"
    ),
    **dict.fromkeys(("kv", "kv_proj", "to_kv", "wkv"), "keys and values"),
    **dict.fromkeys(("gate_up_proj", "up_gate_proj", "w12"), "gates and what they weigh"),
}
#: names of layers that make queries and keys
_QUERIES = (("q_proj", "k_proj"), ("query", "key"), ("to_q", "to_k"), ("wq", "wk"), ("q", "k"))


def refuse_parts(prefix: str, larger: nn.Module, smaller: nn.Module) -> None:
    """Refuse to take the first outputs of a layer whose outputs are several parts.

    Args:
        prefix: name of the module, with a point behind it.
        larger: of the supernet; it has no rule of its own, or a layer's.
        smaller: of the subnet.

    Raises:
        InvalidInputError: its name says that it is such a layer, and the subnet's has fewer outputs.
    """
    name = prefix.rstrip(".")
    parts = _PARTS.get(name.rpartition(".")[2].lower())
    had, has = _outputs(larger), _outputs(smaller)
    if parts is not None and had is not None and has is not None and had != has:
        raise InvalidInputError(
            f"{name} makes {parts}, one after another, and the first {has} of its {had} outputs are not a smaller "
            "layer's: register a rule for the module that it is in, with register_cut and first_of_blocks."
        )


def refuse_groups(prefix: str, larger: nn.Module, smaller: nn.Module) -> None:
    """Refuse attention whose query heads would meet other keys than those with which they learned.

    Raises:
        InvalidInputError: names say that it is attention, and as many query heads to each key in one size are not as
            many in the other.
    """
    for query, key in _QUERIES:
        sizes = [[_outputs(getattr(one, name, None)) for name in (query, key)] for one in (larger, smaller)]
        (queries, keys), (has_queries, has_keys) = sizes
        if None in (queries, keys, has_queries, has_keys):
            continue
        if queries * has_keys != has_queries * keys:  # type: ignore[operator]
            where = prefix.rstrip(".") or "the network"
            raise InvalidInputError(
                f"{where} has {queries} queries to {keys} keys in the supernet, and {has_queries} to {has_keys} in the "
                "subnet, so that query heads would meet other keys: register a rule for it, with register_cut and "
                "first_of_blocks(weight, 0, (groups, queries of each, width), …)."
            )


def _outputs(layer: object) -> int | None:
    """Number of outputs of a linear layer or convolution; None for what is none."""
    if not isinstance(layer, nn.Module):
        return None
    weight, bias = (layer._parameters.get(name) for name in ("weight", "bias"))
    if weight is None or weight.ndim < 2:
        return None
    return len(bias) if bias is not None else len(weight)
