"""Find the parameters that are weights: those that multiply values computed from the data, whatever their names.

The literature's "over all layers" means matrices and kernels of convolutional, linear and recurrent layers. For layers
of torch this is known from their class, including parametrised ones. For all others one pass of two samples decides: a
parameter is a weight if it is an operand of a product with data (matrix product, convolution, recurrence), itself,
reshaped, sliced, selected by the data (experts), or combined elementwise with other parameters.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._pytree import tree_leaves

from zcbench.probe import _walk
from zcbench.probe.modes import DispatchMode, dispatched

#: layers whose parameters with at least two dimensions are weights if their names say so
_WEIGHTED = (
    *(nn.Linear, nn.Bilinear, nn.RNNBase, nn.RNNCellBase, nn.MultiheadAttention),
    nn.modules.conv._ConvNd,
)
#: layers without weights
_UNWEIGHTED = (
    *(nn.LayerNorm, nn.GroupNorm, nn.RMSNorm, nn.PReLU, nn.LocalResponseNorm),
    *(nn.modules.batchnorm._BatchNorm, nn.modules.instancenorm._InstanceNorm),
)
_PRODUCTS = {
    *("mm", "addmm", "bmm", "baddbmm", "mv", "addmv", "dot", "linear", "_trilinear", "_grouped_mm", "_scaled_mm"),
    *("convolution", "_convolution", "mkldnn_convolution", "cudnn_convolution", "miopen_convolution"),
    *("mkldnn_rnn_layer", "_cudnn_rnn", "miopen_rnn", "addbmm", "convolution_overrideable"),
}
_CHOOSING = {"index", "index_select", "embedding", "gather", "take", "_unsafe_index", "embedding_renorm_"}


def declared(model: nn.Module, trainable: Mapping[str, nn.Parameter]) -> tuple[set[int], set[int]]:
    """Return the parameters with at least two dimensions of torch's layers and derived classes.

    A parameter of several modules is a weight if it is a weight of any of them.

    Args:
        model: the network.
        trainable: its trainable parameters by name.

    Returns:
        Identities of the weights, and of the parameters for which a pass must decide.
    """
    candidates = {id(parameter) for parameter in trainable.values() if parameter.dim() >= 2}
    weights: set[int] = set()
    open_: set[int] = set()
    for module in _walk.modules(model):
        for leaf, parameter, owner in _owned(module):
            if id(parameter) not in candidates:
                continue
            if isinstance(owner, _WEIGHTED):
                if "weight" in leaf and not leaf.endswith("_g"):  # the norms of torch.nn.utils.weight_norm
                    weights.add(id(parameter))
            elif not isinstance(owner, _UNWEIGHTED):
                open_.add(id(parameter))
    return weights, open_ - weights


def _owned(module: nn.Module) -> Iterable[tuple[str, nn.Parameter, nn.Module]]:
    """Yield name, parameter and the layer that uses it; of parametrised tensors the largest part."""
    for leaf, parameter in module.named_parameters(recurse=False):
        yield leaf, parameter, module
    if nn.utils.parametrize.is_parametrized(module):
        for leaf, parts in module.parametrizations.items():  # type: ignore[union-attr, operator]
            own = list(parts.named_parameters(recurse=False))
            largest = max((parameter.numel() for _, parameter in own), default=0)
            for name, parameter in own:
                yield leaf if parameter.numel() == largest else f"{name}_g", parameter, module


@dataclass
class _Origin:
    """The contents of a storage."""

    storage: Any  # kept alive, so that its address is not reused
    parameters: frozenset[int] = frozenset()
    data: bool = False
    chosen: bool = False  # rows of parameters that the data selected


class Multiplied(DispatchMode):
    """Records which parameters multiply data while the network runs.

    Args:
        inputs: the tensors that are the data.
        parameters: by identity.
    """

    def __init__(self, inputs: Sequence[Tensor], parameters: Mapping[int, nn.Parameter]) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.found: set[int] = set()
        self._parameters = parameters
        self._origins: dict[int, _Origin] = {}
        for tensor in inputs:
            self._put(tensor, _Origin(None, data=True))
        for key, parameter in parameters.items():
            self._put(parameter, _Origin(None, frozenset({key})))

    def __torch_dispatch__(
        self, func: Any, types: Sequence[type], args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        """Process an operation."""
        result = func(*args, **(kwargs or {}))
        given = [one for one in tree_leaves((args, kwargs)) if isinstance(one, Tensor)]
        known = [(tensor, self._of(tensor)) for tensor in given]
        name = func._schema.name.rpartition("::")[2]
        origin = self._after(name, known)
        for tensor in tree_leaves(result):
            if isinstance(tensor, Tensor):
                self._put(tensor, origin)
        if func._schema.is_mutable and given:
            self._put(given[0], origin)
        return result

    def _after(self, name: str, known: Sequence[tuple[Tensor, _Origin]]) -> _Origin:
        """Return the origin of an operation's result."""
        data = any(origin.data for _, origin in known)
        if name in _PRODUCTS:
            self._count(known)
            return _Origin(None, data=data)
        parameters = frozenset().union(*(origin.parameters for _, origin in known))
        if not data:  # a table that is indexed by position is a position embedding
            return _Origin(None, frozenset() if name in _CHOOSING else parameters)
        if name in _CHOOSING and not known[0][1].data:  # rows of a parameter
            return _Origin(None, parameters, data=True, chosen=bool(parameters))
        still = len(known) == 1 and known[0][1].chosen  # reshaped
        return _Origin(None, parameters if still else frozenset(), data=True, chosen=still)

    def _count(self, known: Sequence[tuple[Tensor, _Origin]]) -> None:
        for place, (tensor, origin) in enumerate(known):
            others = [other for at, (_, other) in enumerate(known) if at != place]
            if origin.parameters and any(other.data and not (origin.chosen and other.chosen) for other in others):
                self.found |= {
                    key
                    for key in origin.parameters
                    # excludes norms and learned inputs
                    if origin.chosen or tensor.numel() <= self._parameters[key].numel()
                }

    def _of(self, tensor: Tensor) -> _Origin:
        return self._origins.get(_place(tensor), _Origin(None))

    def _put(self, tensor: Tensor, origin: _Origin) -> None:
        if not (place := _place(tensor)):  # empty
            return
        before = self._of(tensor)
        self._origins[place] = _Origin(
            tensor.untyped_storage(),
            origin.parameters | before.parameters if origin.data == before.data else origin.parameters,
            origin.data or before.data,
            origin.chosen or before.chosen,
        )


def _place(tensor: Tensor) -> int:
    return tensor.untyped_storage().data_ptr()


def multiplied(run: Callable[[], object], inputs: Sequence[Tensor], parameters: Iterable[nn.Parameter]) -> set[int]:
    """Return the identities of the parameters that multiply data in a pass.

    Args:
        run: the pass.
        inputs: inputs of the pass.
        parameters: the parameters to test.
    """
    in_question = {id(one): one for one in parameters}

    def found() -> set[int]:
        with torch.no_grad(), Multiplied(inputs, in_question) as mode:
            run()
        return mode.found

    return dispatched(found)
