"""The work of a worker: fit a predictor to some networks and test it on the others."""

from __future__ import annotations

import hashlib
import math
import time
import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from zcbench import devices
from zcbench._code import code_digest, joined_codes
from zcbench._foreign import Foreign
from zcbench._imports import import_as_begun, space_named
from zcbench._workers import Begin
from zcbench.encodings import Encoding, combined
from zcbench.errors import InvalidInputError, UnsupportedModelError
from zcbench.metrics import calibration, quality
from zcbench.predictors import Predictor, get_predictor
from zcbench.runs._pool import Pool
from zcbench.types import Architecture, Status


class Result(NamedTuple):
    """Outcome of one trial."""

    status: Status
    metrics: dict[str, float]
    detail: str
    device: str = ""
    device_name: str = ""
    memory: float = math.nan


@dataclass
class PredictorFitting:
    """The common data of all trials of a run.

    Attributes:
        pool: architectures of the test, and of the training unless there is a transfer.
        transfer_from: training architectures of another benchmark or target.
        imports: Python files that register further predictors, encodings or spaces.
        codes: by label of a predictor, the digest of user-defined code at the start of the run.
    """

    pool: Pool
    transfer_from: Pool | None = None
    imports: tuple[str, ...] = ()
    codes: Mapping[str, str] = field(default_factory=dict)
    #: seconds per architecture of encodings in this process, by name
    encoding_seconds: dict[str, float] = field(default_factory=dict)

    @property
    def _pools(self) -> list[Pool]:
        return [pool for pool in (self.pool, self.transfer_from) if pool is not None]

    @property
    def _in_both(self) -> bool:
        """Whether an architecture is in both pools."""
        known = set(self.pool.architectures)
        return self.transfer_from is not None and not known.isdisjoint(self.transfer_from.architectures)

    def prepare(self) -> None:
        """Import the files that register further objects.

        Raises:
            InvalidInputError: their code differs from that at the start of the run.
        """
        import_as_begun(self.imports, self.codes, self.code)

    def lost(self, status: Status, reason: str, seconds: float) -> Result:
        """Return the result of a trial whose worker died, or was stopped."""
        return Result(status, {}, reason)

    def results(self, key: str, parts: Sequence[str], begin: Begin = str) -> Iterator[tuple[str, Result]]:
        """Yield (sizes, result): ``key`` is "seed label", a part "100" or, with a transfer, "500+50"."""
        seed, _, label = key.partition(" ")
        for part in parts:
            begin(part)
            result = Result(Status.FAILED, {}, "")
            with (
                Foreign() as call,
                devices.noted() as used,
                warnings.catch_warnings(),
            ):  # warning filters of a predictor end with its trial
                result = self._trial(label, int(seed), part)
            if call.is_a(UnsupportedModelError):
                result = Result(Status.UNSUPPORTED, {}, call.message)
            elif devices.is_out_of_memory(call.kind, call.message):
                result = Result(Status.OUT_OF_MEMORY, {}, call.message)
            elif call.kind is not None:
                result = Result(Status.FAILED, {}, call.said)
            yield part, result._replace(device=used.device, device_name=used.device_name, memory=used.memory)

    def _trial(self, label: str, seed: int, part: str) -> Result:
        first, _, second = part.partition("+")
        rows = self.transfer_from.order(seed)[: int(first)] if self.transfer_from else np.zeros(0, np.intp)
        others = [self.transfer_from.architectures[i] for i in rows] if self.transfer_from else []
        predictor = self._predictor(label, seed, others)
        tuned = int(second or 0) if self.transfer_from else int(first)
        order, everything = self._order(seed, rows), self.pool.architectures
        if len(order) < tuned + 2:
            raise InvalidInputError(
                f"of {len(self.pool)} architectures {len(order)} are not among the {len(rows)} of the first "
                f"training set: too few for {tuned} more and a test."
            )
        known, test = [everything[i] for i in order[:tuned]], order[tuned:]
        encode = self._encode(predictor, others)
        # If predictions only rank, targets are signed so that high is good: rankers learn the top best.
        turned = self.transfer_from is not None or not predictor.calibrated
        truth = self.pool.good if turned else self.pool.truth
        started = time.perf_counter()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of fits that did not converge: the test measures their quality
            if self.transfer_from is None:
                predictor.fit(known, truth[order[:tuned]])
            else:
                predictor.fit_across(others, self.transfer_from.good[rows], known, truth[order[:tuned]])
        fitted = time.perf_counter()
        predicted = predictor.predict([everything[i] for i in test])
        done = time.perf_counter()
        if not np.isfinite(predicted).all():
            raise UnsupportedModelError(f"{np.sum(~np.isfinite(predicted))} predictions are nan or infinite.")
        metrics = quality(
            predicted if turned or self.pool.target.higher_is_better else -predicted, self.pool.good[test]
        )
        if predictor.calibrated and self.transfer_from is None and hasattr(predictor, "predict_std"):
            deviation = predictor.predict_std([everything[i] for i in test])
            metrics |= calibration(predicted, deviation, self.pool.truth[test])
        metrics |= {"fit_seconds": fitted - started, "predict_seconds": done - fitted, "encode_seconds": encode}
        metrics["proxy_seconds"] = math.fsum(combined(_parts(predictor), self.pool.feed).values())
        constant = bool(np.ptp(predicted) == 0)
        detail = "all predictions are the same: tau and rho count as 0" if constant else ""
        return Result(Status.OK, metrics, detail)

    def _order(self, seed: int, rows: NDArray[np.intp]) -> NDArray[np.intp]:
        """Return the pool's random order, without equivalents of the first training set (e.g. of another data set)."""
        order = self.pool.order(seed)
        if self.transfer_from is None:
            return order
        taken = {self.transfer_from.classes[row] for row in rows}
        return order[[self.pool.classes[i] not in taken for i in order]]

    def _predictor(self, label: str, seed: int, others: Sequence[Architecture]) -> Predictor:
        return self.fed(get_predictor(label) if ":seed=" in label else get_predictor(label, seed=seed), others)

    def fed(self, predictor: Predictor, others: Sequence[Architecture] | None = None) -> Predictor:
        """Return the predictor with encodings whose rows come from the pools.

        Args:
            predictor: not fitted.
            others: the first training set, the only architectures whose rows come from its pool; None for all. An
                architecture may be in both pools, with scores on other data.

        Raises:
            InvalidInputError, UnknownNameError: a table lacks an input of an encoding.
        """
        feeds = [pool.feed for pool in self._pools]
        if others is not None and self.transfer_from is not None:
            feeds[1] = replace(feeds[1], asked=frozenset(others))
        return predictor.with_encodings(lambda encoding: encoding.fed(feeds), self._own_space())

    def digest(self, label: str) -> str:
        """Return a digest of the tables, and of the predictor's inputs from them."""
        tables = hashlib.sha256("".join(pool.digest for pool in self._pools).encode()).hexdigest()[:12]
        features = hashlib.sha256()
        for part in _parts(self.fed(get_predictor(label))):
            features.update(f"{part.name}@{part.version}".encode())
            shown = [part.digest(pool.feed) for pool in self._pools]
            features.update(b"".join(shown))
            if self._in_both and len(set(shown)) > 1:  # earlier trials took rows of both from one pool
                features.update(b"each pool its own")
        return f"{tables}-{features.hexdigest()[:12]}"

    def code(self, label: str) -> str:
        """Return the digest of user-defined code: the predictor, its members, its encodings, their spaces."""
        spaces = dict.fromkeys(pool.space for pool in self._pools)
        return joined_codes(get_predictor(label).code, *(code_digest(space_named(name)) for name in spaces))

    def _own_space(self) -> Any:
        return space_named(self.pool.space) if ".py:" in self.pool.space else None

    def _encode(self, predictor: Predictor, others: Sequence[Architecture]) -> float:
        """Encode all architectures before the fit, outside its time; return seconds per architecture."""
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
    """Return all encodings of a predictor, each once."""
    parts = {part.name: part for encoding in predictor.encodings() for part in encoding.parts}
    return list(parts.values())
