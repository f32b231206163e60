"""Any network as a graph of atomic operations, recorded while it runs on tensors without data."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn
from torch.utils._pytree import tree_leaves

from zcbench.encodings._register import register_encoding
from zcbench.errors import UnsupportedModelError, first_line
from zcbench.probe.modes import DispatchMode, dispatched
from zcbench.types import Architecture, SearchSpace

#: Operations that return a view of their input, or make a tensor without input: they are not nodes.
_VIEWS = frozenset(
    (
        *("alias", "as_strided", "clone", "contiguous", "copy_", "detach", "detach_", "empty", "empty_like"),
        *("expand", "expand_as", "flatten", "full", "full_like", "lift", "lift_fresh", "new_zeros", "ones"),
        *("ones_like", "permute", "reshape", "select", "slice", "split", "split_with_sizes", "squeeze"),
        *("squeeze_", "t", "to", "_to_copy", "transpose", "unbind", "unsafe_split", "unsqueeze"),
        *("unsqueeze_", "view", "_unsafe_view", "zeros", "zeros_like", "dropout", "native_dropout"),
        *("arange", "scalar_tensor", "empty_strided", "chunk", "movedim", "narrow", "_reshape_alias"),
        *("view_as",),
    )
)
#: Name of an operation here, if PyTorch has several names for it.
_SAME = {
    "convolution": "conv",
    "native_batch_norm": "batch_norm",
    "_native_batch_norm_legit": "batch_norm",
    "_native_batch_norm_legit_no_training": "batch_norm",
    "cudnn_batch_norm": "batch_norm",
    "native_layer_norm": "layer_norm",
    "native_group_norm": "group_norm",
    "mm": "linear",
    "addmm": "linear",
    "bmm": "matmul",
    "baddbmm": "matmul",
    "_softmax": "softmax",
    "avg_pool2d": "avg_pool",
    "_adaptive_avg_pool2d": "mean",
    "adaptive_avg_pool2d": "mean",
    "max_pool2d_with_indices": "max_pool",
    "_scaled_dot_product_flash_attention_for_cpu": "attention",
    "_scaled_dot_product_attention_math": "attention",
    "_scaled_dot_product_efficient_attention": "attention",
    "_scaled_dot_product_flash_attention": "attention",
    "_scaled_dot_product_fused_attention_overrideable": "attention",
    "scaled_dot_product_attention": "attention",
    "rsub": "add",
    "sub": "add",
    "div": "mul",
    "silu": "swish",
    "clamp_min": "relu",
    "hardtanh": "relu6",
}
#: Numbers of the operations; others are "other".
ATOMS = (
    *("other", "input", "output", "conv", "depthwise", "linear", "matmul", "attention", "embedding"),
    *("batch_norm", "layer_norm", "group_norm", "relu", "relu6", "gelu", "swish", "hardswish", "hardsigmoid"),
    *("sigmoid", "tanh", "softmax", "add", "mul", "cat", "avg_pool", "max_pool", "mean", "pow", "fft"),
)
_NUMBER = {name: i for i, name in enumerate(ATOMS)}
#: columns of a node's numbers
NODE_NUMBERS = ("channels in", "size in", "channels out", "size out", "kernel", "weights", "log flops")


class ComputationGraph(NamedTuple):
    """A network's atomic operations, in the order in which they ran.

    Attributes:
        atoms: number in :data:`ATOMS` of each operation ``(n,)``; the first is the input, the last the output.
        edges: ``(2, edges)``: source and target of each edge.
        numbers: ``(n, len(NODE_NUMBERS))``: log2 of channels and of side lengths (positions for sequences) of input and
            output, side of the kernel, log2 of 1 + weights, log2 of 1 + multiply-adds.
        flops: multiply-adds of one sample.
        params: number of parameters.
    """

    atoms: np.ndarray
    edges: np.ndarray
    numbers: np.ndarray
    flops: float
    params: float


class _Recorder(DispatchMode):
    """Records every operation with its inputs; a tensor's operation is found by the tensor's identity."""

    def __init__(self, inputs: Sequence[Tensor], parameters: Mapping[int, int]) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.maker: dict[int, int] = {id(tensor): 0 for tensor in inputs}
        self.parameters = parameters  # identity to number of elements
        self.kept: list[Any] = list(inputs)  # identities are unique only among living tensors
        self.atoms: list[int] = [_NUMBER["input"]]
        first = inputs[0]
        self.samples = max(first.shape[0], 1) if first.dim() else 1
        self.numbers: list[tuple[float, ...]] = [_numbers([first], [first], 0, 0, 0)]
        self.edges: list[tuple[int, int]] = []
        self.flops = 0.0
        self.last = 0

    def __torch_dispatch__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = function(*args, **(kwargs or {}))
        inputs = [leaf for leaf in tree_leaves((args, kwargs)) if isinstance(leaf, Tensor)]
        outputs = [leaf for leaf in tree_leaves(result) if isinstance(leaf, Tensor)]
        self.kept += inputs + outputs
        name = function.overloadpacket.__name__
        sources = [self.maker[id(tensor)] for tensor in inputs if id(tensor) in self.maker]
        weights = sum(self.parameters.get(id(tensor), 0) for tensor in inputs)
        if name in _VIEWS:
            made = sources[0] if sources else None
            if weights and not sources:  # a transposed weight is the same weight
                self.parameters = {**self.parameters, **{id(tensor): weights for tensor in outputs}}
        elif not sources and not (name == "embedding" and weights):
            made = None
        else:
            made = self._node(name, inputs, outputs, sources, weights, args)
        for tensor in outputs:
            if made is None:
                self.maker.pop(id(tensor), None)
            else:
                self.maker[id(tensor)] = made
        return result

    def _node(
        self, name: str, inputs: list[Tensor], outputs: list[Tensor], sources: list[int], weights: int, args: Any
    ) -> int:
        base = name.rstrip("_")
        atom = _SAME.get(base, base)
        if "fft" in atom:
            atom = "fft"
        kernel = 0
        if atom == "conv":
            weight, groups = args[1], args[8]
            kernel = weight.shape[-1]
            atom = "depthwise" if groups > 1 and weight.shape[1] == 1 else "conv"
        elif atom in ("avg_pool", "max_pool"):
            kernel = args[1][0]
        flops = _flops(atom, inputs, outputs[0]) / self.samples
        self.flops += flops
        self.atoms.append(_NUMBER.get(atom, 0))
        data = [tensor for tensor in inputs if id(tensor) in self.maker] or inputs  # addmm has its bias first
        self.numbers.append(_numbers(data, outputs, kernel, weights, flops))
        made = len(self.atoms) - 1
        self.edges += [(source, made) for source in dict.fromkeys(sources)]
        self.last = made
        return made


def _flops(atom: str, inputs: Sequence[Tensor], output: Tensor) -> float:
    if atom in ("conv", "depthwise"):
        weight = inputs[1]
        return float(output.numel() * weight[0].numel())
    if atom == "linear":
        return float(output.numel() * inputs[-1].shape[-2])
    if atom == "matmul":
        return float(output.numel() * inputs[-2].shape[-1])
    if atom == "attention":
        return float(2 * inputs[0].numel() * inputs[1].shape[-2])
    return 0.0


def _numbers(
    inputs: Sequence[Tensor], outputs: Sequence[Tensor], kernel: int, weights: float, flops: float
) -> tuple[float, ...]:
    return (*_shape(inputs[0]), *_shape(outputs[0]), float(kernel), math.log2(1 + weights), math.log2(1 + flops))


def _shape(tensor: Tensor) -> tuple[float, float]:
    """Return log2 of channels and of the side of ``(b, c, h, w)`` or of the length of ``(b, length, c)``."""
    shape = tuple(tensor.shape)
    if len(shape) == 4:
        return math.log2(max(shape[1], 1)), math.log2(max(shape[2], 1))
    if len(shape) == 3:
        return math.log2(max(shape[2], 1)), math.log2(max(shape[1], 1))
    return math.log2(max(shape[-1], 1)) if shape else 0.0, 0.0


def computation_graph(model: nn.Module, inputs: Any) -> ComputationGraph:
    """Record any network's atomic operations: convolution, normalisation, addition and so on, with shapes.

    It works for networks that ``torch.fx`` cannot trace (loops over data, ``**kwargs``): the network runs once, in eval
    mode and without gradients, without symbolic tracing. On the meta device (``with torch.device("meta"): model = …``)
    nothing is computed and no memory is needed.

    Args:
        model: returns a tensor, or an object that contains one.
        inputs: a tensor, a tuple (positional arguments) or a mapping (keyword arguments), on the model's device.

    Returns:
        A :class:`ComputationGraph` of the operations on paths from the inputs to the last operation.

    Raises:
        UnsupportedModelError: the network cannot be run on these inputs.

    Source: K. Mills et al., "GENNAPE: Towards Generalized Neural Architecture Performance Estimators", AAAI 2023,
    arXiv:2211.17226, section 3.1.
    """
    tensors = [leaf for leaf in tree_leaves(inputs) if isinstance(leaf, Tensor)]
    parameters = {id(parameter): parameter.numel() for parameter in model.parameters()}
    modes = {module: module.training for module in model.modules()}
    model.eval()

    def record() -> _Recorder:
        with torch.no_grad(), _Recorder(tensors, parameters) as recorder:
            if isinstance(inputs, Mapping):
                model(**inputs)
            else:
                model(*(inputs if isinstance(inputs, tuple) else (inputs,)))
        return recorder

    try:
        recorder = dispatched(record)
    except Exception as error:
        raise UnsupportedModelError(f"the network cannot be recorded: {first_line(error)}") from error
    finally:
        for module, mode in modes.items():
            module.training = mode
    return _living(recorder, float(sum(parameters.values())))


def _living(recorder: _Recorder, params: float) -> ComputationGraph:
    """Return the operations on a path from the input to the last one, and an output node."""
    atoms = [*recorder.atoms, _NUMBER["output"]]
    numbers = [*recorder.numbers, recorder.numbers[recorder.last]]
    edges = [*recorder.edges, (recorder.last, len(atoms) - 1)]
    needed = [False] * len(atoms)
    needed[-1] = True
    for source, target in sorted(edges, key=lambda edge: -edge[1]):
        if needed[target]:
            needed[source] = True
    needed[0] = True
    kept = [i for i, wanted in enumerate(needed) if wanted]
    new = {old: i for i, old in enumerate(kept)}
    pairs = [(new[a], new[b]) for a, b in edges if needed[a] and needed[b]]
    return ComputationGraph(
        np.array([atoms[i] for i in kept]),
        np.array(sorted(pairs), np.int64).reshape(-1, 2).T,
        np.array([numbers[i] for i in kept], np.float64),
        recorder.flops,
        params,
    )


@register_encoding(
    "computation",
    kind="computation",
    version=2,
    reference="K. Mills et al., 'GENNAPE', AAAI 2023, arXiv:2211.17226, section 3.1",
)
def computation(space: SearchSpace, architecture: Architecture) -> ComputationGraph:
    """Record the network's atomic operations with shapes, without data; the same for every space and any module."""
    return _recorded(space, architecture)


