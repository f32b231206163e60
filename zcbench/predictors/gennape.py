"""GENNAPE: one encoder for the computation graphs of all networks, and heads that share them by fuzzy clusters."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np
import torch
from torch import Tensor, nn

from zcbench import devices
from zcbench.encodings.computation import ATOMS, NODE_NUMBERS, ComputationGraph, atom_numbers
from zcbench.errors import InvalidInputError
from zcbench.predictors._base import COUNT, STEPS, Predictor, varied
from zcbench.predictors._features import Scaling
from zcbench.predictors._losses import pairwise_hinge
from zcbench.predictors._neural import on, seeded, train
from zcbench.predictors._optional import package
from zcbench.predictors._register import register_predictor
from zcbench.predictors._targets import Floats, Ranks, TargetScale, target_scale
from zcbench.types import Architecture

if TYPE_CHECKING:
    from zcbench.encodings import Encoding

#: smallest eigenvalues of the Laplacian that describe a graph's shape; GENNAPE's number
EIGENVALUES = 21
#: number of graphs that are encoded at once
_BATCH = 64


# -- graphs ------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Packed:
    """Several computation graphs in one, in the form of torch-geometric.

    Attributes:
        atoms: operations of all graphs ``(nodes,)``.
        numbers: numbers of the nodes ``(nodes, numbers)``.
        edges: ``(2, edges)``.
        graph: number of the graph of each node ``(nodes,)``.
        size: number of graphs.
    """

    atoms: Tensor
    numbers: Tensor
    edges: Tensor
    graph: Tensor
    size: int

    def to(self, device: torch.device) -> Packed:
        """Return the graphs on a device."""
        atoms, numbers, edges, graph = (x.to(device) for x in (self.atoms, self.numbers, self.edges, self.graph))
        return Packed(atoms, numbers, edges, graph, self.size)


def pack(graphs: Sequence[ComputationGraph]) -> Packed:
    """Join graphs; a node's numbers are divided by eight, so that most lie between 0 and 2."""
    starts = np.cumsum([0, *(len(graph.atoms) for graph in graphs)])
    edges = [graph.edges + start for graph, start in zip(graphs, starts, strict=False)]
    return Packed(
        torch.from_numpy(np.concatenate([graph.atoms for graph in graphs])),
        torch.from_numpy(np.concatenate([graph.numbers for graph in graphs])).float() / 8,
        torch.from_numpy(np.concatenate(edges, axis=1)),
        torch.from_numpy(np.repeat(np.arange(len(graphs)), [len(graph.atoms) for graph in graphs])),
        len(graphs),
    )


def spectrum(graph: ComputationGraph) -> Floats:
    """Compute the smallest eigenvalues ``(21,)`` of the undirected graph's normalised Laplacian, 2 for missing ones.

    Source: arXiv:2211.17226, section 3.2.
    """
    n = len(graph.atoms)
    adjacency = np.zeros((n, n))
    adjacency[graph.edges[0], graph.edges[1]] = adjacency[graph.edges[1], graph.edges[0]] = 1
    degree = adjacency.sum(1)
    scale = 1 / np.sqrt(np.maximum(degree, 1))
    values = np.linalg.eigvalsh(np.diag((degree > 0).astype(float)) - scale[:, None] * adjacency * scale)
    return np.concatenate([values, np.full(EIGENVALUES, 2.0)])[:EIGENVALUES]


class Encoder(nn.Module):
    """Embeddings of operations and shapes, convolutions in both directions of the edges, mean and largest node."""

    def __init__(self, hidden: int, layers: int) -> None:
        super().__init__()
        convolution = package("torch_geometric.nn", "gennape").GraphConv
        self.atoms = nn.Embedding(len(ATOMS), hidden)
        self.numbers = nn.Sequential(nn.Linear(len(NODE_NUMBERS), hidden), nn.ReLU(), nn.Linear(hidden, hidden))
        self.along = nn.ModuleList([convolution(hidden, hidden, aggr="mean") for _ in range(layers)])
        self.against = nn.ModuleList([convolution(hidden, hidden, aggr="mean") for _ in range(layers)])
        self.norms = nn.ModuleList([nn.LayerNorm(hidden) for _ in range(layers)])

    def forward(self, graphs: Packed) -> Tensor:
        """Compute codes ``(graphs, 2 * hidden)``."""
        states = self.atoms(graphs.atoms) + self.numbers(graphs.numbers)
        back = graphs.edges.flip(0)
        for along, against, norm in zip(self.along, self.against, self.norms, strict=True):
            states = norm(states + torch.tanh(along(states, graphs.edges) + against(states, back)))
        index = graphs.graph[:, None].expand_as(states)
        width = states.shape[1]
        zeros = states.new_zeros(graphs.size, width)
        mean = zeros.scatter_reduce(0, index, states, "mean", include_self=False)
        most = zeros.scatter_reduce(0, index, states, "amax", include_self=False)
        return torch.cat([mean, most], 1)


