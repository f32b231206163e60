"""Checks before an export: a stand-alone network, names of files, and the code that builds the network."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import nn
from torch.utils._pytree import tree_leaves

from zcbench import _arguments as rules
from zcbench._arguments import shown
from zcbench._foreign import Foreign
from zcbench.errors import InvalidInputError
from zcbench.probe._measurable import measurable
from zcbench.probe._snapshot import untouched
from zcbench.probe.calling import invoke
from zcbench.spaces import get_space
from zcbench.types import Architecture, Batch, Supernet

#: kinds of files, and their suffixes
KINDS = {"weights": ".safetensors", "torch": ".pt2", "onnx": ".onnx"}
#: suffixes of the files of a network's card
CARD = (".json", ".md")
_ODD = re.compile(r'[\x00-\x1f\x7f<>:"/\\|?*]')
#: largest number of bytes of a file's name
_LONGEST = 200


def standing_alone(network: nn.Module, batch: Batch) -> nn.Module:
    """Return the network to export, without compiling or distributing wrappers.

    Raises:
        InvalidInputError: it is a supernet, in training mode, on another device than the CPU, or not a network.
    """
    if isinstance(network, Supernet):
        raise InvalidInputError("this is a supernet: give one of its networks,  supernet.subnet(architecture).")
    network = measurable(network, batch)
    training = [place for place, module in network.named_modules() if module.training]
    if training:
        which = f"its module {training[0]!r}" if training[0] else "the network"
        raise InvalidInputError(
            f"{which} is in training mode, in which batch norm and dropout compute differently: call  network.eval()"
            "  first."
        )
    tensors = [*network.parameters(), *network.buffers(), *batch.tensors()]
    if odd := [one.device for one in tensors if one.device.type != "cpu"]:
        raise InvalidInputError(f"the network or its inputs are on {odd[0]}: give  network.cpu()  and such inputs.")
    return network


def kinds_of(kinds: Iterable[str]) -> Sequence[str]:
    """Return kinds of files, each once."""
    wanted = list(dict.fromkeys(rules.all_text("the kinds", kinds)))
    for kind in wanted:
        if kind not in KINDS:
            raise InvalidInputError(f"kind {shown(kind)}: choose from {', '.join(KINDS)}.")
    if not wanted:
        raise InvalidInputError(f"there is no kind of file to write: choose from {', '.join(KINDS)}.")
    return wanted


def check_name(name: str) -> None:
    """Raise InvalidInputError unless every file system supports the name."""
    rules.text("the name", name)
    try:
        length = len(name.encode())
    except UnicodeEncodeError:
        length = 0
    if not 0 < length <= _LONGEST or _ODD.search(name) or name[0] in ". " or name[-1] in ". ":
        raise InvalidInputError(
            f'the name {shown(name)} is not a portable file name: use none of < > : " / \\ | ? *, no point or blank at '
            f"its ends, and at most {_LONGEST} bytes."
        )


def check_free(folder: Path, name: str, kinds: Iterable[str]) -> None:
    """Raise InvalidInputError if a file of an earlier export, or its card, exists."""
    for ending in (*(KINDS[kind] for kind in kinds), *CARD):
        path = folder / f"{name}{ending}"
        if os.path.lexists(path):
            raise InvalidInputError(
                f"{path} exists already: give another folder or name, or overwrite=True to replace it."
            )


def about_of(network: nn.Module, batch: Batch, architecture: Architecture | None) -> dict[str, Any]:
    """Return class and architecture, and the code that builds the network if it computes the same with its weights."""
    kind = type(network)
    about: dict[str, Any] = {"class": f"{kind.__module__}.{kind.__qualname__}"}
    if architecture is None:
        return about
    if not isinstance(architecture, Architecture):
        raise InvalidInputError(f"architecture {shown(architecture)}: give one of a search space.")
    about |= {"space": architecture.space, "architecture": architecture.key}
    same = False
    with Foreign(), torch.random.fork_rng(devices=[]), torch.no_grad(), untouched(network):
        space = get_space(architecture.space)
        other = space.build(space.parse(architecture.key)).eval()
        other.load_state_dict(network.state_dict())
        mine, its = (tree_leaves(invoke(one, batch.map(torch.clone))) for one in (network, other))
        same = all(torch.equal(a, b) for a, b in zip(mine, its, strict=True))
    if same:
        about["build"] = (
            f"space = zcbench.get_space({architecture.space!r})\n"
            f"network = space.build(space.parse({architecture.key!r})).eval()"
        )
    return about
