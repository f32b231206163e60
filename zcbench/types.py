"""The data types that the parts of zcbench exchange: small, immutable, without heavy imports."""

from __future__ import annotations

import copy
import enum
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias, runtime_checkable

from zcbench._code import code_digest
from zcbench._display import brief, many, plain
from zcbench.errors import InvalidInputError, shortened

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import numpy as np
    from torch import Tensor, nn

#: The input of a network: one tensor, positional arguments, or keyword arguments.
Inputs: TypeAlias = "Tensor | tuple[Any, ...] | Mapping[str, Any]"
LossFunction: TypeAlias = "Callable[[Tensor, Tensor], Tensor]"
#: The part of a network's return value that is used: an index, a name, several of them, or a function of the whole
#: value.
OutputChoice: TypeAlias = "int | str | Sequence[int | str] | Callable[[Any], object]"


@dataclass(frozen=True, slots=True, order=True)
class Architecture:
    """One point of a search space.

    Attributes:
        space: name of the search space.
        key: the space's own string for it; ``space.parse(key)`` returns the architecture.
    """

    space: str
    key: str

    def __str__(self) -> str:
        return self.key


@dataclass(frozen=True, slots=True, repr=False)
class Graph:
    """An architecture as a directed acyclic graph of operations.

    Attributes:
        nodes: label of each node: its operation, "input", "output".
        edges: (source, target), numbers of nodes.
    """

    nodes: tuple[str, ...]
    edges: tuple[tuple[int, int], ...]

    def __repr__(self) -> str:
        return f"<Graph of {many(len(self.nodes), 'node')}, {many(len(self.edges), 'edge')}>"

    @property
    def sources(self) -> list[list[int]]:
        """The sources of the edges into each node, once per edge."""
        found: list[list[int]] = [[] for _ in self.nodes]
        for source, target in self.edges:
            found[target].append(source)
        return found

    def adjacency(self) -> np.ndarray:
        """Return a float64 array ``(nodes, nodes)``: 1 for an edge from the row's node to the column's."""
        import numpy as np

        matrix = np.zeros((len(self.nodes), len(self.nodes)))
        for source, target in self.edges:
            matrix[source, target] = 1.0
        return matrix


class SearchSpace(Protocol):
    """A set of architectures and the networks that they denote, without their accuracies.

    Attributes:
        name: name of the space; its architectures carry it.
        domains: kinds of networks ("convolutional", "transformer", "recurrent"); empty if it builds no networks.
        input_shape: shape of one input of its networks: the shape of an image, or the length of a text.
    """

    name: str
    domains: tuple[str, ...]
    input_shape: tuple[int, ...]

    @property
    def size(self) -> int | None:
        """Number of architectures, counted by their strings; None if it is infinite."""

    def __iter__(self) -> Iterator[Architecture]:
        """Yield all architectures, lazily, in a fixed order; infinite spaces yield samples."""

    def sample(self, rng: np.random.Generator) -> Architecture:
        """Draw a random architecture."""

    def neighbors(self, architecture: Architecture) -> list[Architecture]:
        """Return the architectures that differ by one change."""

    def mutate(self, architecture: Architecture, rng: np.random.Generator) -> Architecture:
        """Make one random change."""

    def crossover(self, a: Architecture, b: Architecture, rng: np.random.Generator) -> Architecture:
        """Combine two parents."""

    def parse(self, text: Any) -> Architecture:
        """Read the space's own string, or an object that it accepts.

        Raises:
            InvalidArchitectureError: it is neither.
        """

    def canonical(self, architecture: Architecture) -> Architecture:
        """Return the common representative of all architectures that denote the same network."""

    def build(self, architecture: Architecture, *, num_classes: int = 10) -> nn.Module:
        """Build the network, initialised from torch's global random numbers."""

    def encode(self, architecture: Architecture) -> np.ndarray:
        """Return a vector of numbers, of the same length for all architectures."""

    def graph(self, architecture: Architecture) -> Graph:
        """Return the operations of the searched part of the network and their connections."""


@runtime_checkable
class Supernet(Protocol):
    """A search space whose networks come with trained weights.

    It may have further methods: ``evaluate(architecture)``, which returns a number or numbers by name for a search;
    ``activate(architecture)``, after which the supernet itself computes as that subnet.

    Attributes:
        space: the search space of its architectures.
    """

    @property
    def space(self) -> SearchSpace:
        """The search space of its architectures."""
        ...

    def subnet(self, architecture: Architecture) -> nn.Module:
        """Return a stand-alone network with its own weights, in evaluation mode, ready for use."""
        ...


