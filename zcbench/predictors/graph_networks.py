"""Graph encoders: GCN, BRP-NAS's binary relation, the information flow of GATES and FLAN, a graph transformer."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar

import torch
from torch import Tensor, nn

from zcbench.errors import InvalidInputError
from zcbench.predictors._base import COUNT, with_defaults
from zcbench.predictors._graph_batches import GraphBatch, as_batch, vocabulary
from zcbench.predictors._neural import NeuralPredictor, Rows
from zcbench.predictors._optional import package
from zcbench.predictors._register import register_predictor
from zcbench.types import Architecture

if TYPE_CHECKING:
    from zcbench.encodings import Encoding


class GraphPredictor(NeuralPredictor):
    """A network over the graph of operations; a subclass defines it (:meth:`_network`).

    Args:
        encoding: graphs: "graph" of the space, "flow-graph" without operations that are dead or have no effect.
        loss: "mse", "hinge" or "diffkendall"; with the last two predictions only rank.
        hidden: width.
        layers: number of layers.
        epochs: passes over the training set.
        batch_size: architectures in a step.
        learning_rate: initial learning rate.
        weight_decay: weight decay of AdamW.
        targets: "standard" or "ranks".
        seed: determines initial weights and the order of batches.
    """

    ranges: ClassVar = {"hidden": COUNT, "layers": COUNT}
    kind = "graph"

    def __init__(
        self,
        encoding: str | Encoding = "flow-graph",
        loss: str = "hinge",
        hidden: int = 128,
        layers: int = 4,
        epochs: int = 150,
        batch_size: int = 16,
        learning_rate: float = 1e-3,
        weight_decay: float = 1e-5,
        targets: str = "ranks",
        seed: int = 0,
    ) -> None:
        super().__init__(encoding, loss, epochs, batch_size, learning_rate, weight_decay, targets, seed)
        self.hidden = hidden
        self.layers = layers

    def _prepare(self, architectures: Sequence[Architecture]) -> None:
        self.known_ = vocabulary(self._encoding.rows(architectures))

    def _rows(self, architectures: Sequence[Architecture]) -> Rows:
        return as_batch(self._encoding.rows(architectures), self.known_)

    @property
    def _labels(self) -> int:
        return len(self.known_) + 2


def mean_over_nodes(states: Tensor, batch: GraphBatch) -> Tensor:
    """Compute the mean of the nodes' states ``(n, m, d)`` without padding: ``(n, d)``."""
    return (states * batch.real[..., None]).sum(1) / batch.real.sum(1, keepdim=True)


# -- GCN ---------------------------------------------------------------------------------------


class GCN(nn.Module):
    """Layers that convolve in both directions of the edges, half of each; a mean over nodes; one hidden layer.

    V' = ½ ReLU(Â V W₊) + ½ ReLU(Âᵀ V W₋), with Â = A + I, normalised by degree.
    """

    def __init__(self, labels: int, hidden: int, layers: int) -> None:
        super().__init__()
        convolution = package("torch_geometric.nn", "gcn").DenseGCNConv
        self.embedding = nn.Embedding(labels, hidden)
        self.along = nn.ModuleList([convolution(hidden, hidden) for _ in range(layers)])
        self.against = nn.ModuleList([convolution(hidden, hidden) for _ in range(layers)])
        self.norms = nn.ModuleList([nn.LayerNorm(hidden) for _ in range(layers)])
        self.head = nn.Sequential(nn.Linear(hidden, hidden), nn.ReLU(), nn.Linear(hidden, 1))

    def states(self, batch: GraphBatch) -> Tensor:
        """Compute states ``(n, hidden)``."""
        states = self.embedding(batch.labels)
        mask = batch.real.bool()
        backward = batch.adjacency.transpose(1, 2)
        for along, against, norm in zip(self.along, self.against, self.norms, strict=True):
            # PyG's convolution gathers along rows: with A transposed a node receives its inputs.
            heard = along(states, backward, mask).relu() + against(states, batch.adjacency, mask).relu()
            states = norm(states + heard / 2)
        return mean_over_nodes(states, batch)

    def forward(self, batch: GraphBatch) -> Tensor:
        """Compute scores ``(n,)``."""
        score: Tensor = self.head(self.states(batch)).squeeze(-1)
        return score


