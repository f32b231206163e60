"""Score a network: proxies share one probe where possible, and each result is a value or a reason."""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from zcbench import _arguments as rules
from zcbench import devices
from zcbench._foreign import Foreign, users_signals
from zcbench._moving import moved, placed_once
from zcbench._process import stable_seed
from zcbench._training import Recipe, reinitialize, train
from zcbench.errors import InvalidInputError, NonFiniteError, UnsupportedModelError
from zcbench.probe import Probe, _walk
from zcbench.probe._ledger import Spent, now
from zcbench.probe._measurable import measurable
from zcbench.probe._snapshot import Changes, Snapshot, untouched
from zcbench.probe._world import Settings
from zcbench.probe.calling import check_choice
from zcbench.proxies._register import asked_for
from zcbench.proxies._scores import ScoresByName
from zcbench.types import Batch, Cost, Inputs, LossFunction, OutputChoice, ProxyInfo, Score, Status

if TYPE_CHECKING:
    from torch import nn


def score(
    model: nn.Module,
    inputs: Inputs,
    targets: Tensor | None = None,
    proxies: Iterable[str] | None = None,
    *,
    loss_fn: LossFunction | None = None,
    seed: int = 0,
    training_data: Batch | None = None,
    recipe: Recipe | None = None,
    output: OutputChoice | None = None,
    device: str | torch.device | None = None,
) -> dict[str, Score]:
    """Score any network with training-free proxies; the network is restored afterwards.

    Args:
        model: a module that returns a tensor, an object or mapping with ``logits``, or a tuple such as NAS-Bench-201's
            (features, logits), of which the tensor with two dimensions is used. ``zcbench.probe.calling`` documents the
            full rule. For ``torch.compile`` and ``nn.DataParallel``, the wrapped network is measured.
        inputs: a tensor, a tuple or list (positional arguments) or a mapping (keyword arguments) of tensors whose first
            dimension is the number of samples; numbers, strings and None among them are passed to the network
            unchanged.
        targets: class indices of any integer type, bools for two classes, or real targets. Without targets, proxies
            that need labels are "unsupported".
        proxies: names, shell patterns such as "grad*", or "all"; default "standard": ten cheap proxies and chance.
            Settings follow a colon: "naswot:repeats=3" averages over three initialisations, the given one first;
            "lga:epochs=2" trains for two epochs first.
        loss_fn: from ``(outputs, targets)`` to a scalar that averages over samples. Default: cross-entropy for integer
            targets, mean squared error for real targets.
        seed: seed of all random numbers, at least 0; the same seed gives the same scores.
        training_data: the data that "epochs" and "steps" train on; default: the batch.
        recipe: training settings for "epochs" and "steps"; default SGD with learning rate .05.
        output: the part of the network's return value that is used, where the rule does not find it: an index (0 of
            (logits, features), -1), a name ("out"), a sequence of these from the outside in, or a function of the whole
            return value.
        device: the device that runs the network, "cpu", "cuda", "cuda:1" or "mps". Network and batch are moved there,
            and the network is moved back. Default: the device that holds them; if that is the CPU, the device that
            :func:`zcbench.devices.chosen` returns.

    Returns:
        A :class:`zcbench.Score` by name; ``float(score)`` is its value, or nan if it has none. The keys are the given
        names, and the labels of the proxies that patterns match. A look-up accepts every text that names the same proxy
        with the same settings.

    Raises:
        UnknownNameError: a proxy does not exist.
        InvalidInputError: the model is not a module with dense, materialised weights (scripted, lazy, meta, sparse,
            quantised and sharded networks are refused), inputs and targets do not match, the device does not exist, or
            another argument is out of range.

    Example:
        >>> import torch, zcbench
        >>> model = torch.nn.Sequential(torch.nn.Linear(4, 8), torch.nn.ReLU(), torch.nn.Linear(8, 3))
        >>> scores = zcbench.score(model, torch.randn(16, 4), torch.randint(3, (16,)), ["params", "snip"])
        >>> float(scores["params"])
        67.0
    """
    asked = asked_for(proxies)
    infos = {info.label: info for info in asked.values()}.values()
    batch = Batch(inputs, targets)
    with users_signals():
        found = {
            info.label: result
            for info, result in score_with(
                infos,
                model,
                batch,
                loss_fn=loss_fn,
                seed=seed,
                training_data=training_data,
                recipe=recipe,
                output=output,
                device=device,
            )
        }
    return ScoresByName(asked, found)


#: The first words of the note on a proxy that changed something that it shares with other proxies.
CHANGED = "The proxy changed"


class _State(NamedTuple):
    """The changes to the network before a probe is opened on it."""

    repeat: int = 0
    epochs: int = 0
    steps: int = 0


