"""Where the samples come from that networks are compared on: noise, a registered batch, a file, a function, a batch."""

from __future__ import annotations

import math
import random
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from zcbench._arguments import shown
from zcbench._display import plain
from zcbench._foreign import Foreign
from zcbench._process import machine_memory
from zcbench.batches import batch_info, get_batch
from zcbench.batches._draw import IGNORED, as_numbers
from zcbench.comparison._models import found_in
from zcbench.comparison._takes import Takes
from zcbench.datasets._arrays import Arrays
from zcbench.errors import DataCorruptError, InvalidInputError, first_line
from zcbench.types import Batch

if TYPE_CHECKING:
    from torch import Tensor

#: samples of a batch, and words of a text, unless told otherwise
SIZE, LENGTH = 16, 64
#: names of arrays in a file
_INPUTS = ("inputs", "x", "x_train", "input", "images")
_TARGETS = ("targets", "y", "y_train", "target", "labels", "label")


@dataclass(frozen=True)
class Samples:
    """A batch, and the number of its classes.

    Attributes:
        batch: inputs and targets; targets None where they are drawn when the network's outputs are known.
        classes: number of classes; None for real targets, and where it is not known yet.
        noise: whether the batch holds random numbers.
    """

    batch: Batch
    classes: int | None = None
    noise: bool = False


class Data:
    """Where samples come from.

    Attributes:
        text: its name in messages.
    """

    text = ""

    def check(self) -> None:
        """Check everything that can be checked before a network is built; raises ZcbenchError."""

    def samples(self, seed: int, takes: Takes) -> Samples:
        """Return the batch of a seed, for a network that takes such inputs."""
        raise NotImplementedError


class Noise(Data):
    """Random numbers, or random words for networks that read words.

    Args:
        shape: of one sample; None for what each network takes.
        size: number of samples.
        length: words of a text; None for :data:`LENGTH`, or what the network takes at most.
    """

    text = "noise"

    def __init__(self, shape: tuple[int, ...] | None, size: int, length: int | None) -> None:
        self.shape, self.size, self.length = shape, size, length

    def samples(self, seed: int, takes: Takes) -> Samples:
        """Draw standard normal numbers, or uniformly distributed words."""
        import torch

        generator = torch.Generator().manual_seed(seed)
        if takes.words and self.shape is None:
            length = self._words(takes)
            first = min(takes.first, (takes.vocabulary or 2) - 1)
            ids = torch.randint(first, takes.vocabulary or 2, (self.size, length), generator=generator)
            return Samples(Batch(ids, provenance=f"random words/{self.size} x {length}/seed {seed}"), noise=True)
        shape = takes.shape if self.shape is None else self.shape
        if shape is None:
            raise InvalidInputError(
                "which inputs the network takes is not known: give --input, e.g. --input 3x32x32, or real samples, "
                "e.g. --data cifar10"
            )
        found = _noise((self.size, *shape), generator)
        sizes = "x".join(map(str, found.shape))
        return Samples(Batch(found, provenance=f"noise/{sizes}/seed {seed}"), noise=True)

    def _words(self, takes: Takes) -> int:
        if self.length is None:
            return min(LENGTH, takes.longest or LENGTH)
        if takes.longest is not None and self.length > takes.longest:
            raise InvalidInputError(f"--length {self.length}: the network reads at most {takes.longest} words.")
        return self.length


class Registered(Data):
    """A registered batch, such as cifar10.

    Args:
        text: its name.
        size: number of samples.
    """

    def __init__(self, text: str, size: int) -> None:
        self.text, self.size = text, size

    def check(self) -> None:
        """Draw the batch once."""
        get_batch(self.text, self.size)

    def samples(self, seed: int, takes: Takes) -> Samples:
        """Draw samples by the seed."""
        info = batch_info(self.text.partition("@")[0])
        batch = get_batch(self.text, self.size, seed)
        changed = "@" in self.text and info.resizable is not True  # the number is that of the words
        return Samples(batch, _classes(batch.targets) if changed else info.classes)


class OfFile(Data):
    """Arrays in a ``.npz`` file; nothing that is pickled is read.

    Args:
        text: path of the file.
        size: number of samples that are drawn.
    """

    def __init__(self, text: str, size: int) -> None:
        self.text, self.size = text, size
        self._read: tuple[Any, Any] | None = None

    def __reduce__(self) -> Any:
        return OfFile, (self.text, self.size)

    def check(self) -> None:
        """Read the file."""
        self._all()

    def samples(self, seed: int, takes: Takes) -> Samples:
        """Draw samples by the seed; all of them, if there are fewer than ``size``."""
        inputs, targets = self._all()
        count = len(targets)
        rows = np.random.RandomState(seed).permutation(count)[: self.size]
        batch = Batch(inputs, targets)[rows.tolist()]
        provenance = f"{self.text}/{len(rows)} of {count}/seed {seed}"
        return Samples(Batch(batch.inputs, batch.targets, provenance), _classes(targets))

    def _all(self) -> tuple[Any, Any]:
        if self._read is None:
            self._read = _checked(self.text, *_arrays(Path(self.text)))
        return self._read


