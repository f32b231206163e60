"""Score your own network, or one of a search space, on a random batch of a given shape."""

from __future__ import annotations

import argparse
import importlib
import math
import os
import re
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from zcbench._display import duration, significant
from zcbench._torchvision import torchvision_importable
from zcbench.cli._shared import (
    add_device,
    add_imports,
    add_json,
    add_timeout,
    import_files,
    print_json,
    print_rows,
    say,
    split_names,
)

if TYPE_CHECKING:
    from torch import Tensor, nn

    from zcbench._workers import Begin
    from zcbench.types import Architecture, Batch, OutputChoice, Score, SearchSpace, Status

EXAMPLE = """examples:
  zcbench score my_models.py:make_net --input 3x32x32
  zcbench score package.module:Net --input 1x28x28 --proxies naswot,synflow
  zcbench score timm:resnet10t"""


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument(
        "factory",
        metavar="NETWORK",
        help="file.py:function or package.module:Class, called without arguments; or a search space and an "
        "architecture of it, such as timm:resnet10t",
    )
    parser.add_argument(
        "--input",
        metavar="SHAPE",
        help="shape of one sample, e.g. 3x32x32 (default: what networks of the search space take; of others, needed)",
    )
    parser.add_argument("--classes", type=int, help="number of classes (default: the width of the output)")
    parser.add_argument(
        "--output",
        metavar="PART",
        help="which part of what the network returns counts: a name, an index or both with points between them "
        "(out, 0, heads.-1), or file.py:function (default: found by a rule; see README)",
    )
    parser.add_argument("--batch-size", type=int, default=16, metavar="B", help="samples in the batch (default: 16)")
    parser.add_argument(
        "--proxies", metavar="NAMES", help="names or patterns, separated by commas; all (default: standard)"
    )
    parser.add_argument("--seed", type=int, default=0, help="initial weights and the random batch (default: 0)")
    add_timeout(
        parser,
        "time to make the network, and time for each score: what takes longer is stopped and counts as timed-out "
        "(all in a worker process with one thread; default: none)",
    )
    add_device(parser)
    add_imports(parser)
    add_json(parser)


def execute(options: argparse.Namespace) -> int:
    """Run the command; 1 if a score failed or timed out."""
    from zcbench import devices
    from zcbench._arguments import seed, shown
    from zcbench._foreign import users_signals
    from zcbench._workers import check_timeout, in_parallel
    from zcbench.errors import InvalidInputError
    from zcbench.proxies import asked_for

    architecture = _architecture(options.factory)
    shape = _shape(options.input, options.batch_size, architecture)
    seed("the seed", options.seed)
    if options.classes is not None and not 1 <= options.classes <= 2**31:
        limit = "at least 1" if options.classes < 1 else f"at most {2**31}"
        raise InvalidInputError(f"{shown(options.classes)} classes: choose {limit}.")
    check_timeout(options.timeout)
    devices.check()
    import_files(options.imports)
    asked = asked_for(split_names(options.proxies))
    labels = tuple(dict.fromkeys(info.label for info in asked.values()))
    network = Network(
        options.factory,
        shape,
        options.batch_size,
        options.classes,
        options.seed,
        tuple(options.imports),
        options.output,
    )
    with users_signals():
        if options.timeout is None:
            found = dict(network.results(options.factory, labels))
        else:
            parallel = in_parallel(network, [(options.factory, labels)], 1, options.timeout)
            found = {label: score for _, label, score in parallel}
    scores = {name: found[info.label] for name, info in asked.items()}
    if options.json:
        print_json(
            {
                name: {
                    "value": s.value,
                    "status": s.status,
                    "seconds": s.seconds,
                    **({"wall": s.wall} if math.isfinite(s.wall) else {}),
                    "device": s.device,
                    **({"device_name": s.device_name} if s.device_name else {}),
                    **({"memory": s.memory} if s.memory == s.memory else {}),
                    "detail": s.detail,
                    **({"repeats": s.repeats, "spread": s.spread} if s.repeats > 1 else {}),
                }
                for name, s in scores.items()
            }
        )
    else:
        rows = [[name, _number(s), s.status, duration(s.seconds), s.detail] for name, s in scores.items()]
        print_rows(["proxy", "score", "status", "time", ""], rows)
    failed = [name for name, s in scores.items() if s.status.worth_a_retry]
    if failed:
        say(f"zcbench: failed: {', '.join(failed)}; the last column says why.")
    return 1 if failed else 0


