"""The contract of supernets: named checks on a supernet and a batch of its inputs."""

from __future__ import annotations

import copy
import functools
import math
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from zcbench.errors import InvalidInputError, first_line
from zcbench.probe.calling import as_tensor, invoke
from zcbench.supernets import Training, WeightSharing
from zcbench.testing._kept import as_it_was, cast, numbers, parts, rows, same, spoil, state
from zcbench.testing._report import FailedError, Report, SkippedError, run_checks
from zcbench.testing._world import differs, world
from zcbench.types import Architecture, Supernet

#: number of drawn architectures; number of those searched for two strings of one network
_DRAWN, _LOOKED = 4, 200
#: number of steps of one training
_STEPS = 6


def check_supernet(supernet: Supernet, inputs: Any, targets: Tensor | None = None, *, seed: int = 0) -> Report:
    """Run all checks on a supernet, built in or user-defined; it is restored afterwards.

    Args:
        supernet: an object with the protocol :class:`zcbench.supernets.Supernet`: ``space`` and ``subnet``.
            ``activate`` and ``evaluate`` are checked if they exist.
        inputs: a batch of at least two samples: a tensor, a tuple of positional or a mapping of keyword arguments.
        targets: classes ``(batch,)``, to train with; without them some are drawn.
        seed: seed of the drawn architectures.

    Returns:
        A :class:`Report`. A check is skipped if the supernet lacks the checked method. Trainings are checked for a
        :class:`zcbench.supernets.WeightSharing`.

    Raises:
        InvalidInputError: it does not have this protocol, or the inputs are fewer than two samples.
    """
    if not isinstance(supernet, Supernet):
        raise InvalidInputError(
            f"a {type(supernet).__name__} is not a supernet: it needs a space and subnet(architecture)."
        )
    checker = _Checker(supernet, inputs, targets, seed)
    name = f"{type(supernet).__name__} of {supernet.space.name}"
    with as_it_was(supernet):
        return run_checks(name, checker.checks())