class OfFunction(Data):
    """A Python function, ``file.py:function``, that returns (inputs, targets) or a Batch, or yields one.

    Args:
        text: the file and the function.
        size: number of samples that are drawn from what it returns; None for all.
    """

    def __init__(self, text: str, size: int | None) -> None:
        self.text, self.size = text, size
        self._made: dict[int, Samples] = {}

    def __reduce__(self) -> Any:
        return OfFunction, (self.text, self.size)

    def check(self) -> None:
        """Import the file and look for the function."""
        if not callable(found_in(self.text)) and not hasattr(found_in(self.text), "__iter__"):
            raise InvalidInputError(f"--data {self.text} is no function: {_RETURN}")

    def samples(self, seed: int, takes: Takes) -> Samples:
        """Call the function after global random numbers were set by the seed."""
        if seed not in self._made:
            self._made[seed] = self._call(seed)
        return self._made[seed]

    def _call(self, seed: int) -> Samples:
        found: Any = found_in(self.text)
        with _random(seed), Foreign() as call:
            found = found() if callable(found) else found
            if not isinstance(found, (tuple, list, Batch)) and hasattr(found, "__iter__"):
                found = next(iter(found))
        if call.kind is not None:
            raise InvalidInputError(f"--data {self.text} raised {call.said}")
        return of_given(self.text, found, self.size, seed)


class OfBatch(Data):
    """A batch, or (inputs, targets), of the caller's; the same for all seeds.

    Args:
        thing: the batch, or the pair.
        size: number of samples that are drawn; None for all.
    """

    text = "the given batch"

    def __init__(self, thing: Any, size: int | None) -> None:
        self._thing, self._size = thing, size

    def check(self) -> None:
        """Check the batch."""
        self.samples(0, Takes())

    def samples(self, seed: int, takes: Takes) -> Samples:
        """Return the batch, or some of its samples."""
        return of_given(self.text, self._thing, self._size, seed)


_RETURN = "write a function that returns (inputs, targets) or a zcbench.Batch, or yields one."


def data_of(
    text: str | None, shape: tuple[int, ...] | None, size: int | None, length: int | None, *, seed: int = 0
) -> Data:
    """Read a text that denotes samples.

    Args:
        text: name of a registered batch, path of a ``.npz`` file or ``file.py:function``; None for noise.
        shape: of one sample of noise.
        size: number of samples; None for :data:`SIZE`, or for all that a function returns.
        length: words of a random text.
        seed: the first.

    Raises:
        InvalidInputError: the options contradict each other.
        UnknownNameError: there is no such batch.
    """
    if size is not None and size < 1:
        raise InvalidInputError(f"--batch-size {shown(size)}: choose at least 1.")
    if length is not None and length < 1:
        raise InvalidInputError(f"--length {shown(length)}: choose at least 1.")
    if text is None:
        return Noise(shape, SIZE if size is None else size, length)
    for name, given in (("--input", shape), ("--length", length)):
        if given is not None:
            raise InvalidInputError(f"{name} is the size of random samples, and --data {text} has its own: choose one.")
    if text.lower().endswith(".npz"):
        return OfFile(text, SIZE if size is None else size)
    if ":" in text:
        return OfFunction(text, size)
    if Path(text).suffix and Path(text).exists():
        raise InvalidInputError(f"--data {text}: write a .npz file, file.py:function or the name of a batch.")
    batch_info(text.partition("@")[0])
    return Registered(text, SIZE if size is None else size)


def of_given(text: str, found: Any, size: int | None, seed: int) -> Samples:
    """Convert the result of a function, or the argument of a caller, to samples.

    Raises:
        InvalidInputError: it is no batch.
    """
    provenance = text
    if isinstance(found, Batch):
        inputs, targets, provenance = found.inputs, found.targets, found.provenance or text
    elif isinstance(found, (tuple, list)) and len(found) == 2:
        inputs, targets = found
    else:
        raise InvalidInputError(f"{text} gave {shown(found)}: {_RETURN}")
    if targets is None:
        batch = Batch(_converted(text, inputs), None, provenance)
    else:
        batch = Batch(*_checked(text, _converted(text, inputs), targets), provenance)
    count = len(batch)
    if size is not None and size < count:
        rows = np.random.RandomState(seed).permutation(count)[:size]
        drawn = batch[rows.tolist()]
        batch = Batch(drawn.inputs, drawn.targets, f"{provenance}/{size} of {count}/seed {seed}")
    return Samples(batch, _classes(batch.targets))