def contrastive_loss(codes: Tensor, wanted: Tensor, temperature: float = 0.1) -> Tensor:
    """Compute the soft contrastive loss: cross-entropy between desired and actual similarities of all graphs.

    -mean_i Σ_{j≠i} a_ij log softmax_j(cos(z_i, z_j) / τ).

    Args:
        codes: projections ``(n, d)``.
        wanted: similarities a ``(n, n)``; the rows without the diagonal sum to one.
        temperature: τ.

    Source: arXiv:2211.17226, equations 2-3.
    """
    unit = nn.functional.normalize(codes, dim=1)
    itself = torch.eye(len(codes), dtype=torch.bool, device=codes.device)
    likeness = (unit @ unit.T / temperature).masked_fill(itself, -torch.inf)
    log = likeness.log_softmax(1).masked_fill(itself, 0)
    return -(wanted * log).sum(1).mean()


def wanted_similarities(spectra: Floats, flops: Floats) -> Floats:
    """Compute similarities ``(n, n)`` whose rows sum to one; they are larger for closer spectra and sizes.

    Distances of spectra and of log FLOPs are each divided by their mean over pairs, added, and converted to a
    distribution by a softmax of their negative; the diagonal is 0.
    """
    from scipy.spatial.distance import cdist

    distance = np.zeros((len(spectra), len(spectra)))
    for column in (spectra, flops[:, None]):
        part = cdist(column, column)
        distance += part / (part.mean() or 1.0)
    likeness = np.exp(-2 * distance)
    np.fill_diagonal(likeness, 0)
    similar: Floats = likeness / np.maximum(likeness.sum(1, keepdims=True), 1e-12)
    return similar


# -- fuzzy clusters ----------------------------------------------------------------------------


class FuzzyCMeans:
    """Fuzzy c-means: every point belongs to every cluster to a degree.

    u_c = 1 / Σ_j (d_c / d_j)^(2/(m-1)); centres are the means weighted by u^m, iterated until they converge.

    Args:
        points: ``(n, d)``.
        clusters: number of clusters.
        fuzziness: m > 1.
        seed: determines the first centres.

    Source: J. Bezdek, "Pattern Recognition with Fuzzy Objective Function Algorithms", 1981, section 11.
    """

    def __init__(self, points: Floats, clusters: int, fuzziness: float = 2.0, seed: int = 0) -> None:
        self.power = 2 / (fuzziness - 1)
        random = np.random.default_rng(seed)
        self.centres = points[random.choice(len(points), min(clusters, len(points)), replace=False)]
        for _ in range(100):
            weights = self.membership(points) ** fuzziness
            moved = weights.T @ points / weights.sum(0)[:, None]
            still = np.abs(moved - self.centres).max() < 1e-6
            self.centres = moved
            if still:
                break

    def membership(self, points: Floats) -> Floats:
        """Compute degrees ``(n, clusters)``; rows sum to one."""
        from scipy.spatial.distance import cdist

        distance = np.maximum(cdist(points, self.centres), 1e-9)
        nearness = (distance.min(1, keepdims=True) / distance) ** self.power
        degrees: Floats = nearness / nearness.sum(1, keepdims=True)
        return degrees


