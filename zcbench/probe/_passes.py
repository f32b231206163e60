"""A network, a batch, and passes of the batch through the network."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from types import TracebackType
from typing import Any, Self, TypeVar, get_args

import torch
from torch import Tensor, nn

from zcbench._arguments import shown, whole
from zcbench._display import brief, plain
from zcbench._process import stable_seed
from zcbench.errors import InvalidInputError, UnsupportedModelError
from zcbench.probe import _register as registry
from zcbench.probe import _walk
from zcbench.probe._measurable import as_classes, eager, measurable, ordinary, passed_whole, tensors_in, whole_graphs
from zcbench.probe._signal import Signal
from zcbench.probe._snapshot import BatchSnapshot, Given, untouched
from zcbench.probe._upkeep import Upkeep
from zcbench.probe._world import RandomStates, exact, restore_torch, seed_torch, torch_states
from zcbench.probe.calling import Place, as_tensor, check_choice, chosen, find_place, invoke, narrowed, settle
from zcbench.probe.modes import BatchNorm, BatchNormMode
from zcbench.probe.signals._watcher import Watcher
from zcbench.probe.weights import declared, multiplied
from zcbench.types import Batch, Inputs, LossFunction, OutputChoice

T = TypeVar("T")
_CPU = torch.device("cpu")
#: samples of a pass that determines the use of parameters; some layers cannot process a single one
_FEW = 2


class _UnsettledError(BaseException):  # a proxy's exception handlers must not catch it
    """The network returns several tensors, and the output among them is not determined yet."""


class Passes(Upkeep):
    """The settings of a probe and its passes; see :class:`zcbench.Probe`."""

    def __init__(
        self,
        model: nn.Module,
        batch: Batch,
        *,
        loss_fn: LossFunction | None = None,
        seed: int = 0,
        wanted: frozenset[str] = frozenset(),
        output: OutputChoice | None = None,
    ) -> None:
        self.model = measurable(model, batch)
        self.batch = ordinary(batch)
        self._whole = passed_whole(batch)  # shapes of inputs without samples
        self.seed = whole("the seed", seed, 0, 2**63 - 1)
        if loss_fn is not None and not callable(loss_fn):
            raise InvalidInputError(f"loss_fn is a {type(loss_fn).__name__}: pass a function of outputs and targets.")
        check_choice(output)
        super().__init__(next((one.device for one in (*self.batch.tensors(), *_walk.tensors(self.model))), _CPU))
        infos = [registry.signal_info(name) for name in sorted(wanted)]
        self._loss_fn = loss_fn
        self._choice = output
        self._wanted = wanted
        self._shared = {info.watcher for info in infos if info.watcher is not None}  # watchers of the main pass
        # signals that need the main pass, and its graph
        self._graphs = frozenset(info.name for info in infos if info.graph)
        self._main = bool(self._graphs)  # whether the main pass runs anyway
        self._norms: list[BatchNormMode] = []  # of the open passes
        self._exit = ExitStack()
        self._reruns = False  # whether the running code runs again once the place of the output is known

    def __repr__(self) -> str:
        return brief(f"<Probe of {plain(type(self.model).__name__, 40)} on {self.batch!r}>")

    def __enter__(self) -> Self:
        try:
            self._exit.enter_context(torch.inference_mode(mode=False))
            snapshot = self._exit.enter_context(untouched(self.model))
            self._exit.enter_context(torch.enable_grad())
            self._exit.enter_context(eager(self.model))
            self._exit.enter_context(whole_graphs())
            exact(self.device)
            torch.backends.mha.set_fastpath_enabled(False)  # passes without a graph compute the same as those with one
            torch.set_autocast_cache_enabled(False)  # it would keep the values of weights before a proxy exchanged them
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

    # -- passes --------------------------------------------------------------------------------

    @contextmanager
    def forward_pass(self, batch_norm: BatchNorm = "train") -> Iterator[None]:
        """Run the network inside this block, with modes set and random numbers seeded.

        Afterwards its attributes, hooks and buffers, the batch's numbers and the random states are restored. Weights
        are not, so that a proxy can exchange them for some time.

        Args:
            batch_norm: "train" for statistics of the batch, "eval" for running statistics, "per-sample" for statistics
                of each sample alone (a batch of one in train mode), "off" for the identity, also of instance norm and
                of group norm with one group per channel.

        Raises:
            InvalidInputError: the mode does not exist, or the probe is not open.
        """
        if not isinstance(batch_norm, str) or batch_norm not in get_args(BatchNorm):
            raise InvalidInputError(f"batch_norm={shown(batch_norm)}: choose {', '.join(get_args(BatchNorm))}.")
        with self._pass(batch_norm):
            yield

    @contextmanager
    def _pass(self, batch_norm: BatchNorm) -> Iterator[None]:
        """Run a pass as :meth:`forward_pass` does, without recording it as a request of a proxy."""
        given = self._given
        if given is None:
            raise InvalidInputError("the probe is not open: use it in a with block.")
        states = torch_states()
        numbers = RandomStates() if given.numbers.others_changed() else None
        if numbers is not None:
            given.numbers.restore()
        given.network.freeze(self.model, batch_norm=batch_norm != "eval")
        seed_torch(self.seed)
        depth = len(self._norms)
        try:
            with BatchNormMode(batch_norm) as mode:
                self._norms.append(mode)
                yield
        finally:
            del self._norms[depth:]
            given.network.restore_structure()
            given.network.restore_buffers()
            given.batch.restore_contents()
            if numbers is not None:
                numbers.restore()
            elif given.numbers.others_changed():
                given.numbers.restore()
            restore_torch(states)

    def call(self, inputs: object) -> Tensor:
        """Return the network's output for ``inputs`` as one tensor; call it inside :meth:`forward_pass`.

        If the network returns more than a tensor, ``zcbench.probe.calling`` defines which one is used. The network
        receives a copy, which it may overwrite (its first layer may be a ReLU in place): the inputs stay unchanged, and
        so do the parts of the copy that the graph saves.

        Raises:
            UnsupportedModelError: the network returns no suitable tensor.
        """
        for mode in self._norms[-1:]:
            mode.samples = len(Batch(inputs))  # type: ignore[arg-type]
        return self.tensor_of(invoke(self.model, copies(inputs)), inputs)

    def tensor_of(self, output: object, inputs: Any) -> Tensor:
        """Return the output tensor among the values that the network returned for ``inputs``.

        Raises:
            UnsupportedModelError: there is none.
        """
        output = chosen(output, self._choice)
        if isinstance(narrowed(output), Tensor):
            return as_tensor(output)
        if "_place" in self._measured:
            return as_tensor(output, self._place)
        if self._reruns:
            raise _UnsettledError
        return as_tensor(output, find_place([(len(Batch(inputs)), output)]))

    def run(self, function: Callable[..., T], **arguments: Any) -> T:
        """Call a proxy's function.

        If its first pass shows that the network returns several tensors, the output among them is determined first, and
        the function is called again. Thus the choice depends only on the network.
        """
        self._reruns = True
        if self._whole:
            self.note(f"Inputs without a sample dimension were passed on whole: {', '.join(self._whole)}.")
        try:
            return function(self, **arguments)
        except _UnsettledError:
            for name in [name for name, found in self._measured.items() if isinstance(found.error, _UnsettledError)]:
                del self._measured[name]
            self._undo(())  # the changes of the function so far
            _ = self._place
            return function(self, **arguments)
        finally:
            self._reruns = False

    @Signal
    def _place(self) -> Place:
        """Find the place of the output in the network's return value."""

        def run(samples: int) -> object:
            with self.forward_pass("eval"):
                return chosen(invoke(self.model, copies(self.batch[:samples].inputs)), self._choice)

        def run_anyhow(samples: int) -> object:
            try:
                with torch.enable_grad():  # the graph distinguishes features and logits
                    return run(samples)
            except RuntimeError:
                with torch.no_grad():
                    return run(samples)

        return settle(run_anyhow, len(self.batch))

    def generator(self, name: str) -> torch.Generator:
        """Return a CPU generator for a proxy's own random numbers; it depends only on the seed and on ``name``."""
        return torch.Generator().manual_seed(stable_seed(self.seed, "generator", name))

    # -- parts of the network --------------------------------------------------------------------

    @property
    def parameters(self) -> dict[str, nn.Parameter]:
        """Trainable parameters by name; a parameter that is used twice appears once."""
        return {name: p for name, p in _walk.named_parameters(self.model) if p.requires_grad}

    @property
    def weights(self) -> dict[str, nn.Parameter]:
        """Trainable weight arrays of convolutional, linear and recurrent layers, by name.

        These are the parameters with at least two dimensions that multiply values computed from the data, whatever
        their names: see ``zcbench.probe.weights``. The literature's "over all layers" means these.

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

    def _settle_weights(self, watchers: Iterable[Watcher]) -> None:
        """Determine which parameters are weights before a pass with watchers that use them."""
        if any(watcher.of_weights for watcher in watchers):
            with suppress(UnsupportedModelError):
                _ = self.weights

    @Signal
    def _multiplied(self) -> set[int]:
        """Find the parameters that multiply data, among those that torch's layers do not identify.

        The result contains identities.
        """
        _, in_question = declared(self.model, self.parameters)
        few = self.batch[:_FEW]
        inputs = copies(few.inputs)
        tensors = tensors_in(Batch(inputs))

        def run() -> None:
            invoke(self.model, inputs)

        with self._pass("eval"):
            return multiplied(run, tensors, (one for one in self.parameters.values() if id(one) in in_question))

    @property
    def targets(self) -> Tensor:
        """The batch's targets, classes as int64; raises UnsupportedModelError without targets."""
        if self.batch.targets is None:
            raise UnsupportedModelError("this proxy needs targets: pass targets=… with the inputs.")
        return as_classes(self.batch.targets)

    @property
    def classes(self) -> Tensor:
        """Class of every sample, ``(batch,)``; raises UnsupportedModelError for other targets."""
        if self.targets.dim() != 1 or self.targets.is_floating_point():
            raise UnsupportedModelError("this proxy needs one class per sample as targets.")
        return self.targets

    @property
    def _settings(self) -> dict[str, Any]:
        """The settings for a probe of a part of the batch."""
        return {"loss_fn": self._loss_fn, "seed": self.seed, "output": self._choice}


def without_graph(run: Callable[[], T]) -> T:
    """Run a pass without a graph, or with one if the network itself needs gradients."""
    try:
        with torch.no_grad():
            return run()
    except RuntimeError:
        with torch.enable_grad():
            return run()


def copies(inputs: Any) -> Inputs:
    """Copy inputs, so that a network may overwrite them."""
    return Batch(inputs).map_all(torch.clone)
