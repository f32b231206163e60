"""Latency of subnets as a scorer, for constraints, objectives and rankings."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np

from zcbench._foreign import Foreign
from zcbench._process import stable_seed
from zcbench.errors import InvalidInputError
from zcbench.scorers import Context, Scorer, Scores, register_scorer
from zcbench.supernets._latency import Latency, latencies
from zcbench.types import Architecture

#: number of networks whose rounds alternate
_AT_ONCE = 16


@register_scorer("latency_ms", reference="zcbench.supernets.latency")
class LatencyScorer(Scorer):
    """Median milliseconds of an inference of the stand-alone network, on this machine's processor.

    For a supernet, the extracted subnet with its own weights is measured; for a search space, a network with new
    weights. Networks that are scored together are measured in alternating rounds, in processes that do nothing else.
    Repeated measurements differ. A search therefore measures each network once and records the time, and the median
    decides whether it satisfies a bound. Cheaper constraints are checked first. ``std`` is computed from the interval
    of the median.

    Args:
        batch: samples of an inference.
        threads: threads of an inference.
        seconds: total measured time of each network, without starts and warm-ups.
        rounds: rounds of each network in each process.
        processes: number of new processes.
    """

    timed = True
    ranges: ClassVar = {
        "batch": (1, 1_000_000),
        "threads": (1, 1024),
        "seconds": (0.001, 3_600.0),
        "rounds": (2, 10_000),
        "processes": (1, 1_000),
    }
    higher_is_better = False

    def __init__(
        self, *, batch: int = 1, threads: int = 1, seconds: float = 0.2, rounds: int = 6, processes: int = 1
    ) -> None:
        self.plan: dict[str, Any] = {
            "batch": batch,
            "threads": threads,
            "seconds": seconds,
            "rounds": rounds,
            "processes": processes,
        }

    def begin(self, context: Context) -> None:
        """Receive the supernet or the space, and the samples.

        Raises:
            InvalidInputError: there are fewer samples than an inference needs.
        """
        super().begin(context)
        if len(context.batch) < self.plan["batch"]:
            raise InvalidInputError(
                f"there are {len(context.batch)} samples for a batch of {self.plan['batch']}: give more as data."
            )

    def score(self, architectures: Sequence[Architecture]) -> Scores:
        """Measure networks ``(n,)``, some at a time; seconds are those of the wall clock."""
        found = [self._measured(architectures[at : at + _AT_ONCE]) for at in range(0, len(architectures), _AT_ONCE)]
        entries = [entry for part, _ in found for entry in part]
        seconds = [each for part, each in found for _ in part]
        fine = [entry if isinstance(entry, Latency) else None for entry in entries]
        return Scores(
            np.array([np.nan if one is None else one.median for one in fine], np.float64),
            np.array(seconds, np.float64),
            {place: entry for place, entry in enumerate(entries) if isinstance(entry, str)},
            np.array([np.nan if one is None else (one.high - one.low) / (2 * 1.96) for one in fine], np.float64),
        )

    def _measured(self, architectures: Sequence[Architecture]) -> tuple[list[Latency | str], float]:
        """Return latencies or reasons, in order, and the seconds for each."""
        assert self.context is not None  # begin was called
        began = time.perf_counter()
        networks: dict[str, Any] = {}
        reasons: dict[str, str] = {}
        for one in architectures:
            with Foreign() as call:
                networks[one.key] = self._network(one)
            if call.kind is not None:
                networks.pop(one.key, None)
                reasons[one.key] = call.said
        found = latencies(networks, self.context.batch.inputs, **self.plan) if networks else {}
        each = (time.perf_counter() - began) / len(architectures)
        return [found[one.key] if one.key in found else reasons[one.key] for one in architectures], each

    def _network(self, architecture: Architecture) -> Any:
        import torch

        assert self.context is not None
        if self.context.supernet is not None:
            return self.context.supernet.subnet(architecture)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(stable_seed("latency", architecture.key, self.context.seed) % 2**63)
            return self.context.space.build(architecture, num_classes=self.context.outputs).eval()