def score_with(
    infos: Iterable[ProxyInfo],
    model: nn.Module,
    batch: Batch,
    *,
    loss_fn: LossFunction | None = None,
    seed: int = 0,
    training_data: Batch | None = None,
    recipe: Recipe | None = None,
    output: OutputChoice | None = None,
    begin: Callable[[str], object] = str,
    device: str | torch.device | None = None,
) -> Iterator[tuple[ProxyInfo, Score]]:
    """Yield each proxy with its score as soon as it exists; proxies that need the same weights share one probe.

    ``begin`` is called with a proxy's label whenever its computation starts.
    """
    rules.whole("the seed", seed, 0, 2**63 - 1)
    check_choice(output)
    if recipe is not None and not isinstance(recipe, Recipe):
        raise InvalidInputError(f"the recipe is a {type(recipe).__name__}: pass a zcbench Recipe.")
    asked = list(infos)
    model = measurable(model, batch, anywhere=device is not None)
    if training_data is not None:
        measurable(model, training_data, anywhere=True)
    with ExitStack() as stack:
        place = _place(model, batch, device)
        with Foreign() as call:
            batch = placed_once(batch, place)
            training_data = None if training_data is None else placed_once(training_data, place)
            stack.enter_context(moved(model, place))
            # a loss function that is a module has weights, for example of classes
            stack.enter_context(moved(loss_fn, place))
        if call.kind is not None:
            yield from ((info, _reason(call, f"it cannot be moved to {place}: ")) for info in asked)
            return
        name = devices.name_of(place)
        given: dict[str, Any] = {"loss_fn": loss_fn, "output": output}
        for info, one in _all(asked, model, batch, seed, training_data, recipe, begin, given):
            yield info, replace(one, device=place.type, device_name=name)


def _place(model: nn.Module, batch: Batch, device: str | torch.device | None) -> torch.device:
    """Return the device that runs the network."""
    if device is not None:
        return devices.here(device)
    tensors = [*batch.tensors(), *_walk.tensors(model)]
    return next((one.device for one in tensors if one.device.type != devices.CPU), None) or devices.here()


def _all(
    infos: list[ProxyInfo],
    model: nn.Module,
    batch: Batch,
    seed: int,
    training_data: Batch | None,
    recipe: Recipe | None,
    begin: Callable[[str], object],
    given: dict[str, Any],
) -> Iterator[tuple[ProxyInfo, Score]]:
    """Do the work of :func:`score_with` on the device that holds everything; ``given`` is for probes and training."""
    states: dict[_State, list[ProxyInfo]] = {}
    for info in infos:
        for repeat in range(info.repeats):
            states.setdefault(_State(repeat, *info.trained), []).append(info)
    if set(states) <= {_State()}:
        yield from _probe_all(states.get(_State(), []), model, batch, begin, seed=seed, **given)
        return
    outcomes: dict[str, list[Score]] = {}
    with untouched(model) as snapshot:
        for state in sorted(states):
            first = stable_seed(seed, "repeat", state.repeat) if state.repeat else seed
            device = batch.tensors()[0].device
            started = now(device)
            begin(states[state][0].label)
            with Foreign() as call:
                _prepare(model, snapshot, state, first, training_data or batch, recipe, **given)
            found: Iterable[tuple[ProxyInfo, Score]]
            if call.kind is not None:
                found = [(info, _reason(call)) for info in states[state]]
            else:
                found = _probe_all(states[state], model, batch, begin, seed=first, **given)
            preparation = now(device) - started
            for info, one in found:
                several = outcomes.setdefault(info.label, [])
                several.append(_longer(one, preparation))
                if len(several) == info.repeats:
                    yield info, _mean(several)


def _prepare(
    model: nn.Module,
    snapshot: Snapshot,
    state: _State,
    seed: int,
    data: Batch,
    recipe: Recipe | None,
    **given: Any,
) -> None:
    snapshot.restore()
    settings = Settings()
    try:
        if state.repeat:
            reinitialize(model, seed)
        if state.epochs or state.steps:
            train(model, data, epochs=state.epochs, steps=state.steps, recipe=recipe, seed=seed, **given)
    finally:
        settings.restore()


def _longer(score: Score, spent: Spent) -> Score:
    return replace(score, seconds=score.seconds + spent.cpu, wall=score.wall + spent.wall)


def _mean(scores: list[Score]) -> Score:
    if len(scores) == 1:
        return scores[0]
    seconds, memory = sum(score.seconds for score in scores), max(score.memory for score in scores)
    wall = sum(score.wall for score in scores)
    for number, score in enumerate(scores, 1):
        if score.value is None:
            detail = f"initialisation {number} of {len(scores)}: {score.detail}"
            return Score(None, score.status, seconds, detail, len(scores), memory=memory, wall=wall)
    values = [float(score) for score in scores]
    notes = " ".join(dict.fromkeys(score.detail for score in scores if score.detail))
    spread = statistics.stdev(values)
    return Score(statistics.fmean(values), Status.OK, seconds, notes, len(values), spread, memory=memory, wall=wall)


