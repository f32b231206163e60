"""LC-PFN: a network that was trained on millions of curves from priors and predicts in one pass."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import lru_cache
from pathlib import Path

import numpy as np
import torch

from zcbench.curves._base import CurvePredictor
from zcbench.curves._context import GRID, Context, Floats
from zcbench.curves._forecast import Binned, Forecast, Mixture
from zcbench.curves._register import register_curve_predictor
from zcbench.curves._weights import Loaded, load
from zcbench.curves.priors import PRIORS
from zcbench.errors import InvalidInputError

SHIPPED = Path(__file__).parent / "weights" / "lcpfn.safetensors"
#: range of forecasts, in units; noise may leave [0, 1]
RANGE = (-0.25, 1.25)
#: priors that "mixed" weights
_MIXED = ("paper", "extended")
#: number of curves in one pass
_AT_ONCE = 256


@lru_cache(maxsize=4)
def _loaded(path: Path, changed: int) -> Loaded:
    """Read the weights of a file once for each modification time ``changed``."""
    return load(path)


@register_curve_predictor(
    "lcpfn",
    reference="S. Adriaensen et al., 'Efficient Bayesian Learning Curve Extrapolation using Prior-Data Fitted "
    "Networks', NeurIPS 2023, arXiv:2310.20447; own network, priors and weights",
    version=2,
)
class LCPFN(CurvePredictor):
    """Prior-data fitted network: Bayesian extrapolation in one pass.

    Args:
        prior: "extended" for real curves, "paper", "sizes" for errors by the size of a training set that grows by a
            factor from point to point, or "mixed": the first two, weighted by their log-densities of the curve's values
            so far.
        weights: file of weights, as ``zcbench curves train`` writes it; "" for the weights that zcbench contains.
        precision: "float32", or "bfloat16": products of three digits, which are faster for many curves if the processor
            supports them; forecasts change by about .005 nats.
    """

    least = 0

    def __init__(self, prior: str = "extended", weights: str = "", precision: str = "float32") -> None:
        self.prior = prior
        self.weights = weights
        self.precision = precision

    def files(self) -> tuple[Path, ...]:
        """Return the file of weights; none for zcbench's own, because their change is a new version."""
        return (Path(self.weights),) if self.weights else ()

    def predict(self, contexts: Sequence[Context], asked: Floats) -> Forecast:
        """Return binned distributions, with one pass of the network for every 256 curves and each prior.

        A thousandth of the probability lies outside [-0.25, 1.25], for diverging trainings.
        """
        if self.prior not in ("mixed", *PRIORS):
            raise InvalidInputError(f"prior={self.prior!r}: choose one of mixed, {', '.join(PRIORS)}.")
        if self.precision not in ("float32", "bfloat16"):
            raise InvalidInputError(f"precision={self.precision!r}: choose float32 or bfloat16.")
        with torch.autocast("cpu", torch.bfloat16, enabled=self.precision == "bfloat16"):
            return self._predict(contexts, asked)

    def _predict(self, contexts: Sequence[Context], asked: Floats) -> Forecast:
        (path,) = self.files() or (SHIPPED,)
        loaded = _loaded(path, path.stat().st_mtime_ns if path.exists() else 0)
        if any(len(one) > GRID for one in contexts):
            raise InvalidInputError(f"lcpfn reads at most {GRID} values of a curve: thin longer ones.")
        wanted = list(_MIXED) if self.prior == "mixed" else [self.prior]
        parts = [self._forecast(loaded, name, contexts, asked) for name in wanted]
        if len(parts) == 1:
            return parts[0]
        logs = np.stack([self._evidence(loaded, name, contexts, asked) for name in wanted], 1)
        weights = np.exp(logs - logs.max(1, keepdims=True))
        return Mixture(parts, weights / weights.sum(1, keepdims=True))

    @classmethod
    def _forecast(cls, loaded: Loaded, prior: str, contexts: Sequence[Context], asked: Floats) -> Binned:
        found = [loaded.forecast(*seen, asked[part], RANGE) for part, seen in cls._parts(prior, contexts, asked)]
        edges, probabilities = (np.concatenate(one) for one in zip(*found, strict=True))
        return Binned(edges, probabilities)

    @classmethod
    def _evidence(cls, loaded: Loaded, prior: str, contexts: Sequence[Context], asked: Floats) -> Floats:
        return np.concatenate([loaded.evidence(*seen) for _, seen in cls._parts(prior, contexts, asked)])

    @classmethod
    def _parts(
        cls, prior: str, contexts: Sequence[Context], asked: Floats
    ) -> Iterator[tuple[slice, tuple[list[Floats], list[Floats], Floats, int]]]:
        """Yield the curves of one pass and the network's input for them: times, values, ends, number of the prior."""
        ends, number = cls._ends(prior, contexts, asked), list(PRIORS).index(prior)
        for start in range(0, len(contexts), _AT_ONCE):
            part = slice(start, start + _AT_ONCE)
            some = contexts[part]
            yield part, ([one.times for one in some], [one.values for one in some], ends[part], number)

    @staticmethod
    def _ends(prior: str, contexts: Sequence[Context], asked: Floats) -> Floats:
        """Return the ends of trainings: always time 100 with the paper's prior."""
        if prior == "paper":
            return np.full(len(contexts), float(GRID))
        ends: Floats = np.maximum([one.end for one in contexts], asked.max(1))
        return ends
