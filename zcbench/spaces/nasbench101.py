"""The cell search space of NAS-Bench-101: graphs of at most seven vertices and nine edges.

Source: C. Ying, A. Klein, E. Real et al., "NAS-Bench-101: Towards Reproducible Neural Architecture Search", ICML 2019,
arXiv:1902.09635, section 2.1 (cells, network), section 2.2 and appendix (which cells are equal, hash).
"""

from __future__ import annotations

import hashlib
import itertools
import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from zcbench.errors import InvalidArchitectureError
from zcbench.spaces._base import Space, quoted, written_form
from zcbench.spaces._forms import NotPlainError
from zcbench.spaces._graphs import after_sources, canonical_order
from zcbench.spaces._register import register_space
from zcbench.types import Architecture, Graph

if TYPE_CHECKING:
    from torch import nn

OPERATIONS = ("conv3x3-bn-relu", "conv1x1-bn-relu", "maxpool3x3")
MAX_VERTICES, MAX_EDGES = 7, 9
#: names of a cell's matrix and operations in the code of the authors and others
_MATRIX = ("matrix", "original_matrix", "module_adjacency", "adjacency")
_OPERATIONS = ("ops", "operations", "original_ops", "module_operations")
_SHAPE = re.compile(r"([01]+):([012]*)")


class Cell(NamedTuple):
    """Edges (source, target) of a cell, ascending, and the operations of its vertices between input and output."""

    edges: tuple[tuple[int, int], ...]
    operations: tuple[int, ...]

    @property
    def vertices(self) -> int:
        """Number of vertices, input and output included."""
        return len(self.operations) + 2


