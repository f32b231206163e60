"""Weights from a file, ready to forecast."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from zcbench.curves._context import Floats
from zcbench.curves._frames import Frames
from zcbench.curves._network import CurveNetwork, Shape
from zcbench.errors import InvalidInputError

#: a training may diverge: distances from the range, and the probabilities up to each, on both sides
_FAR, _RARE = (1.0, 10.0, 1e2, 1e3, 1e4), (4.5e-4, 4.5e-5, 4.5e-6, 4.5e-7, 4.5e-8)
#: times that the network itself is asked for, at most; forecasts between them are interpolated
_KNOTS = 24


@dataclass(frozen=True)
class Loaded:
    """A network and what is written beside its weights.

    Attributes:
        network: in evaluation mode, on the CPU.
        about: sizes, priors, how it was trained.
    """

    network: CurveNetwork
    about: dict[str, Any]

    @torch.inference_mode()
    def forecast(
        self,
        times: Sequence[Floats],
        values: Sequence[Floats],
        ends: Floats,
        prior: int,
        asked: Floats,
        within: tuple[float, float],
    ) -> tuple[Floats, NDArray[np.float32]]:
        """Bins of later values.

        Args:
            times: of each curve.
            values: of each curve, in units.
            ends: last epochs of trainings ``(curves,)``.
            prior: number of the prior.
            asked: times ``(curves, times)``.
            within: values lie in here, but for one in a thousand: bins are cut there, and the others hold the rest of
                the probability. Without it, a bin far out holds a thousandth of the probability and half of the mean.

        Returns:
            Edges ``(curves, 1, bins + 1)`` and probabilities ``(curves, times, bins)``.
        """
        read = _Read.of(times, values, ends, prior)
        rows, lengths = torch.arange(len(times)), read.lengths
        understood = self.network.encode(read.seen, read.prior, lengths)
        tokens, last = read.seen[rows, lengths][:, None], read.last[rows, lengths][:, None]
        times_asked = torch.tensor(asked, dtype=torch.float32)
        knots = _knots(asked.shape[1])
        logits = self.network.ask(understood, tokens, last, times_asked[:, knots][:, None], read.ends)[:, 0].float()
        if len(knots) < asked.shape[1]:
            logits = _between(logits.log_softmax(-1), (times_asked - last).log(), knots)
        centre, scale = (
            part[rows, lengths].double()[:, None, None] for part in (read.frames.centres, read.frames.scales)
        )
        edges = centre + scale * self.network.edges.double()
        cut = edges.clamp(*within)
        probabilities = (logits + (cut.diff() / edges.diff()).log().float()).softmax(-1)
        rare = torch.tensor(_RARE).expand(*probabilities.shape[:2], -1)
        probabilities = torch.cat([rare.flip(-1), probabilities * (1 - 2 * sum(_RARE)), rare], -1)
        far = torch.tensor(_FAR, dtype=torch.float64).expand(len(cut), 1, -1)
        return torch.cat([within[0] - far.flip(-1), cut, within[1] + far], -1).numpy(), probabilities.numpy()

    @torch.inference_mode()
    def evidence(self, times: Sequence[Floats], values: Sequence[Floats], ends: Floats, prior: int) -> Floats:
        """Sums of log-densities of each value of a curve given those before it ``(curves,)``."""
        read = _Read.of(times, values, ends, prior)
        if read.seen.shape[1] == 1:
            return np.zeros(len(times))
        understood = self.network.encode(read.seen, read.prior)
        logits = self.network.ask(
            understood[:, :-1], read.seen[:, :-1], read.last[:, :-1], read.last[:, 1:, None], read.ends
        )[:, :, 0]
        centres, scales = read.frames.centres[:, :-1], read.frames.scales[:, :-1]
        cost = self.network.cost(logits, (read.frames.values - centres) / scales) + scales.log()
        real = torch.arange(cost.shape[1]) < read.lengths[:, None]
        found: Floats = -(cost.double() * real).sum(1).numpy()
        return found


def _knots(count: int) -> list[int]:
    """Which of so many times the network is asked for: all of a few, of many every one at first and fewer later."""
    if count <= _KNOTS:
        return list(range(count))
    return sorted({round(place) - 1 for place in np.geomspace(1, count, _KNOTS)})


def _between(logits: Tensor, distance: Tensor, knots: list[int]) -> Tensor:
    """Logits of all times from those of some, linear in the log of the distance from the last value.

    Args:
        logits: ``(curves, knots, bins)``.
        distance: logs of distances ``(curves, times)``.
        knots: positions among the times.
    """
    right = torch.searchsorted(torch.tensor(knots), torch.arange(distance.shape[1])).clamp(min=1)
    at = distance[:, knots]
    share = ((distance - at[:, right - 1]) / (at[:, right] - at[:, right - 1]))[..., None]
    return logits[:, right - 1].lerp(logits[:, right], share)


@dataclass(frozen=True)
class _Read:
    """Curves of one length, as the network reads them.

    What is appended to shorter ones comes after all that their own positions see.
    """

    lengths: Tensor
    frames: Frames
    seen: Tensor
    last: Tensor
    ends: Tensor
    prior: Tensor

    @classmethod
    def of(cls, times: Sequence[Floats], values: Sequence[Floats], ends: Floats, prior: int) -> _Read:
        longest = max(map(len, times))
        read_times = cls._padded(times, longest)
        frames = Frames(cls._padded(values, longest).clamp(-1, 2))
        end = torch.tensor(ends, dtype=torch.float32)
        return cls(
            torch.tensor([len(one) for one in times]),
            frames,
            frames.tokens(read_times, end),
            torch.nn.functional.pad(read_times, (1, 0)),
            end,
            torch.full((len(times),), prior),
        )

    @staticmethod
    def _padded(parts: Sequence[Floats], longest: int) -> Tensor:
        rows = np.ones((len(parts), longest))
        for row, part in zip(rows, parts, strict=True):
            row[: len(part)] = part
            row[len(part) :] = part[-1] if len(part) else 1.0
        return torch.tensor(rows, dtype=torch.float32)


def load(path: Path) -> Loaded:
    """Read weights; no code of the file is run.

    Raises:
        InvalidInputError: the file is missing or is not of this kind.
    """
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="pt") as file:
            about = json.loads(file.metadata()["about"])
            tensors = {name: file.get_tensor(name).float() for name in file.keys()}  # noqa: SIM118
        network = CurveNetwork(Shape(**about["shape"]))
        network.load_state_dict(tensors)
    except (OSError, KeyError, TypeError, ValueError, RuntimeError, SafetensorError) as error:
        raise InvalidInputError(
            f"{path}: these are no weights of a curve network; make some with  zcbench curves train  ({error})."
        ) from None
    return Loaded(network.eval().requires_grad_(False), about)
