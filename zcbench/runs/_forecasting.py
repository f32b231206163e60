"""The work of a worker: compare a curve predictor's forecasts from beginnings of curves with their ends."""

from __future__ import annotations

import hashlib
import math
import time
import warnings
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from zcbench import devices
from zcbench._code import code_digest, joined_codes
from zcbench._display import many
from zcbench._foreign import Foreign
from zcbench._imports import import_as_begun
from zcbench._workers import Begin
from zcbench.curves import Forecast, get_curve_predictor
from zcbench.curves._base import CurvePredictor
from zcbench.curves._extrapolate import Prepared, forecast_units, in_metric
from zcbench.curves._judging import SHARES, Judged, judged
from zcbench.errors import InvalidInputError, UnsupportedModelError
from zcbench.metrics import quality
from zcbench.runs._curve_set import CurveSet
from zcbench.types import Status

Floats = NDArray[np.float64]
Ints = NDArray[np.intp]
#: number of curves that are forecast in one call, if the predictor treats them separately
_AT_ONCE = 256


class Result(NamedTuple):
    """Outcome of one trial."""

    status: Status
    metrics: dict[str, float]
    detail: str
    device: str = ""
    device_name: str = ""
    memory: float = math.nan


@dataclass
class CurveForecasting:
    """The common data of all trials of a run.

    Attributes:
        curves: the curves.
        parts: number of parts into which their networks are divided.
        complete: number of complete curves for predictors that learn.
        imports: Python files that register further curve predictors.
        codes: by label of a curve predictor, the digest of user-defined code at the start of the run.
    """

    curves: CurveSet
    parts: int
    complete: int
    imports: tuple[str, ...] = ()
    codes: Mapping[str, str] = field(default_factory=dict)

    def prepare(self) -> None:
        """Import the files that register further objects.

        Raises:
            InvalidInputError: their code differs from that at the start of the run.
        """
        import_as_begun(self.imports, self.codes, self.code)

    def code(self, label: str) -> str:
        """Return the digest of content that may change without a new version: user-defined code, files in settings.

        Raises:
            InvalidInputError: there is no such file.
        """
        made = get_curve_predictor(label)
        return joined_codes(code_digest(type(made)), *map(_file_digest, made.files()))

    def lost(self, status: Status, reason: str, seconds: float) -> Result:
        """Return the result of a trial whose worker died, or was stopped."""
        return Result(status, {}, reason)

    def results(self, key: str, parts: Sequence[str], begin: Begin = str) -> Iterator[tuple[str, Result]]:
        """Yield (context, result): ``key`` is "part label", a context "0.1" the known share of each curve."""
        seed, _, label = key.partition(" ")
        for part in parts:
            begin(part)
            result = Result(Status.FAILED, {}, "")
            with Foreign() as call, devices.noted() as used, warnings.catch_warnings():
                warnings.simplefilter("ignore")  # of fits that did not converge: the test measures their quality
                result = self.trial(label, int(seed), float(part))
            if call.is_a(UnsupportedModelError):
                result = Result(Status.UNSUPPORTED, {}, call.message)
            elif devices.is_out_of_memory(call.kind, call.message):
                result = Result(Status.OUT_OF_MEMORY, {}, call.message)
            elif call.kind is not None:
                result = Result(Status.FAILED, {}, call.said)
            yield part, result._replace(device=used.device, device_name=used.device_name, memory=used.memory)

    def trial(self, label: str, part: int, share: float) -> Result:
        """Test one curve predictor on a share of the curves of one part.

        Raises:
            UnsupportedModelError: it can forecast none of the curves; the message has the reason.
        """
        made = get_curve_predictor(label)
        tested, cut = self._tested(part, share)
        if not len(tested):
            raise UnsupportedModelError(f"no curve of the part has values before and after {share:g} of its length.")
        asked = [self.curves.prepared(row, until) for row, until in zip(tested, cut, strict=True)]
        enough = np.array([len(one.context) >= made.least for one in asked])
        reasons = Counter({f"it needs {many(made.least, 'value')} of a curve": int((~enough).sum())})
        if not enough.any():
            raise UnsupportedModelError(f"{next(iter(reasons))}, and receives fewer of each.")
        learned = self._fit(made, part)
        rows, asked = tested[enough], [one for one, good in zip(asked, enough, strict=True) if good]
        started = time.perf_counter()
        forecasts = list(self._forecasts(made, rows, cut[enough], asked))
        predicting = sum(seconds for *_, seconds in forecasts)
        found = _joined([judged(forecast, later, spread=made.spread) for forecast, later, _ in forecasts])
        judging = time.perf_counter() - started - predicting
        needed = [found.predicted, found.squared, *([found.log_density, found.crps] if made.spread else [])]
        sound = np.isfinite(found.predicted) & ~np.isnan(needed).any(0)
        reasons["its forecast is not a number"] = int((~sound).sum())
        if not sound.any():
            raise UnsupportedModelError("all of its forecasts are nan or infinite.")
        metrics = self._figures(found, sound, rows, made.spread)
        metrics |= {"left_out": float(len(tested) - sound.sum()), "learned": float(learned[0])}
        metrics |= {"fit_seconds": learned[1], "predict_seconds": predicting, "judge_seconds": judging}
        said = [f"{many(count, 'curve')} skipped because {why}." for why, count in reasons.items() if count]
        return Result(Status.OK, metrics, " ".join(said))

    def _tested(self, part: int, share: float) -> tuple[Ints, Ints]:
        """Return rows of the part with a value before and after the end of the context, and its last epoch."""
        rows = self.curves.tested(part, self.parts)
        cut = np.maximum(1, np.floor(share * self.curves.horizon[rows] + 0.5).astype(np.intp))
        there = np.isfinite(self.curves.values[rows])
        seen = np.arange(1, there.shape[1] + 1) <= cut[:, None]
        good = (there & seen).any(1) & (there & ~seen).any(1)
        return rows[good], cut[good]

    def _fit(self, made: CurvePredictor, part: int) -> tuple[int, float]:
        """Fit the predictor, if it learns; return the number of curves, and seconds."""
        if not (made.learns or made.joint):
            return 0, 0.0
        rows = self.curves.complete(part, self.parts, self.complete)
        if not len(rows) and made.learns:
            raise UnsupportedModelError("it learns from complete curves, and there are none outside of the part.")
        started = time.perf_counter()
        made.fit([self.curves.prepared(row).context for row in rows])
        return len(rows), time.perf_counter() - started

    def _forecasts(
        self, made: CurvePredictor, rows: Ints, cut: Ints, asked: Sequence[Prepared]
    ) -> Iterator[tuple[Forecast, Floats, float]]:
        """Yield forecasts in the metric's units, observed values at their times ``(curves, times)``, and seconds."""
        size = len(rows) if made.joint else _AT_ONCE
        for start in range(0, len(rows), size):
            group, given = slice(start, start + size), asked[start : start + size]
            later = int((self.curves.horizon[rows[group]] - cut[group]).max())
            # The same number of epochs is requested for every curve; beyond its horizon the last is repeated.
            epochs = np.minimum(cut[group, None] + np.arange(1, later + 1), self.curves.horizon[rows[group], None])
            observed = self.curves.values[rows[group][:, None], epochs - 1]
            observed[:, 1:][np.diff(epochs, axis=1) == 0] = np.nan
            times = np.stack([one.later(row.astype(float)) for one, row in zip(given, epochs, strict=True)])
            started = time.perf_counter()
            forecast = forecast_units(made, given, times)
            yield in_metric(forecast, given), observed, time.perf_counter() - started

    def _figures(self, found: Judged, sound: NDArray[np.bool_], rows: Ints, spread: bool) -> dict[str, float]:
        """Compute means over curves, and rank correlations over networks."""
        mean = {"mse": found.squared}
        metrics = {"curves": float(sound.sum())}
        if spread:
            impossible = float(found.impossible[sound].sum())
            density = found.log_density[sound]
            # With an observed value of density zero the mean is not finite: the median has more information.
            metrics |= {"log_density": float(density.mean()) if not impossible else np.nan, "impossible": impossible}
            metrics["median_log_density"] = float(np.median(density))
            mean |= {"crps": found.crps}
            mean |= {f"coverage_{100 * share:g}": found.covered[share] for share in SHARES}
        metrics |= {name: float(each[sound].mean()) for name, each in mean.items()}
        return metrics | self._ranks(found.predicted[sound], found.true[sound], rows[sound])

    def _ranks(self, predicted: Floats, true: Floats, rows: Ints) -> dict[str, float]:
        """Correlate predicted and true ends of a task's networks; the mean over tasks of three or more networks."""
        network, task = self.curves.network[rows], self.curves.task[rows]
        every = []
        for number in np.unique(task):
            of_task = np.flatnonzero(task == number)
            _, place, count = np.unique(network[of_task], return_inverse=True, return_counts=True)
            if len(count) < 3:
                continue
            ends = [np.bincount(place, one[of_task]) / count for one in (predicted, true)]
            if np.ptp(ends[1]) > 0:
                every.append(quality(*ends))
        ranked = {name: float(np.mean([one[name] for one in every])) if every else np.nan for name in ("tau", "rho")}
        return ranked | {"ranked": float(len(every))}


def _file_digest(path: Path) -> str:
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()[:16]
    except OSError as error:
        raise InvalidInputError(f"{path} cannot be read ({error.strerror}): name an existing file.") from None


def _joined(several: Sequence[Judged]) -> Judged:
    """Join the results of all curves."""
    plain = [field.name for field in fields(Judged) if field.name != "covered"]
    found = {name: np.concatenate([getattr(one, name) for one in several]) for name in plain}
    return Judged(
        covered={share: np.concatenate([one.covered[share] for one in several]) for share in SHARES},
        **found,
    )