class NASBench101Space(Space):
    """Cells of NAS-Bench-101.

    The string is the upper triangle of the adjacency matrix, row by row, and the number of the operation of each vertex
    between input and output (0 = 3x3 convolution, 1 = 1x1 convolution, 2 = 3x3 max pooling):
    ``110010010000010101101:00201``. :meth:`parse` also reads the authors' form, the whole matrix and the names of the
    operations, ``([[0, 1], [0, 0]], ["input", "output"])`` or a mapping with "matrix" and "ops", and NASLib's tuple of
    matrix entries and codes.

    Args:
        name: name of the space; its architectures carry it.
    """

    forms = (
        "the upper triangle of the matrix and the operations, '110010010000010101101:00201', or the matrix and the"
        " names of the operations, ([[0, 1, …], …], ['input', 'conv3x3-bn-relu', …, 'output'])"
    )
    #: number of different cells according to the paper; :meth:`__iter__` yields one string for each
    size = 423_624

    def __init__(self, name: str = "nasbench101") -> None:
        super().__init__(name)

    def __iter__(self) -> Iterator[Architecture]:
        """Yield the canonical form of every cell, those with fewer vertices first.

        Graphs without operations (about 2,500 up to isomorphism) are enumerated first, then the operations of each.
        """
        for vertices in range(2, MAX_VERTICES + 1):
            for edges in _graphs(vertices):
                seen = set()
                for operations in itertools.product(range(len(OPERATIONS)), repeat=vertices - 2):
                    cell = _canonical(Cell(edges, operations))
                    if cell not in seen:
                        seen.add(cell)
                        yield self.from_cell(cell)

    # -- strings -------------------------------------------------------------------------------

    def _from_form(self, form: Any) -> Architecture:
        if isinstance(form, dict):
            form = [next((form[name] for name in names if name in form), None) for names in (_MATRIX, _OPERATIONS)]
        if not isinstance(form, list):
            return super()._from_form(form)
        if all(type(number) is int for number in form):
            text = _from_naslib(form)
            if text is None:
                raise NotPlainError("the numbers are not a matrix and operations in NASLib's form")
            return self._from_text(text)
        if len(form) != 2:
            raise NotPlainError("a cell is a pair of a matrix and operations")
        return self._from_text(_from_matrix(*form))

    def _from_text(self, text: str) -> Architecture:
        """Read ``110010010000010101101:00201``, or one of the other forms as text."""
        match = _SHAPE.fullmatch(text)
        if match is None and text[:1] in ("(", "[", "{") and (form := written_form(text)) is not None:
            return self._from_form(form)
        if match is None:
            raise self._malformed(text)
        vertices = len(match[2]) + 2
        if len(match[1]) != vertices * (vertices - 1) // 2 or vertices > MAX_VERTICES:
            raise self._malformed(text)
        cell = _cell(text)
        if not _reaching(cell):
            raise InvalidArchitectureError(f"{text!r} has no path from its input to its output.")
        if (edges := len(_prune(cell).edges)) > MAX_EDGES:
            raise InvalidArchitectureError(f"{text!r} has {edges} edges: a cell has at most {MAX_EDGES}.")
        return Architecture(self.name, text)

    def _malformed(self, text: str) -> InvalidArchitectureError:
        return InvalidArchitectureError(
            f"{quoted(text)} is not a NAS-Bench-101 cell: write the upper triangle of the matrix of at most seven"
            " vertices and the operations between input and output (0 = 3x3, 1 = 1x1, 2 = pooling), e.g."
            " '110010010000010101101:00201'."
        )

    def from_cell(self, cell: Cell) -> Architecture:
        """Return the architecture of a cell."""
        there = set(cell.edges)
        pairs = itertools.combinations(range(cell.vertices), 2)
        bits = "".join("1" if pair in there else "0" for pair in pairs)
        return Architecture(self.name, f"{bits}:{''.join(map(str, cell.operations))}")

    def cell(self, architecture: Architecture) -> Cell:
        """Return edges and operations; raise InvalidArchitectureError for an architecture of another space."""
        return _cell(self.parse(self.key(architecture)).key)

    def hash(self, architecture: Architecture) -> str:
        """Return the benchmark's own hash of a cell: 32 hexadecimal digits, equal for equal cells.

        Source: the repository's ``graph_util.hash_module``. Each vertex starts from its numbers of edges and its
        operation, and then combines its hash with those of its neighbours, once for each vertex of the cell.
        """
        cell = _prune(self.cell(architecture))
        labels = [-1, *cell.operations, -2]
        into = [[a for a, b in cell.edges if b == vertex] for vertex in range(cell.vertices)]
        out = [[b for a, b in cell.edges if a == vertex] for vertex in range(cell.vertices)]
        hashes = [_md5(str((len(out[v]), len(into[v]), labels[v]))) for v in range(cell.vertices)]
        for _ in range(cell.vertices):
            hashes = [
                _md5(
                    "|".join(
                        (
                            "".join(sorted(hashes[a] for a in into[v])),
                            "".join(sorted(hashes[b] for b in out[v])),
                            hashes[v],
                        )
                    )
                )
                for v in range(cell.vertices)
            ]
        return _md5(str(sorted(hashes)))

    # -- drawing and changing ------------------------------------------------------------------

    def sample(self, rng: np.random.Generator) -> Architecture:
        """Draw matrices and operations of seven vertices uniformly until one is a cell, and remove its unused vertices.

        This is the paper's random search: cells with many strings are drawn more often than others.
        """
        pairs = list(itertools.combinations(range(MAX_VERTICES), 2))
        while True:
            bits = rng.integers(2, size=len(pairs))
            cell = Cell(
                tuple(pair for pair, bit in zip(pairs, bits, strict=True) if bit),
                tuple(int(i) for i in rng.integers(len(OPERATIONS), size=MAX_VERTICES - 2)),
            )
            if _reaching(cell) and len(_prune(cell).edges) <= MAX_EDGES:
                return self.from_cell(_prune(cell))

    def neighbors(self, architecture: Architecture) -> list[Architecture]:
        """Return those with one edge more or less, one vertex more, or another operation, without unused vertices."""
        cell = self.cell(architecture)
        found = []
        for pair in itertools.combinations(range(cell.vertices), 2):
            edges = set(cell.edges) ^ {pair}
            found.append(Cell(tuple(sorted(edges)), cell.operations))
        for i, operation in enumerate(cell.operations):
            for other in set(range(len(OPERATIONS))) - {operation}:
                found.append(Cell(cell.edges, (*cell.operations[:i], other, *cell.operations[i + 1 :])))
        if cell.vertices < MAX_VERTICES:  # a new vertex, on a new path from a vertex to a later one
            for source, target in itertools.combinations(range(cell.vertices), 2):
                for operation in range(len(OPERATIONS)):
                    found.append(_insert(cell, source, target, operation))
        good = {self.from_cell(_prune(c)) for c in found if _reaching(c) and len(_prune(c).edges) <= MAX_EDGES}
        return sorted(good - {architecture})

    def crossover(self, a: Architecture, b: Architecture, rng: np.random.Generator) -> Architecture:
        """Take each possible edge and each operation from either parent, vertices counted from the input.

        The draw is repeated until the child is a cell; after 100 draws a parent is returned.
        """
        first, second = self.cell(a), self.cell(b)
        larger = max(first, second, key=lambda cell: cell.vertices)
        pairs = list(itertools.combinations(range(larger.vertices), 2))
        both = [_widen(cell, larger.vertices) for cell in (first, second)]
        for _ in range(100):
            sides, kinds = rng.integers(2, size=len(pairs)), rng.integers(2, size=larger.vertices - 2)
            child = Cell(
                tuple(pair for pair, side in zip(pairs, sides, strict=True) if pair in both[side].edges),
                tuple(both[kind].operations[i] for i, kind in enumerate(kinds)),
            )
            if _reaching(child) and len(_prune(child).edges) <= MAX_EDGES:
                return self.from_cell(_prune(child))
        return a

    def canonical(self, architecture: Architecture) -> Architecture:
        """Return the cell without unused vertices, its vertices in an order that does not depend on their numbering."""
        return self.from_cell(_canonical(_prune(self.cell(architecture))))

    # -- numbers and networks ------------------------------------------------------------------

    def encode(self, architecture: Architecture) -> np.ndarray:
        """Return the benchmark's usual code: float64 ``(36,)``, upper triangle of seven vertices, one-hot operations.

        Smaller cells are padded before the output, which stays the last vertex.
        """
        cell = _widen(_prune(self.cell(architecture)), MAX_VERTICES)
        pairs = [pair in cell.edges for pair in itertools.combinations(range(MAX_VERTICES), 2)]
        used = {vertex for edge in cell.edges for vertex in edge}
        kinds = [
            [operation == kind and vertex in used for kind in range(len(OPERATIONS))]
            for vertex, operation in enumerate(cell.operations, 1)
        ]
        return np.concatenate([pairs, np.ravel(kinds)]).astype(np.float64)

    def graph(self, architecture: Architecture) -> Graph:
        """Return the cell itself, without unused vertices."""
        cell = _prune(self.cell(architecture))
        return Graph(("input", *(OPERATIONS[o] for o in cell.operations), "output"), cell.edges)

    def build(self, architecture: Architecture, *, num_classes: int = 10) -> nn.Module:
        """Build the benchmark's CIFAR network, with PyTorch's default initialisation (the authors' was TensorFlow's).

        Returns:
            A module from images ``(batch, 3, height, width)`` to logits ``(batch, num_classes)``.
        """
        from zcbench.spaces._nasbench101_network import CellNetwork

        cell = _prune(self.cell(architecture))
        return CellNetwork(cell.edges, [OPERATIONS[o] for o in cell.operations], num_classes=num_classes)