def _recorded(space: SearchSpace, architecture: Architecture) -> ComputationGraph:
    """Record a graph for "computation" and "atoms", once while it is among the latest."""
    key = (space, architecture)
    if key not in _LATEST:
        if len(_LATEST) >= _MOST:
            _LATEST.clear()
        _LATEST[key] = _record(space, architecture)
    return _LATEST[key]


_LATEST: dict[tuple[SearchSpace, Architecture], ComputationGraph] = {}
_MOST = 20_000


def _record(space: SearchSpace, architecture: Architecture) -> ComputationGraph:
    shape = space.input_shape
    if not shape:
        raise UnsupportedModelError(f"{space.name} does not declare the input of its networks: give it an input_shape.")
    try:
        with torch.device("meta"):
            network = space.build(architecture)
            inputs = torch.zeros(1, *shape) if len(shape) == 3 else torch.zeros(1, shape[0], dtype=torch.long)
        return computation_graph(network, inputs)
    except (NotImplementedError, RuntimeError, UnsupportedModelError):  # an operation that needs data
        with torch.random.fork_rng(devices=[]):
            network = space.build(architecture)
        inputs = torch.zeros(1, *shape) if len(shape) == 3 else torch.zeros(1, shape[0], dtype=torch.long)
        return computation_graph(network, inputs)


