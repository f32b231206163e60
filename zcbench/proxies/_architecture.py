"""Score one architecture: build its network, initialise its weights and compute every proxy."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence

from zcbench._foreign import Foreign
from zcbench._process import stable_seed
from zcbench.errors import UnsupportedModelError
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
    begin: Callable[[str], object] = str,
) -> Iterator[tuple[str, Score]]:
    """Yield (proxy, score) for one architecture as soon as each score exists. Failures become scores without values.

    Args:
        space: a function that returns the search space.
        architecture: one architecture of the space. Its weights and random numbers depend only on it and on the seed.
        proxies: labels.
        batch: the input of the network.
        classes: number of outputs of the network.
        seed: seed of the initial weights.
        training_data: the data that proxies with "epochs" or "steps" train on; default: the batch.
        begin: called with "" before the network is built, and with a proxy's label whenever its computation starts.
    """
    import torch

    first = stable_seed("network", architecture.space, architecture.key, seed)
    begin("")
    with Foreign() as call, torch.random.fork_rng(devices=[]):
        torch.manual_seed(first)
        network = space().build(architecture, num_classes=classes)
    if call.kind is not None:
        yield from _without(proxies, "the network cannot be built", call)
        return
    left = {name: get_proxy(name) for name in proxies}
    found = score_with(list(left.values()), network, batch, seed=first, training_data=training_data, begin=begin)
    while True:
        # raised for an object that is no network, and for a network whose state cannot be restored
        with Foreign() as call:
            latest = next(found, None)
        if call.kind is not None:
            yield from _without(left, "the network cannot be measured", call)
            return
        if latest is None:
            return
        info, score = latest
        del left[info.label]
        yield info.label, score


def _without(proxies: Iterable[str], what: str, call: Foreign) -> Iterator[tuple[str, Score]]:
    status = Status.UNSUPPORTED if call.is_a(UnsupportedModelError) else Status.FAILED
    yield from ((name, Score(None, status, 0.0, f"{what}: {call.reason}")) for name in proxies)
