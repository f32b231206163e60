"""Score one architecture: build its network, draw its weights, ask every proxy."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence

from zcbench._process import stable_seed
from zcbench.errors import UnsupportedModelError, first_line
from zcbench.proxies._register import get_proxy
from zcbench.proxies._score import score_with
from zcbench.types import Architecture, Batch, Score, SearchSpace, Status


def score_architecture(
    space: Callable[[], SearchSpace],
    architecture: Architecture,
    proxies: Sequence[str],
    batch: Batch,
    *,
    classes: int = 10,
    seed: int = 0,
    training_data: Batch | None = None,
) -> Iterator[tuple[str, Score]]:
    """Yield (proxy, score) for one architecture as soon as each score exists. Whatever goes wrong is a score.

    Args:
        space: gives the search space.
        architecture: one of its architectures. Weights and random numbers follow from it and the seed alone.
        proxies: labels.
        batch: what the network sees.
        classes: number of its outputs.
        seed: decides the initial weights.
        training_data: what proxies with "epochs" or "steps" train on; default the batch.
    """
    import torch

    first = stable_seed("network", architecture.space, architecture.key, seed)
    try:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(first)
            network = space().build(architecture, num_classes=classes)
    except Exception as error:
        yield from _without(proxies, "the network cannot be built", error)
        return
    left = {name: get_proxy(name) for name in proxies}
    try:
        for info, score in score_with(list(left.values()), network, batch, seed=first, training_data=training_data):
            del left[info.label]
            yield info.label, score
    except Exception as error:  # no network, or one that cannot be left as it was found
        yield from _without(left, "the network cannot be measured", error)


def _without(proxies: Iterable[str], what: str, error: Exception) -> Iterator[tuple[str, Score]]:
    status = Status.UNSUPPORTED if isinstance(error, UnsupportedModelError) else Status.FAILED
    reason = f"{what}: {first_line(error)}"
    yield from ((name, Score(None, status, 0.0, reason)) for name in proxies)
