"""The measuring instrument: one network, one batch, and the signals that proxies share.

    with Probe(model, batch) as probe:
        probe.gradients        # computed at the first access, once
        probe.input_gradients  # reuses the same forward pass

While a probe is open, dropout and everything else that ``eval()`` freezes is frozen, except batch norm, which uses
batch statistics (what the authors of nearly all proxies do); :meth:`Probe.forward_pass` takes another mode for the
proxies that need one. When the probe closes the network is as it was found.

Signals are those of the network, the batch and the settings as they were when the probe was opened, whoever asks first
and whatever was done to them meanwhile. A proxy that changes weights, sets hooks or has modes of its own sees the
effect in passes of its own (:meth:`Probe.forward_pass`), and :meth:`Probe.put_back` undoes what it leaves behind.
"""

from __future__ import annotations

import functools
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, nullcontext, suppress
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Self, TypeVar, get_args, overload

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.attention import SDPBackend, sdpa_kernel

from zcbench._arguments import shown, whole
from zcbench._display import brief, plain
from zcbench._process import stable_seed
from zcbench.errors import InvalidInputError, NonFiniteError, UnsupportedModelError
from zcbench.probe._handed import Handed
from zcbench.probe._measurable import as_classes, eager, measurable, ordinary, whole_graphs
from zcbench.probe._per_sample import Consumer, inner_products, output_sums, sample_gradients, tangent_kernel
from zcbench.probe._snapshot import BatchSnapshot, Changes, Given, untouched
from zcbench.probe._watchers import (
    GRAPH_SIGNALS,
    WATCHERS,
    Attended,
    Attention,
    Blocks,
    ChannelProducts,
    Embedded,
    Feature,
    HiddenStates,
    LinearOutputs,
    ReLUCodes,
    SampleMaps,
    Watcher,
)
from zcbench.probe._world import RandomStates, restore_torch, seed_torch, torch_states
from zcbench.probe.calling import Place, as_tensor, find_place, invoke, narrowed, settle
from zcbench.probe.modes import BatchNorm, BatchNormMode, unfused
from zcbench.probe.roles import Role, linear_roles, operations
from zcbench.probe.weights import declared, multiplied
from zcbench.types import Batch, Inputs, LossFunction

T = TypeVar("T")
#: Class that the loss leaves out, as torch's cross-entropy does.
_IGNORED = -100
#: samples of a pass that tells what parameters do; some layers cannot take a single one
_FEW = 2


class _UnsettledError(BaseException):  # no proxy's own handler of exceptions may catch it
    """The network returns several tensors, and which of them counts was not settled yet."""


@dataclass
class _Measured:
    """A cached signal: its value or the error that it raised, and what it cost."""

    value: Any = None
    error: Exception | None = None
    seconds: float = 0.0  # without the signals it is made of
    parts: set[str] = field(default_factory=set)  # all signals it is made of, itself included
    handed: Handed | None = None  # what it was when it was measured
    stale: bool = False  # to be measured again, because what it is made of was changed


@dataclass
class _Frame:
    """Bookkeeping of one running computation."""

    inner_seconds: float = 0.0
    parts: set[str] = field(default_factory=set)


class signal(functools.cached_property[T]):  # noqa: N801  # used as a decorator
    """A property of :class:`Probe` that is computed once, with its cost on record; a failure is cached too."""

    def __init__(self, compute: Callable[[Any], T]) -> None:
        super().__init__(compute)
        self.compute = compute

    @overload
    def __get__(self, probe: None, owner: type[Any] | None = None) -> Self: ...
    @overload
    def __get__(self, probe: object, owner: type[Any] | None = None) -> T: ...
    def __get__(self, probe: object | None, owner: type[Any] | None = None) -> Self | T:
        if probe is None:
            return self
        assert isinstance(probe, Probe)
        assert self.attrname is not None
        value: T = probe._measure(self.attrname, lambda: self.compute(probe), ours=True)
        return value


#: What a probe is opened with.
_PINNED = ("model", "batch", "seed", "_loss_fn", "_wanted", "_given", "_exit")