class _Checker:
    def __init__(self, supernet: Supernet, inputs: Any, targets: Tensor | None, seed: int) -> None:
        self.supernet, self.inputs, self.targets, self.seed = supernet, inputs, targets, seed
        tensors = [part for part in parts(inputs) if isinstance(part, Tensor) and part.ndim]
        if not tensors or len(tensors[0]) < 2:
            raise InvalidInputError("give a batch of at least two samples.")
        self.samples = len(tensors[0])
        self.rng = np.random.default_rng(seed)

    def checks(self) -> dict[str, Callable[[], str]]:
        """Return the checks by name, in the order in which they run."""
        return {
            "subnets": self.subnets,
            "same subnet": self.same_subnet,
            "independent samples": self.company,
            "separate weights": self.own_weights,
            "follow the supernet": self.follow,
            "no side effects": self.no_trace,
            "global random numbers": self.untouched,
            "other architectures": self.others_refused,
            "equal networks": self.equal_networks,
            "subnet equals active": self.active_equal,
            "gradients": self.gradients,
            "active weights are trained": self.trained,
            "evaluate": self.evaluate,
            "same seed, same training": self.training,
            "resume": self.resume,
        }

    # -- helpers -------------------------------------------------------------------------------

    @functools.cached_property
    def drawn(self) -> list[Architecture]:
        """The drawn architectures, after its largest and smallest."""
        ends = [getattr(self.supernet, name, None) for name in ("largest", "smallest")]
        found = [one for one in ends if isinstance(one, Architecture)]
        for _ in range(20 * _DRAWN):
            if len(found) < _DRAWN + 2 and (one := self.supernet.space.sample(self.rng)) not in found:
                found.append(one)
        return found

    def output(self, network: nn.Module, inputs: Any = None) -> Tensor:
        """Return the output of a network."""
        with torch.no_grad():
            return as_tensor(invoke(network, self.inputs if inputs is None else inputs)).clone()

    def of_subnet(self, architecture: Architecture) -> Tensor:
        """Return the output of a new subnet."""
        return self.output(self.supernet.subnet(architecture))

    @property
    def module(self) -> Any:
        """The supernet, if it is a module that can be activated."""
        if not callable(getattr(self.supernet, "activate", None)):
            raise SkippedError("it has no activate(architecture)")
        if not isinstance(self.supernet, nn.Module):
            raise SkippedError("it is not a module, so it cannot compute as its active subnet")
        return self.supernet

    def of_active(self, architecture: Architecture) -> Tensor:
        """Return the output of the supernet as a subnet, in evaluation mode."""
        module = self.module
        module.eval()
        module.activate(architecture)
        return self.output(module)

    def tolerance(self, network: nn.Module, out: Tensor) -> float:
        """Return eight times the rounding error: the difference of the network from itself in double precision."""
        eps = torch.finfo(out.dtype).eps
        try:
            exact = self.output(copy.deepcopy(network).double(), cast(self.inputs, torch.float64))
            error = float((exact - out).abs().max())
        except Exception:  # a user-defined network may support one precision only
            error = 100 * eps * float(out.abs().max())
        return 8 * max(error, eps * float(out.abs().max()))

    # -- subnets -------------------------------------------------------------------------------

    def subnets(self) -> str:
        outputs = []
        for one in self.drawn:
            network = self.supernet.subnet(one)
            if not isinstance(network, nn.Module):
                raise FailedError(f"subnet returns a {type(network).__name__}, which is not a module")
            if any(part.training for part in network.modules()):
                raise FailedError(f"the subnet {one} is in training mode: return it in evaluation mode")
            outputs.append(self.output(network))
            if not torch.isfinite(outputs[-1]).all():
                raise FailedError(f"the output of the subnet {one} is not finite")
        if len(self.drawn) > 1 and all(same(out, outputs[0]) for out in outputs):
            raise FailedError(f"{len(outputs)} architectures all have the same output")
        return f"{len(outputs)} architectures"

    def same_subnet(self) -> str:
        for one in self.drawn:
            if not same(self.of_subnet(one), self.of_subnet(one)):
                raise FailedError(f"two subnets of {one} have different outputs")
        return "bit for bit"

    def company(self) -> str:
        if self.samples < 3:
            raise SkippedError("it needs at least three samples")
        for one in self.drawn:
            network = self.supernet.subnet(one)
            out = self.output(network)
            if len(out) != self.samples:
                raise SkippedError("the first dimension of the outputs is not the number of samples")
            less = self.output(network, rows(self.inputs, self.samples, 2))
            if float((less - out[:2]).abs().max()) > self.tolerance(network, out):
                raise FailedError(f"outputs of the subnet {one} depend on the other samples of a batch: calibrate it")
        return "outputs of two samples alone"

    def own_weights(self) -> str:
        first, second = self.drawn[0], self.drawn[-1]
        before = self.of_subnet(first), self.of_subnet(second)
        for one in (first, second):
            spoil([*(network := self.supernet.subnet(one)).parameters(), *network.buffers()])
            if not (same(self.of_subnet(first), before[0]) and same(self.of_subnet(second), before[1])):
                raise FailedError("a change of one subnet's weights changes others: give each copies")
        return "a change of one subnet changes no other"

    def follow(self) -> str:
        if not isinstance(self.supernet, nn.Module) or not list(self.supernet.parameters()):
            raise SkippedError("it is not a module with parameters")
        networks = [self.supernet.subnet(one) for one in self.drawn]
        before = [self.output(network) for network in networks]
        with as_it_was(self.supernet):
            with torch.no_grad():
                for value in self.supernet.parameters():
                    if value.is_floating_point():
                        value.mul_(1.5).add_(0.01)
            for one, network, out in zip(self.drawn, networks, before, strict=True):
                if not same(self.output(network), out):
                    raise FailedError(f"the subnet {one} changes with the supernet: give it copies")
                if same(self.of_subnet(one), out):
                    raise FailedError(f"new weights of the supernet do not reach a new subnet {one}")
        return "new subnets have the new weights, earlier ones keep theirs"

    # -- side effects --------------------------------------------------------------------------

    def no_trace(self) -> str:
        first, *rest = self.drawn
        before, states = self.of_subnet(first), state(self.supernet)
        active = self.of_active(first) if self._can_activate else None
        for other in rest:
            self.of_subnet(other)
            if active is not None:
                self.of_active(other)
            if not same(self.of_subnet(first), before):
                raise FailedError(f"the output of the subnet {first} changes after {other} was created")
            if active is not None and not same(self.of_active(first), active):
                raise FailedError(f"as {first} the supernet has another output after it was {other}")
        modes = states.pop("modes")
        after = state(self.supernet)
        if self._can_activate:  # of_active chose the mode
            after.pop("modes")
        elif after.pop("modes") != modes:
            raise FailedError("creating subnets changes the supernet's training mode")
        for name, value in states.items():
            if differs(value, after.get(name)):
                raise FailedError(f"creating subnets changes the supernet's {name}")
        return f"with {len(rest)} other subnets; weights, buffers and momenta are unchanged"

    @property
    def _can_activate(self) -> bool:
        return isinstance(self.supernet, nn.Module) and callable(getattr(self.supernet, "activate", None))

    def untouched(self) -> str:
        before = world()
        self.of_subnet(self.drawn[-1])
        if self._can_activate:
            self.of_active(self.drawn[0])
        if differs(before, world()):
            raise FailedError("global random states of Python, numpy or torch, or flags, were changed")
        return "global states are unchanged"

    # -- architectures -------------------------------------------------------------------------

    def others_refused(self) -> str:
        key = self.drawn[0].key
        wrong = (Architecture("of another space", key), Architecture(self.supernet.space.name, "\x00 no architecture"))
        active = self.of_active(self.drawn[0]) if self._can_activate else None
        uses = [(name, getattr(self.supernet, name, None)) for name in ("subnet", "activate", "evaluate")]
        for one in wrong:
            for name, use in uses:
                if not callable(use):
                    continue
                try:
                    use(one)
                except (ValueError, LookupError, TypeError):
                    continue
                raise FailedError(f"{name} accepts {one!r}, which is not an architecture of its space")
        if active is not None and not same(self.output(self.module), active):
            raise FailedError("an architecture that it refuses changes its output")
        return "are refused"

    def equal_networks(self) -> str:
        space = self.supernet.space
        for _ in range(_LOOKED):
            one = space.sample(self.rng)
            if (usual := space.canonical(one)) != one:
                if not same(self.of_subnet(one), self.of_subnet(usual)):
                    raise FailedError(f"{one} and {usual} are one network of the space, but their subnets differ")
                return f"{one.key} and {usual.key}"
        raise SkippedError(f"all of {_LOOKED} architectures are in their standard form")

    # -- as a module ---------------------------------------------------------------------------

    def active_equal(self) -> str:
        worst = 0.0
        for one in self.drawn:
            network = self.supernet.subnet(one)
            alone, active = self.output(network), self.of_active(one)
            if alone.shape != active.shape:
                raise FailedError(
                    f"as {one} the supernet returns {tuple(active.shape)}, but its subnet {tuple(alone.shape)}"
                )
            if same(alone, active):
                continue
            apart, allowed = float((alone - active).abs().max()), self.tolerance(network, alone)
            if not apart <= allowed:
                raise FailedError(
                    f"the outputs of the subnet {one} and the supernet as {one} differ by {apart:.2g}, but rounding "
                    f"explains only {allowed:.1g}"
                )
            worst = max(worst, apart)
        return f"difference at most {worst:.1g}" if worst else "bit for bit"

    def gradients(self) -> str:
        """Compare the gradient with differences along random directions, in double precision."""
        module = self.module
        with as_it_was(module):
            try:
                module.double()
                inputs = cast(self.inputs, torch.float64)
                values = [value for value in module.parameters() if value.requires_grad]
                self._moved(values)
                module.train()
                for one in self.drawn:
                    module.activate(one)
                    self._directions(one, module, inputs, values)
            except (FailedError, SkippedError):
                raise
            except RuntimeError as error:
                raise SkippedError(f"it does not compute in double precision: {first_line(error)}") from None
        return f"those of {len(self.drawn)} subnets, compared with differences"

    def _moved(self, values: Sequence[Tensor]) -> None:
        """Move values away from kinks: a norm of constant zeros returns its bias, which is initially zero."""
        generator = torch.Generator().manual_seed(self.seed)
        with torch.no_grad():
            for value in values:
                value.add_(0.01 * torch.randn(value.shape, generator=generator, dtype=value.dtype).to(value.device))

    def _directions(self, one: Architecture, module: nn.Module, inputs: Any, values: list[nn.Parameter]) -> None:
        def loss() -> Tensor:
            with torch.random.fork_rng(devices=[]):
                torch.default_generator.manual_seed(0)  # for dropout
                out = as_tensor(invoke(module, inputs))
            return (out * torch.linspace(-1, 2, out.numel(), dtype=out.dtype, device=out.device).view(out.shape)).sum()

        module.zero_grad(set_to_none=True)
        now = loss()
        if not now.requires_grad:
            raise FailedError(f"as {one} it has no gradient: its parameters do not learn")
        now.backward()  # type: ignore[no-untyped-call]
        found = [torch.zeros_like(v) if v.grad is None else v.grad.clone() for v in values]
        generator = torch.Generator().manual_seed(self.seed)
        for _ in range(3):
            ways = [torch.randn(v.shape, generator=generator, dtype=v.dtype).to(v.device) for v in values]
            told = sum(float((gradient * way).sum()) for gradient, way in zip(found, ways, strict=True))
            if not math.isfinite(told):
                raise FailedError(f"as {one} its gradient is not finite")
            slopes = [self._slope(loss, values, ways, step) for step in (1e-6, 5e-7)]
            scale = sum(float((gradient * way).abs().sum()) for gradient, way in zip(found, ways, strict=True))
            kinks = abs(slopes[0] - slopes[1])  # caused by ReLUs between the points
            if abs(told - slopes[1]) > 10 * kinks + 1e-4 * scale:
                raise FailedError(
                    f"as {one} its gradient is {told:.6g} along a direction, but its outputs give {slopes[1]:.6g}: "
                    "gradients reach weights that it does not use, or do not reach all that it uses"
                )

    @staticmethod
    def _slope(loss: Callable[[], Tensor], values: Sequence[Tensor], ways: Sequence[Tensor], step: float) -> float:
        ends = []
        with torch.no_grad():
            kept = [value.clone() for value in values]
            for sign in (1, -1):
                for value, old, way in zip(values, kept, ways, strict=True):
                    value.copy_(old + sign * step * way)
                ends.append(float(loss()))
            for value, old in zip(values, kept, strict=True):
                value.copy_(old)
        return (ends[0] - ends[1]) / (2 * step)

    def trained(self) -> str:
        """Check that a step along one subnet's gradient changes this subnet and no weight that it does not use."""
        module = self.module
        sizes = {one: sum(value.numel() for value in self.supernet.subnet(one).parameters()) for one in self.drawn}
        small, total = min(self.drawn, key=sizes.__getitem__), sum(value.numel() for value in module.parameters())
        with as_it_was(module):
            before = self.of_subnet(small)
            module.train()
            module.activate(small)
            module.zero_grad(set_to_none=True)
            as_tensor(invoke(module, self.inputs)).square().mean().backward()  # type: ignore[no-untyped-call]
            moved = 0
            with torch.no_grad():
                for value in module.parameters():
                    if value.grad is not None:
                        moved += int((value.grad != 0).sum())
                        value.sub_(0.1 * value.grad)
                    elif value.is_floating_point():
                        value.fill_(math.nan)  # weights without gradient are not used
            after = self.of_subnet(small)
            if not moved or same(after, before):
                raise FailedError(f"a step along the gradient of {small} does not change its subnet")
            if not torch.isfinite(after).all():
                raise FailedError(f"the subnet {small} uses weights without gradient")
        if sizes[small] < max(sizes.values()) and moved == total:
            raise FailedError(f"all {total:,} weights have a gradient from {small}, which has {sizes[small]:,}")
        return f"{moved:,} of {total:,} weights learn as {small.key}"

    def evaluate(self) -> str:
        use: Any = getattr(self.supernet, "evaluate", None)
        if not callable(use):
            raise SkippedError("it has no evaluate(architecture)")
        try:
            first = numbers(use(self.drawn[0]))
        except InvalidInputError as error:
            raise SkippedError(str(error)) from None
        states, before = state(self.supernet), world()
        for one in self.drawn[1:]:
            if not all(map(math.isfinite, numbers(use(one)).values())):
                raise FailedError(f"evaluate({one}) is not finite")
        if numbers(use(self.drawn[0])) != first:
            raise FailedError(f"evaluate({self.drawn[0]}) returns another number after others were evaluated")
        if differs(states, state(self.supernet)) or differs(before, world()):
            raise FailedError("evaluate changes the supernet, or global random numbers")
        return ", ".join(first)

    # -- trainings -----------------------------------------------------------------------------

    def _trained(self, seed: int, until: int = _STEPS) -> Training:
        """Create a training from the current weights of the supernet."""
        net = self.supernet
        if not isinstance(net, WeightSharing):
            raise SkippedError("it is not a WeightSharing, and is trained elsewhere")
        targets = self.targets
        if targets is None:
            out = self.of_subnet(self.drawn[0])
            if out.ndim < 2 or len(out) != self.samples:
                raise SkippedError("its outputs are not logits of classes")
            targets = torch.arange(out[..., 0].numel(), device=out.device).view(out.shape[:-1]) % out.shape[-1]
        made = Training(
            net, self.inputs, targets, "single_path", steps=_STEPS, batch=max(2, self.samples // 2), seed=seed
        )
        for done in made.run() if until else ():
            if done == until:
                break
        return made

    def _weights(self) -> list[Tensor]:
        assert isinstance(self.supernet, nn.Module)
        return [value.detach().clone() for value in self.supernet.parameters()]

    def training(self) -> str:
        found = []
        for seed in (self.seed, self.seed, self.seed + 1):
            with as_it_was(self.supernet):
                self._trained(seed)
                found.append(self._weights())
        if not all(map(same, found[0], found[1])):
            raise FailedError("two trainings with one seed give different weights")
        if all(map(same, found[0], found[2])):
            raise FailedError("trainings with two seeds give the same weights")
        return f"{_STEPS} steps, bit for bit"

    def resume(self) -> str:
        with as_it_was(self.supernet):
            self._trained(self.seed)
            whole = self._weights()
        with tempfile.TemporaryDirectory() as folder:
            with as_it_was(self.supernet):
                self._trained(self.seed, _STEPS // 2).save(Path(folder, "half.safetensors"))
            with as_it_was(self.supernet):
                again = self._trained(self.seed, 0)
                spoil(list(again.supernet.parameters()))
                again.restore(Path(folder, "half.safetensors"))
                for _ in again.run():
                    pass
                if not all(map(same, whole, self._weights())):
                    raise FailedError(f"a training that is resumed after {_STEPS // 2} steps ends with other weights")
        return f"exact after {_STEPS // 2} of {_STEPS} steps"
