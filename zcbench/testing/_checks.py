"""The checks, by name, and the report."""

from __future__ import annotations

import copy
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, TypeAlias
from unittest import mock

import numpy as np
import torch
from torch import Tensor, nn

from zcbench import devices
from zcbench.errors import InvalidInputError
from zcbench.probe import Probe, _passes, list_signals, weights
from zcbench.probe.per_sample import _gradients
from zcbench.proxies import get_proxy, score_with
from zcbench.proxies._score import CHANGED
from zcbench.testing._report import FailedError, Report, SkippedError, run_checks
from zcbench.testing._world import differs, world
from zcbench.testing._zoo import Specimen, oddities, specimens
from zcbench.types import Batch, Cost, ProxyInfo, Score, Status

#: An independent computation of a score: from a network and its batch to a number.
Reference: TypeAlias = Callable[[nn.Module, Batch], float]

_REFERENCES: dict[str, Reference] = {}


def naive_reference(proxy: str) -> Callable[[Reference], Reference]:
    """Declare a slow, obvious, independent computation of a proxy, for the check "reference".

    The function receives a copy of the network in the mode in which it was built, and the batch; it may change both. It
    raises NotImplementedError for networks that it does not support.
    """

    def declare(function: Reference) -> Reference:
        _REFERENCES[proxy] = function
        return function

    return declare


@dataclass
class _Case:
    """A specimen on which the proxy returns a value.

    Attributes:
        specimen: the network and its batch.
        value: the score.
        moved: how much the score changes if the last digits of weights and inputs change, see :func:`_jiggled`.
    """

    specimen: Specimen
    value: float
    moved: float = 0.0

    def agrees(self, other: float) -> bool:
        """Return whether another computation may give ``other`` because of round-off and its consequences."""
        return abs(self.value - other) <= 2 * self.moved + _ROUNDING * abs(self.value) + _TINY


#: Largest relative change of a weight in :func:`_jiggled`: 64 units in the last place of float32. Another order of a
#: sum or another instruction set changes a network's results by a few units, so twice the effect of this change is a
#: bound.
_JIGGLE = 2.0**-17
#: Number of such changes; the largest effect counts.
_JIGGLES = 3
#: Relative error of the sums in a score itself, for any network: 32 units in the last place of float32.
_ROUNDING = 2.0**-18
#: Absolute error of a score near zero.
_TINY = 1e-6
#: Largest relative effect of changes in the last digits. With a larger effect, the score is noise.
_NOISE = 0.05


def check_proxy(name: str, *, reference: Reference | None = None, seed: int = 0) -> Report:
    """Run all checks on a registered proxy, built in or user-defined.

    Args:
        name: its name, optionally with settings: "ntk_cond:batch_norm=eval".
        reference: an independent computation for comparison; default: the one declared with ``naive_reference``.
        seed: seed of the scores.

    Returns:
        A :class:`Report`. ``report.ok`` is also False if the proxy returned no score on any network, because then
        nothing was checked.

    Raises:
        UnknownNameError: the proxy does not exist.
    """
    info = get_proxy(name)
    checker = _Checker(info, reference or (None if info.settings else _REFERENCES.get(info.name)), seed)
    return run_checks(info.label, checker.checks())


