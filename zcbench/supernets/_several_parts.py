"""Layers whose outputs consist of several parts, so that their first outputs are not those of a smaller layer.

Only the surrounding module determines the meaning of a linear layer's outputs. Names identify the usual ones: a layer
called ``qkv`` computes queries, keys and values, and the first third of its rows computes queries. A subnet with the
first rows would compute its values with weights that were trained for queries, without an error.
"""

from __future__ import annotations

from torch import nn

from zcbench.errors import InvalidInputError

#: names of layers whose outputs have several parts, and these parts
_PARTS = {
    **dict.fromkeys(
        ("qkv", "qkv_proj", "to_qkv", "wqkv", "in_proj_qkv", "c_attn", "query_key_value"), "queries, keys and values"
    ),
    **dict.fromkeys(("kv", "kv_proj", "to_kv", "wkv"), "keys and values"),
    **dict.fromkeys(("gate_up_proj", "up_gate_proj", "w12"), "gates and gated values"),
}
#: names of layers that compute queries and keys
_QUERIES = (("q_proj", "k_proj"), ("query", "key"), ("to_q", "to_k"), ("wq", "wk"), ("q", "k"))


def refuse_parts(prefix: str, larger: nn.Module, smaller: nn.Module) -> None:
    """Refuse to use the first outputs of a layer whose outputs have several parts.

    Args:
        prefix: name of the module, followed by a point.
        larger: module of the supernet, which has no rule itself, or that of a layer.
        smaller: module of the subnet.

    Raises:
        InvalidInputError: the name identifies such a layer, and the subnet's has fewer outputs.
    """
    name = prefix.rstrip(".")
    parts = _PARTS.get(name.rpartition(".")[2].lower())
    had, has = _outputs(larger), _outputs(smaller)
    if parts is not None and had is not None and has is not None and had != has:
        raise InvalidInputError(
            f"{name} computes {parts}, one after another, and the first {has} of its {had} outputs are not those of a "
            "smaller layer: register a rule for its parent module, with register_cut and first_of_blocks."
        )


def refuse_groups(prefix: str, larger: nn.Module, smaller: nn.Module) -> None:
    """Refuse attention whose query heads would be combined with other keys than in training.

    Raises:
        InvalidInputError: names identify attention, and the number of query heads for each key differs between the
            sizes.
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
                "subnet, so that query heads would be combined with other keys: register a rule for it, with "
                "register_cut and first_of_blocks(weight, 0, (groups, queries of each, width), …)."
            )


def _outputs(layer: object) -> int | None:
    """Return the number of outputs of a linear layer or convolution; None for other objects."""
    if not isinstance(layer, nn.Module):
        return None
    weight, bias = (layer._parameters.get(name) for name in ("weight", "bias"))
    if weight is None or weight.ndim < 2:
        return None
    return len(bias) if bias is not None else len(weight)
