"""The cell search space of NAS-Bench-201 and of the topology part of NATS-Bench.

A cell is a complete directed acyclic graph on four nodes. Each of its six edges has one of five operations, so there
are 5**6 = 15,625 cells. The network is a stem, ``stages`` stages of ``cells_per_stage`` cells with a residual reduction
block between stages, and a linear classifier.

Source: X. Dong, Y. Yang, "NAS-Bench-201: Extending the Scope of Reproducible Neural Architecture Search", ICLR 2020,
arXiv:2001.00326, section 2.1 (cell, macro skeleton) and appendix A (isomorphism).
"""

from __future__ import annotations

import functools
import itertools
import random
import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from zcbench.errors import InvalidArchitectureError, UnknownNameError
from zcbench.spaces._base import ChoiceSpace, quoted
from zcbench.spaces._forms import NotPlainError
from zcbench.spaces._register import register_space
from zcbench.types import Architecture, Graph

if TYPE_CHECKING:
    from torch import nn

OPERATIONS = ("none", "skip_connect", "nor_conv_1x1", "nor_conv_3x3", "avg_pool_3x3")
#: (source node, target node) of each edge, in the order of the architecture string.
EDGES = ((0, 1), (0, 2), (1, 2), (0, 3), (1, 3), (2, 3))

_EXAMPLE = "|nor_conv_3x3~0|+|nor_conv_3x3~0|avg_pool_3x3~1|+|skip_connect~0|nor_conv_3x3~1|skip_connect~2|"
_SHAPE = re.compile(r"\|([^|~]+)~0\|\+\|([^|~]+)~0\|([^|~]+)~1\|\+\|([^|~]+)~0\|([^|~]+)~1\|([^|~]+)~2\|")


#: edges and operations in the order of NASLib's numbers
_NASLIB_EDGES = ((0, 1), (0, 2), (0, 3), (1, 2), (1, 3), (2, 3))
_NASLIB_OPERATIONS = ("skip_connect", "none", "nor_conv_3x3", "nor_conv_1x1", "avg_pool_3x3")


