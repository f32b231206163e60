"""The cell search space of DARTS, with the small networks that NAS-Bench-301 trains.

There is a normal cell and a reduction cell. Each of a cell's four nodes adds two operations, each applied to one of the
cell's two inputs or to an earlier node; the cell's output concatenates the four nodes.

Source: H. Liu, K. Simonyan, Y. Yang, "DARTS: Differentiable Architecture Search", ICLR 2019, arXiv:1806.09055,
section 3.1 and appendix A.1; J. Siems et al., "NAS-Bench-301 and the Case for Surrogate Benchmarks",
arXiv:2008.09777, section 4.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from zcbench.errors import InvalidArchitectureError
from zcbench.spaces._base import Space, quoted, written_form
from zcbench.spaces._forms import NotPlainError, literal, plain
from zcbench.spaces._graphs import Edge, after_sources, canonical_order
from zcbench.spaces._register import register_space
from zcbench.types import Architecture, Graph

if TYPE_CHECKING:
    from torch import nn

OPERATIONS = (
    "max_pool_3x3",
    "avg_pool_3x3",
    "skip_connect",
    "sep_conv_3x3",
    "sep_conv_5x5",
    "dil_conv_3x3",
    "dil_conv_5x5",
)
NODES = 4
#: two (operation, source) for each node; sources 0 and 1 are the cell's inputs, 2 to 4 earlier nodes
DartsCell = tuple[tuple[str, int], ...]
_GENOTYPE = re.compile(r"Genotype\(\s*normal=(\[.*?\]).*?reduce=(\[.*?\])", re.DOTALL)
_EDGE = re.compile(r"([a-z_0-9]+)~(\d)")


class DARTSSpace(Space):
    """Pairs of cells; the string lists the two edges of each node, ``skip_connect~0,sep_conv_3x3~1|…;…``.

    Nodes are separated by ``|``, normal and reduction cell by ``;``. :meth:`parse` also reads the usual
    ``Genotype(normal=[('sep_conv_3x3', 0), …], …, reduce=[…], …)`` and NASLib's pair of lists of (source, number of
    operation).

    Args:
        name: name of the space; its architectures carry it.
        zero: whether an edge may have the operation "none", and both edges of a node may have the same source, as in
            some published tables. DARTS itself allows neither.
        channels: channels of the first cells.
        cells: number of cells; those at one and two thirds of the depth reduce.
    """

    forms = (
        "eight edges of the normal and eight of the reduction cell, 'sep_conv_3x3~0,skip_connect~1|…|…|…;…|…|…|…', a"
        " Genotype(normal=[…], reduce=[…]), or NASLib's two lists of (source, number of operation)"
    )

    def __init__(self, name: str = "nasbench301", *, zero: bool = False, channels: int = 32, cells: int = 8) -> None:
        super().__init__(name)
        self.operations = ("none", *OPERATIONS) if zero else OPERATIONS
        self.zero = zero
        self.channels = channels
        self.cells = cells

    def _sources(self, node: int) -> list[tuple[int, int]]:
        choose = itertools.combinations_with_replacement if self.zero else itertools.combinations
        return list(choose(range(node + 2), 2))

    @property
    def size(self) -> int:
        """Number of pairs of cells; edges of a node with different sources are unordered: 1.1e18 without "none"."""
        n = len(self.operations)
        cell = 1
        for node in range(NODES):
            cell *= sum(n * n if a != b else n * (n + 1) // 2 for a, b in self._sources(node))
        return cell * cell

    def __iter__(self) -> Iterator[Architecture]:
        """Yield all pairs of cells, the last edge of the reduction cell varying fastest."""
        yield from (self.from_cells(normal, reduce) for normal in self._cells() for reduce in self._cells())

    def _cells(self, node: int = 0) -> Iterator[DartsCell]:
        if node == NODES:
            yield ()
            return
        for a, b in self._sources(node):
            for first, second in itertools.product(self.operations, repeat=2):
                if a != b or self.operations.index(first) <= self.operations.index(second):
                    for rest in self._cells(node + 1):
                        yield ((first, a), (second, b), *rest)

    # -- strings -------------------------------------------------------------------------------

    def _from_text(self, text: str) -> Architecture:
        """Read the space's string, a ``Genotype(…)``, or NASLib's lists."""
        try:
            form = _genotype(text)
            if form is None and (form := written_form(text)) is None:
                return self._from_read(_read(text))
            return self._from_form(form)
        except ValueError as error:
            raise InvalidArchitectureError(
                f"{quoted(text)} is not a pair of DARTS cells ({error}): write eight edges of the normal and eight of"
                " the reduction cell, e.g. 'sep_conv_3x3~0,skip_connect~1|…|…|…;…|…|…|…'; operations"
                f" {', '.join(self.operations)}."
            ) from None

    def _from_form(self, form: Any) -> Architecture:
        if isinstance(form, dict) and {"normal", "reduce"} <= form.keys():
            form = [form["normal"], form["reduce"]]
        if not isinstance(form, list) or len(form) != 2:
            return super()._from_form(form)
        return self._from_read((_cell(form[0]), _cell(form[1])))

    def _from_read(self, cells: tuple[DartsCell, DartsCell]) -> Architecture:
        for cell in cells:
            self._check(cell)
        return self.from_cells(*cells)

    def _check(self, cell: DartsCell) -> None:
        if len(cell) != 2 * NODES:
            raise ValueError(f"{len(cell)} edges in a cell")
        for i, (operation, source) in enumerate(cell):
            if operation not in self.operations:
                raise ValueError(f"unknown operation {quoted(operation)}")
            if not 0 <= source < i // 2 + 2:
                raise ValueError(f"node {i // 2} has the source {source}")
            if i % 2 and source == cell[i - 1][1] and not self.zero:
                raise ValueError(f"node {i // 2} has the source {source} twice")

    def from_cells(self, normal: DartsCell, reduce: DartsCell) -> Architecture:
        """Return the architecture of a normal and a reduction cell."""

        def write(cell: DartsCell) -> str:
            edges = [f"{operation}~{source}" for operation, source in cell]
            return "|".join(",".join(edges[2 * node : 2 * node + 2]) for node in range(NODES))

        return Architecture(self.name, f"{write(normal)};{write(reduce)}")

    def cells_of(self, architecture: Architecture) -> tuple[DartsCell, DartsCell]:
        """Return normal and reduction cell; raise InvalidArchitectureError for an architecture of another space."""
        normal, reduce = _read(self.parse(self.key(architecture)).key)
        return normal, reduce

    # -- drawing and changing ------------------------------------------------------------------

    def sample(self, rng: np.random.Generator) -> Architecture:
        """Draw every operation, and for each node two different sources, uniformly."""

        def cell() -> DartsCell:
            edges: list[tuple[str, int]] = []
            for node in range(NODES):
                sources = sorted(int(s) for s in rng.choice(node + 2, size=2, replace=False))
                edges += [(OPERATIONS[int(rng.integers(len(OPERATIONS)))], source) for source in sources]
            return tuple(edges)

        return self.from_cells(cell(), cell())

    def neighbors(self, architecture: Architecture) -> list[Architecture]:
        """Return those in which one edge has another operation or another source."""
        cells, found = self.cells_of(architecture), []
        for which, cell in enumerate(cells):
            for i, (operation, source) in enumerate(cell):
                twin = cell[i ^ 1][1]
                edges = [(other, source) for other in self.operations if other != operation]
                edges += [(operation, s) for s in range(i // 2 + 2) if s != source and (self.zero or s != twin)]
                for edge in edges:
                    changed = (*cell[:i], edge, *cell[i + 1 :])
                    found.append(self.from_cells(*((changed, cells[1]) if which == 0 else (cells[0], changed))))
        return found

    def crossover(self, a: Architecture, b: Architecture, rng: np.random.Generator) -> Architecture:
        """Take each node, with both its edges, from either parent."""
        children = []
        for pair in zip(self.cells_of(a), self.cells_of(b), strict=True):
            sides = rng.integers(2, size=NODES)
            children.append(tuple(edge for node in range(NODES) for edge in pair[sides[node]][2 * node : 2 * node + 2]))
        return self.from_cells(children[0], children[1])

    def canonical(self, architecture: Architecture) -> Architecture:
        """Return one form for all pairs of cells that denote the same network.

        The edges of a node and the nodes themselves have no order (another order permutes channels); the source of an
        edge with "none" counts as the first input.
        """
        normal, reduce = (_canonical(cell) for cell in self.cells_of(architecture))
        return self.from_cells(normal, reduce)

    # -- numbers and networks ------------------------------------------------------------------

    def encode(self, architecture: Architecture) -> np.ndarray:
        """Return for each cell, node and source the sum of one-hot codes of the operations from this source.

        Float64, 2 cells x (2 + 3 + 4 + 5) sources x operations: ``(196,)``, or ``(224,)`` with "none".
        """
        code = np.zeros((2, NODES, NODES + 1, len(self.operations)))
        for rows, cell in zip(code, self.cells_of(architecture), strict=True):
            for i, (operation, source) in enumerate(cell):
                rows[i // 2, source, self.operations.index(operation)] += 1
        return np.concatenate([code[:, node, : node + 2].ravel() for node in range(NODES)])

    def graph(self, architecture: Architecture) -> Graph:
        """Return operations as nodes; the output of the normal cell is the input of the reduction cell.

        Labels of the reduction cell end in ":reduce". The inputs of an operation are the operations that end at its
        source.
        """
        nodes, edges, inputs = ["input"], [], [0]
        for suffix, cell in zip(("", ":reduce"), self.cells_of(architecture), strict=True):
            #: for each source, the nodes of the graph that produce it
            feeds: list[list[int]] = [inputs, inputs]
            for node in range(NODES):
                ends = []
                for operation, source in cell[2 * node : 2 * node + 2]:
                    edges += [(feed, len(nodes)) for feed in feeds[source]]
                    ends.append(len(nodes))
                    nodes.append(operation + suffix)
                feeds.append(ends)
            inputs = [len(nodes)]
            edges += [(end, len(nodes)) for ends in feeds[2:] for end in ends]
            nodes.append("output" + suffix)
        return Graph(tuple(nodes), tuple(edges))

    def build(self, architecture: Architecture, *, num_classes: int = 10) -> nn.Module:
        """Build the CIFAR network without auxiliary head or drop-path, with PyTorch's default initialisation.

        Returns:
            A module from images ``(batch, 3, height, width)`` to logits ``(batch, num_classes)``.
        """
        from zcbench.spaces._darts_network import DARTSNetwork

        normal, reduce = self.cells_of(architecture)
        return DARTSNetwork(normal, reduce, channels=self.channels, cells=self.cells, num_classes=num_classes)


def _genotype(text: str) -> list[Any] | None:
    """Read both cells of a text "Genotype(normal=[…], …, reduce=[…], …)"; return None for other texts."""
    genotype = _GENOTYPE.match(text)
    return None if genotype is None else [plain(literal(part)) for part in genotype.groups()]


def _cell(edges: Any) -> DartsCell:
    """Read edges as (operation, source), or in NASLib's form, (source, number of the operation)."""
    cell = []
    for edge in edges if isinstance(edges, list) else ():
        kinds = [type(part) for part in edge] if isinstance(edge, list) else []
        if kinds == [str, int]:
            cell.append((edge[0], edge[1]))
        elif kinds == [int, int]:
            if not 0 <= edge[1] < len(OPERATIONS):
                raise NotPlainError(f"NASLib numbers operations from 0 to {len(OPERATIONS) - 1}")
            cell.append((OPERATIONS[edge[1]], edge[0]))
        else:
            raise NotPlainError("edges are pairs (operation, source), or NASLib's (source, number of operation)")
    return tuple(cell)