def _cell(text: str) -> Cell:
    bits, _, digits = text.partition(":")
    pairs = itertools.combinations(range(len(digits) + 2), 2)
    return Cell(
        tuple(pair for pair, bit in zip(pairs, bits, strict=True) if bit == "1"), tuple(int(digit) for digit in digits)
    )


def _from_matrix(matrix: Any, operations: Any) -> str:
    """Return the string of an n x n matrix of zeros and ones and n names, "input" first and "output" last."""
    if not isinstance(matrix, list) or not isinstance(operations, list):
        raise NotPlainError("a cell is a pair of a matrix and operations")
    n = len(matrix)
    if not 2 <= n <= MAX_VERTICES or any(not isinstance(row, list) or len(row) != n for row in matrix):
        raise NotPlainError(f"the matrix has two to {MAX_VERTICES} rows, and as many columns")
    if any(not isinstance(entry, (int, float)) or entry not in (0, 1) for row in matrix for entry in row):
        raise NotPlainError("the matrix must contain zeros and ones only")
    if any(matrix[a][b] for a in range(n) for b in range(a + 1)):
        raise NotPlainError("edges lead to later vertices: the matrix is zero on and below its diagonal")
    if len(operations) != n or (operations[0], operations[-1]) != ("input", "output"):
        raise NotPlainError("there is an operation for each vertex, 'input' first and 'output' last")
    if any(operation not in OPERATIONS for operation in operations[1:-1]):
        raise NotPlainError(f"operations are {', '.join(OPERATIONS)}")
    bits = "".join(str(int(matrix[a][b])) for a, b in itertools.combinations(range(n), 2))
    return f"{bits}:{''.join(str(OPERATIONS.index(operation)) for operation in operations[1:-1])}"