class NASBench201Space(ChoiceSpace):
    """Cells of NAS-Bench-201 and the networks built from them.

    The string is the benchmark's own, ``|nor_conv_3x3~0|+|none~0|skip_connect~1|+|…|``. :meth:`parse` also reads the
    cell's number in the benchmark's list (284); six numbers in NASLib's form, (4, 0, 3, 1, 4, 3); six operations in the
    order of :data:`EDGES`; nodes as lists of (operation, source); a mapping from edges, {"0_1": "nor_conv_3x3", …}
    (source, target; or "1<-0"), to operations; a mapping with "arch_str".

    The defaults give the benchmark's own CIFAR network: C = 16, N = 5, three stages, affine batch norm, convolutions
    without bias, only the operations that the cell uses.

    Args:
        name: name of the space; its architectures carry it.
        channels: channels of the first stage (C); each later stage doubles them.
        cells_per_stage: cells in each stage (N).
        stages: number of stages; a stride-2 residual block is between two of them.
        in_channels: channels of the input images.
    """

    forms = (
        f"six edges such as {_EXAMPLE!r}, six operations, NASLib's six numbers (4, 0, 3, 1, 4, 3), a mapping from all"
        " six edges '0_1', '0_2' … '2_3' to operations, or the cell's number in the benchmark, 0 to 15624"
    )

    def __init__(
        self,
        name: str = "nasbench201",
        *,
        channels: int = 16,
        cells_per_stage: int = 5,
        stages: int = 3,
        in_channels: int = 3,
    ) -> None:
        super().__init__(name, [OPERATIONS] * len(EDGES))
        self.channels = channels
        self.cells_per_stage = cells_per_stage
        self.stages = stages
        self.in_channels = in_channels
        self.input_shape = (in_channels, 32, 32)

    def read(self, text: str) -> tuple[str, ...]:
        """Read the six operations of the benchmark's own string, e.g. ``|nor_conv_3x3~0|+|none~0|…|``.

        Raises:
            InvalidArchitectureError: the string is malformed.
            UnknownNameError: it names an operation that is not in :data:`OPERATIONS`.
        """
        match = _SHAPE.fullmatch(text)
        if match is None:
            raise InvalidArchitectureError(
                f"{quoted(text)} is not a NAS-Bench-201 cell: write six edges such as {_EXAMPLE!r}."
            )
        for operation in match.groups():
            if operation not in OPERATIONS:
                raise UnknownNameError("NAS-Bench-201 operation", operation, OPERATIONS)
        return match.groups()

    def write(self, choices: Sequence[str]) -> str:
        """Return the string of the cell with these operations on its edges, in the order of :data:`EDGES`."""
        a, b, c, d, e, f = choices
        return f"|{a}~0|+|{b}~0|{c}~1|+|{d}~0|{e}~1|{f}~2|"

    def _from_form(self, form: Any) -> Architecture:
        if type(form) is int:
            cells = official_order()
            if not 0 <= form < len(cells):
                raise NotPlainError(f"cells are numbered from 0 to {len(cells) - 1}")
            return self.from_choices(cells[form])
        if isinstance(form, dict):
            return self._from_text(form["arch_str"]) if "arch_str" in form else self.from_choices(_by_edge(form))
        if isinstance(form, list) and len(form) == 3 and all(isinstance(node, list) for node in form):
            if [[edge[1] for edge in node] for node in form] != [[0], [0, 1], [0, 1, 2]]:
                raise NotPlainError("node 1, 2 and 3 are lists of one, two and three pairs (operation, source)")
            return super()._from_form([edge[0] for node in form for edge in node])
        if isinstance(form, list) and len(form) == len(EDGES) and all(type(number) is int for number in form):
            if not set(form) <= set(range(len(OPERATIONS))):
                raise NotPlainError("NASLib numbers operations from 0 to 4")
            by_edge = {edge: _NASLIB_OPERATIONS[number] for edge, number in zip(_NASLIB_EDGES, form, strict=True)}
            return self.from_choices([by_edge[edge] for edge in EDGES])
        return super()._from_form(form)

    # -- equal cells ---------------------------------------------------------------------------

    def canonical(self, architecture: Architecture) -> Architecture:
        """Return the first cell, in iteration order, that denotes the same network with the same parameters.

        Skips are replaced by their source, sums are unordered and nested sums are flattened. Convolutions are
        distinguished by how often their output is used, so a shared convolution never equals two separate ones. Unused
        parts are kept (11,640 classes).
        """
        return Architecture(self.name, _canonical_keys(self)[self._identity(architecture)])

    def functional_key(self, architecture: Architecture) -> str:
        """Return an expression that is equal for cells whose networks compute the same function at initialisation.

        There are 4,930 classes. Unlike in :meth:`canonical`, ``none`` edges and the parts that they disable are
        removed, so members of a class may differ in unused parameters. Split architectures by this key, so that
        equivalent architectures are never on both sides. Every class is a union of the benchmark's own "unique cells"
        (:meth:`unique_key`), which miss equalities that need flattened sums.
        """
        terms: dict[int, tuple[str, ...]] = {0: ("0",), 1: (), 2: (), 3: ()}
        for (source, target), operation in zip(EDGES, self.choices(architecture), strict=True):
            inputs = terms[source]
            if operation == "none" or not inputs:
                continue
            added = inputs if operation == "skip_connect" else (f"{operation}({'+'.join(inputs)})",)
            terms[target] = tuple(sorted(terms[target] + added))
        return "+".join(terms[3])

    def isomorphism_key(self, architecture: Architecture) -> str:
        """Return the benchmark's own isomorphism string (12,751 classes; paper, appendix A).

        It is provided to agree with published counts and splits. It joins sorted terms without flattening nested sums
        and expands shared nodes, so it neither merges all equal cells nor separates all different ones.
        """
        return self._official_key(architecture, zero=False)

    def unique_key(self, architecture: Architecture) -> str:
        """Return the benchmark's own string for "unique cells", with ``none`` as zero (6,466 classes)."""
        return self._official_key(architecture, zero=True)

    def _official_key(self, architecture: Architecture, *, zero: bool) -> str:
        nodes = {0: "0"}
        incoming: dict[int, list[str]] = {1: [], 2: [], 3: []}
        for (source, target), operation in zip(EDGES, self.choices(architecture), strict=True):
            if source not in nodes:
                nodes[source] = "+".join(sorted(incoming[source]))
            if zero and (operation == "none" or nodes[source] == "#"):
                term = "#"
            elif operation == "skip_connect":
                term = nodes[source]
            else:
                term = f"({nodes[source]})@{operation}"
            incoming[target].append(term)
        return "+".join(sorted(incoming[3]))

    def _identity(self, architecture: Architecture) -> tuple[object, ...]:
        operations = self.choices(architecture)
        edges = list(zip(EDGES, operations, strict=True))
        terms: dict[int, tuple[str, ...]] = {0: ("0",), 1: (), 2: (), 3: ()}
        for (source, target), operation in edges:
            added = terms[source]
            if operation != "skip_connect":
                added = (f"{operation}({'+'.join(added)})",)
            terms[target] = tuple(sorted(terms[target] + added))
        uses = {3: 1}  # number of paths from a node to the output: how often its value enters the expression
        for node in (2, 1):
            uses[node] = sum(uses[target] for source, target in EDGES if source == node)
        convolutions = sorted(
            (f"{operation}({'+'.join(terms[source])})", uses[target])
            for (source, target), operation in edges
            if operation.startswith("nor_conv")
        )
        return terms[3], tuple(convolutions)

    # -- numbers and networks ------------------------------------------------------------------

    def graph(self, architecture: Architecture) -> Graph:
        """Return the six operations as nodes; the inputs of each are the operations that end at its edge's source."""
        return cell_graph(self.choices(architecture))

    def build(self, architecture: Architecture, *, num_classes: int = 10) -> nn.Module:
        """Build the benchmark's network for a cell, with PyTorch's default initialisation.

        Returns:
            A module from images ``(batch, in_channels, height, width)`` to logits ``(batch, num_classes)``.
        """
        from zcbench.spaces._nasbench201_network import CellNetwork

        return CellNetwork(
            self.choices(architecture),
            channels=self.channels,
            cells_per_stage=self.cells_per_stage,
            stages=self.stages,
            in_channels=self.in_channels,
            num_classes=num_classes,
        )