def _read(text: str) -> tuple[DartsCell, DartsCell]:
    cells = []
    for part in text.split(";"):
        edges = [edge for node in part.split("|") for edge in node.split(",")]
        found = [_EDGE.fullmatch(edge) for edge in edges]
        if not all(found):
            raise ValueError("edges are written operation~source")
        cells.append(tuple((match[1], int(match[2])) for match in found if match))
    if len(cells) != 2:
        raise ValueError("the cells are separated by one semicolon")
    return cells[0], cells[1]


def _canonical(cell: DartsCell) -> DartsCell:
    cell = tuple((operation, 0 if operation == "none" else source) for operation, source in cell)
    labels = ["0", "1", *["node"] * NODES]
    edges: list[Edge] = [(source, 2 + i // 2, operation) for i, (operation, source) in enumerate(cell)]
    order = canonical_order(labels, edges)
    into = {node: cell[2 * node - 4 : 2 * node - 2] for node in order if node > 1}
    placed = after_sources(into, lambda node: (source for _, source in into[node]), (0, 1))
    place = {node: i for i, node in enumerate([0, 1, *placed])}
    nodes = [sorted((place[source], operation) for operation, source in into[node]) for node in placed]
    return tuple((operation, source) for node in nodes for source, operation in node)


register_space(
    DARTSSpace(),
    DARTSSpace("darts-zero", zero=True),
)