@register_predictor(
    "gcn",
    reference="W. Wen et al., 'Neural Predictor for Neural Architecture Search', ECCV 2020, arXiv:1912.00848, "
    "section 3.1; with residual connections and layer norm",
    extra="predictors",
)
@with_defaults(loss="mse", hidden=144, layers=3, weight_decay=1e-3)
class GCNPredictor(GraphPredictor):
    """Graph convolutions in both directions of the edges (torch-geometric), with any of the three losses.

    Settings are those of :class:`GraphPredictor`.
    """

    def _network(self) -> nn.Module:
        return GCN(self._labels, self.hidden, self.layers)


# -- binary relation ---------------------------------------------------------------------------


@register_predictor(
    "brp_nas",
    reference="L. Dudziak et al., 'BRP-NAS: Prediction-based NAS using GCNs', NeurIPS 2020, arXiv:2007.08668, "
    "section 4.2; encoder as gcn",
    extra="predictors",
)
class BinaryRelation(GraphPredictor):
    """A classifier of pairs of embeddings for the better of two networks; networks are sorted by the pairs they win.

    The classifier is a linear layer on both embeddings, so the log odds that a is better than b are f(a) - g(b). The
    number of wins over any set of opponents has the order of f, so f is the prediction. Targets of a pair are the
    softmax of its two (scaled) accuracies, the loss is cross-entropy over all ordered pairs of a batch.

    Args:
        encoding: graphs.
        hidden: width.
        layers: number of convolutions.
        epochs: passes over the training set.
        batch_size: architectures in a step; all their pairs count.
        learning_rate: initial learning rate.
        weight_decay: weight decay of AdamW.
        targets: "standard" or "ranks".
        seed: determines initial weights and the order of batches.
    """

    calibrated = False

    def __init__(
        self,
        encoding: str | Encoding = "flow-graph",
        hidden: int = 144,
        layers: int = 4,
        epochs: int = 150,
        batch_size: int = 32,
        learning_rate: float = 1e-3,
        weight_decay: float = 5e-4,
        targets: str = "ranks",
        seed: int = 0,
    ) -> None:
        super().__init__(
            encoding, "pairs", hidden, layers, epochs, batch_size, learning_rate, weight_decay, targets, seed
        )

    def _network(self) -> nn.Module:
        return PairClassifier(self._labels, self.hidden, self.layers)

    def _loss(self, network: PairClassifier, rows: GraphBatch, values: Tensor) -> Tensor:
        wanted = torch.sigmoid(SHARPNESS * (values[:, None] - values))  # softmax of the two
        every = nn.functional.binary_cross_entropy_with_logits(network.log_odds(rows), wanted, reduction="none")
        others = 1 - torch.eye(len(values), device=values.device)
        return (every * others).sum() / others.sum().clamp(min=1)


#: Accuracies are divided by their deviation before the softmax; this many deviations are a unit.
SHARPNESS = 4.0


class PairClassifier(nn.Module):
    """A GCN's embeddings of two networks, and a linear layer on both."""

    def __init__(self, labels: int, hidden: int, layers: int) -> None:
        super().__init__()
        self.encoder = GCN(labels, hidden, layers)
        self.encoder.head = nn.Sequential()
        self.first, self.second = nn.Linear(hidden, 1), nn.Linear(hidden, 1, bias=False)

    def log_odds(self, batch: GraphBatch) -> Tensor:
        """Compute log odds ``(n, n)`` that the row's network is better than the column's."""
        states = self.encoder.states(batch)
        odds: Tensor = self.first(states) - self.second(states).T
        return odds

    def forward(self, batch: GraphBatch) -> Tensor:
        """Compute the part ``(n,)`` of the log odds that depends only on the network."""
        own: Tensor = self.first(self.encoder.states(batch)).squeeze(-1)
        return own


# -- information flow --------------------------------------------------------------------------


#: Width of an operation's embedding.
OPERATION = 48