@functools.cache
def official_order() -> tuple[tuple[str, ...], ...]:
    """Return the operations of all cells in the order of their numbers in NAS-Bench-201 and NATS-Bench.

    Source: ``generate_meta_info`` of the authors' AutoDL-Projects lists the cells, the last edge varying fastest, and
    shuffles them by Python's generator with the seed 88.
    """
    cells = list(itertools.product(OPERATIONS, repeat=len(EDGES)))
    random.Random(88).shuffle(cells)
    return tuple(cells)


def _by_edge(form: dict[Any, Any]) -> list[str]:
    """Return the operations of the edges named "0_1" or "1<-0"."""
    found = {}
    for source, target in EDGES:
        names = [name for name in (f"{source}_{target}", f"{target}<-{source}", (source, target)) if name in form]
        if len(names) != 1:
            raise NotPlainError(f"the mapping has no edge '{source}_{target}'")
        found[names[0]] = form[names[0]]
        if not isinstance(form[names[0]], str) or form[names[0]] not in OPERATIONS:
            raise NotPlainError(f"operations are {', '.join(OPERATIONS)}")
    if len(form) > len(found):
        raise NotPlainError("the mapping has more than the six edges")
    return list(found.values())


def cell_graph(operations: Sequence[str]) -> Graph:
    """Return the graph of a cell with ``operations`` on its edges, in the order of :data:`EDGES`."""
    numbers = {edge: i for i, edge in enumerate(EDGES, 1)}
    edges = [(0, number) for (source, _), number in numbers.items() if source == 0]
    edges += [(numbers[a], numbers[b]) for a in EDGES for b in EDGES if a[1] == b[0]]
    edges += [(number, len(EDGES) + 1) for (_, target), number in numbers.items() if target == 3]
    return Graph(("input", *operations, "output"), tuple(sorted(edges)))


_CANONICAL: dict[str, dict[tuple[object, ...], str]] = {}


def _canonical_keys(space: NASBench201Space) -> dict[tuple[object, ...], str]:
    # Enumerated once per space name (about 0.2 s); the map depends on nothing else.
    if space.name not in _CANONICAL:
        first: dict[tuple[object, ...], str] = {}
        for architecture in space:
            first.setdefault(space._identity(architecture), architecture.key)
        _CANONICAL[space.name] = first
    return _CANONICAL[space.name]


register_space(
    NASBench201Space(),
    NASBench201Space("digits-201", channels=16, cells_per_stage=1, stages=2, in_channels=1),
)
