"""Weights from a file, ready to forecast."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from zcbench.curves._context import Floats
from zcbench.curves._frames import Frames
from zcbench.curves._network import CurveNetwork, Shape
from zcbench.curves.priors import PRIORS
from zcbench.errors import InvalidInputError

#: for diverging trainings: distances from the range, and the probability of each, on both sides
_FAR, _RARE = (1.0, 10.0, 1e2, 1e3, 1e4), (4.5e-4, 4.5e-5, 4.5e-6, 4.5e-7, 4.5e-8)
_far, _rare = torch.tensor(_FAR, dtype=torch.float64), torch.tensor(_RARE)
#: logit of a truncated bin; it is finite because products with 0 must be 0
_NEVER = -1e4
#: largest number of times at which the network is evaluated; forecasts between them are interpolated, which changes the
#: log-density of a value by about .01 nats, and the mean log-density by less than .001
_KNOTS = 16


@dataclass(frozen=True)
class Loaded:
    """A network with the metadata of its weights.

    Attributes:
        network: in evaluation mode, on the CPU.
        about: sizes, priors, and how it was trained.
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
        """Return bins of later values.

        Args:
            times: times of each curve.
            values: values of each curve, in units.
            ends: last epochs of trainings ``(curves,)``.
            prior: number of the prior.
            asked: times ``(curves, times)``.
            within: range of all but one in a thousand values: bins are truncated to it, and the probabilities of the
                others are rescaled. Otherwise a distant bin contains a thousandth of the probability and contributes
                half of the mean.

        Returns:
            Edges ``(curves, 1, bins + 1)`` and probabilities ``(curves, times, bins)``.
        """
        read = _Read.of(times, values, ends, prior)
        rows, lengths = torch.arange(len(times)), read.lengths
        understood = self.network.encode(read.seen, read.prior, lengths)
        tokens, last = read.seen[rows, lengths][:, None], read.last[rows, lengths][:, None]
        times_asked = torch.tensor(asked, dtype=torch.float32)
        knots = _knots(asked.shape[1])
        several = len(knots) < asked.shape[1]
        at = times_asked[:, knots] if several else times_asked
        logits = self.network.ask(understood, tokens, last, at[:, None], read.ends)[:, 0].float()
        centre, scale = (
            part[rows, lengths].double()[:, None, None] for part in (read.frames.centres, read.frames.scales)
        )
        edges = centre + scale * self.network.edges.double()
        cut = edges.clamp(*within)
        logits = logits + (cut.diff() / edges.diff()).log().clamp(min=_NEVER).float()
        if several:
            with torch.autocast("cpu", enabled=False):
                logits = _shares((times_asked - last).log(), knots) @ logits
        tails = len(_RARE)
        probabilities = logits.new_empty(*logits.shape[:2], logits.shape[2] + 2 * tails)
        torch.mul(logits.softmax(-1), 1 - 2 * sum(_RARE), out=probabilities[..., tails:-tails])
        probabilities[..., :tails], probabilities[..., -tails:] = _rare.flip(0), _rare
        far = _far.expand(len(cut), 1, -1)
        return torch.cat([within[0] - far.flip(-1), cut, within[1] + far], -1).numpy(), probabilities.numpy()

    @torch.inference_mode()
    def evidence(self, times: Sequence[Floats], values: Sequence[Floats], ends: Floats, prior: int) -> Floats:
        """Return sums of log-densities of each value of a curve given those before it ``(curves,)``."""
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


@lru_cache(maxsize=256)
def _knots(count: int) -> Tensor:
    """Choose the times at which the network is evaluated: all of a few; of many, denser at first and sparser later."""
    if count <= _KNOTS:
        return torch.arange(count)
    return torch.tensor(sorted({round(place) - 1 for place in np.geomspace(1, count, _KNOTS)}))


def _shares(distance: Tensor, knots: Tensor) -> Tensor:
    """Return the weight of each knot for each time ``(curves, times, knots)``: linear between two neighbours.

    Args:
        distance: logarithms of the distances from the last value ``(curves, times)``.
        knots: positions among the times, including the first and the last.
    """
    right = torch.searchsorted(knots, torch.arange(distance.shape[1])).clamp(min=1)
    at = distance[:, knots]
    apart = at[:, right] - at[:, right - 1]
    share = ((distance - at[:, right - 1]) / torch.where(apart > 0, apart, 1.0))[..., None]  # a time may be repeated
    found = distance.new_zeros(*distance.shape, len(knots))
    places = right[None, :, None].expand_as(share)
    return found.scatter_(2, places, share).scatter_(2, places - 1, 1 - share)


@dataclass(frozen=True)
class _Read:
    """Curves of one length, in the network's form.

    Padding of shorter curves follows after all positions that their own positions attend to.
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
    """Read weights without running code of the file.

    Raises:
        InvalidInputError: the file is missing, is not of this kind, or was made with other priors.
    """
    about, tensors = read_weights(path)
    network = CurveNetwork(Shape(**about["shape"]))
    network.load_state_dict({name: value.float() for name, value in tensors.items()})
    return Loaded(network.eval().requires_grad_(False), about)


def read_weights(
    path: Path, prefix: str = "", advice: str = "make some with  zcbench curves train"
) -> tuple[dict[str, Any], dict[str, Tensor]]:
    """Return the metadata and all tensors of a file of weights.

    Args:
        path: a file of ``zcbench curves train``.
        prefix: beginning of the names of the network's own tensors.
        advice: what to do if the file is not of this kind.

    Raises:
        InvalidInputError: the file is missing, is not of this kind, or was made with other priors.
    """
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="pt") as file:
            about = json.loads(file.metadata()["about"])
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        with torch.device("meta"):
            expected = dict(CurveNetwork(Shape(**about["shape"])).named_parameters())
        if not prefix and (odd := sorted(tensors.keys() - expected.keys())):
            raise ValueError(f"it has an unknown tensor {odd[0]}")
        for name, value in expected.items():
            if tensors[prefix + name].shape != value.shape:
                raise ValueError(f"{name} has the shape {tuple(tensors[prefix + name].shape)}")
            if not bool(tensors[prefix + name].isfinite().all()):
                raise ValueError(f"{name} has values that are not finite")
        priors = about["priors"]
    except (OSError, KeyError, TypeError, ValueError, RuntimeError, SafetensorError) as error:
        raise InvalidInputError(f"{path} does not contain weights of a curve network ({error}): {advice}.") from None
    if priors != list(PRIORS):
        raise InvalidInputError(
            f"{path}: these weights were trained on other priors ({priors}) than {', '.join(PRIORS)}; train them again "
            "with  zcbench curves train."
        )
    return about, tensors
