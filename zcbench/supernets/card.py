"""A card for each exported network: description, costs, origin, and digests to verify files."""

from __future__ import annotations

import hashlib
import json
import math
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import nn

from zcbench._arguments import shown
from zcbench._display import json_text, many, markdown, markdown_line, significant
from zcbench._files import write_text
from zcbench.errors import DataCorruptError, DataMissingError, InvalidInputError
from zcbench.proxies import score
from zcbench.records import describe_environment
from zcbench.supernets._export import Exported
from zcbench.supernets._exportable import CARD
from zcbench.supernets._latency import Latency
from zcbench.supernets.weights import unpacked
from zcbench.types import Batch, Inputs, Status

#: version of the card's form
VERSION = 1
_ADVICE = "give another folder."
_FLOPS = "floating-point operations of one sample, two per multiply-add; convolutions and products of matrices"
_KINDS = {"weights": "weights (safetensors)", "torch": "torch.export", "onnx": "ONNX"}


def write_card(
    exported: Exported,
    network: nn.Module,
    example: Inputs,
    *,
    accuracy: Mapping[str, float] | None = None,
    latency: Latency | Mapping[str, Latency | str] | None = None,
    found: Mapping[str, Any] | None = None,
    notes: str = "",
) -> dict[str, Any]:
    """Write ``name.json`` and ``name.md`` next to the files of an export, each in one step.

    An existing card is replaced, because :func:`zcbench.supernets.export` checked the name or was asked to overwrite.

    Args:
        exported: result of the export.
        network: the same network.
        example: its inputs.
        accuracy: accuracies by name, for example "inherited" and "fine-tuned"; fractions.
        latency: latency of the network, or latencies by runtime; a sentence if it could not be measured.
        found: how it was found, by name: searcher, evaluations, scorers, seed.
        notes: a sentence of the owner.

    Returns:
        The card, as in the JSON file.

    Raises:
        InvalidInputError: an accuracy is not a fraction, the network has other weights than were exported, or an
            argument cannot be written as JSON.
        StoreError: there is no room or no permission.
    """
    for what, given in (("accuracy", accuracy), ("found", found)):
        if given is not None and not isinstance(given, Mapping):
            raise InvalidInputError(f"{what} is {shown(given)}: give a mapping, by name.")
    for name, value in (accuracy or {}).items():
        if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value):
            raise InvalidInputError(f"accuracy[{name!r}] is {shown(value)}: give a finite number.")
        if not 0 <= value <= 1:
            raise InvalidInputError(f"accuracy[{name!r}] is {shown(value)}: give a fraction, from 0 to 1.")
    _check_same(exported, network)
    card = _card(exported, network, example)
    measured = {"the network": latency} if isinstance(latency, Latency) else dict(latency or {})
    card |= {
        "accuracy": {str(name): float(value) for name, value in (accuracy or {}).items()},
        "latency_ms": {name: one if isinstance(one, str) else one.as_dict() for name, one in measured.items()},
        "found": dict(found or {}),
        "notes": str(notes),
    }
    try:
        text = json_text(card)
        written: dict[str, Any] = json.loads(text)
    except (TypeError, ValueError, RecursionError) as error:
        raise InvalidInputError(f"the card cannot be written as JSON ({error}): give numbers and texts.") from None
    path = exported.folder / exported.name
    for ending, content in zip(CARD, (text + "\n", as_markdown(written)), strict=True):
        write_text(path.with_name(path.name + ending), content, _ADVICE)
    return written


def _check_same(exported: Exported, network: nn.Module) -> None:
    """Refuse a network whose weights are not those that were exported."""
    file = exported.files.get("weights")
    try:
        content = b"" if file is None else file.path.read_bytes()
        whole = file is not None and hashlib.sha256(content).hexdigest() == file.sha256
        tensors = unpacked(content)[0] if whole else {}
    except (OSError, DataCorruptError):
        return  # check_card reports the state of the file
    if not tensors:
        return
    state = network.state_dict()
    if state.keys() != tensors.keys() or not all(torch.equal(state[name], value) for name, value in tensors.items()):
        raise InvalidInputError(
            f"{exported.name} was exported with other weights than the network has: give the network that was exported."
        )


def check_card(path: str | os.PathLike[str]) -> list[str]:
    """Compare the files next to a card with its digests.

    Args:
        path: path of the card's JSON file.

    Returns:
        A sentence for each file that differs from the card; empty if none does.

    Raises:
        DataMissingError: there is no such card.
        DataCorruptError: it is not a card.
    """
    place = Path(path)
    try:
        card = json.loads(place.read_bytes())
        files = [(str(one["file"]), str(one["sha256"])) for one in card["files"].values()]
    except OSError as error:
        raise DataMissingError(f"{path} cannot be read: {error.strerror or error}.") from None
    except (ValueError, TypeError, KeyError, AttributeError):
        raise DataCorruptError(f"{path} is not the card of an exported network: give its .json file.") from None
    problems = []
    for name, digest in files:
        if Path(name).name != name or name in ("", ".", ".."):
            problems.append(f"{shown(name)} is not the name of a file next to the card.")
            continue
        try:
            found = hashlib.sha256((place.parent / name).read_bytes()).hexdigest()
        except OSError as error:
            problems.append(f"{name} cannot be read: {error.strerror or error}.")
            continue
        if found != digest:
            problems.append(f"{name} is not the file that the card describes: its SHA-256 begins with {found[:12]}.")
    return problems