def _is_tensor(part: object) -> bool:
    return hasattr(part, "is_floating_point")  # this module loads no torch


def is_graph(part: object) -> bool:
    """Return whether it is data of PyTorch Geometric: one graph, or a batch of graphs."""
    return hasattr(part, "stores") and hasattr(part, "apply") and hasattr(part, "to_dict")


def _is_graphs(part: object) -> bool:
    """Return whether it is a batch of graphs, which count as samples."""
    return is_graph(part) and hasattr(part, "num_graphs") and hasattr(part, "to_data_list")


@dataclass(frozen=True)
class Shared:
    """An input that is the same for all samples: see :func:`shared`."""

    value: Any


def shared(value: Any) -> Shared:
    """Mark an input without a sample dimension: the network always receives all of it, whichever samples are measured.

    An example are the edges of a graph: ``zcbench.score(model, (x, zcbench.shared(edge_index)), labels)``. If all
    inputs are shared, the targets determine the number of samples.

    Args:
        value: a tensor, or data of PyTorch Geometric.
    """
    return value if isinstance(value, Shared) else Shared(value)


@dataclass(frozen=True, repr=False)
class Batch:
    """Inputs and targets as one object; the first dimension of every tensor is the number of samples.

    Attributes:
        inputs: the network's input: a tensor, a tuple or list of positional arguments, or a mapping of keyword
            arguments. Numbers, strings and None among them are passed on unchanged, and so are values marked with
            :func:`shared`. In a ``Batch`` of PyTorch Geometric graphs count as samples; one ``Data`` is shared.
        targets: class indices ``(batch,)`` or ``(batch, length)``, real targets in the shape of the output, or None.
        provenance: text that identifies the origin of the batch ("digits/train/64 of 500/seed 0").
    """

    inputs: Inputs
    targets: Tensor | None = None
    provenance: str = ""

    def __post_init__(self) -> None:
        if isinstance(self.inputs, list):
            object.__setattr__(self, "inputs", tuple(self.inputs))

    def __repr__(self) -> str:
        shapes = ", ".join("×".join(map(str, tensor.shape)) or "a number" for tensor in self.tensors())
        others = ", ".join(_described(part) for part in self.parts() if isinstance(part, Shared) or is_graph(part))
        targets = "no targets" if self.targets is None else f"targets {'×'.join(map(str, self.targets.shape))}"
        what = ", ".join(filter(None, (shapes, others))) or "no tensors"
        return brief(f"<Batch of {what}, {targets}: {plain(self.provenance or 'unnamed', 60)}>")

    def parts(self) -> list[Any]:
        """Return the arguments of the network, in order."""
        if isinstance(self.inputs, Mapping):
            return list(self.inputs.values())
        return list(self.inputs) if isinstance(self.inputs, tuple) else [self.inputs]

    def tensors(self) -> list[Tensor]:
        """Return the input tensors that have a sample dimension, in order."""
        return [part for part in self.parts() if _is_tensor(part)]

    def map(self, function: Callable[[Tensor], Tensor]) -> Inputs:
        """Apply ``function`` to every tensor with a sample dimension and to those of graphs, and return the inputs."""

        def changed(part: Any) -> Any:
            if _is_graphs(part):
                return copy.copy(part).apply(function)
            return function(part) if _is_tensor(part) else part

        return self.each(changed)

    def map_all(self, function: Callable[[Tensor], Tensor]) -> Inputs:
        """Apply ``function`` to shared tensors as well, to move or copy a batch, and return the inputs."""

        def changed(part: Any) -> Any:
            if isinstance(part, Shared):
                return Shared(changed(part.value))
            if is_graph(part):
                return copy.copy(part).apply(function)
            return function(part) if _is_tensor(part) else part

        return self.each(changed)

    def each(self, changed: Callable[[Any], Any]) -> Inputs:
        """Change every argument, and return the inputs."""
        if isinstance(self.inputs, Mapping):
            return {name: changed(part) for name, part in self.inputs.items()}
        if isinstance(self.inputs, tuple):
            return tuple(changed(part) for part in self.inputs)
        inputs: Inputs = changed(self.inputs)
        return inputs

    def __len__(self) -> int:
        for part in self.parts():
            if _is_tensor(part):
                return int(part.shape[0])
            if _is_graphs(part):
                return int(part.num_graphs)
        if any(isinstance(part, Shared) or is_graph(part) for part in self.parts()):
            return 1 if self.targets is None else int(self.targets.shape[0])
        raise InvalidInputError("a batch without a tensor has no samples: pass tensors as inputs.")

    def __getitem__(self, rows: slice | Sequence[int] | Tensor) -> Batch:
        """Select samples by a slice or by their indices."""

        def some(part: Any) -> Any:
            if _is_graphs(part):
                numbers = range(len(self))[rows] if isinstance(rows, slice) else [int(number) for number in rows]
                return type(part).from_data_list([part.get_example(number) for number in numbers])
            return part[rows] if _is_tensor(part) else part

        return Batch(self.each(some), None if self.targets is None else self.targets[rows], self.provenance)