class _Checker:
    def __init__(self, info: ProxyInfo, reference: Reference | None, seed: int) -> None:
        self.info = info
        self.reference = reference
        self.seed = seed
        self.cases: list[_Case] = []
        known = {"any"} if "any" in info.domains else set(info.domains)
        self.wanted = [s for s in specimens() if "any" in known or s.domain in known]

    def checks(self) -> dict[str, Callable[[], str]]:
        """Return the checks by name, in the order in which they run."""
        return {
            "declaration": self.declaration,
            "finite": self.finite,
            "unchanged": self.untouched,
            "same seed, same score": self.deterministic,
            "round-off": self.round_off,
            "other proxies": self.company,
            "stochastic": self.stochastic,
            "labels": self.labels,
            "cost": self.cost,
            "signals": self.signals,
            "batch norm": self.batch_norm,
            **{f"invariance: {name}": self.invariance(name) for name in self.info.invariances},
            "per-sample loop": self.per_sample,
            "reference": self.naive,
            "float64": self.double,
            "device": self.device,
            "unusual networks": self.odd,
        }

    # -- helpers -------------------------------------------------------------------------------

    def score(self, model: nn.Module, batch: Batch, seed: int | None = None, device: str | None = None) -> Score:
        seed = self.seed if seed is None else seed
        ((_, score),) = score_with([self.info], model, batch, seed=seed, device=device)
        return score

    def again(self, case: _Case, what: str, batch: Batch | None = None, seed: int | None = None) -> float:
        score = self.score(case.specimen.make(), batch or case.specimen.batch, seed)
        if score.value is None:
            raise FailedError(f"{what}, {case.specimen.name}: {score.status}: {score.detail}")
        return score.value

    def need_cases(self) -> list[_Case]:
        if not self.cases:
            raise SkippedError("it returned no score on any network of its domains")
        return self.cases

    # -- the checks ----------------------------------------------------------------------------

    def declaration(self) -> str:
        if not self.info.reference:
            raise FailedError("it cites no reference: pass reference=… to register_proxy")
        if not self.info.summary:
            raise FailedError("its function has no docstring: lists show its first line")
        return (
            f"{self.info.cost}, {'labels' if self.info.needs_labels else 'no labels'}, {', '.join(self.info.domains)}"
        )

    def finite(self) -> str:
        silent, answered = [], set()
        for specimen in self.wanted:
            score = self.score(specimen.make(), specimen.batch)
            if score.status is Status.FAILED:
                raise FailedError(f"{specimen.name}: {score.detail}")
            if score.value is None:
                silent.append(f"{specimen.name}: {score.status}: {score.detail}")
            else:
                self.cases.append(_Case(specimen, score.value))
                answered.add(specimen.domain)
        domains = {s.domain for s in self.wanted}
        if "any" not in self.info.domains and (missing := domains - answered):
            raise FailedError(
                f"no score on any {min(missing)} network, although declared for them; {'; '.join(silent)}"
            )
        if not self.cases:
            raise FailedError(f"no score on any network; {'; '.join(silent)}")
        return f"on {len(self.cases)} of {len(self.wanted)} networks"

    def untouched(self) -> str:
        for case in self.need_cases():
            model = case.specimen.make()
            model.train(mode=len(case.specimen.name) % 2 == 0)
            for parameter in model.parameters():
                parameter.grad = torch.full_like(parameter, 0.5)
            numbers = torch.get_rng_state(), np.random.get_state(), random.getstate()
            torch.rand(1), np.random.rand(), random.random()  # so that no seed gives the current states
            before, around = _state(model), world()
            self.score(model, case.specimen.batch)
            network, surroundings = differs(before, _state(model)), differs(around, world())
            torch.set_rng_state(numbers[0])
            np.random.set_state(numbers[1])
            random.setstate(numbers[2])
            if network:
                raise FailedError(f"{case.specimen.name}: the network was changed")
            if surroundings:
                raise FailedError(f"{case.specimen.name}: random state or global flags were changed")
        return f"weights, buffers, gradients, modes, hooks, random states and flags on {len(self.cases)} networks"

    def deterministic(self) -> str:
        for case in self.need_cases():
            again = self.again(case, "a second time")
            if again != case.value:
                raise FailedError(f"{case.specimen.name}: {case.value!r}, and a second time {again!r}")
        return f"bit for bit on {len(self.cases)} networks"

    def round_off(self) -> str:
        worst = 0.0
        for case in self.need_cases():
            for seed in range(_JIGGLES):
                model, batch = _jiggled(case.specimen, seed)
                score = self.score(model, batch)
                if score.value is None:
                    raise FailedError(
                        f"{case.specimen.name}: a change in the last digits makes the score {score.status}"
                    )
                case.moved = max(case.moved, abs(score.value - case.value))
            share = case.moved / max(abs(case.value), _TINY)
            if case.moved > _TINY and share > _NOISE:
                raise FailedError(f"{case.specimen.name}: a change in the last digits changes the score by {share:.1%}")
            worst = max(worst, share)
        return f"changes in the last digits change it by {worst:.1e} at most"

    def company(self) -> str:
        # Some of them run the network again, in other modes, on other data, or with other weights.
        others = [get_proxy(name) for name in ("grad_norm", "naswot", "jacov", "gradsign", "zico", "zen", "synflow")]
        others = [info for info in others if info.name != self.info.name]
        for case in self.need_cases():
            model, batch = case.specimen.make(), case.specimen.batch
            without = {info.label: one.value for info, one in score_with(others, model, batch, seed=self.seed)}
            for order in ([*others, self.info], [self.info, *others]):
                scores = {info.label: one for info, one in score_with(order, model, batch, seed=self.seed)}
                if CHANGED in (note := scores[self.info.label].detail):
                    raise FailedError(f"{case.specimen.name}: it changes state that other proxies share. {note}")
                found = {label: one.value for label, one in scores.items()}
                if found.pop(self.info.label) != case.value:
                    raise FailedError(
                        f"{case.specimen.name}: the score differs when it is computed together with other proxies"
                    )
                if harmed := [label for label, value in without.items() if found[label] != value]:
                    raise FailedError(f"{case.specimen.name}: it changes the score of {', '.join(harmed)}")
        return "the same together with other proxies, before and after them; shared state is unchanged"

    def stochastic(self) -> str:
        changed = any(self.again(case, "another seed", seed=self.seed + 1) != case.value for case in self.need_cases())
        if self.info.stochastic and not changed:
            raise FailedError("declared stochastic, but another seed gives the same score")
        if changed and not self.info.stochastic:
            raise FailedError("another seed gives another score: declare stochastic=True")
        return "another seed gives another score" if changed else "the seed has no effect"

    def labels(self) -> str:
        if self.info.needs_labels:
            if all(
                self.again(case, "other targets", _mislabelled(case.specimen.batch)) == case.value
                for case in self.need_cases()
            ):
                raise FailedError("other targets give the same score: declare needs_labels=False")
            return "targets have an effect"
        for case in self.need_cases():
            for batch in (Batch(case.specimen.batch.inputs), _mislabelled(case.specimen.batch)):
                if self.again(case, "without the targets", batch) != case.value:
                    raise FailedError(f"{case.specimen.name}: targets change the score: declare needs_labels=True")
        return "targets have no effect"

    def cost(self) -> str:
        declared, most = self.info.cost, (0, 0)
        for case in self.need_cases():
            small = self.passes(case.specimen, case.specimen.batch[: len(case.specimen.batch) // 2])
            forward, backward = self.passes(case.specimen, case.specimen.batch)
            most = max(most, (forward, backward), key=lambda pair: (pair[1], pair[0]))
            counted = f"{case.specimen.name}: {forward} forward and {backward} backward passes"
            if declared is Cost.STATIC and (forward or backward):
                raise FailedError(f"{counted}, declared static")
            if declared is Cost.FORWARD and backward:
                raise FailedError(f"{counted}, declared forward")
            if declared in (Cost.FORWARD, Cost.BACKWARD) and (forward, backward) > small and backward > small[1]:
                raise FailedError(f"{counted}, fewer with a smaller batch: declare cost='per-sample'")
        if declared in (Cost.BACKWARD, Cost.PER_SAMPLE) and not most[1]:
            raise FailedError(f"declared {declared}, but no backward pass ran")
        if declared is Cost.FORWARD and not most[0]:
            raise FailedError("declared forward, but the network did not run: declare cost='static'")
        return f"at most {most[0]} forward and {most[1]} backward passes"

    def signals(self) -> str:
        declared, asked = set(self.info.signals), set[str]()
        for case in self.need_cases():
            with Probe(case.specimen.make(), case.specimen.batch, seed=self.seed, wanted=frozenset(declared)) as probe:
                with probe.stopwatch():
                    probe.run(self.info.function, **self.info.arguments)
                asked |= probe._asked & set(list_signals())
        listed = ", ".join(sorted(asked)) or "none"
        if idle := sorted(declared - asked):
            raise FailedError(f"declares the signal {idle[0]!r} but never requests it; it requests: {listed}")
        if declared and (more := sorted(asked - declared)):
            raise FailedError(f"requests the signal {more[0]!r} but declares only others: declare all, or none")
        return f"requests: {listed}" + (
            "" if declared or not asked else "; declare them, so that proxies share more passes"
        )

    def batch_norm(self) -> str:
        seen: set[str] = set()
        run = Probe.forward_pass

        def watched(probe: Probe, batch_norm: Any = "train") -> Any:
            seen.add(batch_norm)
            return run(probe, batch_norm)

        with mock.patch.object(Probe, "forward_pass", watched):
            for case in self.need_cases():
                self.again(case, "once more")
        declared = self.info.batch_norm
        if other := seen - {declared}:
            raise FailedError(f"the network runs with batch norm in mode {min(other)}, declared {declared}")
        return f"mode {declared}" if seen else "the network does not run"

    def passes(self, specimen: Specimen, batch: Batch) -> tuple[int, int]:
        model, counts = specimen.make(), [0, 0]

        def forward(*_: object) -> None:
            counts[0] += 1

        def unseen(*args: Any, **kwargs: Any) -> set[int]:
            before = counts[0]
            found = weights.multiplied(*args, **kwargs)
            counts[0] = before  # exclude the probe's own test of layers that torch does not describe
            return found

        def counted(function: Callable[..., Any]) -> Callable[..., Any]:
            def backward(*args: Any, **kwargs: Any) -> Any:
                counts[1] += 1
                return function(*args, **kwargs)

            return backward

        model.register_forward_pre_hook(forward)
        with (
            mock.patch.object(_passes, "multiplied", unseen),
            mock.patch.object(torch.autograd, "grad", counted(torch.autograd.grad)),
            mock.patch.object(torch.autograd, "backward", counted(torch.autograd.backward)),
        ):
            self.score(model, batch)
        return counts[0], counts[1]

    def invariance(self, name: str) -> Callable[[], str]:
        def check() -> str:
            tried = 0
            for case in self.need_cases():
                for model, batch in _equivalents(name, case.specimen):
                    score = self.score(model, batch)
                    tried += 1
                    if score.value is None or not case.agrees(score.value):
                        found = score.status if score.value is None else f"{score.value:.9g}"
                        raise FailedError(f"{case.specimen.name}: {case.value:.9g} becomes {found}")
            if not tried:
                raise SkippedError("no network in the zoo is suitable")
            return f"{tried} comparisons"

        return check

    def per_sample(self) -> str:
        if self.info.cost is not Cost.PER_SAMPLE:
            raise SkippedError(f"it is declared {self.info.cost}")
        with mock.patch.object(_gradients, "is_covered", lambda *_: False):
            for case in self.need_cases():
                alone = self.again(case, "one sample at a time")
                if not case.agrees(alone):
                    raise FailedError(f"{case.specimen.name}: {case.value:.9g}, one sample at a time {alone:.9g}")
        return f"equal on {len(self.cases)} networks"

    def naive(self) -> str:
        if self.reference is None:
            raise SkippedError("no independent reference was given")
        compared = 0
        for case in self.need_cases():
            model = case.specimen.make()
            try:
                with torch.random.fork_rng(devices=[]):
                    result = self.reference(model, copy.deepcopy(case.specimen.batch))
            except NotImplementedError:
                continue
            compared += 1
            expected = float(result.detach() if isinstance(result, Tensor) else result)
            if not case.agrees(expected):
                raise FailedError(f"{case.specimen.name}: {case.value:.9g}, the reference says {expected:.9g}")
        if not compared:
            raise SkippedError("the reference supports none of these networks")
        return f"agrees on {compared} networks"

    def double(self) -> str:
        worst = 0.0
        for case in self.need_cases():
            batch = case.specimen.batch
            wide = Batch(batch.map(lambda t: t.double() if t.is_floating_point() else t), batch.targets)
            score = self.score(case.specimen.make().double(), wide)
            if score.value is None:
                raise FailedError(f"{case.specimen.name} in float64: {score.status}: {score.detail}")
            worst = max(worst, _distance(score.value, case.value))
            if not case.agrees(score.value):
                raise FailedError(f"{case.specimen.name}: {case.value:.9g} in float32, {score.value:.9g} in float64")
        return f"largest relative difference {worst:.1e}"

    def device(self) -> str:
        others = [name for name in devices.available() if name != devices.CPU]
        if not others:
            raise SkippedError("no GPU")
        for case in self.need_cases():
            score = self.score(case.specimen.make(), case.specimen.batch, device=others[0])
            if score.value is None or not case.agrees(score.value):
                found = f"{float(score):.9g} on {others[0]} {score.detail}".rstrip()
                raise FailedError(f"{case.specimen.name}: {case.value:.9g} on the CPU, {found}")
        return f"equal on {len(self.cases)} networks"

    def odd(self) -> str:
        statuses = []
        for name, model, batch in oddities():
            before = _state(model)
            score = self.score(model, batch)
            if score.status is Status.FAILED:
                raise FailedError(f"{name}: {score.detail}")
            if differs(before, _state(model)):
                raise FailedError(f"{name}: the network was changed")
            statuses.append(score.status)
        counts = {status: statuses.count(status) for status in dict.fromkeys(statuses)}
        return ", ".join(f"{count} {status}" for status, count in counts.items())


# -- inputs of the comparisons -----------------------------------------------------------------


def _distance(a: float, b: float) -> float:
    return abs(a - b) / max(abs(a), abs(b), 1e-12)


def _jiggled(specimen: Specimen, seed: int) -> tuple[nn.Module, Batch]:
    """Return the network and its batch, with a random relative change of at most :data:`_JIGGLE` in every number."""
    generator = torch.Generator().manual_seed(seed)

    def moved(tensor: Tensor) -> Tensor:
        if not tensor.is_floating_point():
            return tensor
        return tensor * (1 + _JIGGLE * (2 * torch.rand(tensor.shape, generator=generator, dtype=tensor.dtype) - 1))

    model = specimen.make()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.copy_(moved(parameter))
    return model, Batch(specimen.batch.map(moved), specimen.batch.targets)


def _mislabelled(batch: Batch) -> Batch:
    """Return the same inputs with the targets of the first two samples exchanged."""
    assert batch.targets is not None
    order = torch.arange(len(batch))
    order[:2] = order[:2].flip(0)
    return Batch(batch.inputs, batch.targets[order])


def _equivalents(name: str, specimen: Specimen) -> Iterator[tuple[nn.Module, Batch]]:
    """Yield networks and batches on which a score with this invariance is the same."""
    batch, generator = specimen.batch, torch.Generator().manual_seed(3)
    assert batch.targets is not None
    if name == "sample-order":
        order = torch.arange(len(batch)).flip(0)
        yield specimen.make(), Batch(batch.map(lambda t: t[order]), batch.targets[order])
    elif name == "class-names":
        classes = int(batch.targets.max()) + 1
        yield specimen.make(), Batch(batch.inputs, torch.randperm(classes, generator=generator)[batch.targets])
    elif name == "data":

        def other(tensor: Tensor) -> Tensor:
            if tensor.is_floating_point():
                return torch.randn(tensor.shape, generator=generator)
            return tensor.flip(0)

        yield specimen.make(), Batch(batch.map(other), batch.targets.flip(0))
    elif name == "weight-scale":
        if _scale_before_batch_norm(model := specimen.make()):
            yield model, batch
    else:
        raise InvalidInputError(f"unknown invariance {name!r}.")


def _scale_before_batch_norm(model: nn.Module) -> int:
    """Scale the weights of every convolution directly before a batch norm, and return their number."""
    scaled = 0
    with torch.no_grad():
        for sequence in model.modules():
            if isinstance(sequence, nn.Sequential):
                for first, second in zip(sequence, list(sequence)[1:], strict=False):
                    if isinstance(first, nn.Conv2d) and isinstance(second, nn.BatchNorm2d):
                        scaled += 1
                        for parameter in first.parameters():
                            parameter.mul_(4.0)
                        second.eps *= 16.0  # it is added to the variance
    return scaled


def _state(model: nn.Module) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, tensor in (*model.named_parameters(), *model.named_buffers()):
        gradient = None if tensor.grad is None else tensor.grad.detach().clone()
        found[name] = (tensor.detach().clone(), tensor.requires_grad, id(tensor), gradient)
    for name, module in model.named_modules():
        tables = [key for key in vars(module) if key.endswith("_hooks")]
        hooks = tuple((key, tuple(vars(module)[key])) for key in sorted(tables))
        found[f"{name}()"] = (module.training, type(module), hooks, sorted(vars(module)), "forward" in vars(module))
    return found
