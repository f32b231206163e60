"""What can be seen in passing while a network runs: each watcher records one thing during one forward pass.

A watcher is a context manager around the pass. Several can watch the same pass, so proxies that need different things
of it share it. A watcher never raises for what it sees; the signal that asks for it does.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self, TypeAlias
from unittest import mock

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.overrides import TorchFunctionMode
from torch.utils.hooks import RemovableHandle

from zcbench.errors import UnsupportedModelError

if TYPE_CHECKING:
    from zcbench.probe import Probe

#: Signals that need the main pass with its graph anyway.
GRAPH_SIGNALS = frozenset(
    {"outputs", "loss", "gradients", "input_gradients", "output_gradients", "channel_products", "blocks", "roles"}
)


class Watcher:
    """Base of all watchers: hooks that are removed after the pass."""

    #: output of the pass
    outputs: Tensor | None = None
    #: whether it looks at the network's weights
    of_weights = False

    def __init__(self, probe: Probe) -> None:
        self.probe = probe
        self.batch = len(probe.batch)
        self.stack = ExitStack()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stack.close()

    def start(self) -> None:
        """Set hooks and function modes through ``self.stack``."""

    @property
    def weights(self) -> dict[str, nn.Parameter]:
        """The probe's weights, none where it says that there are none."""
        try:
            return self.probe.weights
        except UnsupportedModelError:
            return {}

    def hook(self, handle: RemovableHandle) -> None:
        """Have a hook removed after the pass."""
        self.stack.callback(handle.remove)

    @contextmanager
    def loss_pass(self) -> Iterator[None]:
        """Around the backward pass of the loss, for watchers that look at gradients too."""
        yield


# -- which ReLUs are on ------------------------------------------------------------------------

_RECTIFIERS = {F.relu, F.relu_, torch.relu, torch.relu_, Tensor.relu, Tensor.relu_, F.relu6}
_CLIPS = {F.hardtanh, F.hardtanh_}