def _described(part: Any) -> str:
    if isinstance(part, Shared):
        shape = getattr(part.value, "shape", None)
        return f"shared {type(part.value).__name__ if shape is None else '×'.join(map(str, shape)) or 'number'}"
    return f"{part.num_graphs} graphs" if _is_graphs(part) else "a graph"


class Status(enum.StrEnum):
    """The result of a score. Only ``ok`` has a value."""

    OK = "ok"
    UNSUPPORTED = "unsupported"  # the proxy does not apply to this network or batch
    NON_FINITE = "non-finite"  # the formula gave nan or an infinity
    FAILED = "failed"  # the network or the proxy raised, or its process died
    TIMED_OUT = "timed-out"  # it was not finished within the time limit of the run
    OUT_OF_MEMORY = "out-of-memory"  # the device, or the CPU, had no memory left for it

    @property
    def worth_a_retry(self) -> bool:
        """Whether another attempt may have another result: ``--retry-failed`` computes these again."""
        return self in (Status.FAILED, Status.TIMED_OUT, Status.OUT_OF_MEMORY)


@dataclass(frozen=True, slots=True, repr=False)
class Score:
    """A value or a reason, never a sentinel number.

    Attributes:
        value: a finite float if and only if ``status`` is ok, else None.
        status: the kind of result.
        seconds: cost of the score if it were computed alone, including all of its shared signals and training: CPU time
            of the computing thread, or wall time on an accelerator.
        detail: the reason for a missing value, or a note on a value about what its proxy had changed; at most 500
            characters.
        repeats: number of initialisations over which ``value`` is the mean.
        spread: standard deviation over them (n - 1 in the denominator); nan for a single one.
        device: kind of the device that computed it, "cpu", "cuda" or "mps"; "" if unknown.
        device_name: the manufacturer's name of an accelerator, "NVIDIA H100 80GB HBM3".
        memory: largest number of bytes in use on an accelerator, network and batch included; nan if not counted.
        wall: the same seconds in wall time, other work of the machine included; nan if not measured.
    """

    value: float | None
    status: Status = Status.OK
    seconds: float = math.nan
    detail: str = ""
    repeats: int = 1
    spread: float = math.nan
    device: str = ""
    device_name: str = ""
    memory: float = math.nan
    wall: float = math.nan

    def __post_init__(self) -> None:
        finite = self.value is not None and math.isfinite(self.value)
        if finite != (self.status is Status.OK):
            raise ValueError(f"a score with status {self.status} cannot have the value {self.value}")
        object.__setattr__(self, "detail", shortened(self.detail))
        if math.isnan(self.memory):  # one nan object, because equality first compares identities
            object.__setattr__(self, "memory", math.nan)

    def __repr__(self) -> str:
        found = repr(self.value) if self.value is not None else str(self.status)
        return brief(f"<Score {found}{f': {self.detail}' if self.detail else ''}>")

    def __float__(self) -> float:
        """Return the value, or nan if there is none."""
        return math.nan if self.value is None else float(self.value)


class Cost(enum.StrEnum):
    """The most expensive operation that a proxy applies to the network."""

    STATIC = "static"  # parameters and shapes; two samples show which are weights, if torch does not
    FORWARD = "forward"  # forward passes
    BACKWARD = "backward"  # forward and backward passes
    PER_SAMPLE = "per-sample"  # gradients of every sample
    TRAINING = "training"  # steps of training first


#: Types of a proxy's parameter.
Setting: TypeAlias = "bool | int | float | str"
#: Settings that every proxy has: initialisations to average over, training before the score.
COMMON_SETTINGS: Mapping[str, Setting] = {"repeats": 1, "epochs": 0, "steps": 0}