@dataclass(frozen=True)
class Network:
    """One's own network and the batch it sees, made where they are scored: here, or in a worker process.

    Attributes:
        factory: "file.py:function", "package.module:Class" or "search space:architecture".
        shape: of one sample.
        batch_size: samples in the batch.
        classes: number of classes; None for the width of the output.
        seed: decides the weights and the batch.
        imports: Python files that register further proxies.
        output: which part of what the network returns counts; None for what the rule finds.
    """

    factory: str
    shape: tuple[int, ...]
    batch_size: int
    classes: int | None
    seed: int
    imports: tuple[str, ...]
    output: str | None = None

    def prepare(self) -> None:
        """Import what registers further proxies."""
        import_files(self.imports)

    def lost(self, status: Status, reason: str, seconds: float) -> Score:
        """The score of a proxy that has none because its worker died, or was stopped."""
        from zcbench.types import Score

        return Score(None, status, seconds, reason)

    def results(self, key: str, parts: Sequence[str], begin: Begin = str) -> Iterator[tuple[str, Score]]:
        """Yield (proxy, score) as soon as each score exists; InvalidInputError if there is no network to score."""
        from zcbench.proxies import resolve
        from zcbench.proxies._score import score_with

        begin("")
        choice = _choice(self.output)
        model, batch = self._made(choice)
        for info, score in score_with(resolve(parts), model, batch, seed=self.seed, output=choice, begin=begin):
            yield info.label, score

    def _made(self, choice: OutputChoice | None) -> tuple[nn.Module, Batch]:
        import torch

        from zcbench.types import Batch

        model = _make(self.factory, self.seed, self.classes)
        inputs = _noise((self.batch_size, *self.shape), self.seed)
        classes = _outputs(self.factory, model, inputs, choice) if self.classes is None else self.classes
        targets = torch.randint(classes, (len(inputs),), generator=torch.Generator().manual_seed(self.seed))
        return model, Batch(inputs, targets)


def _architecture(text: str) -> tuple[SearchSpace, Architecture] | None:
    """The architecture and its search space; None for a file or module of one's own."""
    from zcbench.errors import InvalidInputError
    from zcbench.spaces import get_space, list_spaces

    name, colon, key = text.partition(":")
    if not colon or name not in list_spaces():
        return None
    space = get_space(name)
    if len(space.input_shape) != 3:  # of tokens nothing tells how many there are
        takes = "takes tokens" if space.domains else "builds no networks"
        raise InvalidInputError(
            f"{text} cannot be scored: {name} {takes}, and this command scores networks of images. "
            "Score a benchmark of the space with  zcbench run  or write  zcbench score FILE.py:FUNCTION"
        )
    return space, space.parse(key)


def _shape(text: str | None, batch_size: int, architecture: tuple[SearchSpace, Architecture] | None) -> tuple[int, ...]:
    """Shape of one sample."""
    from zcbench._arguments import shown
    from zcbench.errors import InvalidInputError

    if batch_size < 1:
        raise InvalidInputError(f"--batch-size {shown(batch_size)}: choose at least 1.")
    if text is None:
        if architecture is None:
            raise InvalidInputError("which inputs the network takes is not known: give --input, e.g. --input 3x32x32")
        space, own = architecture
        shape_of = getattr(space, "input_shape_of", None)
        return space.input_shape if shape_of is None else tuple(shape_of(own))
    sizes = text.lower().replace(",", "x").split("x")
    if not all(re.fullmatch("0*[1-9][0-9]{0,17}", size) for size in sizes):
        raise InvalidInputError(f"--input {shown(text)} is no shape: give positive sizes such as 3x32x32.")
    return tuple(map(int, sizes))