class Flow(nn.Module):
    """A layer in which operations gate the information that flows from the input node.

    H' = σ(W_o e) ⊙ (Aᵀ H W): the mixed input of a node, gated by its operation's embedding e.
    With ``skip`` the node's own state is added: + H W (FLAN's DenseGraphFlow).
    """

    def __init__(self, width: int, operations: int, skip: bool) -> None:
        super().__init__()
        self.gate = nn.Linear(operations, width)
        self.mix = nn.Linear(width, width)
        self.skip = skip

    def forward(self, states: Tensor, operations: Tensor, inflow: Tensor) -> Tensor:
        """Compute states ``(n, m, d)`` from states, operations ``(n, m, e)`` and inflow (Aᵀ) ``(n, m, m)``."""
        mixed = self.mix(states)
        through: Tensor = torch.sigmoid(self.gate(operations)) * (inflow @ mixed)
        return through + mixed if self.skip else through


class FlowNetwork(nn.Module):
    """The base of flow networks: an embedding of each operation, a learned source at the input node."""

    def __init__(self, labels: int, hidden: int) -> None:
        super().__init__()
        self.operations = nn.Embedding(labels, OPERATION)
        self.source = nn.Parameter(torch.randn(hidden))
        self.others = nn.Parameter(torch.zeros(hidden))

    def start(self, batch: GraphBatch) -> Tensor:
        """Return states ``(n, m, d)`` before any flow."""
        first = torch.zeros_like(batch.real)
        first[:, 0] = 1
        return first[..., None] * self.source + (1 - first)[..., None] * self.others


def _head(hidden: int) -> nn.Sequential:
    return nn.Sequential(nn.Linear(hidden, 200), nn.ReLU(), nn.Linear(200, 200), nn.ReLU(), nn.Linear(200, 1))


class GATES(FlowNetwork):
    """Gated flow from a learned source at the input node, layer by layer; the output node's state is the code."""

    def __init__(self, labels: int, hidden: int, layers: int) -> None:
        super().__init__(labels, hidden)
        self.flows = nn.ModuleList([Flow(hidden, OPERATION, skip=False) for _ in range(layers)])
        self.head = _head(hidden)

    def forward(self, batch: GraphBatch) -> Tensor:
        """Compute scores ``(n,)``."""
        operations = self.operations(batch.labels)
        inflow = batch.adjacency.transpose(1, 2) * batch.real[:, None]
        loops = inflow + torch.diag_embed(batch.real)  # a node keeps its state from layer to layer
        states = self.start(batch)
        for i, flow in enumerate(self.flows):
            states = flow(states, operations, loops)
            if i < len(self.flows) - 1:
                states = states.relu()
        last = states[torch.arange(len(states), device=states.device), batch.last]
        score: Tensor = self.head(last).squeeze(-1)
        return score


@register_predictor(
    "gates",
    reference="X. Ning et al., 'A Generic Graph-Based Neural Architecture Encoding Scheme for Predictor-Based NAS', "
    "ECCV 2020, arXiv:2004.01899, section 3.2",
)
class GATESPredictor(GraphPredictor):
    """Operations gate the flow of information from input to output; pairwise hinge.

    Settings are those of :class:`GraphPredictor`.
    """

    def _network(self) -> nn.Module:
        return GATES(self._labels, self.hidden, self.layers)


class DualFlow(nn.Module):
    """A layer of FLAN: gated flow and graph attention, each normalised, averaged."""

    def __init__(self, width: int, operations: int) -> None:
        super().__init__()
        self.flow = Flow(width, operations, skip=True)
        self.attend = nn.Linear(width, width)
        self.mine, self.theirs = nn.Linear(width, 1), nn.Linear(width, 1, bias=False)
        self.gate = nn.Linear(operations, width)
        self.norms = nn.ModuleList([nn.LayerNorm(width), nn.LayerNorm(width)])

    def forward(self, states: Tensor, operations: Tensor, inflow: Tensor) -> Tensor:
        """Compute states as in :class:`Flow`."""
        flow = self.norms[0](self.flow(states, operations, inflow))
        values = self.attend(states)
        weights = nn.functional.leaky_relu(self.mine(values) + self.theirs(values).transpose(1, 2), 0.2)
        heard = (inflow > 0) | torch.eye(inflow.shape[1], dtype=torch.bool, device=inflow.device)
        weights = weights.masked_fill(~heard, -torch.inf).softmax(-1)
        attention = self.norms[1](torch.sigmoid(self.gate(operations)) * (weights @ values) + values)
        both: Tensor = (flow + attention) / 2
        return both