def _from_naslib(numbers: list[int]) -> str | None:
    """Read NASLib's n x n matrix and n codes: 0 input, 1 output, 2 pooling, 3 1x1, 4 3x3."""
    codes = {2: "2", 3: "1", 4: "0"}
    n = next((n for n in range(2, MAX_VERTICES + 1) if n * n + n == len(numbers)), 0)
    inner = numbers[n * n + 1 : -1]
    if not n or any(code not in codes for code in inner) or not set(numbers[: n * n]) <= {0, 1}:
        return None
    bits = "".join(str(numbers[n * a + b]) for a, b in itertools.combinations(range(n), 2))
    return f"{bits}:{''.join(codes[code] for code in inner)}"


def _reaching(cell: Cell) -> set[int]:
    """Return the vertices on paths from input to output; empty if there is no path."""
    last = cell.vertices - 1
    forward, backward = {0}, {last}
    for source, target in cell.edges:  # ascending, so sources are processed before their targets
        if source in forward:
            forward.add(target)
    for source, target in reversed(cell.edges):
        if target in backward:
            backward.add(source)
    both = forward & backward
    return both if last in both else set()


def _prune(cell: Cell) -> Cell:
    kept = sorted(_reaching(cell))
    if len(kept) == cell.vertices:
        return cell
    place = {vertex: i for i, vertex in enumerate(kept)}
    return Cell(
        tuple((place[a], place[b]) for a, b in cell.edges if a in place and b in place),
        tuple(cell.operations[vertex - 1] for vertex in kept[1:-1]),
    )


def _widen(cell: Cell, vertices: int) -> Cell:
    """Return the cell with unused vertices before its output."""
    last = cell.vertices - 1
    move = {last: vertices - 1}
    edges = tuple(sorted((a, move.get(b, b)) for a, b in cell.edges))
    return Cell(edges, cell.operations + (0,) * (vertices - cell.vertices))


def _insert(cell: Cell, source: int, target: int, operation: int) -> Cell:
    """Insert a vertex just before ``target``, with an edge from ``source`` and an edge to ``target``."""

    def moved(vertex: int) -> int:
        return vertex + (vertex >= target)

    edges = [(moved(a), moved(b)) for a, b in cell.edges] + [(moved(source), target), (target, moved(target))]
    operations = (*cell.operations[: target - 1], operation, *cell.operations[target - 1 :])
    return Cell(tuple(sorted(edges)), operations)


def _canonical(cell: Cell) -> Cell:
    labels = ["input", *map(str, cell.operations), "output"]
    order = canonical_order(labels, [(a, b, "") for a, b in cell.edges])
    into: dict[int, set[int]] = {vertex: set() for vertex in range(cell.vertices)}
    for a, b in cell.edges:
        into[b].add(a)
    last = cell.vertices - 1
    inner = after_sources((v for v in order if 0 < v < last), into.__getitem__, (0,))
    place = {vertex: i for i, vertex in enumerate([0, *inner, last])}
    edges = tuple(sorted((place[a], place[b]) for a, b in cell.edges))
    return Cell(edges, tuple(cell.operations[v - 1] for v in inner))


def _graphs(vertices: int) -> Iterator[tuple[tuple[int, int], ...]]:
    """Yield the edges of one graph of each isomorphism class in which every vertex lies between input and output."""
    pairs = list(itertools.combinations(range(vertices), 2))
    seen = set()
    for count in range(vertices - 1, min(MAX_EDGES, len(pairs)) + 1):
        for edges in itertools.combinations(pairs, count):
            sources = {a for a, _ in edges}
            targets = {b for _, b in edges}
            # In an ordered graph, a vertex with edges in and out lies between input and output.
            if len(sources) == len(targets) == vertices - 1:
                cell = _canonical(Cell(edges, (0,) * (vertices - 2)))
                if cell.edges not in seen:
                    seen.add(cell.edges)
                    yield cell.edges


def _md5(text: str) -> str:
    return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()


register_space(NASBench101Space())
