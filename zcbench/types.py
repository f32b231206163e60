"""The nouns that travel between the parts of zcbench: small, immutable, free of heavy imports."""

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

#: What a network is called with: one tensor, positional arguments, or keyword arguments.
Inputs: TypeAlias = "Tensor | tuple[Any, ...] | Mapping[str, Any]"
LossFunction: TypeAlias = "Callable[[Tensor, Tensor], Tensor]"
#: Which part of what a network returns counts: an index, a name, several of them, or a function of all that it returns.
OutputChoice: TypeAlias = "int | str | Sequence[int | str] | Callable[[Any], object]"


@dataclass(frozen=True, slots=True, order=True)
class Architecture:
    """One point of a search space.

    Attributes:
        space: name of the search space.
        key: the space's own string for it; ``space.parse(key)`` gives it back.
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
        """What feeds each node, once per edge."""
        found: list[list[int]] = [[] for _ in self.nodes]
        for source, target in self.edges:
            found[target].append(source)
        return found

    def adjacency(self) -> np.ndarray:
        """Float64 ``(nodes, nodes)``: 1 where an edge goes from the row's node to the column's."""
        import numpy as np

        matrix = np.zeros((len(self.nodes), len(self.nodes)))
        for source, target in self.edges:
            matrix[source, target] = 1.0
        return matrix


class SearchSpace(Protocol):
    """A set of architectures and the networks they denote. Knows nothing of accuracies.

    Attributes:
        name: name of the space; its architectures carry it.
        domains: kinds of networks ("convolutional", "transformer", "recurrent"); none if it builds no networks.
        input_shape: of the inputs of its networks without the batch: an image's, or the length of a text.
    """

    name: str
    domains: tuple[str, ...]
    input_shape: tuple[int, ...]

    @property
    def size(self) -> int | None:
        """Number of architectures, as their strings count them; None if there is no end to them."""

    def __iter__(self) -> Iterator[Architecture]:
        """All architectures, lazily, in a fixed order; spaces without end yield samples."""

    def sample(self, rng: np.random.Generator) -> Architecture:
        """Draw one at random."""

    def neighbors(self, architecture: Architecture) -> list[Architecture]:
        """Those one change away."""

    def mutate(self, architecture: Architecture, rng: np.random.Generator) -> Architecture:
        """One change, drawn at random."""

    def crossover(self, a: Architecture, b: Architecture, rng: np.random.Generator) -> Architecture:
        """A mixture of two parents."""

    def parse(self, text: Any) -> Architecture:
        """Read the space's own string, or an object that it takes; InvalidArchitectureError for anything else."""

    def canonical(self, architecture: Architecture) -> Architecture:
        """The one representative of all architectures that denote the same network."""

    def build(self, architecture: Architecture, *, num_classes: int = 10) -> nn.Module:
        """The network, freshly initialised from torch's global random numbers."""

    def encode(self, architecture: Architecture) -> np.ndarray:
        """A vector of numbers, of the same length for all architectures."""

    def graph(self, architecture: Architecture) -> Graph:
        """The operations of the network's searched part and how they are connected."""


@runtime_checkable
class Supernet(Protocol):
    """A search space whose networks come with trained weights.

    It may have more: ``evaluate(architecture)``, a number or numbers by name, which a search uses; ``activate
    (architecture)``, after which the supernet itself computes as that subnet.

    Attributes:
        space: its architectures.
    """

    @property
    def space(self) -> SearchSpace:
        """Its architectures."""
        ...

    def subnet(self, architecture: Architecture) -> nn.Module:
        """A stand-alone network with weights of its own, in evaluation mode, ready to be used."""
        ...


def _is_tensor(part: object) -> bool:
    return hasattr(part, "is_floating_point")  # this module loads no torch


def is_graph(part: object) -> bool:
    """Whether it is data of PyTorch Geometric: one graph, or several in one."""
    return hasattr(part, "stores") and hasattr(part, "apply") and hasattr(part, "to_dict")


def _is_graphs(part: object) -> bool:
    """Whether it is several graphs, which count as samples."""
    return is_graph(part) and hasattr(part, "num_graphs") and hasattr(part, "to_data_list")


@dataclass(frozen=True)
class Shared:
    """An input that is the same for all samples: see :func:`shared`."""

    value: Any


def shared(value: Any) -> Shared:
    """Mark an input that counts no samples: it is passed to the network whole, whichever samples are measured.

    The edges of a graph, for example: ``zcbench.score(model, (x, zcbench.shared(edge_index)), labels)``. If all inputs
    are shared, targets count the samples.

    Args:
        value: a tensor, or data of PyTorch Geometric.
    """
    return value if isinstance(value, Shared) else Shared(value)