def _card(exported: Exported, network: nn.Module, example: Inputs) -> dict[str, Any]:
    """Return the entries that follow from network and files."""
    batch = Batch(example)
    scores = score(network, batch[:2].inputs, proxies=["flops"])
    flops = scores["flops"]
    identifier, environment = describe_environment()
    inputs = batch.inputs.items() if isinstance(batch.inputs, Mapping) else enumerate(batch.tensors())
    return {
        "card": VERSION,
        "name": exported.name,
        **exported.about,
        "parameters": sum(one.numel() for one in network.parameters()),
        "flops": flops.value if flops.status is Status.OK else None,
        "flops_counted": _FLOPS if flops.status is Status.OK else flops.detail,
        "inputs": {
            str(name): {"shape": ["batch", *one.shape[1:]], "type": str(one.dtype).removeprefix("torch.")}
            for name, one in inputs
            if hasattr(one, "dtype")
        },
        "files": {
            kind: {
                "file": one.path.name,
                "sha256": one.sha256,
                "bytes": one.size,
                "largest_difference": one.difference,
                "share_of_largest_number": one.share,
                "batches_compared": list(one.batches),
                **one.details,
            }
            for kind, one in exported.files.items()
        },
        "failed": dict(exported.failed),
        "environment": {"id": identifier, **environment},
    }


def as_markdown(card: Mapping[str, Any]) -> str:
    """Return the card as Markdown."""
    lines = [f"# {markdown(card['name'])}", ""]
    if "architecture" in card:
        lines += [f"{markdown_line(card['architecture'])} of the search space {markdown(card['space'])}.", ""]
    flops = "–" if card["flops"] is None else f"{card['flops']:,.0f}"
    rows = [
        ("parameters", f"{card['parameters']:,}"),
        ("FLOPs", f"{flops} ({card['flops_counted']})"),
        *((f"input {name}", f"{' × '.join(map(str, one['shape']))}, {one['type']}")
          for name, one in card["inputs"].items()),
        *((f"accuracy, {name}", f"{value:.2%}") for name, value in card["accuracy"].items()),
        *((f"latency, {name}", _latency(one)) for name, one in card["latency_ms"].items()),
        *((f"found: {name}", _value(value)) for name, value in card["found"].items()),
    ]  # fmt: skip
    lines += ["| | |", "|---|---|", *(f"| {markdown(name)} | {markdown(value)} |" for name, value in rows), ""]
    if card["notes"]:
        lines += [markdown_line(card["notes"]), ""]
    lines += _files(card)
    if "build" in card and "weights" in card["files"]:
        lines += [
            "## How it is built",
            "",
            "```python",
            "import zcbench",
            "from zcbench.supernets import load_weights",
            "",
            # A backtick would end the block; it can only be part of an architecture's text, where Python allows \x60.
            str(card["build"]).replace("`", r"\x60"),
            f"load_weights(network, {card['files']['weights']['file']!r})".replace("`", r"\x60"),
            "```",
            "",
        ]
    environment = ", ".join(f"{name} {_value(value)}" for name, value in card["environment"].items() if value != "")
    return "\n".join([*lines, "## Made with", "", markdown_line(environment), ""])


def _files(card: Mapping[str, Any]) -> list[str]:
    lines = ["## Files", "", "| file | what | bytes | SHA-256 | largest difference |", "|---|---|---|---|---|"]
    for kind, one in card["files"].items():
        sizes = ", ".join(map(str, one["batches_compared"]))
        difference = significant(one["largest_difference"], 2)
        if sizes:
            difference += (
                f", {significant(one['share_of_largest_number'], 2)} of the largest number; batches of {sizes}"
            )
        cells = (one["file"], _KINDS[kind], f"{one['bytes']:,}", one["sha256"], difference)
        lines.append(f"| {' | '.join(map(markdown, cells))} |")
    lines.append("")
    for kind, reason in card["failed"].items():
        lines += [markdown_line(f"Not written, {_KINDS[kind]}: {reason}"), ""]
    return lines


def _latency(one: Mapping[str, Any] | str) -> str:
    if isinstance(one, str):
        return one
    text = (
        f"{one['median']:.3g} ms (95 % interval {one['low']:.3g} to {one['high']:.3g}; p10 {one['p10']:.3g}, p90 "
        f"{one['p90']:.3g}) for {many(one['batch'], 'sample')}, {many(one['threads'], 'thread')}, {one['runtime']}, "
        f"{one['machine']}"
    )
    return f"{text}. {one['note']}" if one["note"] else text


def _value(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