def _noise(shape: tuple[int, ...], seed: int) -> Tensor:
    """Standard normal inputs, if they fit into memory."""
    import torch

    from zcbench.errors import InvalidInputError

    size = 4 * math.prod(shape)
    said = f"a batch of shape {'x'.join(map(str, shape))} takes {size / 1e9:.3g} GB"
    if size > _memory():
        raise InvalidInputError(f"{said}, more than this machine has: choose a smaller --input or --batch-size.")
    try:
        return torch.randn(shape, generator=torch.Generator().manual_seed(seed))
    except (RuntimeError, MemoryError):
        raise InvalidInputError(f"{said}, more than is free: choose a smaller --input or --batch-size.") from None


def _memory() -> int:
    """Bytes of memory in this machine, or what no batch needs where that cannot be asked for."""
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):
        return 2**40


def _outputs(name: str, model: nn.Module, inputs: Tensor, choice: OutputChoice | None) -> int:
    """Number of the network's outputs: of classes, if it tells classes apart."""
    from zcbench._foreign import Foreign
    from zcbench.errors import InvalidInputError
    from zcbench.probe._measurable import measurable
    from zcbench.probe.calling import output_of
    from zcbench.types import Batch

    batch = Batch(inputs[:3])
    inner = measurable(model, batch)
    modes = [(module, module.training) for module in inner.modules()]
    outputs = 0
    with Foreign() as call:
        try:
            outputs = int(output_of(inner.eval(), batch, choice).shape[-1])
        finally:
            for module, training in modes:
                module.training = training
    if call.kind is not None:
        raise InvalidInputError(f"{name} cannot take an input of shape {(1, *inputs.shape[1:])}: {call.said}")
    return outputs


def _choice(text: str | None) -> OutputChoice | None:
    """What --output chooses."""
    from zcbench.errors import InvalidInputError

    if text is None:
        return None
    if ".py:" in text:
        function = _factory(text, None)
        if not callable(function):
            raise InvalidInputError(f"--output {text} is no function: write  --output FILE.py:FUNCTION")
        return cast("OutputChoice", function)
    steps = text.split(".")
    if not all(steps):
        raise InvalidInputError(f"--output {text!r}: write names and indices with points between them, e.g. heads.-1")
    return [int(step) if re.fullmatch("-?[0-9]{1,9}", step) else step for step in steps]


def _number(score: Score) -> str:
    if score.value is None:
        return ""
    return significant(score.value) + (f" ± {significant(score.spread, 2)}" if score.repeats > 1 else "")


def _make(text: str, seed: int, classes: int | None) -> Any:
    import torch
    from torch import nn

    from zcbench._foreign import Foreign
    from zcbench.errors import InvalidInputError

    factory = _factory(text, classes)
    torch.manual_seed(seed)  # after the import, which may draw numbers of its own
    model, is_module = None, False
    with Foreign() as call:
        model = factory if isinstance(factory, nn.Module) else factory()
        is_module = isinstance(model, nn.Module)
    if call.kind is not None:
        raise InvalidInputError(f"{text} raised {call.said}")
    if not is_module:
        raise InvalidInputError(f"{text} returned a {type(model).__name__}: it must return a torch.nn.Module.")
    return model


def _factory(text: str, classes: int | None) -> Any:
    """What makes the network, or is it: of a search space, a file or a module."""
    from zcbench._foreign import Foreign
    from zcbench._imports import import_file
    from zcbench.errors import InvalidInputError

    found = _architecture(text)
    if found is not None:
        space, architecture = found
        return partial(space.build, architecture, **({} if classes is None else {"num_classes": classes}))
    place, _, name = text.rpartition(":")
    if not place:
        raise InvalidInputError(f"{text!r} names no object: write file.py:function or package.module:Class.")
    if place.endswith(".py"):
        module = import_file(place)
    else:
        sys.path.insert(0, str(Path.cwd()))
        with torchvision_importable(), Foreign() as call:
            module = importlib.import_module(place)
        if call.kind is not None:
            raise InvalidInputError(f"{place} could not be imported: {call.said}")
    factory = None
    with Foreign():  # a module may have a __getattr__ of its own
        factory = getattr(module, name, None)
    if factory is None:
        raise InvalidInputError(f"{place} has no {name!r}: write the name of a function or class in it.")
    return factory
