"""Fit a predictor on some networks and test it on the others: what a worker does."""

from __future__ import annotations

import math
import time
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from zcbench.errors import InvalidInputError, UnsupportedModelError, ZcbenchError, first_line
from zcbench.evaluation._pools import Floats, Pool
from zcbench.evaluation._work import import_file, space_named
from zcbench.metrics import coverage, gaussian_nll, precision_at, regret_at
from zcbench.types import Architecture, Status

if TYPE_CHECKING:
    from zcbench.encodings import Encoding
    from zcbench.predictors import Predictor

#: numbers of architectures at the top that precision and regret look at
TOP = (10, 50)


class Result(NamedTuple):
    """Outcome of one trial."""

    status: Status
    metrics: dict[str, float]
    detail: str


@dataclass
class Fitting:
    """What is the same for all trials of a sweep.

    Attributes:
        pool: architectures to test on, and to learn from unless there is a source.
        source: architectures to learn from first, of another benchmark or target.
        imports: Python files that register further predictors, encodings or spaces.
    """

    pool: Pool
    source: Pool | None = None
    imports: tuple[str, ...] = ()
    #: seconds per architecture that encodings took here, by name
    encoding_seconds: dict[str, float] = field(default_factory=dict)

    def prepare(self) -> None:
        """Import what registers further things."""
        for path in self.imports:
            import_file(path)

    def lost(self, reason: str) -> Result:
        """The result of a trial that killed its worker."""
        return Result(Status.FAILED, {}, reason)

    def results(self, key: str, parts: Sequence[str]) -> Iterator[tuple[str, Result]]:
        """Yield (sizes, result): ``key`` is "seed label", a part "100" or, with a source, "500+50"."""
        seed, _, label = key.partition(" ")
        for part in parts:
            try:
                result = self._trial(label, int(seed), part)
            except UnsupportedModelError as error:
                result = Result(Status.UNSUPPORTED, {}, first_line(error).partition(": ")[2])
            except ZcbenchError as error:
                result = Result(Status.FAILED, {}, str(error))
            except Exception as error:
                result = Result(Status.FAILED, {}, first_line(error))
            yield part, result

    def _trial(self, label: str, seed: int, part: str) -> Result:
        predictor = self._predictor(label, seed)
        first, _, second = part.partition("+")
        order, everything = self.pool.order(seed), self.pool.architectures
        tuned = int(second or 0) if self.source else int(first)
        known = [everything[i] for i in order[:tuned]]
        rows = self.source.order(seed)[: int(first)] if self.source else order[:0]
        others = [self.source.architectures[i] for i in rows] if self.source else []
        encode = self._encode(predictor, others)
        started = time.perf_counter()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of fits that did not converge: the test says how good they are
            if self.source is None:
                predictor.fit(known, self.pool.truth[order[:tuned]])
            else:
                predictor.fit_across(others, self.source.good[rows], known, self.pool.good[order[:tuned]])
        fitted = time.perf_counter()
        test = order[tuned:]
        predicted = predictor.predict([everything[i] for i in test])
        done = time.perf_counter()
        sign = 1.0 if self.pool.target.higher_is_better or self.source is not None else -1.0
        metrics = scores(sign * predicted, self.pool.good[test])
        if predictor.calibrated and self.source is None and hasattr(predictor, "predict_std"):
            deviation = predictor.predict_std([everything[i] for i in test])
            metrics |= calibration(predicted, deviation, self.pool.truth[test])
        metrics |= {"fit_seconds": fitted - started, "predict_seconds": done - fitted, "encode_seconds": encode}
        metrics["proxy_seconds"] = self._feature_cost(getattr(predictor, "encoding", None))
        constant = bool(np.ptp(predicted) == 0)
        detail = "all predictions are the same: tau and rho count as 0" if constant else ""
        return Result(Status.OK, metrics, detail)

    def _predictor(self, label: str, seed: int) -> Predictor:
        from zcbench.predictors import get_predictor

        predictor = get_predictor(label) if ":seed=" in label else get_predictor(label, seed=seed)
        given = self.given(predictor)
        return predictor.set_params(encoding=given) if given is not None else predictor

    def given(self, predictor: Predictor) -> Encoding | None:
        """The predictor's encoding with what the pools already know of it."""
        from zcbench.encodings import ColumnEncoding, CurveEncoding, Joined, ProxyEncoding, get_encoding

        if not hasattr(predictor, "encoding"):
            return None
        pools = [pool for pool in (self.pool, self.source) if pool is not None]
        parts: list[Encoding] = []
        for part in get_encoding(predictor.encoding, self._own_space()).parts:
            if isinstance(part, ProxyEncoding):
                part = ProxyEncoding(part.members if part.name != "proxies" else None)
                for pool in pools:
                    part.remember(pool.architectures, pool.columns)
            elif isinstance(part, ColumnEncoding):
                names = sorted(set.intersection(*(set(pool.facts) for pool in pools)))
                if not names:
                    raise InvalidInputError("the table has no columns of numbers besides the target.")
                part = ColumnEncoding(names)
                for pool in pools:
                    part.remember(pool.architectures, pool.columns)
            elif isinstance(part, CurveEncoding):
                part = CurveEncoding(part.metric, part.epochs)
                for pool in pools:
                    part.remember(pool.architectures, pool.curves[part.metric])
            parts.append(part)
        return parts[0] if len(parts) == 1 else Joined(parts)

    def _feature_cost(self, encoding: object) -> float:
        """Seconds per architecture of what was measured of it: proxies, epochs of training."""
        from zcbench.encodings import CurveEncoding, Encoding

        if not isinstance(encoding, Encoding):
            return 0.0
        proxies = sum(self.pool.costs.get(member, 0.0) for member in encoding.members)
        curves = [part for part in encoding.parts if isinstance(part, CurveEncoding)]
        return proxies + sum(part.epochs * self.pool.costs[f"curve {part.metric}"] for part in curves)

    def _own_space(self) -> Any:
        return space_named(self.pool.space) if ".py:" in self.pool.space else None

    def _encode(self, predictor: Predictor, others: Sequence[Architecture]) -> float:
        """Encode all, once for each encoding, and others that are learned from; seconds per architecture."""
        from zcbench.encodings import get_encoding

        if not hasattr(predictor, "encoding"):
            return 0.0
        encoding = get_encoding(predictor.encoding)
        for part in encoding.parts:
            part.rows(others)  # before the clock of fitting starts
        if encoding.name not in self.encoding_seconds:
            architectures: list[Architecture] = self.pool.architectures
            started = time.perf_counter()
            for part in encoding.parts:
                part.rows(architectures)
            self.encoding_seconds[encoding.name] = (time.perf_counter() - started) / len(architectures)
        return self.encoding_seconds[encoding.name]


