"""Score several networks on one batch; each outcome is a value or a reason."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

from torch import nn

from zcbench import _arguments as rules
from zcbench import devices
from zcbench._foreign import Foreign, users_signals
from zcbench._imports import import_file
from zcbench._process import stable_seed
from zcbench._training import reinitialize
from zcbench._workers import Begin, check_timeout, in_parallel
from zcbench.comparison._comparison import Comparison, Facts
from zcbench.comparison._data import Data, OfBatch, data_of
from zcbench.comparison._fitting import (
    fitting_inputs,
    fitting_targets,
    output_choice,
    output_shape,
    shapes_of,
)
from zcbench.comparison._kind import kinds_of
from zcbench.comparison._models import Given, Source, source_of
from zcbench.errors import InvalidInputError, ZcbenchError
from zcbench.probe._snapshot import untouched
from zcbench.probe._world import RandomStates
from zcbench.proxies import asked_for, resolve
from zcbench.proxies._register import DOMAINS
from zcbench.proxies._score import score_with
from zcbench.types import Batch, OutputChoice, Score, Status

#: name of the task part that gives the facts of a network, next to the proxies
FACTS = "(network)"
#: name of the task part that recognises the kind of a network, which takes a pass
KIND = "(kind)"
#: called with the number of finished scores, the number of all, and the latest
Progress = Callable[[int, int, object], object]
#: texts, or texts and objects by name
Models = Sequence[str] | Mapping[str, Any]


def compare(
    models: Models,
    data: Any = None,
    proxies: str | Iterable[str] | None = None,
    *,
    input_shape: Sequence[int] | None = None,
    classes: int | None = None,
    batch_size: int | None = None,
    length: int | None = None,
    seed: int = 0,
    seeds: int = 1,
    output: Any = None,
    kinds: str | Sequence[str] | None = None,
    timeout: float | None = None,
    imports: Sequence[str] = (),
    progress: Progress | None = None,
) -> Comparison:
    """Score several networks on the same samples, rank them by every proxy, and say which proxy to believe.

    Args:
        models: texts such as "my.py:small", "hf:config.json" or "timm:resnet10t"; or, by name, such texts, networks
            (``nn.Module``) or functions that build one.
        data: a ``Batch``, (inputs, targets), the name of a registered batch ("cifar10"), the path of a ``.npz`` file
            or "file.py:function". Default: random samples.
        proxies: names or patterns; default "standard".
        input_shape: of one random sample, (3, 32, 32).
        classes: number of classes; default those of the data, else the width of the output.
        batch_size: number of samples; default 16, or all that a function or the caller gives.
        length: words of a random text; default 64, or what the network reads at most.
        seed: decides weights and samples.
        seeds: number of initialisations; each has its own weights and samples, from the seeds seed, seed + 1, ….
            A network that is given as an object keeps its weights for the first, and gets new ones after.
        output: which part of what the networks return counts, as for :func:`zcbench.score`.
        kinds: "convolutional", "transformer" or "recurrent", for the choice of published benchmarks; default what each
            network is recognised as.
        timeout: seconds for each network and each score, in a worker process; models have to be texts then.
        imports: Python files that register further proxies.
        progress: called with (finished scores, all scores, the latest).

    Returns:
        A :class:`Comparison`. A network that cannot be built or called has a reason and no scores.

    Raises:
        InvalidInputError: no network can be scored, or an argument is out of range.
        UnknownNameError: a proxy or batch does not exist.
        DataMissingError: the samples are not on this machine.

    Example:
        >>> import torch, zcbench
        >>> nets = {"narrow": lambda: torch.nn.Linear(4, 3), "wide": lambda: torch.nn.Linear(4, 30)}
        >>> found = zcbench.compare(nets, (torch.randn(8, 4), torch.randint(3, (8,))), ["params"])
        >>> found.ranks("params")
        (2, 1)
    """
    seed = rules.seed("the seed", seed)
    seeds = rules.whole("the number of seeds", seeds, 1, 1000)
    if classes is not None:
        rules.whole("the number of classes", classes, 1, 2**31)
    check_timeout(timeout)
    devices.check()
    for path in imports:
        import_file(path)
    asked = asked_for(proxies)
    named = _named(models)
    samples = _data(data, input_shape, batch_size, length)
    for source in named.values():
        source.check()
    samples.check()
    labels = tuple(dict.fromkeys(info.label for info in asked.values()))
    work = Scoring(named, samples, classes, output, tuple(imports), _kinds(kinds), seed)
    numbers = range(seed, seed + seeds)
    asks_kind = len(named) > 1 and not work.kinds
    tasks = [
        (f"{number} {name}", (FACTS, *labels, *([KIND] if asks_kind and number == seed else [])))
        for name in named
        for number in numbers
    ]
    facts: dict[str, Facts] = {}
    recognised: dict[str, tuple[str, ...]] = {}
    scores: dict[tuple[str, str, int], Score] = {}
    with users_signals(), _kept():
        for key, part, found in _results(work, tasks, timeout):
            number, _, name = key.partition(" ")
            if part == FACTS:
                facts[name] = _joined(facts.get(name), found, name)
            elif part == KIND:
                recognised[name] = found if isinstance(found, tuple) else ()
            else:
                scores[name, part, int(number)] = found
                if progress is not None and not facts[name].error:
                    progress(len(scores), len(tasks) * len(labels), found)
    if all(one.error and not one.lost for one in facts.values()):
        raise InvalidInputError(next(one.error for one in facts.values()))
    rows = {name: {label: tuple(scores[name, label, n] for n in numbers) for label in labels} for name in named}
    found_of = tuple(replace(facts[name], kinds=work.kinds or recognised.get(name, ())) for name in named)
    return Comparison(found_of, rows, dict(asked), samples.text, tuple(numbers))


@dataclass(frozen=True)
class Scoring:
    """The work on a network: it is built, called and scored, here or in a worker process.

    Attributes:
        sources: where the networks come from, by name.
        data: where the samples come from.
        classes: number of classes that was chosen; None for that of the samples or networks.
        output: which part of what the networks return counts: as for :func:`zcbench.score`, or a text that
            :func:`output_choice` reads.
        imports: Python files that register further proxies.
        kinds: of the networks; empty for what each is recognised as.
        first: seed for which networks that are objects keep their weights.
    """

    sources: Mapping[str, Source]
    data: Data
    classes: int | None
    output: Any
    imports: tuple[str, ...] = ()
    kinds: tuple[str, ...] = ()
    first: int = 0

    def prepare(self) -> None:
        """Import what registers further proxies."""
        for path in self.imports:
            import_file(path)

    def lost(self, status: Status, reason: str, seconds: float) -> Score:
        """Return the score of a proxy whose worker died, or was stopped."""
        return Score(None, status, seconds, reason)

    def results(self, key: str, parts: Sequence[str], begin: Begin = str) -> Iterator[tuple[str, Any]]:
        """Yield (proxy, score) as soon as each score exists; before them the facts of the network."""
        number, _, name = key.partition(" ")
        labels = [part for part in parts if part not in (FACTS, KIND)]
        begin("")
        try:
            made = self._made(name, int(number))
        except ZcbenchError as error:
            if FACTS in parts:
                yield FACTS, Facts(name, error=str(error))
            yield from ((label, Score(None, Status.FAILED, 0.0, str(error))) for label in labels)
            if KIND in parts:
                yield KIND, ()
            return
        if FACTS in parts:
            yield FACTS, made.facts
        if labels:
            yield from self._scores(made, int(number), labels, begin)
        if KIND in parts:
            begin(KIND)
            yield KIND, kinds_of(made.model, made.batch, made.output)

    def _scores(self, made: _Made, seed: int, labels: list[str], begin: Begin) -> Iterator[tuple[str, Score]]:
        with untouched(made.model):
            if made.redraw is not None:
                with Foreign() as call:
                    reinitialize(made.model, made.redraw)
                if call.kind is not None:
                    reason = f"no new weights could be drawn: {call.said}"
                    yield from ((label, Score(None, Status.UNSUPPORTED, 0.0, reason)) for label in labels)
                    return
            infos, output = resolve(labels), made.output
            for info, score in score_with(infos, made.model, made.batch, seed=seed, output=output, begin=begin):
                yield info.label, score

    def _made(self, name: str, seed: int) -> _Made:
        source, choice = self.sources[name], output_choice(self.output)
        takes = source.takes()
        samples = self.data.samples(seed, takes)
        model = source.build(seed, self.classes or samples.classes)
        ready = seed != self.first and isinstance(source.factory(None), nn.Module)
        redraw = stable_seed(seed, "weights") if ready else None
        inputs = fitting_inputs(source.text, self.data.text, takes, samples.batch.inputs)
        batch = Batch(inputs, samples.batch.targets, samples.batch.provenance)
        shape = output_shape(source.text, model, batch, choice)
        batch, notes = fitting_targets(source.text, self.data.text, batch, shape, samples, self.classes, seed)
        trainable = sum(p.numel() for p in model.parameters() if p.requires_grad)
        facts = Facts(
            name,
            parameters=trainable,
            inputs=shapes_of(batch),
            texts=takes.words or any(not one.is_floating_point() for one in batch.tensors()),
            samples=len(batch),
            provenance=batch.provenance,
            notes=tuple(filter(None, (source.note(), *notes))),
        )
        return _Made(model, batch, choice, facts, redraw)


@dataclass(frozen=True)
class _Made:
    """A network and what it is scored on."""

    model: nn.Module
    batch: Batch
    output: OutputChoice | None
    facts: Facts
    redraw: int | None


def _named(models: Models) -> dict[str, Source]:
    """Return sources by name, in order; InvalidInputError for a text that is repeated."""
    if isinstance(models, str) or not isinstance(models, (Mapping, Sequence)) or not models:
        raise InvalidInputError("give the models as a list of texts such as my.py:net, or as a mapping of names.")
    if isinstance(models, Mapping):
        return {str(name): _source(str(name), thing) for name, thing in models.items()}
    found: dict[str, Source] = {}
    for text in models:
        if not isinstance(text, str):
            raise InvalidInputError(f"the model {rules.shown(text)} has no name: give models as a mapping of names.")
        if text in found:
            raise InvalidInputError(f"the model {text} is given twice: name each once.")
        found[text] = source_of(text)
    return found


def _source(name: str, thing: Any) -> Source:
    if isinstance(thing, str):
        return source_of(thing)
    if not callable(thing):
        raise InvalidInputError(f"the model {name} is {rules.shown(thing)}: give a network or a function.")
    return Given(name, thing)


def _data(data: Any, shape: Sequence[int] | None, size: int | None, length: int | None) -> Data:
    given = None if shape is None else tuple(shape)
    if data is None or isinstance(data, str):
        return data_of(data, given, size, length)
    if given is not None or length is not None:
        raise InvalidInputError("the size of random samples was given together with samples: choose one.")
    return OfBatch(data, size)


def _kinds(kinds: str | Sequence[str] | None) -> tuple[str, ...]:
    found = rules.as_tuple(kinds) if kinds is not None else ()
    for one in found:
        rules.choice("kind of networks", DOMAINS[1:])("the kind", one)
    return tuple(found)


def _results(
    work: Scoring, tasks: list[tuple[str, tuple[str, ...]]], timeout: float | None
) -> Iterator[tuple[str, str, Any]]:
    if timeout is None:
        for key, parts in tasks:
            yield from ((key, part, found) for part, found in work.results(key, parts))
        return
    if any(isinstance(source, Given) for source in work.sources.values()) or isinstance(work.data, OfBatch):
        raise InvalidInputError("a timeout needs worker processes, which get texts: name models and samples by texts.")
    yield from in_parallel(work, tasks, 1, timeout)


def _joined(before: Facts | None, found: Facts | Score, name: str) -> Facts:
    """Return the facts of a network after one more seed."""
    if isinstance(found, Score):  # its worker died or was stopped
        found = Facts(name, error=found.detail, lost=True)
    if before is None or (found.error and not before.error):
        return found
    return before


@contextmanager
def _kept() -> Iterator[None]:
    """Restore global random numbers after the block."""
    states = RandomStates()
    try:
        yield
    finally:
        states.restore()
