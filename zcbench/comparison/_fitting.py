"""Checks that a network and samples fit together; errors say in one sentence what to do."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, cast

from zcbench._foreign import Foreign
from zcbench.comparison._data import Samples
from zcbench.comparison._models import found_in
from zcbench.comparison._takes import Takes
from zcbench.errors import InvalidInputError
from zcbench.probe._measurable import measurable
from zcbench.probe.calling import output_of
from zcbench.types import Batch, OutputChoice

if TYPE_CHECKING:
    from torch import Tensor, nn

#: parts of torch's messages, and what to do about them
_ADVICE = (
    (
        r"missing \d+ required positional argument|missing a required argument",
        "the network takes several inputs. Give them by name in a .npz file, or return them as a mapping or tuple from "
        "a function: --data FILE.npz, --data file.py:function",
    ),
    (
        r"expected input\[.*to have \d+ channels",
        "choose samples with as many channels, e.g. --input or --data",
    ),
    (
        r"mat1 and mat2 shapes|shapes cannot be multiplied",
        "its layers expect samples of another size: change --input, or choose images of another size, e.g. --data "
        "cifar10@64",
    ),
    (
        r"index out of range in self",
        "the samples hold more words than the network knows: reduce the vocabulary, e.g. --data wikitext2@1000",
    ),
    (
        r"Input image size .* doesn't match|Input height",
        "choose images of the side that the network takes, --data cifar10@SIDE",
    ),
)


def output_choice(text: Any) -> OutputChoice | None:
    """Read a text that chooses the part of the output that counts; other things stay as they are.

    Raises:
        InvalidInputError: the text chooses nothing.
    """
    if not isinstance(text, str):
        return cast("OutputChoice | None", text)
    if ".py:" in text:
        function = found_in(text)
        if not callable(function):
            raise InvalidInputError(f"--output {text} is no function: write  --output FILE.py:FUNCTION")
        return cast("OutputChoice", function)
    steps = text.split(".")
    if not all(steps):
        raise InvalidInputError(f"--output {text!r}: write names and indices with points between them, e.g. heads.-1")
    return [int(step) if re.fullmatch("-?[0-9]{1,9}", step) else step for step in steps]


def fitting_inputs(name: str, data: str, takes: Takes, inputs: Any) -> Any:
    """Return the inputs by the names of the network's arguments.

    Raises:
        InvalidInputError: the network reads words and the samples are numbers, or the reverse.
    """
    import torch

    if not takes.name or not isinstance(inputs, torch.Tensor):
        return inputs
    if takes.words == inputs.is_floating_point():
        reads, holds = ("ids of words", "numbers") if takes.words else ("numbers", "ids of words")
        choose = "wikitext2 or pydoc" if takes.words else "cifar10"
        raise InvalidInputError(f"{name} reads {reads}, and {data} holds {holds}: choose e.g. --data {choose}")
    if takes.words:
        largest, longest = int(inputs.max()), inputs.shape[1]
        if takes.vocabulary is not None and largest >= takes.vocabulary:
            raise InvalidInputError(
                f"{name} knows {takes.vocabulary:,} words, and {data} holds the word {largest:,}: reduce the "
                f"vocabulary, e.g. --data wikitext2@{takes.vocabulary}, or raise vocab_size."
            )
        if takes.longest is not None and longest > takes.longest:
            raise InvalidInputError(f"{name} reads at most {takes.longest} words, and {data} has texts of {longest}.")
    found = {takes.name: inputs}
    if takes.decoder:
        found["decoder_input_ids"] = inputs
    return found


def output_shape(name: str, model: nn.Module, batch: Batch, choice: OutputChoice | None) -> tuple[int, ...]:
    """Return the shape of the network's output for one sample, (1, …).

    Raises:
        InvalidInputError: the network cannot be called with the samples, or returns no tensor that counts.
    """
    few = batch[:3]
    inner = measurable(model, few)
    modes = [(module, module.training) for module in inner.modules()]
    shape: tuple[int, ...] = ()
    with Foreign() as call:
        try:
            shape = tuple(output_of(inner.eval(), few, choice).shape)
        finally:
            for module, training in modes:
                module.training = training
    if call.kind is not None:
        raise InvalidInputError(
            f"{name} cannot take {_called_with(few)}: {call.said.rstrip('.')}{_about(call.message, few)}"
        )
    return shape


def fitting_targets(
    name: str, data: str, batch: Batch, shape: tuple[int, ...], samples: Samples, classes: int | None, seed: int
) -> tuple[Batch, list[str]]:
    """Return the batch with targets that fit the output, and notes on them.

    Args:
        name: of the network, for messages.
        data: of the samples, for messages.
        batch: inputs, and targets where the samples have them.
        shape: of the output for one sample.
        samples: the samples, with the number of their classes.
        classes: number of classes that was chosen; None for the samples' or the width of the output.
        seed: decides random targets.

    Raises:
        InvalidInputError: the samples' targets do not fit.
    """
    import torch

    if samples.noise:
        width = shape[1] if len(shape) == 4 else shape[-1]
        places = shape[2:] if len(shape) == 4 else shape[1:-1]
        generator = torch.Generator().manual_seed(seed)
        targets = torch.randint(classes or width, (len(batch), *places), generator=generator)
        return Batch(batch.inputs, targets, batch.provenance), []
    if batch.targets is None:
        return batch, []
    targets = batch.targets
    if targets.is_floating_point():
        if shape[1:] == (1,) and targets.dim() == 1:
            targets = targets[:, None]
        if tuple(targets.shape[1:]) != shape[1:]:
            raise InvalidInputError(
                f"{data} has real targets of shape {tuple(targets.shape)}, and {name} returns "
                f"{_sizes(len(batch), shape)}: they must be equal."
            )
        return Batch(batch.inputs, targets, batch.provenance), []
    return batch, _classes_fit(name, data, targets, shape, samples.classes or 0)


def _classes_fit(name: str, data: str, targets: Tensor, shape: tuple[int, ...], classes: int) -> list[str]:
    """Return notes on the classes; InvalidInputError if they do not fit."""
    places = tuple(targets.shape[1:])
    if shape[1:-1] == places:
        width = shape[-1]
    elif len(shape) > 2 and shape[2:] == places:
        width = shape[1]
    else:
        each = "a class for every word" if places else "one class per sample"
        advice = (
            "choose samples with one class each, --data FILE.npz or file.py:function, or a head for words, e.g. "
            '"architectures": ["BertForMaskedLM"]'
            if places
            else "return (samples, classes), or choose the part that counts by --output"
        )
        raise InvalidInputError(
            f"{data} has {each}, targets {tuple(targets.shape)}, and {name} returns {_sizes(len(targets), shape)}: "
            f"{advice}."
        )
    if width < classes:
        raise InvalidInputError(
            f"{data} has {classes} classes, and {name} returns {width} outputs: build it with {classes} classes, or "
            "choose other samples."
        )
    return [f"{name} has {width} outputs, and {data} has {classes} classes."] if width > classes else []


def shapes_of(batch: Batch) -> str:
    """Return the shapes of one sample's inputs, "3x32x32"."""
    return ", ".join(dict.fromkeys("x".join(map(str, tensor.shape[1:])) or "1" for tensor in batch.tensors()))


def _called_with(batch: Batch) -> str:
    """Describe the inputs of the network's call."""
    if isinstance(batch.inputs, Mapping):
        named = zip(batch.inputs, batch.parts(), strict=True)
        parts = [f"{key} {(1, *part.shape[1:])}" for key, part in named if hasattr(part, "shape")]
        return f"the inputs {', '.join(parts)}"
    shapes = [str((1, *tensor.shape[1:])) for tensor in batch.tensors()]
    return f"an input of shape {shapes[0]}" if len(shapes) == 1 else f"inputs of shapes {', '.join(shapes)}"


def _about(message: str, batch: Batch) -> str:
    """Return advice on an error of torch, as the end of a sentence."""
    tensor = batch.tensors()[0]
    if tensor.dim() == 4 and tensor.shape[1] > 4 >= tensor.shape[-1]:
        return ". Images are (samples, channels, height, width): move the channels to the second place."
    found = next((advice for pattern, advice in _ADVICE if re.search(pattern, message)), "")
    return f". Advice: {found}." if found else "."


def _sizes(count: int, shape: tuple[int, ...]) -> str:
    return str((count, *shape[1:]))