@register_encoding(
    "atoms",
    reference="counts and paths of the graph of arXiv:2211.17226, section 3.1; the same columns for every space",
)
def atoms(space: SearchSpace, architecture: Architecture) -> np.ndarray:
    """Return size, depth and width of the computation graph, in numbers that every network has."""
    return atom_numbers(_recorded(space, architecture))


#: columns of :func:`atom_numbers`
ATOM_NUMBERS = (
    *("log flops", "log params", "weighted", "pooling", "joins", "wide kernels", "longest weighted"),
    *("mean weighted", "shortest weighted", "log paths", "mean pooling", "mean channels", "log flops of wide kernels"),
)
_WEIGHTED = frozenset(_NUMBER[name] for name in ("conv", "depthwise", "linear", "matmul", "attention"))
_POOLING = frozenset(_NUMBER[name] for name in ("avg_pool", "max_pool"))
_JOINS = frozenset(_NUMBER[name] for name in ("add", "mul", "cat"))


def atom_numbers(graph: ComputationGraph) -> np.ndarray:
    """Compute thirteen numbers of a computation graph ``(13,)``, named in :data:`ATOM_NUMBERS`."""
    n = len(graph.atoms)
    weighted = np.array([atom in _WEIGHTED for atom in graph.atoms], float)
    pooling = np.array([atom in _POOLING for atom in graph.atoms], float)
    wide = weighted * (graph.numbers[:, 4] > 1)
    sources: list[list[int]] = [[] for _ in range(n)]
    for source, target in graph.edges.T.tolist():
        sources[target].append(source)
    most, least, log_paths = np.zeros(n), np.zeros(n), np.full(n, -np.inf)
    mean, mean_pooling = np.zeros(n), np.zeros(n)
    for node in range(n):
        before = sources[node]
        if node == 0 or not before:
            log_paths[node] = 0.0
            continue
        most[node], least[node] = most[before].max() + weighted[node], least[before].min() + weighted[node]
        # The number of paths may exceed any float: it is kept as a logarithm, which weights means.
        log_paths[node] = np.logaddexp.reduce(log_paths[before])
        share = np.exp(log_paths[before] - log_paths[node])
        mean[node] = share @ mean[before] + weighted[node]
        mean_pooling[node] = share @ mean_pooling[before] + pooling[node]
    flops = 2 ** graph.numbers[:, 6] - 1
    return np.array(
        [
            *(math.log10(1 + graph.flops), math.log10(1 + graph.params)),
            *(weighted.sum(), pooling.sum(), sum(atom in _JOINS for atom in graph.atoms), wide.sum()),
            *(most[-1], mean[-1], least[-1], log_paths[-1], mean_pooling[-1]),
            float((graph.numbers[:, 2] * weighted).sum() / max(weighted.sum(), 1)),
            math.log10(1 + float((flops * wide).sum())),
        ]
    )
