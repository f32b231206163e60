"""Fit a predictor on some networks and test it on the others: what a worker does."""

from __future__ import annotations

import hashlib
import math
import time
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from zcbench._foreign import Foreign
from zcbench.errors import InvalidInputError, UnsupportedModelError
from zcbench.metrics import coverage, gaussian_nll, precision_at, regret_at
from zcbench.runs._imports import import_file, space_named
from zcbench.runs._pool import Floats, Pool
from zcbench.runs._workers import Begin
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
class PredictorFitting:
    """What is the same for all trials of a sweep.

    Attributes:
        pool: architectures to test on, and to learn from unless there is a transfer.
        transfer_from: architectures to learn from first, of another benchmark or target.
        imports: Python files that register further predictors, encodings or spaces.
    """

    pool: Pool
    transfer_from: Pool | None = None
    imports: tuple[str, ...] = ()
    #: seconds per architecture that encodings took here, by name
    encoding_seconds: dict[str, float] = field(default_factory=dict)

    @property
    def _pools(self) -> list[Pool]:
        return [pool for pool in (self.pool, self.transfer_from) if pool is not None]

    def prepare(self) -> None:
        """Import what registers further things."""
        for path in self.imports:
            import_file(path)

    def lost(self, status: Status, reason: str, seconds: float) -> Result:
        """The result of a trial that has none because its worker died, or was stopped."""
        return Result(status, {}, reason)

    def results(self, key: str, parts: Sequence[str], begin: Begin = str) -> Iterator[tuple[str, Result]]:
        """Yield (sizes, result): ``key`` is "seed label", a part "100" or, with a transfer, "500+50"."""
        seed, _, label = key.partition(" ")
        for part in parts:
            begin(part)
            result = Result(Status.FAILED, {}, "")
            with Foreign() as call, warnings.catch_warnings():  # filters that a predictor sets end with its trial
                result = self._trial(label, int(seed), part)
            if call.is_a(UnsupportedModelError):
                result = Result(Status.UNSUPPORTED, {}, call.message)
            elif call.kind is not None:
                result = Result(Status.FAILED, {}, call.said)
            yield part, result

    def _trial(self, label: str, seed: int, part: str) -> Result:
        predictor = self._predictor(label, seed)
        first, _, second = part.partition("+")
        rows = self.transfer_from.order(seed)[: int(first)] if self.transfer_from else np.zeros(0, np.intp)
        others = [self.transfer_from.architectures[i] for i in rows] if self.transfer_from else []
        tuned = int(second or 0) if self.transfer_from else int(first)
        order, everything = self._order(seed, rows), self.pool.architectures
        if len(order) < tuned + 2:
            raise InvalidInputError(
                f"of {len(self.pool)} architectures {len(order)} are not among the {len(rows)} that are learned from "
                f"first: too few for {tuned} more and a test."
            )
        known, test = [everything[i] for i in order[:tuned]], order[tuned:]
        encode = self._encode(predictor, others)
        # Where predictions only rank, high is good: rankers learn the top best.
        turned = self.transfer_from is not None or not predictor.calibrated
        truth = self.pool.good if turned else self.pool.truth
        started = time.perf_counter()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of fits that did not converge: the test says how good they are
            if self.transfer_from is None:
                predictor.fit(known, truth[order[:tuned]])
            else:
                predictor.fit_across(others, self.transfer_from.good[rows], known, truth[order[:tuned]])
        fitted = time.perf_counter()
        predicted = predictor.predict([everything[i] for i in test])
        done = time.perf_counter()
        metrics = scores(predicted if turned or self.pool.target.higher_is_better else -predicted, self.pool.good[test])
        if predictor.calibrated and self.transfer_from is None and hasattr(predictor, "predict_std"):
            deviation = predictor.predict_std([everything[i] for i in test])
            metrics |= calibration(predicted, deviation, self.pool.truth[test])
        metrics |= {"fit_seconds": fitted - started, "predict_seconds": done - fitted, "encode_seconds": encode}
        metrics["proxy_seconds"] = self._feature_cost(predictor)
        constant = bool(np.ptp(predicted) == 0)
        detail = "all predictions are the same: tau and rho count as 0" if constant else ""
        return Result(Status.OK, metrics, detail)

    def _order(self, seed: int, rows: NDArray[np.intp]) -> NDArray[np.intp]:
        """The pool's random order, without twins of what is learned from first (of another data set, say)."""
        order = self.pool.order(seed)
        if self.transfer_from is None:
            return order
        taken = {self.transfer_from.classes[row] for row in rows}
        return order[[self.pool.classes[i] not in taken for i in order]]

    def _predictor(self, label: str, seed: int) -> Predictor:
        from zcbench.predictors import get_predictor

        predictor = get_predictor(label) if ":seed=" in label else get_predictor(label, seed=seed)
        return self.informed(predictor)

    def informed(self, predictor: Predictor) -> Predictor:
        """The predictor, its encodings told what the pools already know.

        Raises:
            InvalidInputError: the table has not what an encoding shows.
        """
        return predictor.with_encodings(self._told, self._own_space())

    def _told(self, encoding: Encoding) -> Encoding:
        from zcbench.encodings import ColumnEncoding, CurveEncoding, ProxyEncoding, join

        parts: list[Encoding] = []
        for part in encoding.parts:
            if isinstance(part, ProxyEncoding):
                part = ProxyEncoding(part.members if part.name != "proxies" else None)
                for pool in self._pools:
                    part.remember(pool.architectures, pool.columns)
            elif isinstance(part, ColumnEncoding):
                names = sorted(set.intersection(*(set(pool.facts) for pool in self._pools)))
                if not names:
                    raise InvalidInputError("the table has no columns of numbers besides the target.")
                part = ColumnEncoding(names)
                for pool in self._pools:
                    part.remember(pool.architectures, pool.columns)
            elif isinstance(part, CurveEncoding):
                part = CurveEncoding(part.metric, part.epochs)
                for pool in self._pools:
                    part.remember(pool.architectures, pool.curves[part.metric])
            parts.append(part)
        return join(parts)

    def digest(self, label: str) -> str:
        """Changes with the tables, and with what the predictor sees of them."""
        from zcbench.encodings import ColumnEncoding, CurveEncoding
        from zcbench.predictors import get_predictor

        tables = hashlib.sha256("".join(pool.digest for pool in self._pools).encode()).hexdigest()[:12]
        features = hashlib.sha256()
        for part in _parts(self.informed(get_predictor(label))):
            features.update(f"{part.name}@{part.version}".encode())
            for pool in self._pools:
                if isinstance(part, CurveEncoding):
                    features.update(pool.curves[part.metric][:, : part.epochs].tobytes())
                names = part.names if isinstance(part, ColumnEncoding) else part.members
                for name in names:
                    features.update(pool.columns[name].tobytes())
        return f"{tables}-{features.hexdigest()[:12]}"

    def _feature_cost(self, predictor: Predictor) -> float:
        """Seconds per architecture of what was measured of it: proxies, epochs of training."""
        from zcbench.encodings import CurveEncoding

        parts = _parts(predictor)
        members = {member for part in parts for member in part.members}
        proxies = sum(self.pool.costs.get(member, 0.0) for member in members)
        curves = (p.epochs * self.pool.costs[f"curve {p.metric}"] for p in parts if isinstance(p, CurveEncoding))
        return proxies + max(curves, default=0.0)  # all of them come from one training

    def _own_space(self) -> Any:
        return space_named(self.pool.space) if ".py:" in self.pool.space else None

    def _encode(self, predictor: Predictor, others: Sequence[Architecture]) -> float:
        """Encode all that is fitted or tested, so that it is not in the time of fitting; seconds per architecture."""
        architectures = self.pool.architectures
        parts = _parts(predictor)
        for part in parts:
            if part.name not in self.encoding_seconds:
                started = time.perf_counter()
                part.rows(architectures)
                self.encoding_seconds[part.name] = (time.perf_counter() - started) / len(architectures)
            part.rows(others)
        return sum(self.encoding_seconds[part.name] for part in parts)


def _parts(predictor: Predictor) -> list[Encoding]:
    """All encodings of a predictor, each once."""
    parts = {part.name: part for encoding in predictor.encodings() for part in encoding.parts}
    return list(parts.values())


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