def scores(predicted: Floats, good: Floats) -> dict[str, float]:
    """Correlations, precision and regret of predictions, high is good; a constant prediction has tau and rho 0."""
    from scipy.stats import kendalltau, spearmanr

    if np.shape(predicted) != np.shape(good):
        raise InvalidInputError(
            f"predict returned an array of shape {np.shape(predicted)} for {len(good)} architectures: "
            f"it must be ({len(good)},)."
        )
    if not np.isfinite(predicted).all():
        raise UnsupportedModelError(f"{np.sum(~np.isfinite(predicted))} predictions are nan or infinite.")
    varied = np.ptp(predicted) > 0 and np.ptp(good) > 0
    return {
        "tau": float(kendalltau(predicted, good).statistic) if varied else 0.0,
        "rho": float(spearmanr(predicted, good).statistic) if varied else 0.0,
        **{f"precision@{k}": precision_at(k, predicted, good) for k in TOP},
        **{f"regret@{k}": regret_at(k, predicted, good) for k in (1, *TOP[:1])},
    }


def calibration(predicted: Floats, deviation: Floats, truth: Floats) -> dict[str, float]:
    """How well the predictor knows how sure it is; nan where it says nothing."""
    if not (np.isfinite(deviation).all() and (deviation > 0).all()):
        return {"nll": math.nan, "coverage": math.nan}
    return {"nll": gaussian_nll(predicted, deviation, truth), "coverage": coverage(predicted, deviation, truth)}
