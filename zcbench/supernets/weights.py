"""A stand-alone network's weights in a safetensors file, with the code that builds the network."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar

import torch
from torch import Tensor, nn

from zcbench import _arguments as rules
from zcbench.errors import DataCorruptError, DataMissingError, InvalidInputError, first_line
from zcbench.supernets._sealed import opened, sealed

N = TypeVar("N", bound=nn.Module)


def packed(network: nn.Module, about: Mapping[str, Any]) -> bytes:
    """Return the state dictionary as a safetensors file; tensors that share memory are stored once.

    Args:
        network: any network.
        about: written into the file's metadata, as JSON.

    Raises:
        InvalidInputError: the state contains something other than dense tensors, or a weight is nan.
    """
    kept: dict[str, Tensor] = {}
    shared: dict[str, str] = {}
    places: dict[tuple[Any, ...], str] = {}
    for name, value in network.state_dict().items():
        if not isinstance(value, Tensor):
            raise InvalidInputError(
                f"the network's state {name!r} is a {type(value).__name__}, but a file of weights contains tensors: "
                "keep it in a buffer."
            )
        if value.layout != torch.strided or value.is_quantized or value.is_meta:
            raise InvalidInputError(f"the network's {name!r} is not a dense tensor with values: make it one.")
        if (value.is_floating_point() or value.is_complex()) and value.isnan().any():
            raise InvalidInputError(f"the network's {name!r} contains nan: such weights are not usable.")
        place = (value.untyped_storage().data_ptr(), value.storage_offset(), value.shape, value.stride(), value.dtype)
        if value.numel() and place in places:
            shared[name] = places[place]
        else:
            places[place] = name
            kept[name] = value
    return sealed(kept, {"about": json.dumps(about, default=str), "shared": json.dumps(shared)})


def unpacked(content: bytes) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Return the state dictionary in a file's content, and its metadata.

    Raises:
        DataCorruptError: it is not such a file.
    """
    try:
        tensors, metadata = opened(content, strict=False)  # other programs may write such files, too
        about = json.loads(metadata.get("about", "{}"))
        shared = json.loads(metadata.get("shared", "{}"))
        tensors |= {name: tensors[kept] for name, kept in shared.items()}
    except (DataCorruptError, ValueError, KeyError, AttributeError, TypeError) as error:
        reason = str(error).rstrip(".") if isinstance(error, DataCorruptError) else first_line(error)
        raise DataCorruptError(f"this is no complete file of weights ({reason}): export the network again.") from None
    return tensors, about if isinstance(about, dict) else {}


def load_weights(network: N, path: str | os.PathLike[str]) -> N:
    """Load the weights of a file that :func:`zcbench.supernets.export` wrote into a network.

    Args:
        network: built as the file's card says; it is changed.
        path: a ``.safetensors`` file.

    Returns:
        The same network.

    Raises:
        DataMissingError: there is no such file.
        DataCorruptError: it is not a file of weights, is damaged, or a weight is nan.
        InvalidInputError: the weights are of another network.
    """
    if not isinstance(network, nn.Module):
        raise InvalidInputError(f"the network is {rules.shown(network)}: give a torch.nn.Module.")
    try:
        content = Path(rules.path("the file of weights", path)).read_bytes()
    except OSError as error:
        raise DataMissingError(f"{path} cannot be read: {error.strerror or error}.") from None
    tensors, about = unpacked(content)
    try:
        expected = network.state_dict()
        odd = sorted(set(tensors) ^ set(expected))
        alike = [(name, value, expected[name]) for name, value in tensors.items() if name in expected]
        odd += [name for name, one, other in alike if (one.shape, one.dtype) != (other.shape, other.dtype)]
        spoilt = [name for name, value, _ in alike if value.is_floating_point() and bool(value.isnan().any())]
        if spoilt and not odd:
            raise DataCorruptError(f"{path} contains nan in {spoilt[0]}: such weights are not usable.")
        if not odd:
            network.load_state_dict(tensors)
    except RuntimeError as error:
        odd = [first_line(error)]
    if odd:
        what = about.get("architecture") or about.get("class") or "another network"
        raise InvalidInputError(
            f"{path} has the weights of {what}, which do not fit this network ({', '.join(odd[:3])}"
            f"{', …' if len(odd) > 3 else ''}): build the network as its card says."
        )
    return network