def _converted(text: str, inputs: Any) -> Any:
    """Convert arrays to tensors; other things stay as they are."""
    if isinstance(inputs, Mapping):
        return {name: _converted(text, part) for name, part in inputs.items()}
    if isinstance(inputs, (tuple, list)) and not all(isinstance(part, (int, float)) for part in inputs):
        return tuple(_converted(text, part) for part in inputs)
    if isinstance(inputs, np.ndarray) or hasattr(inputs, "is_floating_point"):
        return as_numbers(f"{text}: its inputs", inputs)
    return inputs


def _checked(text: str, inputs: Any, targets: Any) -> tuple[Any, Any]:
    """Check that inputs and targets have one length and finite values."""
    targets = as_numbers(f"{text}: its targets", targets)
    batch = Batch(inputs, targets)
    count = len(batch)
    if targets.dim() < 1 or not count or not targets.numel():
        raise InvalidInputError(f"{text} has no samples: give at least one input and one target.")
    if count != len(targets):
        raise InvalidInputError(f"{text} has {count} inputs and {len(targets)} targets: give one target per input.")
    for name, part in [("inputs", one) for one in batch.tensors()] + [("targets", targets)]:
        if part.is_floating_point() and not bool(part.isfinite().all()):
            raise InvalidInputError(f"{text}: its {name} hold nan or infinity: remove such samples.")
    if not targets.is_floating_point():
        low = int(targets.masked_fill(targets == IGNORED, 0).min())
        if low < 0:
            raise InvalidInputError(f"{text}: its targets hold {low}: number classes from 0; {IGNORED} is ignored.")
    return batch.inputs, targets


def _classes(targets: Tensor | None) -> int | None:
    return None if targets is None or targets.is_floating_point() else int(targets.max()) + 1


def _arrays(path: Path) -> tuple[Any, Any]:
    """Read inputs and targets of a ``.npz`` file.

    Raises:
        InvalidInputError: there is no such file, or its arrays have other names.
        DataCorruptError: it cannot be read.
    """
    if not path.is_file():
        raise InvalidInputError(f"--data {path}: there is no such file.")
    try:
        with Arrays(path) as file:
            found = {name: file.array(name) for name in file.names}
    except Exception as error:  # a damaged file can raise nearly anything
        raise DataCorruptError(
            f"{path} cannot be read ({first_line(error)}): write it by numpy.savez with arrays of plain numbers."
        ) from None
    named = {name.lower(): name for name in found}
    target = next((named[name] for name in _TARGETS if name in named), None)
    if target is None or len(found) < 2:
        listed = ", ".join(plain(name, 40) for name in found) or "none"
        raise InvalidInputError(
            f"{path} has the arrays {listed}: name them inputs and targets, or x and y; several inputs have the names "
            "of the network's arguments."
        )
    others = {name: array for name, array in found.items() if name != target}
    (first, *more) = others
    tensors = {name: as_numbers(f"{path}: its inputs", array) for name, array in others.items()}
    lengths = {name: len(tensor) if tensor.dim() else 0 for name, tensor in tensors.items()}
    if len({*lengths.values()}) > 1:
        raise InvalidInputError(f"{path}: its inputs have different lengths ({lengths}): give one row per sample.")
    single = not more and first.lower() in _INPUTS
    return tensors[first] if single else tensors, found[target]


def _noise(shape: tuple[int, ...], generator: Any) -> Tensor:
    """Draw standard normal inputs, if they fit into memory."""
    import torch

    size = 4 * math.prod(shape)
    said = f"a batch of shape {'x'.join(map(str, shape))} takes {size / 1e9:.3g} GB"
    if size > machine_memory():
        raise InvalidInputError(f"{said}, more than this machine has: choose a smaller --input or --batch-size.")
    try:
        return torch.randn(shape, generator=generator)
    except (RuntimeError, MemoryError):
        raise InvalidInputError(f"{said}, more than is free: choose a smaller --input or --batch-size.") from None


@contextmanager
def _random(seed: int) -> Iterator[None]:
    """Set global random numbers by a seed inside the block, and restore them after it."""
    import torch

    states = random.getstate(), np.random.get_state(), torch.get_rng_state()
    try:
        random.seed(seed)
        np.random.seed(seed % 2**32)
        torch.manual_seed(seed)
        yield
    finally:
        random.setstate(states[0])
        np.random.set_state(states[1])
        torch.set_rng_state(states[2])