class FLAN(FlowNetwork):
    """Dual flows along the edges; then a pass against the edges updates operations, and the flow is repeated."""

    def __init__(self, labels: int, hidden: int, layers: int, steps: int) -> None:
        super().__init__(labels, hidden)
        self.layers = nn.ModuleList([DualFlow(hidden, OPERATION) for _ in range(layers)])
        self.back = (
            nn.ModuleList([DualFlow(hidden, OPERATION) for _ in range(layers)]) if steps > 1 else nn.ModuleList()
        )
        self.update = nn.Sequential(nn.Linear(2 * hidden + OPERATION, 128), nn.ReLU(), nn.Linear(128, OPERATION))
        self.steps = steps
        self.head = _head(hidden)

    def forward(self, batch: GraphBatch) -> Tensor:
        """Compute scores ``(n,)``."""
        operations = self.operations(batch.labels)
        along, against = batch.adjacency.transpose(1, 2), batch.adjacency
        ends = torch.arange(len(batch.last), device=batch.last.device)
        start = self.start(batch)
        states = self._pass(self.layers, start, operations, along, batch)
        for _ in range(self.steps - 1):
            seed = torch.zeros_like(states)
            seed[ends, batch.last] = states[ends, batch.last]
            back = self._pass(self.back, seed, operations, against, batch)
            operations = operations + UPDATE * self.update(torch.cat([operations, states.detach(), back], -1))
            states = self._pass(self.layers, start, operations, along, batch)
        score: Tensor = self.head(states[ends, batch.last]).squeeze(-1)
        return score

    @staticmethod
    def _pass(layers: nn.ModuleList, states: Tensor, operations: Tensor, edges: Tensor, batch: GraphBatch) -> Tensor:
        for i, layer in enumerate(layers):
            states = layer(states, operations, edges) * batch.real[..., None]
            if i < len(layers) - 1:
                states = states.relu()
        return states


#: Step size of operations' embeddings in a backward pass (TA-GATES).
UPDATE = 0.1


@register_predictor(
    "flan",
    reference="Y. Akhauri, M. Abdelfattah, 'Encodings for Prediction-based Neural Architecture Search', ICML 2024, "
    "arXiv:2403.02484, section 4; op updates after TA-GATES, NeurIPS 2022",
)
class FLANPredictor(GraphPredictor):
    """Flow and attention in parallel, operations updated by a pass against the edges; pairwise hinge.

    Args:
        encoding: graphs.
        loss: "mse", "hinge" or "diffkendall".
        hidden: width.
        layers: number of layers.
        steps: passes along the edges; between two of them one against.
        epochs: passes over the training set.
        batch_size: architectures in a step.
        learning_rate: initial learning rate.
        weight_decay: weight decay of AdamW.
        targets: "standard" or "ranks".
        seed: determines initial weights and the order of batches.
    """

    ranges: ClassVar = {"steps": COUNT}

    def __init__(
        self,
        encoding: str | Encoding = "flow-graph",
        loss: str = "hinge",
        hidden: int = 128,
        layers: int = 5,
        steps: int = 2,
        epochs: int = 100,
        batch_size: int = 16,
        learning_rate: float = 1e-3,
        weight_decay: float = 1e-5,
        targets: str = "ranks",
        seed: int = 0,
    ) -> None:
        super().__init__(encoding, loss, hidden, layers, epochs, batch_size, learning_rate, weight_decay, targets, seed)
        self.steps = steps

    def _network(self) -> nn.Module:
        return FLAN(self._labels, self.hidden, self.layers, self.steps)


# -- transformer -------------------------------------------------------------------------------