class Probe:
    """One network, one batch, one state.

    Args:
        model: the network; it must return a tensor, an object or mapping with ``logits`` or ``last_hidden_state``, or a
            tuple, mapping or dataclass in which the last tensor that fits is the output: see ``zcbench.probe.calling``.
        batch: inputs and, for proxies that need labels, targets.
        loss_fn: from ``(outputs, targets)`` to a scalar that averages over samples. Default: cross-entropy for
            integer targets, mean squared error for real ones.
        seed: seeds every forward pass and :meth:`generator`.
        wanted: names of signals that will be asked for. What can be seen in passing is then recorded during the one
            pass that is made anyway; values do not depend on it.

    Raises:
        InvalidInputError: the model is no ``nn.Module`` with dense weights that are there, inputs and targets do not
            fit together, or another argument is out of range.
    """

    def __init__(
        self,
        model: nn.Module,
        batch: Batch,
        *,
        loss_fn: LossFunction | None = None,
        seed: int = 0,
        wanted: frozenset[str] = frozenset(),
    ) -> None:
        self.model = measurable(model, batch)
        self.batch = ordinary(batch)
        self.seed = whole("the seed", seed, 0, 2**63 - 1)
        if loss_fn is not None and not callable(loss_fn):
            raise InvalidInputError(f"loss_fn is a {type(loss_fn).__name__}: pass a function of outputs and targets.")
        if unknown := set(wanted) - SIGNALS:
            raise InvalidInputError(f"unknown signal {shown(min(unknown))}; known: {', '.join(sorted(SIGNALS))}.")
        self._loss_fn = loss_fn
        self._wanted = wanted
        self._watchers: dict[str, Watcher] = {}
        self._measured: dict[str, _Measured] = {}
        self._frames: list[_Frame] = []
        self._exit = ExitStack()
        self._given: Given | None = None
        self._attributes: dict[str, object] = {}
        self._ours = False  # whether what runs now is a signal of this class, or else code of a proxy
        self._used: set[str] = set()  # signals of the last stopwatch
        self._reruns = False  # whether what runs is run again once the place of the output is known
        self._seen: Changes = {}  # changes that were undone before the proxy was done

    def __repr__(self) -> str:
        return brief(f"<Probe of {plain(type(self.model).__name__, 40)} on {self.batch!r}>")

    def __enter__(self) -> Self:
        try:
            self._exit.enter_context(torch.inference_mode(mode=False))
            snapshot = self._exit.enter_context(untouched(self.model))
            self._exit.enter_context(torch.enable_grad())
            self._exit.enter_context(eager(self.model))
            self._exit.enter_context(whole_graphs())
            torch.set_autocast_cache_enabled(False)  # it would hold what weights were before a proxy exchanged them
            batch = BatchSnapshot(self.batch)
            self._exit.callback(batch.release)
            self._given = Given(snapshot, batch, self.seed)
            self._attributes = dict(vars(self))
        except BaseException:
            self._exit.close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._measured.clear()
        self._watchers.clear()
        self._exit.close()

    # -- what was given stays as it was ------------------------------------------------------------

    def put_back(self) -> Changes:
        """Undo whatever was done to the network, the batch, the settings and the shared signals.

        To be called after every proxy. Signals that may be affected are measured again when they are asked for.

        Returns:
            What was changed since the last time: kinds in words, each with the places.
        """
        changes = self._undo(self._used)
        _merge(changes, self._seen)
        self._seen, self._used = {}, set()
        for name in [name for name, measured in self._measured.items() if measured.stale]:
            del self._measured[name]
        return changes

    def _undo(self, used: Iterable[str]) -> Changes:
        changes: Changes = {}
        if self._restore_attributes():
            changes["the probe's attributes"] = []
        given = self._given
        assert given is not None, "use the probe in a with block"
        if not given.is_untouched():
            changes |= given.restore()
        if spoilt := self._spoilt(used):
            changes["shared signals"] = spoilt
        self._forget(if_needed=bool(changes))
        return changes

    def _restore_attributes(self) -> bool:
        table, before = vars(self), self._attributes
        if table.keys() == before.keys() and all(table[name] is before[name] for name in _PINNED):
            return False
        kept = {name: table.get(name, before[name]) for name in before if name not in _PINNED}
        table.clear()
        table.update(before | kept)
        return True

    def _spoilt(self, used: Iterable[str]) -> list[str]:
        """Signals that were changed by who used them."""
        found = []
        for name in used:
            handed = self._measured[name].handed if name in self._measured else None
            if handed is not None and (what := handed.changed()):
                found.append(f"{name}: {what}")
        return found

    def _forget(self, *, if_needed: bool) -> None:
        """Have all signals measured anew; also if weights were written to, which makes the graphs void."""
        assert self._given is not None
        if self._given.network.weights_were_written() or if_needed:
            for name, measured in self._measured.items():
                if name != "_place":  # a fact of the network, asked for in the middle of passes
                    measured.value = measured.error = measured.handed = None
                    measured.stale = True
            self._watchers = {}

    @contextmanager
    def _as_given(self, *, ours: bool) -> Iterator[None]:
        """Around a signal that a proxy asks for: what the proxy has changed is set aside meanwhile."""
        given = self._attributes.get("_given")  # not the attribute itself, which the proxy may have exchanged
        if not isinstance(given, Given):
            yield
            return
        table = vars(self)
        others = {name: table[name] for name in _PINNED if table.get(name) is not self._attributes[name]}
        with given.set_aside(numbers=not ours) as changed, self._exchanged(others):
            if spoilt := self._spoilt({name for frame in self._frames for name in frame.parts}):
                _merge(self._seen, {"shared signals": spoilt})
            self._forget(if_needed=changed or bool(spoilt) or bool(others))
            yield

    @contextmanager
    def _exchanged(self, others: dict[str, object]) -> Iterator[None]:
        """Have these attributes as they were given inside this block."""
        vars(self).update({name: self._attributes[name] for name in others})
        try:
            yield
        finally:
            vars(self).update(others)

    # -- cost accounting -----------------------------------------------------------------------

    def _measure(self, name: str, compute: Callable[[], T], *, ours: bool = False) -> T:
        measured = self._measured.get(name)
        if measured is None or measured.stale:
            measured = self._first(name, compute, ours=ours)
        if self._frames:
            self._frames[-1].parts |= measured.parts
        if measured.error is not None:
            raise measured.error
        value: T = measured.value
        return value

    def _first(self, name: str, compute: Callable[[], object], *, ours: bool) -> _Measured:
        asked, frame, measured = time.perf_counter(), _Frame(), _Measured()
        nested, self._ours = self._ours, ours
        try:
            with nullcontext() if nested else self._as_given(ours=ours):
                started = time.perf_counter()
                self._frames.append(frame)
                try:
                    measured.value = compute()
                except Exception as error:
                    measured.error = error
                finally:
                    self._frames.pop()
                elapsed = time.perf_counter() - started
        finally:
            self._ours = nested
        measured.seconds = elapsed - frame.inner_seconds
        measured.parts = frame.parts | {name}
        if not name.startswith("_") and measured.error is None:
            measured.handed = Handed(measured.value)
        self._measured[name] = measured
        if self._frames:  # checks are nobody's cost
            self._frames[-1].inner_seconds += time.perf_counter() - asked
        return measured

    def once(self, name: str, compute: Callable[[], T]) -> T:
        """A proxy's own signal: ``compute()`` at the first call, the same result afterwards, its cost on record.

        Names are of the module that ``compute`` is defined in: others can use the same for something else.
        """
        return self._measure(f"{getattr(compute, '__module__', '')}: {name}", compute)

    @contextmanager
    def stopwatch(self) -> Iterator[Callable[[], float]]:
        """Time a block as if it ran alone: signals that it shares with others count in full.

        Yields:
            a function that returns the seconds, to be called after the block.
        """
        frame, started, finished, outer = _Frame(), time.perf_counter(), None, self._frames
        self._frames = [*outer, frame]  # a list of its own: a proxy may have emptied it by the end

        def seconds() -> float:
            own = (finished or time.perf_counter()) - started - frame.inner_seconds
            return own + sum(self._measured[name].seconds for name in frame.parts if name in self._measured)

        try:
            yield seconds
        finally:
            finished = time.perf_counter()
            self._frames = outer
            self._used = frame.parts

    # -- passes --------------------------------------------------------------------------------

    @contextmanager
    def forward_pass(self, batch_norm: BatchNorm = "train") -> Iterator[None]:
        """Run the network inside this block: modes set and random numbers seeded.

        Afterwards its attributes, hooks and buffers, the batch's numbers and the random states are put back.
        Weights are not, so that a proxy can exchange them for a while.

        Args:
            batch_norm: "train" for statistics of the batch, "eval" for running statistics, "per-sample" for
                statistics of each sample alone (a batch of one in train mode), "off" for the identity.

        Raises:
            InvalidInputError: there is no such mode, or the probe is not open.
        """
        if not isinstance(batch_norm, str) or batch_norm not in get_args(BatchNorm):
            raise InvalidInputError(f"batch_norm={shown(batch_norm)}: choose {', '.join(get_args(BatchNorm))}.")
        with self._pass(batch_norm):
            yield

    @contextmanager
    def _pass(self, batch_norm: BatchNorm) -> Iterator[None]:
        """See :meth:`forward_pass`; the probe's own passes tell nothing of what a proxy asks for."""
        given = self._given
        if given is None:
            raise InvalidInputError("the probe is not open: use it in a with block.")
        states = torch_states()
        numbers = RandomStates() if given.numbers.others_changed() else None
        if numbers is not None:
            given.numbers.restore()
        given.network.freeze(self.model, batch_norm=batch_norm != "eval")
        seed_torch(self.seed)
        try:
            with BatchNormMode(batch_norm):
                yield
        finally:
            given.network.restore_structure()
            given.network.restore_buffers()
            given.batch.restore_contents()
            if numbers is not None:
                numbers.restore()
            elif given.numbers.others_changed():
                given.numbers.restore()
            restore_torch(states)

    def call(self, inputs: object) -> Tensor:
        """The network's output for ``inputs`` as one tensor; call it inside :meth:`forward_pass`.

        Where the network returns more than a tensor, ``zcbench.probe.calling`` says which one counts. The network gets
        a copy, to which it may write (its first layer may be a ReLU in place): the inputs stay as they are, and what
        the graph saves of the copy stays what the network has computed with.

        Raises:
            UnsupportedModelError: no tensor that it returns fits.
        """
        return self.tensor_of(invoke(self.model, _copies(inputs)), inputs)

    def tensor_of(self, output: object, inputs: Any) -> Tensor:
        """The one tensor that counts of what the network returned for ``inputs``.

        Raises:
            UnsupportedModelError: there is none.
        """
        if isinstance(narrowed(output), Tensor):
            return as_tensor(output)
        if "_place" in self._measured:
            return as_tensor(output, self._place)
        if self._reruns:
            raise _UnsettledError
        return as_tensor(output, find_place([(len(Batch(inputs)), output)]))

    def run(self, function: Callable[..., T], **arguments: Any) -> T:
        """Call a proxy's function.

        Where its first pass shows that the network returns several tensors, which of them counts is settled first, and
        the function is called again: so the choice depends on nothing but the network.
        """
        self._reruns = True
        try:
            return function(self, **arguments)
        except _UnsettledError:
            for name in [name for name, found in self._measured.items() if isinstance(found.error, _UnsettledError)]:
                del self._measured[name]
            self._undo(())  # what the function had changed by then
            _ = self._place
            return function(self, **arguments)
        finally:
            self._reruns = False

    @signal
    def _place(self) -> Place:
        """Where the output is in what the network returns."""

        def run(samples: int) -> object:
            with torch.no_grad(), self.forward_pass("eval"):
                return invoke(self.model, _copies(self.batch[:samples].inputs))

        return settle(run, len(self.batch))

    def generator(self, name: str) -> torch.Generator:
        """A CPU generator for a proxy's own random numbers; it depends on the seed and the whole of ``name`` alone."""
        return torch.Generator().manual_seed(stable_seed(self.seed, "generator", name))

    # -- what the network is made of ---------------------------------------------------------

    @property
    def parameters(self) -> dict[str, nn.Parameter]:
        """Trainable parameters by name; a parameter that is used twice appears once."""
        return {name: p for name, p in self.model.named_parameters() if p.requires_grad}

    @property
    def weights(self) -> dict[str, nn.Parameter]:
        """Trainable weight arrays of convolutional, linear and recurrent layers, by name.

        Those are the parameters with two dimensions or more that multiply what comes of the data, whatever they are
        called: see ``zcbench.probe.weights``. The literature's "over all layers" means these.

        Raises:
            UnsupportedModelError: the network has none.
        """
        known, in_question = declared(self.model, self.parameters)
        if in_question:
            known |= self._multiplied
        found = {name: parameter for name, parameter in self.parameters.items() if id(parameter) in known}
        if not found:
            raise UnsupportedModelError(
                "the network has no trainable convolutional, linear or recurrent weight to measure."
            )
        return found

    def _settle_weights(self, watchers: Iterable[str]) -> None:
        """Find out which parameters are weights before a pass in which watchers look at them."""
        if any(WATCHERS[name].of_weights for name in watchers):
            with suppress(UnsupportedModelError):
                _ = self.weights

    @signal
    def _multiplied(self) -> set[int]:
        """Identities of the parameters that multiply data, of those of which no layer of torch tells."""
        _, in_question = declared(self.model, self.parameters)
        few = self.batch[:_FEW]
        inputs = _copies(few.inputs)
        tensors = Batch(inputs).tensors()

        def run() -> None:
            invoke(self.model, inputs)

        with self._pass("eval"):
            return multiplied(run, tensors, (one for one in self.parameters.values() if id(one) in in_question))

    @property
    def targets(self) -> Tensor:
        """The batch's targets, classes as int64; UnsupportedModelError where there are none."""
        if self.batch.targets is None:
            raise UnsupportedModelError("this proxy needs targets: pass targets=… with the inputs.")
        return as_classes(self.batch.targets)

    # -- signals -------------------------------------------------------------------------------

    @signal
    def _leaves(self) -> Batch:
        """The batch with inputs that gradients can be taken of."""

        def leaf(tensor: Tensor) -> Tensor:
            return tensor.detach().clone().requires_grad_() if tensor.is_floating_point() else tensor

        return Batch(self.batch.map(leaf), self.batch.targets)

    @signal
    def outputs(self) -> Tensor:
        """Output of the network for the batch, train-mode batch norm, graph attached."""
        leaves = self._leaves
        wanted = self._wanted if any(t.requires_grad for t in leaves.tensors()) else self._wanted | {"embedded"}
        watchers = {name: make(self) for name, make in WATCHERS.items() if name in wanted}
        self._settle_weights(watchers)
        with self.forward_pass(), ExitStack() as stack:
            for watcher in watchers.values():
                stack.enter_context(watcher)
            outputs = self.call(leaves.inputs)
        self._watchers = watchers
        return outputs

    def watched(self, name: str, *, graph: bool) -> Watcher:
        """What a watcher saw: of the main pass if it was wanted in advance, else of a pass of its own.

        Args:
            name: key of :data:`WATCHERS`.
            graph: whether the watcher needs the graph of the pass.
        """
        if name in self._watchers or (name in self._wanted and (graph or self._wanted & GRAPH_SIGNALS)):
            outputs = self.outputs
            self._watchers[name].outputs = outputs
            return self._watchers[name]
        self._settle_weights((name,))
        with self.forward_pass(), torch.set_grad_enabled(graph), WATCHERS[name](self) as watcher:
            watcher.outputs = self.call(self._leaves.inputs if graph else self.batch.inputs)
        return watcher

    @signal
    def loss(self) -> Tensor:
        """Scalar loss of the batch, graph attached."""
        return self.loss_of(self.outputs, self.targets)

    def loss_of(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """The loss function applied: ``loss_fn`` if one was given, else by the type of the targets."""
        loss = (self._loss_fn or default_loss)(outputs, targets)
        if not isinstance(loss, Tensor) or loss.numel() != 1:
            raise UnsupportedModelError("the loss function must return one number as a tensor.")
        return loss.reshape(())

    @signal
    def gradients(self) -> dict[str, Tensor]:
        """Gradient of the loss by name of the trainable parameter; zero where the loss does not depend on it."""
        loss = self.loss
        with ExitStack() as stack:
            for watcher in self._watchers.values():
                stack.enter_context(watcher.loss_pass())
            return _gradients(loss, self.parameters)

    def gradients_of(self, scalar: Tensor) -> dict[str, Tensor]:
        """Gradient of a scalar by name of the trainable parameter; zero where it does not depend on it.

        The graph is kept, so that several scalars of one pass can be differentiated.
        """
        return _gradients(scalar, self.parameters)

    @signal
    def channel_products(self) -> dict[str, Tensor]:
        """Activation times its gradient, summed over positions, by name of the convolutional or linear layer.

        ``(batch, channels)``: sum over positions of a * dL/da, with a the layer's output before anything overwrites it
        and L the mean loss. Uses of one layer in several places add up.
        """
        if "channel_products" in self._wanted:
            _ = self.gradients
            watcher = self._watchers["channel_products"]
        else:
            watcher = self.watched("channel_products", graph=True)
            assert watcher.outputs is not None
            with watcher.loss_pass():
                _gradients(self.loss_of(watcher.outputs, self.targets), self.parameters)
        assert isinstance(watcher, ChannelProducts)
        return watcher.products

    @signal
    def input_gradients(self) -> Tensor:
        """Gradient of the sum of all outputs with respect to the inputs, ``(batch, features)``.

        Where the inputs are integers, with respect to what the first embedding makes of them.

        Raises:
            UnsupportedModelError: no input is a floating-point tensor, and no embedding takes them.
        """
        if "output_gradients" in self._wanted:
            return self._sum_pass[1]
        return _rows(_gradients(self.outputs.sum(), dict(enumerate(self._entries()))))

    @signal
    def output_gradients(self) -> dict[str, Tensor]:
        """Gradient of the sum of all outputs by name of the trainable parameter."""
        if "input_gradients" in self._wanted and self.parameters:
            return self._sum_pass[0]
        return self.gradients_of(self.outputs.sum())

    @signal
    def _sum_pass(self) -> tuple[dict[str, Tensor], Tensor]:
        """Both gradients of the sum of all outputs, by one backward pass."""
        parameters, entries = self.parameters, dict(enumerate(self._entries()))
        found = _gradients(self.outputs.sum(), {**parameters, **entries})
        return {name: found[name] for name in parameters}, _rows({i: found[i] for i in entries})

    def _entries(self) -> list[Tensor]:
        inputs = [tensor for tensor in self._leaves.tensors() if tensor.requires_grad]
        if not inputs:
            _ = self.outputs
            embedded = self._watchers["embedded"]
            assert isinstance(embedded, Embedded)
            if embedded.embedded is None:
                raise UnsupportedModelError(
                    "the inputs are integers and no embedding takes them: they have no gradient."
                )
            inputs = [embedded.embedded]
        return inputs

    def tangent_kernel(self, batch_norm: BatchNorm = "eval", samples: int = 0) -> Tensor:
        """The neural tangent kernel of the sum of a sample's outputs, over all trainable parameters.

        ``(samples, samples)``, float64: inner products of the gradients of every sample's summed outputs.

        Args:
            batch_norm: "eval" or "per-sample", where a sample's outputs are its own and the Jacobian is never built;
                or "train", where they depend on the whole batch and every sample costs a backward pass.
            samples: how many of the batch, from the first; 0 for all.

        Raises:
            UnsupportedModelError: the network has no trainable parameter, or mixes samples.
            InvalidInputError: batch norm cannot be "off" here.
        """
        if batch_norm not in ("train", "eval", "per-sample"):
            raise InvalidInputError(f"batch_norm={shown(batch_norm)}: choose train, eval or per-sample.")
        samples = whole("the number of samples of a tangent kernel", samples, 0)
        if 0 < samples < len(self.batch):

            def of_part() -> Tensor:
                part = Probe(self.model, self.batch[:samples], loss_fn=self._loss_fn, seed=self.seed)
                part._reruns = self._reruns
                part._measured.update((k, v) for k, v in self._measured.items() if k == "_place")
                with part:
                    return part.tangent_kernel(batch_norm)

            return self._measure(f"tangent_kernel of {samples}, {batch_norm}", of_part, ours=True)
        return self._measure(f"tangent_kernel, {batch_norm}", lambda: tangent_kernel(self, batch_norm), ours=True)

    @signal
    def class_kernel(self) -> Tensor:
        """Mean of the train-mode tangent kernel over pairs of classes, ``(classes, classes)``, float64.

        One backward pass per class that occurs in the batch, whatever the batch's size; exact.

        Raises:
            UnsupportedModelError: targets are not one class per sample.
        """
        classes = self.classes
        sums, parameters = output_sums(self.outputs), self.parameters
        return inner_products(
            [_gradients(sums[classes == label].mean(), parameters) for label in torch.unique(classes)]
        )

    @property
    def classes(self) -> Tensor:
        """Class of every sample, ``(batch,)``; UnsupportedModelError where targets are something else."""
        if self.targets.dim() != 1 or self.targets.is_floating_point():
            raise UnsupportedModelError("this proxy needs one class per sample as targets.")
        return self.targets

    @signal
    def blocks(self) -> list[Feature]:
        """What enters the first block and what leaves every block of the network, in the order in which they run.

        Values ``(batch, channels, *positions)`` or ``(batch, *positions, channels)``, and places in the graph of
        :attr:`outputs`. Which modules are blocks: see ``zcbench.probe._watchers.Blocks``.

        Raises:
            UnsupportedModelError: there are fewer than two features to compare.
        """
        watcher = self.watched("blocks", graph=True)
        assert isinstance(watcher, Blocks)
        if len(watcher.features) < 2:
            raise UnsupportedModelError("the network has no two blocks in a row that return maps or sequences.")
        return watcher.features

    @signal
    def sample_maps(self) -> list[Tensor]:
        """Outputs ``(channels, positions)`` of every module without children for the first sample.

        Raises:
            UnsupportedModelError: no module returns maps.
        """
        watcher = self.watched("sample_maps", graph=False)
        assert isinstance(watcher, SampleMaps)
        if not watcher.maps:
            raise UnsupportedModelError("no module returns maps (batch, channels, height, width).")
        return watcher.maps

    @signal
    def roles(self) -> dict[str, Role]:
        """What the linear layers of a transformer are for, by name of the weight: see ``zcbench.probe.roles``.

        Raises:
            UnsupportedModelError: no linear layer has such a role.
        """
        found = linear_roles(self.outputs, self.weights)
        if not found:
            raise UnsupportedModelError("no linear layer feeds attention or a feed-forward block.")
        return found

    def weights_for(self, *roles: Role) -> list[str]:
        """Names of the weights with one of these roles; UnsupportedModelError where there are none."""
        names = [name for name, role in self.roles.items() if role in roles]
        if not names:
            raise UnsupportedModelError(f"no linear layer serves as {' or '.join(roles)}.")
        return names

    @signal
    def feed_forward(self) -> list[Tensor]:
        """Hidden activations of the feed-forward blocks before the non-linearity, ``(batch, positions, width)`` each.

        Raises:
            UnsupportedModelError: there is no feed-forward block.
        """
        names = self.weights_for(Role.FFN_IN)
        watcher = self.watched("linear_outputs", graph=True)
        assert isinstance(watcher, LinearOutputs)
        batch = len(self.batch)
        found = [kept.tensor for name in names for kept in watcher.kept.get(name, ())]
        if not found:
            raise UnsupportedModelError("the feed-forward layers are not called as modules.")
        return [x.reshape(batch, -1, x.shape[-1]) for x in found]

    @signal
    def attention(self) -> list[Attended]:
        """Every application of attention: its probabilities and what its heads return.

        Raises:
            UnsupportedModelError: there is none.
        """
        watcher = self.watched("attention", graph=False)
        assert isinstance(watcher, Attention)
        if not watcher.applications:
            raise UnsupportedModelError("the network has no attention.")
        return watcher.applications

    @signal
    def hidden_states(self) -> list[Tensor]:
        """Hidden states ``(batch, length, width)`` of every recurrent layer, in the order in which they run.

        Raises:
            UnsupportedModelError: there is no recurrent layer.
        """
        watcher = self.watched("hidden_states", graph=False)
        assert isinstance(watcher, HiddenStates)
        if not watcher.layers:
            raise UnsupportedModelError(
                "the network has no recurrent layer: nn.LSTM and the like, or a module that runs once per position and "
                "returns its state."
            )
        return watcher.layers

    @signal
    def relu_codes(self) -> list[Tensor]:
        """For every application of a ReLU, which of its inputs are positive: bool ``(batch, units)`` each.

        Modules and functions, in place or not, are all seen, in the order in which they run.

        Raises:
            UnsupportedModelError: no ReLU ran, or one ran on something other than the batch.
        """
        watcher = self.watched("relu_codes", graph=False)
        assert isinstance(watcher, ReLUCodes)
        if watcher.problem:
            raise UnsupportedModelError(watcher.problem)
        if not watcher.codes:
            raise UnsupportedModelError("no ReLU ran: this proxy measures rectified linear networks.")
        if watcher.outputs is not None and not watcher.outputs.isfinite().all():
            raise NonFiniteError("the network's outputs are not finite, so which ReLUs are on means nothing.")
        return watcher.codes

    def twice_differentiable_loss(self) -> Tensor:
        """The loss through operations that have a second derivative.

        Fused attention and fused recurrent layers have none; where they ran, a pass of its own uses their written-out
        forms instead.
        """
        if not any("ScaledDotProduct" in name or "Rnn" in name for name in operations(self.loss)):
            return self.loss
        fused = any(isinstance(module, nn.RNNBase) for module in self.model.modules())
        with self.forward_pass(), sdpa_kernel(SDPBackend.MATH), unfused() if fused else nullcontext():
            outputs = self.call(self.batch.inputs)
        return self.loss_of(outputs, self.targets)

    def each_sample_gradient(self, consume: Consumer) -> None:
        """Stream the gradient of every sample's own loss to ``consume(name, gradients)``.

        Batch norm uses each sample's own statistics, as a batch of one in train mode does. ``gradients`` is
        ``(chunk, *shape)``; over all calls for one parameter every sample comes exactly once, in the order of the
        batch. Nothing of size batch times parameters is ever held.

        Raises:
            UnsupportedModelError: the network has no trainable parameter, or mixes samples.
        """
        if not self.parameters:
            raise UnsupportedModelError("the network has no trainable parameter.")
        sample_gradients(self, consume)


#: Names that a proxy can declare as its signals: what a probe has and what a pass can watch.
SIGNALS = frozenset(WATCHERS) | {
    name for name, value in vars(Probe).items() if isinstance(value, (signal, property)) and not name.startswith("_")
}

# -- helpers -----------------------------------------------------------------------------------


def default_loss(outputs: Tensor, targets: Tensor) -> Tensor:
    """Mean cross-entropy for classes and for probabilities of classes, mean squared error for other real targets.

    Args:
        outputs: ``(batch, …, classes)``, or ``(batch, classes, …)`` as PyTorch's own loss takes it; or of the real
            targets' shape.
        targets: ``(batch, …)`` class indices of any integer type (-100 is ignored), or bools for two classes; or real
            targets. Real ones ``(batch, classes)``, none of them negative and each row with the sum one, are
            probabilities.

    Raises:
        UnsupportedModelError: shapes do not fit, both axes of the outputs could be that of the classes, or a class is
            none that the network knows.
    """
    if targets.is_floating_point():
        if targets.shape != outputs.shape:
            raise UnsupportedModelError(
                f"real targets of shape {tuple(targets.shape)} do not fit outputs of shape {tuple(outputs.shape)}."
            )
        return F.cross_entropy(outputs, targets) if _probabilities(targets) else F.mse_loss(outputs, targets)
    outputs = _classes_last(outputs, targets)
    targets = as_classes(targets)
    if targets.numel():
        low, high = (int(edge) for edge in targets.aminmax())
        if low < 0:  # besides the index that is ignored
            low = int(targets.masked_fill(targets == _IGNORED, 0).min())
        if high >= outputs.shape[-1] or low < 0:
            raise UnsupportedModelError(
                f"target class {low if low < 0 else high} is out of range: the network has {outputs.shape[-1]} outputs."
            )
    return F.cross_entropy(outputs.flatten(0, -2), targets.flatten())


def _classes_last(outputs: Tensor, targets: Tensor) -> Tensor:
    """The outputs ``(batch, …, classes)`` for class targets ``(batch, …)``."""
    shape = tuple(targets.shape)
    if outputs.dim() == len(shape) + 1:
        last = tuple(outputs.shape[:-1]) == shape
        second = outputs.dim() > 2 and (outputs.shape[0], *outputs.shape[2:]) == shape
        if last and second and outputs.dim() > 3:
            raise UnsupportedModelError(
                f"the classes of outputs of shape {tuple(outputs.shape)} may be the second dimension or the last: pass "
                "loss_fn=torch.nn.functional.cross_entropy for the second."
            )
        if last:
            return outputs
        if second:
            return outputs.movedim(1, -1)
    raise UnsupportedModelError(
        f"class targets of shape {shape} do not fit outputs of shape {tuple(outputs.shape)}: "
        "the last dimension of the output must be the classes, or the second one."
    )


def _probabilities(targets: Tensor) -> bool:
    """Whether each row is a distribution over classes."""
    if targets.dim() != 2 or targets.shape[1] < 2 or not bool((targets >= 0).all()):
        return False
    sums = targets.double().sum(1)
    return bool(((sums - 1).abs() <= targets.shape[1] * torch.finfo(targets.dtype).eps).all())


def _merge(changes: Changes, more: Changes) -> None:
    for kind, places in more.items():
        changes.setdefault(kind, []).extend(places)


K = TypeVar("K")


def _gradients(scalar: Tensor, tensors: Mapping[K, Tensor]) -> dict[K, Tensor]:
    if not tensors:
        raise UnsupportedModelError("the network has no trainable parameter.")
    if not scalar.requires_grad:
        return {key: torch.zeros_like(tensor) for key, tensor in tensors.items()}
    found = torch.autograd.grad(scalar, list(tensors.values()), retain_graph=True, allow_unused=True)
    return {
        key: torch.zeros_like(tensor) if gradient is None else _dense(gradient.detach())
        for (key, tensor), gradient in zip(tensors.items(), found, strict=True)
    }


def _dense(gradient: Tensor) -> Tensor:
    """Those of sparse embeddings, too."""
    return gradient.to_dense() if gradient.is_sparse else gradient


def _copies(inputs: Any) -> Inputs:
    return Batch(inputs).map(torch.clone)


def _rows(gradients: Mapping[int, Tensor]) -> Tensor:
    return torch.cat([gradient.flatten(1) for gradient in gradients.values()], dim=1)