class Heads(nn.Module):
    """One small network per cluster; a prediction is their sum, weighted by membership.

    Args:
        inputs: number of input columns.
        hidden: width.
        clusters: number of heads.
        blind: number of the first column whose weights start at zero.
    """

    def __init__(self, inputs: int, hidden: int, clusters: int, blind: int) -> None:
        super().__init__()
        self.heads = nn.ModuleList(
            [
                nn.Sequential(nn.Linear(inputs, hidden), nn.ReLU(), nn.Dropout(0.1), nn.Linear(hidden, 1))
                for _ in range(clusters)
            ]
        )
        for head in self.heads:  # inputs that are added after the first training have no effect at first
            first = next(head.parameters())
            nn.init.zeros_(first[:, blind:])

    def forward(self, codes: Tensor, degrees: Tensor) -> Tensor:
        """Compute scores ``(n,)`` from codes ``(n, inputs)`` and degrees ``(n, clusters)``."""
        scores = torch.cat([head(codes) for head in self.heads], 1)
        return (scores * degrees).sum(1)


# -- the predictor -----------------------------------------------------------------------------


@register_predictor(
    "gennape",
    reference="K. Mills et al., 'GENNAPE: Towards Generalized Neural Architecture Performance Estimators', AAAI 2023, "
    "arXiv:2211.17226, section 3",
    extra="predictors",
)
class GENNAPE(Predictor):
    """A contrastively trained encoder of computation graphs with heads by fuzzy cluster, for any search space.

    First the encoder is trained, without accuracies, to distinguish graphs as their Laplacian spectra and FLOPs do;
    its codes are clustered. Each cluster's head is trained on the ranks of accuracies, with Huber loss and pairwise
    hinge. ``fit_across`` pre-trains on one benchmark and continues, at half the rate, with the few networks of another;
    targets of each are the normal scores of their ranks.

    Differences to the paper: heads also receive thirteen numbers of the graph (depth, width, joins), as normal scores
    among the training set, which are bounded if another space's networks are larger. Without any network of the other
    benchmark they receive only these numbers: with a few hundred training graphs (the authors have 50,000) codes of
    another space mislead (docs/predictors.md has the figures).

    Args:
        encoding: computation graphs.
        hidden: width of the encoder.
        layers: graph convolutions.
        clusters: number of fuzzy clusters, and of heads.
        contrastive: passes over the graphs without accuracies.
        epochs: passes over the training set.
        tuning: passes over the few networks in ``fit_across``.
        targets: "standard" or "ranks".
        seed: determines all random numbers.
    """

    ranges: ClassVar = {
        "hidden": COUNT,
        "layers": COUNT,
        "clusters": COUNT,
        "contrastive": STEPS,
        "epochs": STEPS,
        "tuning": STEPS,
    }
    kind = "computation"

    def __init__(
        self,
        encoding: str | Encoding = "computation",
        hidden: int = 48,
        layers: int = 4,
        clusters: int = 6,
        contrastive: int = 10,
        epochs: int = 100,
        tuning: int = 60,
        targets: str = "ranks",
        seed: int = 0,
    ) -> None:
        super().__init__(encoding, seed)
        self.hidden = hidden
        self.layers = layers
        self.clusters = clusters
        self.contrastive = contrastive
        self.epochs = epochs
        self.tuning = tuning
        self.targets = targets

    def _fit(self, architectures: Sequence[Architecture], targets: Floats) -> None:
        self._pretrain(architectures, targets, crossing=False)

    def _cross(self, others: Sequence[Architecture], values: Floats, few: Sequence[Architecture], own: Floats) -> None:
        """Pre-train on one benchmark; continue with a few networks of another, if there are any."""
        self.constant_ = None if varied(others, values) else 0.0
        if self.constant_ is None:
            self._pretrain(others, Ranks(values).forward(values), crossing=True)
            if few:
                self.crossing_ = False
                with seeded(self.seed):
                    self._learn(few, Ranks(own).forward(own), self.tuning, 1e-3)

    def _pretrain(self, architectures: Sequence[Architecture], targets: Floats, *, crossing: bool) -> None:
        self.scale_: TargetScale = target_scale(self.targets, targets)
        graphs: list[ComputationGraph] = self._encoding.rows(architectures)
        self.crossing_ = crossing
        with seeded(self.seed):
            self.encoder_ = Encoder(self.hidden, self.layers)
            self._contrast(graphs)
            codes, numbers = self._codes(graphs), self._numbers(graphs)
            self.code_scaling_ = Scaling(codes, np.zeros(codes.shape[1], int))
            self.number_scores_ = NormalScores(numbers)
            if self.clusters < 1:
                raise InvalidInputError(f"clusters={self.clusters}: choose at least 1.")
            self.fuzzy_ = FuzzyCMeans(self._scaled(codes), self.clusters, seed=self.seed)
            inputs = self._inputs(graphs)[0]
            self.heads_ = Heads(inputs.shape[1], self.hidden, len(self.fuzzy_.centres), blind=numbers.shape[1])
            self._learn(architectures, self.scale_.forward(targets), self.epochs, 2e-3)

    def _contrast(self, graphs: Sequence[ComputationGraph]) -> None:
        if len(graphs) < 3:
            return
        spectra = np.stack([spectrum(graph) for graph in graphs])
        flops = np.log10(1 + np.array([graph.flops for graph in graphs]))
        project, place = nn.Linear(2 * self.hidden, 32), devices.here()

        def loss(rows: Tensor) -> Tensor:
            some = rows.cpu().numpy()
            wanted = torch.from_numpy(wanted_similarities(spectra[some], flops[some])).float().to(place)
            return contrastive_loss(project(self.encoder_(pack([graphs[i] for i in some]).to(place))), wanted)

        with on(place, self.encoder_, project):
            train(
                nn.ModuleList([self.encoder_, project]),
                loss,
                len(graphs),
                epochs=self.contrastive,
                batch_size=32,
                learning_rate=1e-3,
            )

    def _codes(self, graphs: Sequence[ComputationGraph]) -> Floats:
        self.encoder_.eval()
        place = devices.here()
        with on(place, self.encoder_), torch.no_grad():
            parts = [
                self.encoder_(pack(graphs[start : start + _BATCH]).to(place)).cpu().double().numpy()
                for start in range(0, len(graphs), _BATCH)
            ]
        return np.concatenate(parts)

    @staticmethod
    def _numbers(graphs: Sequence[ComputationGraph]) -> Floats:
        return np.stack([atom_numbers(graph) for graph in graphs])

    def _scaled(self, codes: Floats) -> Floats:
        return np.clip(self.code_scaling_(codes), -3, 3)

    def _inputs(self, graphs: Sequence[ComputationGraph]) -> tuple[Tensor, Tensor]:
        """Return the input of heads ``(n, numbers + codes)``, and degrees of membership ``(n, clusters)``."""
        codes = self._scaled(self._codes(graphs))
        seen = np.hstack([self.number_scores_(self._numbers(graphs)), codes * (not self.crossing_)])
        return torch.from_numpy(seen).float(), torch.from_numpy(self.fuzzy_.membership(codes)).float()

    def _learn(self, architectures: Sequence[Architecture], scores: Floats, epochs: int, rate: float) -> None:
        place = devices.here()
        x, degrees = (one.to(place) for one in self._inputs(self._encoding.rows(architectures)))
        y = torch.from_numpy(scores).float().to(place)

        def loss(rows: Tensor) -> Tensor:
            predicted = self.heads_(x[rows], degrees[rows])
            return nn.functional.huber_loss(predicted, y[rows]) + pairwise_hinge(predicted, y[rows])

        with on(place, self.heads_):
            train(self.heads_, loss, len(y), epochs=epochs, batch_size=32, learning_rate=rate, weight_decay=1e-2)

    def _predict(self, architectures: Sequence[Architecture]) -> Floats:
        place = devices.here()
        inputs = [one.to(place) for one in self._inputs(self._encoding.rows(architectures))]
        with on(place, self.heads_), torch.no_grad():
            score = self.heads_(*inputs).cpu().double().numpy()
        return self.scale_.backward(score)


class NormalScores:
    """Columns as normal scores of their ranks among the training rows; values outside count as the outermost."""

    def __init__(self, columns: Floats) -> None:
        self.sorted = np.sort(columns, axis=0)

    def __call__(self, columns: Floats) -> Floats:
        """Convert ``(m, columns)`` to scores between those of the first and the last rank; constant columns to 0."""
        from scipy.stats import norm

        n = len(self.sorted)
        scores = np.zeros_like(columns)
        for i, known in enumerate(self.sorted.T):
            if known[0] < known[-1]:
                rank = np.searchsorted(known, columns[:, i], "left") + np.searchsorted(known, columns[:, i], "right")
                scores[:, i] = norm.ppf((rank + 1) / 2 / (n + 1))
        return scores
