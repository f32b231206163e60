"""The contracts of extensions of the probe: signals, and rules for per-sample gradients."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._pytree import tree_leaves

from zcbench.errors import NonFiniteError, UnsupportedModelError
from zcbench.probe import Probe, list_signals, signal_info
from zcbench.probe.per_sample.rules import replayed, rule_of
from zcbench.testing._report import FailedError, Report, SkippedError, run_checks
from zcbench.testing._world import differs, world
from zcbench.testing._zoo import Specimen, specimens

#: signals that share a pass with others
_COMPANY = ("gradients", "relu_codes", "output_gradients")


def check_signal(name: str, *, seed: int = 0) -> Report:
    """Run all checks on a registered signal, built in or user-defined.

    Args:
        name: its name.
        seed: seed of the probes.

    Returns:
        A :class:`Report`. ``report.ok`` is also False if no network has the signal.

    Raises:
        UnknownNameError: the signal does not exist.
    """
    signal_info(name)
    checker = _Signal(name, seed)
    return run_checks(
        name,
        {
            "declaration": checker.declaration,
            "computed": checker.had,
            "unchanged": checker.untouched,
            "same seed, same signal": checker.deterministic,
            "other signals": checker.company,
            "graph": checker.graph,
        },
    )


class _Signal:
    def __init__(self, name: str, seed: int) -> None:
        self.info, self.seed = signal_info(name), seed
        self.cases: list[Specimen] = []

    def open(self, specimen: Specimen, *wanted: str) -> Probe:
        return Probe(specimen.make(), specimen.batch, seed=self.seed, wanted=frozenset(wanted))

    def each(self) -> Iterator[Specimen]:
        if not self.cases:
            raise SkippedError("no network has it")
        yield from self.cases

    def declaration(self) -> str:
        if not self.info.summary:
            raise FailedError("its function has no docstring: lists show its first line")
        watched = "recorded during a pass" if self.info.watcher else "computed"
        return f"{watched}, {'with' if self.info.graph else 'without'} the graph of the main pass"

    def had(self) -> str:
        silent = []
        for specimen in specimens():
            with self.open(specimen) as probe:
                try:
                    first = probe.signal(self.info.name)
                except (UnsupportedModelError, NonFiniteError) as reason:
                    silent.append(f"{specimen.name}: {reason}")
                    continue
                if probe.signal(self.info.name) is not first:
                    raise FailedError(f"{specimen.name}: a second read returns another object")
            self.cases.append(specimen)
        if not self.cases:
            raise FailedError(f"on no network; {'; '.join(silent)}")
        return f"on {len(self.cases)} of {len(self.cases) + len(silent)} networks"

    def untouched(self) -> str:
        for specimen in self.each():
            around = world()
            with self.open(specimen) as probe:
                with probe.stopwatch():
                    probe.signal(self.info.name)
                changes = probe.put_back()
            if changes:
                raise FailedError(f"{specimen.name}: it changes {', '.join(changes)}")
            if differs(around, world()):
                raise FailedError(f"{specimen.name}: random states or global flags were changed")
        return f"nothing is changed on {len(self.cases)} networks"

    def value(self, specimen: Specimen, wanted: tuple[str, ...] = (), before: tuple[str, ...] = ()) -> list[Any]:
        with self.open(specimen, *wanted) as probe:
            for other in before:
                try:
                    probe.signal(other)
                except (UnsupportedModelError, NonFiniteError):
                    continue
            return [
                x.detach().clone() if isinstance(x, Tensor) else x for x in tree_leaves(_plain(probe, self.info.name))
            ]

    def deterministic(self) -> str:
        for specimen in self.each():
            if not _same(self.value(specimen), self.value(specimen)):
                raise FailedError(f"{specimen.name}: the same seed gives another signal")
        return f"bit for bit on {len(self.cases)} networks"

    def company(self) -> str:
        for specimen in self.each():
            alone = self.value(specimen)
            wanted = (self.info.name, *_COMPANY)
            for before in ((), _COMPANY):
                if not _same(alone, self.value(specimen, wanted, before)):
                    raise FailedError(f"{specimen.name}: it differs in a pass that other signals share")
        return "the same alone and in a pass that others share, before and after them"

    def graph(self) -> str:
        needed = {name for name in list_signals() if signal_info(name).graph}
        for specimen in self.each():
            with self.open(specimen) as probe, probe.stopwatch():
                probe.signal(self.info.name)
                used = probe._measured[self.info.name].parts & needed - {self.info.name}
            if used and not self.info.graph:
                raise FailedError(
                    f"{specimen.name}: it requests {min(used)}, which needs the graph: declare graph=True"
                )
        return "as declared"


def _plain(probe: Probe, name: str) -> Any:
    """Return a signal as nested containers of tensors and numbers."""

    def opened(part: Any) -> Any:
        if isinstance(part, (Tensor, int, float, str, bool, type(None))):
            return part
        if isinstance(part, dict):
            return {key: opened(one) for key, one in part.items()}
        if isinstance(part, (list, tuple)):
            return [opened(one) for one in part]
        return (
            {key: opened(one) for key, one in vars(part).items() if key != "edge"} if hasattr(part, "__dict__") else 0
        )

    return opened(probe.signal(name))


def _same(a: list[Any], b: list[Any]) -> bool:
    return len(a) == len(b) and all(
        torch.equal(x, y) if isinstance(x, Tensor) and isinstance(y, Tensor) else bool(x == y)
        for x, y in zip(a, b, strict=True)
    )


# -- rules for per-sample gradients ------------------------------------------------------------


def check_per_sample_rule(make: Callable[[], nn.Module], inputs: Tensor) -> Report:
    """Run all checks on the per-sample rule of a kind of layer.

    Args:
        make: builds such a layer with new initial weights.
        inputs: the input of the layer, at least three samples ``(samples, …)``.

    Returns:
        A :class:`Report`.
    """
    checker = _Rule(make, inputs)
    return run_checks(
        type(make()).__name__,
        {
            "a rule": checker.rule,
            "per-sample gradients": checker.gradients,
            "parts of the batch": checker.parts,
            "unchanged": checker.untouched,
        },
    )


class _Rule:
    def __init__(self, make: Callable[[], nn.Module], inputs: Tensor) -> None:
        torch.manual_seed(0)
        self.layer, self.x = make(), inputs
        generator = torch.Generator().manual_seed(0)
        self.gradient = torch.randn(self.layer(inputs).shape, generator=generator).to(inputs.device)

    def found(self, rows: slice = slice(None)) -> dict[str, Tensor]:
        rule = rule_of(self.layer)
        if rule is None:
            raise SkippedError("there is no rule")
        with torch.no_grad():
            return {name: part.clone() for name, part in rule(self.layer, self.x[rows], self.gradient[rows])}

    def rule(self) -> str:
        found = rule_of(self.layer)
        if found is None:
            raise FailedError("there is no rule: write @zcbench.per_sample_rule(…) above one")
        return (
            "the general one, which runs the layer again"
            if found is replayed
            else f"the specific rule {found.__name__}"
        )

    def gradients(self) -> str:
        found = self.found()
        own = {name: p for name, p in self.layer.named_parameters(recurse=False) if p.requires_grad}
        if missing := sorted(own.keys() - found.keys()):
            raise FailedError(f"it returns no gradient of the parameter {missing[0]!r}")
        for row in range(len(self.x)):
            output = self.layer(self.x[row : row + 1])
            expected = torch.autograd.grad(output, list(own.values()), self.gradient[row : row + 1], allow_unused=True)
            for (name, parameter), gradient in zip(own.items(), expected, strict=True):
                wanted = torch.zeros_like(parameter) if gradient is None else gradient.to_dense()
                given = found[name][row] if len(found[name]) == len(self.x) else found[name]
                if given.shape != wanted.shape:
                    raise FailedError(f"{name}: shape {tuple(found[name].shape)} for {len(self.x)} samples")
                if not torch.allclose(given, wanted, rtol=1e-3, atol=1e-5 * float(wanted.abs().max()) + 1e-7):
                    raise FailedError(f"{name}, sample {row}: differs from autograd's gradient of this sample alone")
        return f"equal to autograd's for each of {len(self.x)} samples alone"

    def parts(self) -> str:
        whole = self.found()
        for rows in (slice(0, 1), slice(1, None)):
            for name, part in self.found(rows).items():
                if not torch.allclose(part, whole[name][rows], rtol=1e-4, atol=1e-6):
                    raise FailedError(f"{name}: gradients of some samples differ from those of the whole batch")
        return "the same in parts"

    def untouched(self) -> str:
        before = {name: tensor.clone() for name, tensor in self.layer.state_dict().items()}
        x, gradient = self.x.clone(), self.gradient.clone()
        self.found()
        after = self.layer.state_dict()
        if not all(torch.equal(before[name], after[name]) for name in before):
            raise FailedError("it changes the layer")
        if not (torch.equal(x, self.x) and torch.equal(gradient, self.gradient)):
            raise FailedError("it changes its input")
        return "layer, input and gradient"