def _rectifies(func: Callable[..., Any], args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> bool:
    if func in _CLIPS:  # nn.ReLU6 is a clip from 0 to 6
        return bool((args[1] if len(args) > 1 else kwargs.get("min_val", -1.0)) == 0)
    return func in _RECTIFIERS


Before: TypeAlias = Callable[[Callable[..., Any], tuple[Any, ...], Mapping[str, Any]], None]
After: TypeAlias = Callable[[Callable[..., Any], tuple[Any, ...], Mapping[str, Any], Any], None]


class FunctionWatcher(TorchFunctionMode):
    """Calls ``before(func, args, kwargs)`` and ``after(func, args, kwargs, result)`` around every torch function.

    Multi-head attention, one function to torch, is looked into.
    """

    def __init__(self, before: Before | None = None, after: After | None = None) -> None:
        super().__init__()
        self.before = before
        self.after = after

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Sequence[type],
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:
        kwargs = kwargs or {}
        if func is F.multi_head_attention_forward:
            with mock.patch.object(F, "has_torch_function", lambda _: False), self:
                return func(*args, **kwargs)
        if self.before:
            self.before(func, args, kwargs)
        result = func(*args, **kwargs)
        if self.after:
            self.after(func, args, kwargs, result)
        return result


class ReLUCodes(Watcher):
    """Which inputs of every ReLU (and ReLU6) are positive, before an in-place one overwrites them."""

    def start(self) -> None:
        """Watch functions, so that modules and plain calls are seen alike."""
        self.codes: list[Tensor] = []
        self.problem = ""
        self.stack.enter_context(FunctionWatcher(self._before))

    def _before(self, func: Callable[..., Any], args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> None:
        if not _rectifies(func, args, kwargs):
            return
        x: Tensor = args[0] if args else kwargs["input"]
        if x.dim() < 2 or x.shape[0] != self.batch:
            self.problem = (
                f"a ReLU runs on a tensor of shape {tuple(x.shape)}, whose first dimension does not count samples."
            )
            return
        with torch.no_grad():
            self.codes.append(x.flatten(1) > 0)


# -- layers' outputs and their gradients -------------------------------------------------------


class _Kept:
    """A tensor as it was when it was captured, however it is overwritten later."""

    def __init__(self, tensor: Tensor) -> None:
        self.tensor = tensor.detach()


class Keeper(FunctionWatcher):
    """Copies a kept tensor just before an in-place function overwrites it; most never are."""

    def __init__(self) -> None:
        super().__init__(self._before_write)
        self.kept: dict[int, list[_Kept]] = {}

    def keep(self, tensor: Tensor) -> _Kept:
        """Keep this tensor's present contents."""
        kept = _Kept(tensor)
        self.kept.setdefault(tensor.untyped_storage().data_ptr(), []).append(kept)
        return kept

    def _before_write(self, func: Callable[..., Any], args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> None:
        name = getattr(func, "__name__", "")
        writes = (name.endswith("_") and not name.endswith("__")) or name.startswith("__i") or name == "__setitem__"
        if not (writes or kwargs.get("inplace")) or not args or not isinstance(args[0], Tensor):
            return
        for kept in self.kept.pop(args[0].untyped_storage().data_ptr(), ()):
            kept.tensor = kept.tensor.clone()


class ChannelProducts(Watcher):
    """Sum over positions of a * dL/da for every convolutional and linear layer's output a."""

    of_weights = True

    def start(self) -> None:
        """Hook the layers whose weights count."""
        self.products: dict[str, Tensor] = {}
        self.active = False
        self.keeper = self.stack.enter_context(Keeper())
        names = {name.rpartition(".")[0] for name in self.weights}
        for name, module in self.probe.model.named_modules():
            if name in names:
                self.hook(module.register_forward_hook(self._hook(name)))

    def _hook(self, name: str) -> Callable[[nn.Module, Any, Any], None]:
        def forward(module: nn.Module, _: Any, output: Any) -> None:
            if not isinstance(output, Tensor) or not output.requires_grad or output.shape[0] != self.batch:
                return
            kept = self.keeper.keep(output)
            first = channels_first(module, output)

            def backward(gradient: Tensor) -> None:
                if not self.active:
                    return
                product = kept.tensor * gradient
                found = (
                    product.flatten(2).sum(2)
                    if first
                    else product.flatten(1, -2).sum(1)
                    if product.dim() > 2
                    else product
                )
                self.products[name] = self.products[name] + found if name in self.products else found

            output.register_hook(backward)  # type: ignore[no-untyped-call]

        return forward

    @contextmanager
    def loss_pass(self) -> Iterator[None]:
        """Gradients of the loss count, those of other passes through the graph do not."""
        self.active = True
        try:
            yield
        finally:
            self.active = False


def channels_first(module: nn.Module, output: Tensor) -> bool:
    """Whether dimension 1 counts the channels: convolutions have them there, everything else last."""
    return "Conv" in type(module).__name__ and output.dim() > 2 and hasattr(module, "kernel_size")


class LinearOutputs(Watcher):
    """Outputs of the layers with two-dimensional weights, before anything overwrites them, by name of the weight."""

    of_weights = True

    def start(self) -> None:
        """Hook the layers."""
        self.kept: dict[str, list[_Kept]] = {}
        self.keeper = self.stack.enter_context(Keeper())
        for name, weight in self.weights.items():
            if weight.dim() == 2:
                module = self.probe.model.get_submodule(name.rpartition(".")[0])
                self.hook(module.register_forward_hook(self._hook(name)))

    def _hook(self, name: str) -> Callable[[nn.Module, Any, Any], None]:
        def forward(_: nn.Module, __: Any, output: Any) -> None:
            if isinstance(output, Tensor):
                self.kept.setdefault(name, []).append(self.keeper.keep(output))

        return forward


# -- blocks ------------------------------------------------------------------------------------


@dataclass
class Feature:
    """What passes between two blocks: its values, and its place in the graph."""

    kept: _Kept
    edge: Any  # torch.autograd.graph.GradientEdge; None where the graph does not reach

    @property
    def values(self) -> Tensor:
        """As it left the block, however it was overwritten later."""
        return self.kept.tensor


class Blocks(Watcher):
    """What enters the first block of a network and what leaves every block, in the order in which they run.

    Blocks are the elements of the outermost ``nn.Sequential`` and ``nn.ModuleList`` that have children of their own;
    an element that is such a container, or has nothing but one, is looked into. A network without any has its
    convolutional and linear layers for blocks.
    """

    def start(self) -> None:
        """Hook the blocks."""
        self.features: list[Feature] = []
        self.keeper = self.stack.enter_context(Keeper())
        for block in blocks_of(self.probe.model) or self._layers():
            self.hook(block.register_forward_pre_hook(self._before, with_kwargs=True))
            self.hook(block.register_forward_hook(self._after))

    def _layers(self) -> list[nn.Module]:
        return [
            module
            for module in self.probe.model.modules()
            if not isinstance(module, (nn.Embedding, nn.EmbeddingBag))
            and any("weight" in name and p.dim() > 1 for name, p in module.named_parameters(recurse=False))
        ]

    def _before(self, _: nn.Module, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> None:
        if not self.features:
            self._add(next(iter((*args, *kwargs.values())), None))

    def _after(self, _: nn.Module, __: Any, output: Any) -> None:
        self._add(output[0] if isinstance(output, tuple) and output else output)

    def _add(self, x: Any) -> None:
        if isinstance(x, Tensor) and x.dim() > 2 and x.shape[0] == self.batch and x.is_floating_point():
            on_graph = x.requires_grad and (x.grad_fn is not None or torch.is_grad_enabled())
            edge = torch.autograd.graph.get_gradient_edge(x) if on_graph else None
            self.features.append(Feature(self.keeper.keep(x), edge))


def blocks_of(module: nn.Module) -> list[nn.Module]:
    """The blocks of a network; see :class:`Blocks`."""
    if not _is_container(module):
        return [block for child in module.children() for block in blocks_of(child)]
    found: list[nn.Module] = []
    for element in module.children():
        inner = blocks_of(element) if _is_container(element) or _only_container(element) else []
        if inner:
            found += inner
        elif next(element.children(), None) is not None:
            found.append(element)
    return found


def _is_container(module: nn.Module) -> bool:
    return type(module) in (nn.Sequential, nn.ModuleList)


def _only_container(module: nn.Module) -> bool:
    trained = [child for child in module.children() if next(child.parameters(), None) is not None]
    return len(trained) == 1 and _is_container(trained[0])


# -- maps of one sample ------------------------------------------------------------------------


class SampleMaps(Watcher):
    """Output of every module without children for the first sample, where it is a map with channels first."""

    def start(self) -> None:
        """Hook the modules."""
        self.maps: list[Tensor] = []
        for module in self.probe.model.modules():
            if next(module.children(), None) is None:
                self.hook(module.register_forward_hook(self._hook))

    def _hook(self, _: nn.Module, __: Any, output: Any) -> None:
        if isinstance(output, Tensor) and output.dim() == 4 and output.shape[0] == self.batch:
            self.maps.append(output[0].detach().flatten(1).clone())


# -- what tokens become ------------------------------------------------------------------------


class Embedded(Watcher):
    """The place in the graph of the first embedding of the batch: what stands for the input where that is integer."""

    def start(self) -> None:
        """Hook the embeddings."""
        self.embedded: Tensor | None = None
        for module in self.probe.model.modules():
            if isinstance(module, nn.Embedding):
                self.hook(module.register_forward_hook(self._hook))

    def _hook(self, _: nn.Module, args: tuple[Any, ...], output: Tensor) -> Tensor | None:
        counts = args and isinstance(args[0], Tensor) and args[0].dim() > 1 and args[0].shape[0] == self.batch
        if self.embedded is not None or not counts:
            return None
        if not output.requires_grad:
            output = output.detach().requires_grad_()
        self.embedded = output
        return output.clone()  # so that the network may write to it


# -- attention ---------------------------------------------------------------------------------

_SOFTMAX = {F.softmax, torch.softmax, Tensor.softmax, torch.special.softmax}
_MATMUL = {torch.matmul, Tensor.matmul, Tensor.__matmul__, torch.bmm, Tensor.bmm}
#: functions after which probabilities are still that: other types and layouts, masks, dropout
_STILL = {
    *(Tensor.to, Tensor.type, Tensor.type_as, Tensor.float, Tensor.half, Tensor.bfloat16, Tensor.double),
    *(Tensor.mul, Tensor.mul_, Tensor.__mul__, Tensor.__rmul__, Tensor.__imul__, torch.mul, torch.multiply),
    *(Tensor.masked_fill, Tensor.masked_fill_, torch.masked_fill, torch.where, torch.nan_to_num, Tensor.nan_to_num),
    *(F.dropout, torch.dropout, torch.clone, Tensor.clone, Tensor.contiguous, Tensor.detach),
    *(Tensor.view, Tensor.reshape, torch.reshape, Tensor.flatten, torch.flatten, Tensor.unflatten, Tensor.squeeze),
    *(Tensor.unsqueeze, torch.squeeze, torch.unsqueeze),
}


@dataclass
class Attended:
    """One application of attention.

    Attributes:
        probabilities: ``(batch, heads, queries, keys)``.
        heads: what the heads return, ``(batch, heads, queries, width)``.
    """

    probabilities: Tensor
    heads: Tensor


class Attention(Watcher):
    """Every application of attention: fused, by ``nn.MultiheadAttention``, or a softmax followed by a product.

    Between softmax and product there may be other types, masks and dropout; the product may be an einsum.
    """

    def start(self) -> None:
        """Watch functions."""
        self.applications: list[Attended] = []
        self.softmaxes: dict[int, Tensor] = {}  # held, so that addresses stay taken
        self.stack.enter_context(FunctionWatcher(after=self._after))

    def _after(self, func: Callable[..., Any], args: tuple[Any, ...], kwargs: Mapping[str, Any], result: Any) -> None:
        if func in _SOFTMAX:
            self._remember(result)
        elif func is F.scaled_dot_product_attention:
            self._add(_probabilities(*args, **kwargs), result)
        elif func in _MATMUL and self._known(args[0]):
            self._add(args[0], result)
        elif func is torch.einsum and isinstance(args[0], str):
            self._take_einsum(args[0], args[1:], result)
        elif func in _STILL and isinstance(result, Tensor):
            parts = [one for one in (*args, *kwargs.values()) if isinstance(one, Tensor) and self._known(one)]
            if any(one.numel() == result.numel() for one in parts):
                self._remember(result)

    def _remember(self, probabilities: Tensor) -> None:
        self.softmaxes[probabilities.data_ptr()] = probabilities.detach()

    def _known(self, tensor: Tensor) -> bool:
        return tensor.data_ptr() in self.softmaxes and tensor.numel() > 0

    def _take_einsum(self, equation: str, operands: tuple[Any, ...], result: Tensor) -> None:
        """Probabilities ``(…, queries, keys)`` times values over the keys, whatever the order of the result's axes."""
        if len(operands) == 1 and isinstance(operands[0], (list, tuple)):
            operands = tuple(operands[0])
        terms, _, out = equation.replace(" ", "").partition("->")
        names = terms.split(",")
        if len(operands) != 2 or not out or "." in equation:
            return
        for (probabilities, axes), (_, others) in itertools.permutations(zip(operands, names, strict=True)):
            width = [axis for axis in out if axis not in axes]
            if self._known(probabilities) and axes[-1] in others and axes[-1] not in out and len(width) == 1:
                if set(axes[:-1]) <= set(out):
                    self._add(probabilities, result.permute([out.index(axis) for axis in (*axes[:-1], *width)]))
                return

    def _add(self, probabilities: Tensor, heads: Tensor) -> None:
        both = [x.detach() for x in (probabilities, heads)]
        if both[0].dim() == 3:  # heads are folded into the batch
            both = [x.reshape(self.batch, -1, *x.shape[1:]) for x in both]
        if both[0].dim() == 4 and both[0].shape[0] % self.batch == 0:  # windows may be folded into it too
            self.applications.append(Attended(*both))


def _probabilities(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attn_mask: Tensor | None = None,
    dropout_p: float = 0.0,
    is_causal: bool = False,
    scale: float | None = None,
    enable_gqa: bool = False,
) -> Tensor:
    with torch.no_grad():
        if enable_gqa:
            key = key.repeat_interleave(query.shape[-3] // key.shape[-3], -3)
        scores = query @ key.transpose(-2, -1) * (query.shape[-1] ** -0.5 if scale is None else scale)
        if is_causal:
            scores = scores.masked_fill(scores.new_ones(scores.shape[-2:]).tril().logical_not(), -torch.inf)
        if attn_mask is not None and attn_mask.dtype is torch.bool:
            scores = scores.masked_fill(attn_mask.logical_not(), -torch.inf)
        elif attn_mask is not None:
            scores = scores + attn_mask
        return scores.softmax(-1)


# -- recurrence --------------------------------------------------------------------------------


class HiddenStates(Watcher):
    """Hidden states of the recurrent layers, ``(batch, length, width)`` each, in the order in which they run.

    Layers are those of ``nn.RNN``, ``nn.LSTM`` and ``nn.GRU``, the cells of PyTorch, and every module with children
    that runs once per position and returns its new state ``(batch, width)``, alone or first in a tuple.
    """

    def start(self) -> None:
        """Hook everything that may turn out to be a cell."""
        self.whole: dict[nn.Module, list[Tensor]] = {}
        self.steps: dict[nn.Module, list[Tensor]] = {}
        self.order: dict[nn.Module, None] = {}
        for module in self.probe.model.modules():
            if isinstance(module, nn.RNNBase):
                self.hook(module.register_forward_hook(self._layers, with_kwargs=True))
            elif isinstance(module, nn.RNNCellBase) or next(module.children(), None) is not None:
                self.hook(module.register_forward_hook(self._step))

    def _layers(self, module: nn.Module, args: tuple[Any, ...], kwargs: Mapping[str, Any], output: Any) -> None:
        assert isinstance(module, nn.RNNBase)
        x, states = args[0], args[1] if len(args) > 1 else kwargs.get("hx")
        if not isinstance(x, Tensor) or x.dim() != 3:
            return
        found = [output[0].detach()]
        if module.num_layers > 1:
            with torch.no_grad():
                found = list(_layer_by_layer(module, x.detach(), states))
        if not module.batch_first:
            found = [states.transpose(0, 1) for states in found]
        self.order.setdefault(module)
        self.whole.setdefault(module, []).extend(found)

    def _step(self, module: nn.Module, _: Any, output: Any) -> None:
        state = output[0] if isinstance(output, tuple) and output else output
        if isinstance(state, Tensor) and state.dim() == 2 and state.shape[0] == self.batch:
            self.order.setdefault(module)
            self.steps.setdefault(module, []).append(state.detach().clone())

    @property
    def layers(self) -> list[Tensor]:
        """Hidden states by layer."""
        repeated = {module for module, states in self.steps.items() if len(states) > 1}
        inside = {inner for module in repeated for inner in module.modules() if inner is not module}
        found: list[Tensor] = []
        for module in self.order:
            if module in self.whole:
                found += self.whole[module]
            elif module in repeated - inside and len({state.shape for state in self.steps[module]}) == 1:
                found.append(torch.stack(self.steps[module], 1))
        return found


def _layer_by_layer(module: nn.RNNBase, x: Tensor, states: Any) -> Iterator[Tensor]:
    run = getattr(torch._VF, module.mode.lower())
    directions = 2 if module.bidirectional else 1
    batch = x.shape[0 if module.batch_first else 1]
    for layer in range(module.num_layers):
        rows = slice(layer * directions, (layer + 1) * directions)
        weights = [tensor for group in module.all_weights[rows] for tensor in group]
        if states is None:
            width = module.proj_size or module.hidden_size
            first: Any = x.new_zeros(directions, batch, width)
            if module.mode == "LSTM":
                first = (first, x.new_zeros(directions, batch, module.hidden_size))
        else:
            first = tuple(part[rows] for part in states) if module.mode == "LSTM" else states[rows]
        x = run(x, first, weights, module.bias, 1, 0.0, False, module.bidirectional, module.batch_first)[0]
        yield x


#: Watchers by the name of the signal that they serve.
WATCHERS: dict[str, type[Watcher]] = {
    "relu_codes": ReLUCodes,
    "channel_products": ChannelProducts,
    "linear_outputs": LinearOutputs,
    "blocks": Blocks,
    "sample_maps": SampleMaps,
    "embedded": Embedded,
    "attention": Attention,
    "hidden_states": HiddenStates,
}