def written(value: object) -> str:
    """Format a setting's value for labels: exactly, and without the "+" that joins labels."""
    return str(value).replace("e+", "e") if isinstance(value, float) else str(value)


def summary_of(thing: object) -> str:
    """Return the first line of an object's docstring, or "" if it has none."""
    lines = (thing.__doc__ or "").strip().splitlines()
    return lines[0] if lines else ""


@dataclass(frozen=True, repr=False)
class ProxyInfo:
    """A registered proxy: the function and its author's declarations.

    Attributes:
        name: name in the registry.
        function: from a ``zcbench.Probe`` to a float; keyword-only arguments are the proxy's parameters.
        version: raised whenever values may change; scores of different versions are never mixed.
        higher_is_better: direction of the score according to its paper.
        cost: cost class.
        needs_labels: whether the score depends on targets.
        stochastic: whether the proxy draws its own random numbers.
        domains: kinds of networks that it applies to ("any", "convolutional", "transformer", "recurrent").
        invariances: changes that do not affect the score (see ``register_proxy``).
        declared_batch_norm: mode of batch norm for the network ("train", "eval", "per-sample", "off"; "any" if the
            network does not run), unless a parameter ``batch_norm`` sets it.
        signals: names of the probe's signals that it reads, so that one pass can serve several proxies.
        reference: paper and section or equation that defines it.
        parameters: names of the function's parameters with their defaults.
        settings: values that differ from the defaults, including those of :data:`COMMON_SETTINGS`.
        ranges: smallest and largest value of numeric parameters, where declared.
    """

    name: str
    function: Callable[..., float]
    version: int = 1
    higher_is_better: bool = True
    cost: Cost = Cost.BACKWARD
    needs_labels: bool = False
    stochastic: bool = False
    domains: tuple[str, ...] = ("any",)
    invariances: tuple[str, ...] = ()
    declared_batch_norm: str = "train"
    signals: tuple[str, ...] = ()
    reference: str = ""
    parameters: Mapping[str, Setting] = field(default_factory=dict)
    settings: Mapping[str, Setting] = field(default_factory=dict)
    ranges: Mapping[str, tuple[float, float]] = field(default_factory=dict)

    def __repr__(self) -> str:
        better = "higher" if self.higher_is_better else "lower"
        return brief(f"<ProxyInfo {plain(self.identifier, 60)}: {self.cost}, {better} is better>")

    @property
    def label(self) -> str:
        """Name and settings, "lga:batch_norm=eval:epochs=2"; ``get_proxy`` accepts it."""
        return self.name + "".join(f":{name}={written(value)}" for name, value in sorted(self.settings.items()))

    @property
    def identifier(self) -> str:
        """Label and version, "naswot@1"."""
        return f"{self.label}@{self.version}"

    @property
    def code(self) -> str:
        """Digest of the function's code (:func:`zcbench._code.code_digest`); "" for code of zcbench."""
        return code_digest(self.function, self.declared_batch_norm)

    @property
    def repeats(self) -> int:
        """Number of initialisations to average over."""
        return int(self.settings.get("repeats", 1))

    @property
    def trained(self) -> tuple[int, int]:
        """Epochs and steps of training before the score."""
        return int(self.settings.get("epochs", 0)), int(self.settings.get("steps", 0))

    @property
    def batch_norm(self) -> str:
        """Mode of batch norm in which the network runs."""
        default = self.parameters.get("batch_norm", self.declared_batch_norm)
        return str(self.settings.get("batch_norm", default))

    @property
    def arguments(self) -> dict[str, Setting]:
        """Keyword arguments for the function."""
        return {name: value for name, value in self.settings.items() if name in self.parameters}

    @property
    def summary(self) -> str:
        """First line of the function's docstring."""
        return summary_of(self.function)


@dataclass(frozen=True, repr=False)
class Target:
    """A column of ground truth.

    Attributes:
        name: name of the column.
        dataset: data set that the networks were trained on.
        higher_is_better: False for losses and errors.
        description: what was measured, with its unit.
    """

    name: str
    dataset: str
    higher_is_better: bool
    description: str

    def __repr__(self) -> str:
        better = "higher" if self.higher_is_better else "lower"
        return brief(f"<Target {plain(self.name, 50)} on {plain(self.dataset, 30)}: {better} is better>")