@dataclass(frozen=True, repr=False)
class Batch:
    """Inputs and targets as one object; the first dimension of every tensor counts the samples.

    Attributes:
        inputs: what the network is called with: a tensor, a tuple or list of positional arguments, or a mapping of
            keyword arguments. Numbers, texts and None among them are passed on as they are, and so is what
            :func:`shared` marks. In a ``Batch`` of PyTorch Geometric graphs count as samples; one ``Data`` is shared.
        targets: class indices ``(batch,)`` or ``(batch, length)``, real targets shaped like the output, or None.
        provenance: where the batch comes from, in words that identify it ("digits/train/64 of 500/seed 0").
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
        """The arguments that the network is called with, in order."""
        if isinstance(self.inputs, Mapping):
            return list(self.inputs.values())
        return list(self.inputs) if isinstance(self.inputs, tuple) else [self.inputs]

    def tensors(self) -> list[Tensor]:
        """The input tensors that count samples, in order."""
        return [part for part in self.parts() if _is_tensor(part)]

    def map(self, function: Callable[[Tensor], Tensor]) -> Inputs:
        """The inputs with ``function`` applied to every tensor that counts samples and to those of graphs."""

        def changed(part: Any) -> Any:
            if _is_graphs(part):
                return copy.copy(part).apply(function)
            return function(part) if _is_tensor(part) else part

        return self.each(changed)

    def map_all(self, function: Callable[[Tensor], Tensor]) -> Inputs:
        """The same, with ``function`` applied to what is shared, too: to move or copy a batch."""

        def changed(part: Any) -> Any:
            if isinstance(part, Shared):
                return Shared(changed(part.value))
            if is_graph(part):
                return copy.copy(part).apply(function)
            return function(part) if _is_tensor(part) else part

        return self.each(changed)

    def each(self, changed: Callable[[Any], Any]) -> Inputs:
        """The inputs with every argument changed."""
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
        """Some of the samples: a slice of them, or those of these numbers."""

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
    """What became of a score. Only ``ok`` carries a value."""

    OK = "ok"
    UNSUPPORTED = "unsupported"  # the proxy does not apply to this network or batch
    NON_FINITE = "non-finite"  # the formula gave nan or an infinity
    FAILED = "failed"  # the network or the proxy raised, or its process died
    TIMED_OUT = "timed-out"  # it was not done within the time that the run allows
    OUT_OF_MEMORY = "out-of-memory"  # the device, or the processor, had no memory left for it

    @property
    def worth_a_retry(self) -> bool:
        """Whether another try may end otherwise: ``--retry-failed`` computes these again."""
        return self in (Status.FAILED, Status.TIMED_OUT, Status.OUT_OF_MEMORY)


@dataclass(frozen=True, slots=True, repr=False)
class Score:
    """A value or a reason, never a sentinel number.

    Attributes:
        value: a finite float if and only if ``status`` is ok, else None.
        status: what became of it.
        seconds: what the score costs alone, shared signals and training included in full; of the processor, by the
            thread that computes, and on an accelerator by the clock.
        detail: why there is no value; or a note on a value, of what its proxy had changed; cut at 500 characters.
        repeats: number of initialisations that ``value`` is the mean over.
        spread: standard deviation over them (n - 1 in the denominator); nan for a single one.
        device: kind of device that it was computed on, "cpu", "cuda" or "mps"; "" where that is not known.
        device_name: what an accelerator is called by who made it, "NVIDIA H100 80GB HBM3".
        memory: most bytes in use on an accelerator meanwhile, network and batch included; nan where nobody counts.
        wall: the same seconds by the clock, other work of the machine included; nan where nobody looked.
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
        if math.isnan(self.memory):  # one object for nan, as equality goes by identity first
            object.__setattr__(self, "memory", math.nan)

    def __repr__(self) -> str:
        found = repr(self.value) if self.value is not None else str(self.status)
        return brief(f"<Score {found}{f': {self.detail}' if self.detail else ''}>")

    def __float__(self) -> float:
        """The value; nan where there is none."""
        return math.nan if self.value is None else float(self.value)


class Cost(enum.StrEnum):
    """The most expensive thing that a proxy does to the network."""

    STATIC = "static"  # looks at parameters and shapes; two samples tell which are weights, where torch does not
    FORWARD = "forward"  # forward passes
    BACKWARD = "backward"  # forward and backward passes
    PER_SAMPLE = "per-sample"  # gradients of every sample
    TRAINING = "training"  # steps of training first


#: What a proxy's parameter can be.
Setting: TypeAlias = "bool | int | float | str"
#: Settings that every proxy has: initialisations to average over, training before the score.
COMMON_SETTINGS: Mapping[str, Setting] = {"repeats": 1, "epochs": 0, "steps": 0}


def written(value: object) -> str:
    """A setting's value as labels write it: exactly, and without the "+" that joins labels."""
    return str(value).replace("e+", "e") if isinstance(value, float) else str(value)


def summary_of(thing: object) -> str:
    """First line of its docstring, empty if it has none."""
    lines = (thing.__doc__ or "").strip().splitlines()
    return lines[0] if lines else ""


@dataclass(frozen=True, repr=False)
class ProxyInfo:
    """A registered proxy: the function and what its author declares about it.

    Attributes:
        name: name in the registry.
        function: from a ``zcbench.Probe`` to a float; keyword-only arguments are the proxy's parameters.
        version: raised whenever values may change; scores of different versions never mix.
        higher_is_better: direction in which the paper reads the score.
        cost: cost class.
        needs_labels: whether the score depends on targets.
        stochastic: whether the score draws random numbers of its own.
        domains: kinds of networks it is meant for ("any", "convolutional", "transformer", "recurrent").
        invariances: what the score does not depend on (see ``register_proxy``).
        declared_batch_norm: mode of batch norm that it asks the network to run in ("train", "eval", "per-sample",
            "off"; "any" where it does not run), unless a parameter ``batch_norm`` decides.
        signals: names of the probe's signals that it will ask for, so that one pass can serve several proxies.
        reference: paper and section or equation that defines it.
        parameters: names of the function's parameters with their defaults.
        settings: what was chosen otherwise, :data:`COMMON_SETTINGS` included.
        ranges: smallest and largest value of parameters that are numbers, for those that have such.
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
        """Name and settings, "lga:batch_norm=eval:epochs=2"; ``get_proxy`` reads it back."""
        return self.name + "".join(f":{name}={written(value)}" for name, value in sorted(self.settings.items()))

    @property
    def identifier(self) -> str:
        """Label and version, "naswot@1"."""
        return f"{self.label}@{self.version}"

    @property
    def code(self) -> str:
        """Digest of the function's code (:func:`zcbench._code.code_digest`); "" where zcbench wrote it."""
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
