"""Weights from a file, ready to forecast."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from zcbench.curves._context import Floats
from zcbench.curves._frames import frames
from zcbench.curves._network import CurveNetwork, Shape
from zcbench.errors import InvalidInputError


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
        self, times: Sequence[Floats], values: Sequence[Floats], ends: Floats, prior: int, asked: Floats
    ) -> tuple[Floats, Floats, Floats]:
        """Bins of later values, and how well earlier ones were forecast.

        Args:
            times: of each curve.
            values: of each curve, in units.
            ends: last epochs of trainings ``(curves,)``.
            prior: number of the prior.
            asked: times ``(curves, times)``.

        Returns:
            Edges ``(curves, times, bins + 1)``, probabilities ``(curves, times, bins)``, and log-evidence
            ``(curves,)``: the sum of log-densities of each value given those before it.
        """
        lengths = torch.tensor([len(one) for one in times])
        longest = int(lengths.max())
        padded_times, padded = self._padded(times, longest, 1.0), self._padded(values, longest, 0.5).clamp(-1, 2)
        end, kind = torch.tensor(ends, dtype=torch.float32), torch.full((len(times),), prior)
        understood, seen = self.network.encode(padded_times, padded, end, kind)
        rows = torch.arange(len(times))
        last = torch.nn.functional.pad(padded_times, (1, 0))
        logits = self.network.ask(
            understood[rows, lengths][:, None],
            seen[rows, lengths][:, None],
            last[rows, lengths][:, None],
            torch.tensor(asked, dtype=torch.float32)[:, None],
            end,
        )[:, 0]
        centres, scales = frames(padded)
        centre, scale = (part[rows, lengths].double()[:, None, None] for part in (centres, scales))
        edges = centre + scale * self.network.edges.double()
        probabilities = logits.double().softmax(-1)
        evidence = self._evidence(understood, seen, padded_times, padded, last, end, lengths)
        return edges.expand(-1, asked.shape[1], -1).numpy(), probabilities.numpy(), evidence

    def _evidence(
        self,
        understood: Tensor,
        seen: Tensor,
        times: Tensor,
        values: Tensor,
        last: Tensor,
        end: Tensor,
        lengths: Tensor,
    ) -> Floats:
        """Sums of log-densities of each value given those before it ``(curves,)``."""
        if not times.shape[1]:
            return np.zeros(len(lengths))
        logits = self.network.ask(understood[:, :-1], seen[:, :-1], last[:, :-1], times[..., None], end)[:, :, 0]
        centres, scales = frames(values)
        cost = self.network.cost(logits, (values - centres[:, :-1]) / scales[:, :-1]) + scales[:, :-1].log()
        real = torch.arange(times.shape[1]) < lengths[:, None]
        found: Floats = -(cost.double() * real).sum(1).numpy()
        return found

    @staticmethod
    def _padded(parts: Sequence[Floats], longest: int, last: float) -> Tensor:
        """Rows of one length; what is appended comes after all that a row's own positions see."""
        rows = np.full((len(parts), longest), last)
        for row, part in zip(rows, parts, strict=True):
            row[: len(part)] = part
            if len(part):
                row[len(part) :] = part[-1]
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