def _probe_all(
    infos: list[ProxyInfo],
    model: nn.Module,
    batch: Batch,
    begin: Callable[[str], object],
    **settings: Any,
) -> Iterator[tuple[ProxyInfo, Score]]:
    wanted = frozenset(name for info in infos for name in info.signals)
    with Probe(model, batch, wanted=wanted, **settings) as probe:
        for info in infos:
            begin(info.label)
            one, tidied = _one(info, probe)
            changes: Changes = {**{name: [] for name in tidied}, **probe.put_back()}
            if one.status is Status.OUT_OF_MEMORY:
                one = _in_less_memory(info, probe, one)
            yield info, _noted(one, changes)


def _in_less_memory(info: ProxyInfo, probe: Probe, one: Score) -> Score:
    """Compute the score without shared results, from per-sample gradients of ever smaller parts of the batch.

    The gradients are the same.

    Args:
        info: the proxy.
        probe: the network and its batch.
        one: the score, which ran out of memory.
    """
    pieces, spent = 1, Spent(one.seconds, one.wall)
    while one.status is Status.OUT_OF_MEMORY and pieces <= len(probe.batch):
        probe._free(pieces)
        one, _ = _one(info, probe)
        probe.put_back()
        spent += Spent(one.seconds, one.wall)
        pieces *= 2
        if info.cost is not Cost.PER_SAMPLE:
            break
    probe._free(1)
    return replace(one, seconds=spent.cpu, wall=spent.wall)


def _noted(score: Score, changes: Changes) -> Score:
    """Return the score with a note that lists what its proxy changed, if anything."""
    if not changes:
        return score
    kinds = []
    for kind, places in changes.items():
        first, *others = dict.fromkeys(places) or [""]
        more = f" and {len(others)} more" if others else ""
        kinds.append(f"{kind} ({first}{more})" if first else kind)
    note = f"{CHANGED} {', '.join(kinds)}; everything was restored."
    return replace(score, detail=f"{score.detail} {note}".strip())


def _one(info: ProxyInfo, probe: Probe) -> tuple[Score, list[str]]:
    """Compute the score, and list what the proxy changed in the interpreter."""
    value = math.nan
    with probe.stopwatch() as spent, Foreign(tidy=True) as call:
        if info.needs_labels and probe.batch.targets is None:
            raise UnsupportedModelError(f"{info.name} needs targets: pass targets=… with the inputs.")
        value = _number(probe.run(info.function, **info.arguments))
    if call.kind is not None:
        found = _reason(call)
    elif math.isfinite(value):
        found = Score(value, detail=" ".join(probe._notes))
    else:
        found = Score(None, Status.NON_FINITE, detail=f"the formula gave {value}.")
    return replace(found, seconds=spent(), wall=spent.wall, memory=spent.memory), call.changed


def _number(result: object) -> float:
    """Return the result of a proxy as a number.

    Raises:
        TypeError: it is no real number, even if Python could convert it ("3", or a complex number of numpy).
    """
    what = f"a {type(result).__name__}"
    if isinstance(result, Tensor):
        with torch._C.DisableTorchFunctionSubclass():  # for a subclass, call only the methods of Tensor itself
            what = f"a {str(result.dtype).removeprefix('torch.')} tensor of shape {tuple(Tensor.size(result))}"
            result = Tensor.item(result) if Tensor.numel(result) == 1 else None
    elif isinstance(result, np.ndarray):
        what = f"a {result.dtype} array of shape {result.shape}"
        result = result.item() if result.size == 1 else None
    number = hasattr(type(result), "__float__") or hasattr(type(result), "__index__")
    if not number or isinstance(result, (complex, np.complexfloating)):
        raise TypeError(f"the proxy returned {what}: it must return one real number.")
    return float(result)  # type: ignore[arg-type]


def _reason(call: Foreign, what: str = "") -> Score:
    if call.is_a(UnsupportedModelError):
        return Score(None, Status.UNSUPPORTED, 0.0, what + call.message)
    if call.is_a(NonFiniteError):
        return Score(None, Status.NON_FINITE, 0.0, what + call.message)
    if call.is_a(TypeError) and "float64" in call.message and "MPS" in call.message:
        why = "it computes in float64, which mps does not support: choose device cpu."
        return Score(None, Status.UNSUPPORTED, 0.0, what + why)
    if devices.is_out_of_memory(call.kind, call.message):
        advice = "choose a smaller batch, or a device with more memory"
        return Score(None, Status.OUT_OF_MEMORY, 0.0, f"{what}{call.reason.rstrip('.')}; {advice}.")
    return Score(None, Status.FAILED, 0.0, what + call.reason)