class GraphBlock(nn.Module):
    """Attention among neighbours and siblings, then a feed-forward layer that mixes along A and Aᵀ.

    Four groups of heads attend to a node's predecessors, its successors, nodes with a common predecessor and nodes with
    a common successor (and always the node itself); the feed-forward layer is GELU([A H W₁ ‖ Aᵀ H W₂] + H W₃) W₄.
    """

    def __init__(self, width: int, heads: int, dropout: float) -> None:
        super().__init__()
        if width % heads:
            raise InvalidInputError(f"hidden={width}: choose a multiple of {heads}, one part for each head.")
        self.heads = heads
        self.query_key_value = nn.Linear(width, 3 * width)
        self.out = nn.Linear(width, width)
        self.norms = nn.ModuleList([nn.LayerNorm(width), nn.LayerNorm(width)])
        self.fed, self.feeds = nn.Linear(width, width), nn.Linear(width, width)
        self.own, self.down = nn.Linear(width, 2 * width), nn.Linear(2 * width, width)
        self.dropout = nn.Dropout(dropout)

    def forward(self, states: Tensor, adjacency: Tensor, masks: Tensor) -> Tensor:
        """Compute states from states ``(n, m, d)``, adjacency ``(n, m, m)``, attention masks ``(n, heads, m, m)``."""
        n, m, width = states.shape
        query, key, value = (
            self.query_key_value(self.norms[0](states)).view(n, m, 3, self.heads, -1).permute(2, 0, 3, 1, 4)
        )
        seen = nn.functional.scaled_dot_product_attention(query, key, value, attn_mask=masks)
        states = states + self.dropout(self.out(seen.transpose(1, 2).reshape(n, m, width)))
        normed = self.norms[1](states)
        mixed = torch.cat([adjacency.transpose(1, 2) @ self.fed(normed), adjacency @ self.feeds(normed)], -1)
        wide = nn.functional.gelu(mixed + self.own(normed))
        result: Tensor = states + self.dropout(self.down(wide))
        return result


class GraphTransformer(nn.Module):
    """Blocks, a mean over nodes and one hidden layer; no positional encoding."""

    def __init__(self, labels: int, hidden: int, layers: int, heads: int = 4, dropout: float = 0.1) -> None:
        super().__init__()
        self.embedding = nn.Embedding(labels, hidden)
        self.heads = heads
        self.blocks = nn.ModuleList([GraphBlock(hidden, heads, dropout) for _ in range(layers)])
        self.norm = nn.LayerNorm(hidden)
        self.head = nn.Sequential(nn.Linear(hidden, hidden), nn.ReLU(), nn.Linear(hidden, 1))

    def forward(self, batch: GraphBatch) -> Tensor:
        """Compute scores ``(n,)``."""
        edges = batch.adjacency > 0
        back = edges.transpose(1, 2)
        a, b = edges.float(), back.float()
        itself = torch.eye(edges.shape[1], dtype=torch.bool, device=edges.device)
        views = torch.stack([back, edges, b @ a > 0, a @ b > 0], 1) | itself
        masks = views.repeat_interleave(self.heads // 4, 1)
        states = self.embedding(batch.labels)
        for block in self.blocks:
            states = block(states, batch.adjacency, masks)
        score: Tensor = self.head(mean_over_nodes(self.norm(states), batch)).squeeze(-1)
        return score


@register_predictor(
    "graph_transformer",
    reference="R. Xu et al., 'NN-Former: Rethinking Graph Structure in Neural Architecture Representation', CVPR 2025, "
    "section 3 (siblings in attention, bidirectional feed-forward)",
)
@with_defaults(loss="mse", hidden=96, learning_rate=5e-4, weight_decay=1e-2)
class GraphTransformerPredictor(GraphPredictor):
    """A transformer that attends to neighbours and siblings and whose feed-forward mixes along A and Aᵀ.

    Settings are those of :class:`GraphPredictor`; ``hidden`` must be a multiple of 4.
    """

    def _network(self) -> nn.Module:
        return GraphTransformer(self._labels, self.hidden, self.layers)
