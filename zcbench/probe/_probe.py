"""One network, one batch, and the signals that proxies share.

    with Probe(model, batch) as probe:
        probe.gradients        # computed at the first access, once
        probe.input_gradients  # reuses the same forward pass

While a probe is open, dropout and all other layers that ``eval()`` freezes are frozen, except batch norm, which uses
batch statistics (as the authors of nearly all proxies do); :meth:`Probe.forward_pass` supports other modes for the
proxies that need one. When the probe closes, the network is restored.

Signals are those of the network, the batch and the settings when the probe was opened, whoever requests them first and
whatever was changed meanwhile. A proxy that changes weights, sets hooks or has its own modes observes the effect in its
own passes (:meth:`Probe.forward_pass`), and :meth:`Probe.put_back` undoes its changes.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import ExitStack, nullcontext, suppress
from typing import Any, TypeVar

import torch
from torch import Tensor, nn
from torch.nn.attention import SDPBackend, sdpa_kernel

from zcbench._arguments import shown, whole
from zcbench.errors import InvalidInputError, UnsupportedModelError
from zcbench.probe import _register as registry
from zcbench.probe import _walk
from zcbench.probe._axes import Axes, Seen, learn
from zcbench.probe._differentiate import gradients_of
from zcbench.probe._passes import Passes, without_graph
from zcbench.probe._signal import Signal
from zcbench.probe.calling import invoke
from zcbench.probe.losses import default_loss, sample_losses
from zcbench.probe.modes import BatchNorm, HardsigmoidWrittenOut, unfused
from zcbench.probe.per_sample import Consumer, sample_gradients, tangent_kernel
from zcbench.probe.roles import Role, operations
from zcbench.probe.signals import activation_codes as _activation_codes
from zcbench.probe.signals import attention as _attention
from zcbench.probe.signals import blocks as _blocks
from zcbench.probe.signals import channel_products as _channel_products
from zcbench.probe.signals import class_kernel as _class_kernel
from zcbench.probe.signals import feed_forward as _feed_forward
from zcbench.probe.signals import gradients as _gradients
from zcbench.probe.signals import hidden_states as _hidden_states
from zcbench.probe.signals import input_gradients as _input_gradients
from zcbench.probe.signals import loss as _loss
from zcbench.probe.signals import output_gradients as _output_gradients
from zcbench.probe.signals import outputs as _outputs
from zcbench.probe.signals import relu_codes as _relu_codes
from zcbench.probe.signals import roles as _roles
from zcbench.probe.signals import sample_maps as _sample_maps
from zcbench.probe.signals._watcher import Watcher
from zcbench.types import Batch

W = TypeVar("W", bound=Watcher)
#: Signals that differentiate the graph of the main pass once and then do not need it any more.
_DIFFERENTIATING = frozenset({"gradients", "channel_products", "input_gradients", "output_gradients"})


class Probe(Passes):
    """One network, one batch, one state.

    Args:
        model: the network; it must return a tensor, an object or mapping with ``logits`` or ``last_hidden_state``, or a
            tuple, mapping or dataclass that contains one: ``zcbench.probe.calling`` defines which one is used.
        batch: inputs and, for proxies that need labels, targets.
        loss_fn: from ``(outputs, targets)`` to a scalar that averages over samples. Default: cross-entropy for integer
            targets, mean squared error for real targets.
        seed: seeds every forward pass and :meth:`generator`.
        wanted: names of signals that will be requested. Watchers then record them during the main pass; values do not
            depend on it.
        output: the part of the network's return value that is used, where the rule above is wrong: an index, a name, a
            sequence of these, or a function of the whole return value.

    Raises:
        InvalidInputError: the model is not an ``nn.Module`` with dense, materialised weights, inputs and targets do not
            match, or another argument is out of range.
    """

    def weights_for(self, *roles: Role) -> list[str]:
        """Return the names of the weights with one of these roles; raise UnsupportedModelError without any."""
        names = [name for name, role in self.roles.items() if role in roles]
        if not names:
            raise UnsupportedModelError(f"no linear layer has the role {' or '.join(roles)}.")
        return names

    # -- signals -------------------------------------------------------------------------------

    outputs = Signal(_outputs.outputs)
    loss = Signal(_loss.loss)
    gradients = Signal(_gradients.gradients)
    output_gradients = Signal(_output_gradients.output_gradients)
    input_gradients = Signal(_input_gradients.input_gradients)
    channel_products = Signal(_channel_products.channel_products)
    class_kernel = Signal(_class_kernel.class_kernel)
    relu_codes = Signal(_relu_codes.relu_codes)
    activation_codes = Signal(_activation_codes.activation_codes)
    blocks = Signal(_blocks.blocks)
    blocks_in_graph = Signal(_blocks.blocks_in_graph)
    sample_maps = Signal(_sample_maps.sample_maps)
    roles = Signal(_roles.roles)
    feed_forward = Signal(_feed_forward.feed_forward)
    attention = Signal(_attention.attention)
    hidden_states = Signal(_hidden_states.hidden_states)

    def signal(self, name: str) -> Any:
        """Return the signal with this name, computed at the first call.

        Raises:
            UnknownNameError: the signal does not exist; the message suggests similar names.
        """
        known = vars(type(self)).get(name)
        if isinstance(known, Signal):  # not by getattr, which would call this again after an AttributeError inside
            return known.__get__(self, type(self))
        info = registry.signal_info(name)
        return self._measure(name, lambda: info.function(self), ours=True)

    def __getattr__(self, name: str) -> Any:
        if not name.startswith("_") and name in registry.list_signals():
            return self.signal(name)
        raise AttributeError(f"a probe has no attribute or signal {name!r}: run  zcbench list signals")

    def watched(self, watcher: type[W], *, graph: bool = False) -> W:
        """Return what a watcher recorded: in the main pass if it was requested in advance, else in a separate pass.

        If the main pass fails, a watcher that needs no graph uses a separate pass, as it does without other signals.

        Args:
            watcher: its class.
            graph: whether it needs the graph of the pass.
        """
        if watcher in self._watchers or (watcher in self._shared and (graph or self._main)):
            with nullcontext() if graph else suppress(Exception):
                outputs, found = self._outputs_seen(), self._watchers[watcher]
                found.outputs = outputs
                assert isinstance(found, watcher)
                return found
        inputs = self._leaves.inputs if graph else self.batch.inputs

        def run() -> Watcher:
            watching = self._watching({watcher})[watcher]
            with self.forward_pass(), watching:
                watching.outputs = self.call(inputs)
            return watching

        # Recurrent layers run another kernel if no gradient is required, with other last digits.
        recurrent = any(isinstance(module, nn.RNNBase) for module in _walk.modules(self.model))
        found = run() if graph or recurrent else without_graph(run)
        assert isinstance(found, watcher)
        return found

    def _watching(self, kinds: Iterable[type[Watcher]]) -> dict[type[Watcher], Watcher]:
        """Create the watchers for a pass, in a fixed order, each with the information that it needs."""
        watchers = {kind: kind(self) for kind in sorted(kinds, key=lambda kind: kind.__qualname__)}
        self._settle_weights(watchers.values())
        for kind, watcher in watchers.items():
            if kind.of_samples:
                watcher.axes = self._axes_of(kind)
        return watchers

    def _axes_of(self, kind: type[Watcher]) -> Axes:
        """Return the layouts of the tensors that such a watcher receives."""
        if kind in self._surveyed:
            return self._axes[kind]
        return self._measure(f"_axes of {kind.__qualname__}", lambda: self._learned([kind])[kind], ours=True)

    @property
    def _surveyed(self) -> list[type[Watcher]]:
        """Watchers of the main pass that need the layout of samples."""
        return sorted((kind for kind in self._shared if kind.of_samples), key=lambda kind: kind.__qualname__)

    @Signal
    def _axes(self) -> dict[type[Watcher], Axes]:
        """Find the layouts of the tensors that the watchers of the main pass receive."""
        return self._learned(self._surveyed)

    def _learned(self, kinds: list[type[Watcher]]) -> dict[type[Watcher], Axes]:
        def run(numbers: list[int]) -> dict[type[Watcher], Seen]:
            inputs = self.batch[numbers].inputs

            def seen() -> dict[type[Watcher], Seen]:
                watchers = [kind(self) for kind in kinds]
                with self._pass("off"), ExitStack() as stack:
                    for watcher in watchers:
                        watcher.survey = {}
                        stack.enter_context(watcher)
                    invoke(self.model, inputs)
                return {kind: watcher.survey or {} for kind, watcher in zip(kinds, watchers, strict=True)}

            return without_graph(seen)

        return learn(run, len(self.batch), kinds)

    @Signal
    def _leaves(self) -> Batch:
        """Create the batch whose inputs are leaves of the graph."""

        def leaf(tensor: Tensor) -> Tensor:
            return tensor.detach().clone().requires_grad_() if tensor.is_floating_point() else tensor

        return Batch(self.batch.map(leaf), self.batch.targets)

    @Signal
    def _sum_pass(self) -> tuple[dict[str, Tensor], Tensor]:
        """Compute the gradients of the sum of all outputs for parameters and inputs, by one backward pass."""
        parameters, entries = self.parameters, dict(enumerate(_input_gradients.entries(self)))
        found = self._differentiate(
            self.outputs.sum(), {**parameters, **entries}, "input_gradients", "output_gradients"
        )
        of_inputs = _input_gradients.by_sample(self, {i: found[i] for i in entries})
        return {name: found[name] for name in parameters}, of_inputs

    def _differentiate(self, scalar: Tensor, tensors: Mapping[Any, Tensor], *names: str) -> dict[Any, Tensor]:
        """Return gradients of a scalar of the main pass, and release its graph if no other requested signal needs it.

        Its memory is then reused while the gradients are computed.

        Args:
            scalar: the sum of the outputs, or the loss.
            tensors: the tensors with respect to which it is differentiated.
            names: the signals that are computed by this.
        """
        done = {name for name, measured in self._measured.items() if not measured.stale}
        last = bool(self._graphs) and self._graphs <= _DIFFERENTIATING and self._graphs <= done | set(names)
        found = gradients_of(scalar, tensors, keep=not last)
        if last:
            for name in {"outputs", "loss"} & self._measured.keys():
                measured = self._measured[name]
                measured.freed, measured.handed = True, None
                measured.value = None if measured.value is None else measured.value.detach()
        return found

    def _outputs_seen(self) -> Tensor:
        """Return the outputs of the main pass, without need of a graph."""
        measured = self._measured.get("outputs")
        if measured is None or not measured.freed or measured.stale or measured.error is not None:
            return self.outputs
        if self._frames:
            self._frames[-1].parts |= measured.parts
        found: Tensor = measured.value
        return found

    def loss_of(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """Apply the loss function: ``loss_fn`` if given, else the default for the type of the targets."""
        loss = (self._loss_fn or default_loss)(outputs, targets)
        if not isinstance(loss, Tensor) or loss.numel() != 1:
            raise UnsupportedModelError("the loss function must return one number as a tensor.")
        return loss.reshape(())

    def sample_losses_of(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """Return the loss of every sample alone ``(samples,)``; see :meth:`loss_of`."""
        if self._loss_fn is None:
            return sample_losses(outputs, targets)
        return torch.stack([self.loss_of(outputs[i : i + 1], targets[i : i + 1]) for i in range(len(outputs))])

    def gradients_of(self, scalar: Tensor) -> dict[str, Tensor]:
        """Return the gradient of a scalar by name of the trainable parameter; zero where it does not depend on it.

        The graph is kept, so that several scalars of one pass can be differentiated.
        """
        return gradients_of(scalar, self.parameters)

    def tangent_kernel(self, batch_norm: BatchNorm = "eval", samples: int = 0) -> Tensor:
        """Compute the neural tangent kernel of the sum of a sample's outputs, over all trainable parameters.

        ``(samples, samples)``, float64: inner products of the gradients of every sample's summed outputs.

        Args:
            batch_norm: "eval" or "per-sample", where a sample's outputs do not depend on other samples and the Jacobian
                is never built; or "train", where they depend on the whole batch and every sample costs a backward pass.
            samples: number of samples, from the first of the batch; 0 for all.

        Raises:
            UnsupportedModelError: the network has no trainable parameter, or mixes samples.
            InvalidInputError: batch norm cannot be "off" here.
        """
        if batch_norm not in ("train", "eval", "per-sample"):
            raise InvalidInputError(f"batch_norm={shown(batch_norm)}: choose train, eval or per-sample.")
        samples = whole("the number of samples of a tangent kernel", samples, 0)
        if 0 < samples < len(self.batch):

            def of_part() -> Tensor:
                part = Probe(self.model, self.batch[:samples], **self._settings)
                part._take_place(self)
                with part:
                    return part.tangent_kernel(batch_norm)

            return self._measure(f"tangent_kernel of {samples}, {batch_norm}", of_part, ours=True)
        return self._measure(f"tangent_kernel, {batch_norm}", lambda: tangent_kernel(self, batch_norm), ours=True)

    def twice_differentiable_loss(self) -> Tensor:
        """Return the loss, computed by operations that have a second derivative.

        Fused attention, fused recurrent layers and hard sigmoids have none; if they ran, a separate pass uses their
        written-out forms instead.
        """
        without = ("ScaledDotProduct", "Rnn", "Hardsigmoid")
        if not any(part in name for name in operations(self.loss) for part in without):
            return self.loss
        fused = any(isinstance(module, nn.RNNBase) for module in _walk.modules(self.model))
        recurrent = unfused() if fused else nullcontext()
        with self.forward_pass(), sdpa_kernel(SDPBackend.MATH), recurrent, HardsigmoidWrittenOut():
            outputs = self.call(self.batch.inputs)
        return self.loss_of(outputs, self.targets)

    def each_sample_gradient(self, consume: Consumer) -> None:
        """Stream the gradient of every sample's own loss to ``consume(name, gradients)``.

        Batch norm uses each sample's own statistics, as a batch of one in train mode does. ``gradients`` is ``(chunk,
        *shape)``; over all calls for one parameter every sample occurs exactly once, in the order of the batch. No
        array of size batch times parameters is ever stored.

        Raises:
            UnsupportedModelError: the network has no trainable parameter, or mixes samples.
        """
        if not self.parameters:
            raise UnsupportedModelError("the network has no trainable parameter.")
        if self._pieces == 1:
            sample_gradients(self, consume)
            return
        size = -(-len(self.batch) // self._pieces)
        for start in range(0, len(self.batch), size):
            rows = slice(start, start + size)
            with Probe(self.model, self.batch[rows], **self._settings) as part:
                part._take_place(self)
                sample_gradients(part, consume)

    def _take_place(self, other: Probe) -> None:
        """Copy the place of the output from a probe of the same network with more samples."""
        self._reruns = other._reruns
        self._measured.update((name, one) for name, one in other._measured.items() if name == "_place")
