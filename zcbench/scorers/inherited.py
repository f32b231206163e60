"""Proxies of a supernet's subnets, with the weights that they inherit."""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import numpy as np

from zcbench._foreign import Foreign
from zcbench.errors import InvalidInputError
from zcbench.scorers._context import Context
from zcbench.scorers._register import register_scorer
from zcbench.scorers.proxy import ProxyScorer, _Known
from zcbench.types import Architecture, Batch, Score, SearchSpace, Supernet

#: number of subnets whose weights identify a supernet that stores none itself
_TOLD_BY = 4


@register_scorer("inherited", arguments="naswot")
class InheritedScorer(ProxyScorer):
    """A proxy on subnets of a supernet, with inherited weights; its seconds include extraction and calibration.

    The context gives the supernet: ``zcbench.search(supernet, scorer="inherited(naswot)", …)``, or
    ``zcbench.get_scorer("inherited(naswot)", supernet)``. Scores equal those of ``zcbench.score(supernet.subnet(a),
    …)`` with the seed that ``proxy`` uses for the same architecture: the two differ in the weights only. A store is
    neither read nor written, because it contains scores of initial weights. In ledgers, the label and a digest of the
    weights distinguish the scores.

    Args:
        proxy: name and settings, "naswot" or "lga:steps=5", which trains a copy first. Averages over initialisations
            ("repeats") are refused, because there is one set of inherited weights.

    Raises:
        UnknownNameError: the proxy does not exist.
        InvalidInputError: it averages over initialisations.
    """

    def __init__(self, proxy: str) -> None:
        super().__init__(proxy)
        if self.info.repeats > 1:
            raise InvalidInputError(
                f"inherited({self.info.label}): repeats draw new weights, but there is only one set of inherited "
                "weights: remove repeats."
            )
        self.label = f"inherited({self.info.label})"
        self._weights = ""

    def begin(self, context: Context) -> None:
        """Receive the supernet and the samples.

        Raises:
            InvalidInputError: there is no supernet.
        """
        if context.supernet is None:
            raise InvalidInputError(
                f"{self.label} measures subnets of a supernet: search a supernet, or use  get_scorer({self.label!r}, "
                "supernet)."
            )
        super().begin(context)
        self._weights = weights_digest(context.supernet)

    @property
    def identifier(self) -> str:
        """Label, all inputs of the proxy, and a digest of the weights."""
        return f"{self.label} of weights {self._weights}: {super().identifier}" if self._weights else self.label

    @property
    def _builder(self) -> SearchSpace:
        assert self.context is not None  # score checks this first
        return subnets_of(self.context.supernet)

    def _from_store(self) -> dict[str, _Known]:
        return {}

    def _keep(self, architecture: Architecture, network: Architecture, score: Score) -> None:
        """Store nothing, because records do not contain weights."""


class _Subnets:
    """Builds subnets in place of a search space's networks."""

    def __init__(self, supernet: Supernet) -> None:
        self.supernet = supernet

    def build(self, architecture: Architecture, *, num_classes: int = 10) -> Any:
        """Return the subnet; it has the supernet's outputs."""
        return self.supernet.subnet(architecture)


def subnets_of(supernet: Any) -> SearchSpace:
    """Adapt a supernet as a builder of networks for :func:`zcbench.proxies.score_architecture`."""
    return _Subnets(supernet)  # type: ignore[return-value]


def weights_digest(supernet: Supernet) -> str:
    """Return twelve hexadecimal digits that identify the weights and calibration inputs of a supernet.

    They are computed from a module's state, or else from the parameters of some subnets. No network runs, so they are
    the same on every machine.
    """
    return _digest_of(_tensors(supernet))


def answers_digest(supernet: Supernet) -> str:
    """Return such a digest that includes the data that evaluate the supernet, and so identifies all of its results."""
    held_out = getattr(supernet, "held_out", None)
    judged = [] if held_out is None else [("inputs", held_out[0]), ("targets", held_out[1])]
    data = (
        (f"held-out {name} {place}", one) for name, part in judged for place, one in enumerate(Batch(part).tensors())
    )
    return _digest_of(itertools.chain(_tensors(supernet), data))


def _digest_of(tensors: Iterable[tuple[str, Any]]) -> str:
    import torch

    content = hashlib.sha256()
    for name, value in tensors:
        data = value.detach().cpu().contiguous()
        content.update(f"{name} {tuple(data.shape)} {data.dtype}".encode())
        content.update(data.view(-1).view(torch.uint8).numpy().tobytes() if data.numel() else b"")
    return content.hexdigest()[:12]


def _tensors(supernet: Any) -> Iterator[tuple[str, Any]]:
    if hasattr(supernet, "state_dict"):
        yield from ((name, value) for name, value in supernet.state_dict().items() if hasattr(value, "detach"))
    else:
        yield from _of_some(supernet)
    data = getattr(supernet, "calibration", ())
    if isinstance(data, list | tuple):
        for place, one in enumerate(data):
            if hasattr(one, "detach"):
                yield f"calibration {place}", one
            elif isinstance(one, tuple | Mapping):
                yield from ((f"calibration {place} {part}", value) for part, value in enumerate(Batch(one).tensors()))


def _of_some(supernet: Supernet) -> Iterator[tuple[str, Any]]:
    """Yield the parameters of the first of several subnets that can be created."""
    rng, found = np.random.default_rng(0), 0
    for _ in range(16 * _TOLD_BY):
        with Foreign() as call:
            parameters = list(supernet.subnet(supernet.space.sample(rng)).named_parameters())
        if call.kind is None:
            found += 1
            yield from parameters
        if found == _TOLD_BY:
            return
