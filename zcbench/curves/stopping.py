"""Stops a training whose learning curve is unlikely to beat the best one so far.

The rule is the predictive termination of T. Domhan, J. T. Springenberg and F. Hutter, "Speeding up Automatic
Hyperparameter Optimization of Deep Neural Networks by Extrapolation of Learning Curves", IJCAI 2015, section 3.3:
stop if P(y at the last epoch is better than the incumbent | the values so far) < threshold. S. Adriaensen et al.,
NeurIPS 2023, arXiv:2310.20447, section 5.3, use it with LC-PFN's forecasts, for all later epochs.
"""

from __future__ import annotations

import json
import math
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from zcbench import _arguments as rules
from zcbench._display import brief, plain
from zcbench._files import write_text
from zcbench.curves._base import CurvePredictor
from zcbench.curves._beating import probability_of_beating
from zcbench.curves._context import Context
from zcbench.curves._extrapolate import prepare
from zcbench.curves._register import get_curve_predictor
from zcbench.curves.scales import bounds_of
from zcbench.errors import InvalidInputError, ZcbenchError

#: version of the state
_FORMAT = 1
_WHEN = ("end", "later")
_ENDED = ("", "complete", "stopped")


@dataclass(frozen=True)
class Decision:
    """The decision after an epoch; true if the training should be stopped.

    Attributes:
        stop: whether it should be stopped.
        reason: why, a sentence.
        probability: probability of beating the incumbent; nan if it was not computed.
    """

    stop: bool
    reason: str
    probability: float = math.nan

    def __bool__(self) -> bool:
        return self.stop


@dataclass
class Run:
    """One training.

    Attributes:
        name: name of the training.
        epochs: epochs of values, increasing.
        values: observed values.
        ended: "" while it continues, "complete" if it reached the horizon, "stopped" if it did not.
    """

    name: str
    epochs: list[float] = field(default_factory=list)
    values: list[float] = field(default_factory=list)
    ended: str = ""


class Stopper:
    """Decides after each epoch whether a training is worth continuing.

    Several consecutive trainings share a stopper. Each is ended by :meth:`finish`, and the best one that reached the
    horizon is the incumbent of those that follow. Nothing is stopped while there is no incumbent.

    Args:
        horizon: the last epoch, as epochs are counted in :meth:`update`.
        incumbent: an initial value to beat; None for none.
        lower_is_better: whether the metric is a loss.
        bounds: smallest and largest possible value of the metric, (0, 100) for percent; see
            :func:`zcbench.curves.extrapolate`.
        threshold: a training is stopped if its probability of beating the incumbent is below this.
        when: "end": the probability of a better value at the horizon. "later": the largest of the probabilities of a
            better value at each later epoch, for trainings that keep the best checkpoint. It is a lower bound of the
            probability of a better value at any of them, because each epoch is forecast separately.
        min_epochs: number of values that a training must have before it can be stopped.
        every: number of values from one check to the next.
        predictor: name of a curve predictor, or an object. One that learns is fitted to the complete trainings.
        path: a file for the state, written after every value and read at the beginning; None for no file.

    Raises:
        InvalidInputError: a setting is out of range, or the file contains the state of another stopper.
        UnknownNameError: there is no such predictor.

    Example:
        >>> from zcbench import curves
        >>> stopper = curves.Stopper(horizon=50, incumbent=0.9, predictor="last_value")
        >>> bool(stopper.update(1, 0.2)), bool(stopper.update(2, 0.3))
        (False, False)
    """

    def __init__(
        self,
        horizon: float,
        *,
        incumbent: float | None = None,
        lower_is_better: bool = False,
        bounds: tuple[float, float] | None = None,
        threshold: float = 0.05,
        when: str = "end",
        min_epochs: int = 3,
        every: int = 1,
        predictor: str | CurvePredictor = "lcpfn",
        path: str | os.PathLike[str] | None = None,
    ) -> None:
        self.horizon = rules.number("horizon", horizon, 1, 10**9)
        self.given = None if incumbent is None else rules.number("incumbent", incumbent)
        self.lower_is_better = rules.flag("lower_is_better", lower_is_better)
        self.bounds = None if bounds is None else bounds_of(bounds)
        self._check_incumbent()
        self.threshold = rules.number("threshold", threshold, 0, 1)
        self.when = rules.choice("rule", _WHEN)("when", when)
        self.min_epochs = rules.whole("min_epochs", min_epochs, 1, 10**9)
        self.every = rules.whole("every", every, 1, 10**9)
        self.predictor = get_curve_predictor(predictor) if isinstance(predictor, str) else predictor
        if not isinstance(self.predictor, CurvePredictor):
            raise InvalidInputError(
                f"predictor {rules.shown(predictor)}: give the name of a curve predictor, or an object."
            )
        self.path = None if path is None else Path(rules.path("the state's file", path))
        self.runs: list[Run] = []
        self._current: Run | None = None
        self._resumed = False  # whether the next value may be of an epoch with a known value
        if self.path is not None and self.path.exists():
            self.restore(_read(self.path))

    def _check_incumbent(self) -> None:
        """Raise InvalidInputError if the incumbent is outside the metric's range, because its units are wrong."""
        low, high = self.bounds or (0.0, math.inf if self.lower_is_better else 1.0)
        if self.given is not None and not low <= self.given <= high:
            raise InvalidInputError(
                f"the incumbent {self.given:g} lies outside the metric's range, {low:g} to {high:g}: give it in the "
                "metric's units, or give bounds (0 and 100 for percent)."
            )

    def __repr__(self) -> str:
        return brief(f"<Stopper at {self.threshold:g}: {len(self.runs)} trainings, incumbent {self.incumbent}>")

    @property
    def resumed(self) -> bool:
        """Whether a training was resumed, without a new value so far."""
        return self._current is not None and self._resumed

    @property
    def incumbent(self) -> float | None:
        """The value to beat: the initial one, or that of the best training; None while there is none.

        A training's value is its last one if it is complete; with ``when="later"`` its best one, complete or not.
        """
        known = [] if self.given is None else [self.given]
        for run in self.runs:
            finite = [value for value in run.values if math.isfinite(value)]
            if not run.ended or not finite:
                continue
            if self.when == "later":
                known.append(min(finite) if self.lower_is_better else max(finite))
            elif run.ended == "complete" and math.isfinite(run.values[-1]):
                known.append(run.values[-1])
        return None if not known else min(known) if self.lower_is_better else max(known)

    def begin(self, name: str | None = None) -> None:
        """Begin a training, or resume the one of this name if it has not ended; the current training is ended.

        Raises:
            InvalidInputError: a training of this name has ended.
        """
        name = f"training {len(self.runs) + 1}" if name is None else rules.text("the name of a training", name)
        known = next((run for run in self.runs if run.name == name), None)
        if known is not None and known.ended:
            raise InvalidInputError(f"the training {plain(name, 60)!r} has ended: choose another name.")
        if self._current is not None and self._current is not known:
            self.finish()
        self._current, self._resumed = known or Run(name), known is not None
        if known is None:
            self.runs.append(self._current)

    def update(self, epoch: float, value: float) -> Decision:
        """Record the value after an epoch, and decide whether to stop.

        After a training was resumed (by :meth:`begin`, or by reading a state), the first value may be of an epoch that
        already has one: all values from this epoch on are discarded, because the training returned to a checkpoint.

        Args:
            epoch: its number, increasing.
            value: the metric; nan and infinities mean that the training diverged, and stop it.

        Raises:
            InvalidInputError: the epoch is repeated, out of order or beyond the horizon; or the value needs other
                bounds.
        """
        epoch = rules.number("epoch", epoch, 0, self.horizon)
        value = _value(value)
        if self._current is None:
            self.begin()
        run = self._current
        assert run is not None
        if self._resumed:
            kept = sum(known < epoch for known in run.epochs)
            del run.epochs[kept:], run.values[kept:]
            self._resumed = False
        if run.epochs and epoch <= run.epochs[-1]:
            raise InvalidInputError(
                f"epoch {epoch:g} comes after epoch {run.epochs[-1]:g}: give each epoch once, in order, and "
                "begin a new training with  stopper.begin()."
            )
        run.epochs.append(epoch)
        run.values.append(value)
        try:
            decision = self._decide(run)
        except ZcbenchError:
            del run.epochs[-1], run.values[-1]
            raise
        self._save()
        return decision

    def finish(self) -> None:
        """End the current training: complete if its last value is at the horizon, otherwise stopped."""
        if self._current is None:
            return
        run, self._current = self._current, None
        run.ended = "complete" if run.epochs and run.epochs[-1] >= self.horizon else "stopped"
        self._resumed = False
        self._save()

    def _decide(self, run: Run) -> Decision:
        epoch, value = run.epochs[-1], run.values[-1]
        if not math.isfinite(value):
            return Decision(True, f"the value at epoch {epoch:g} is {value}: the training diverged.", 0.0)
        # Checked also before the first decision, so that unusable values raise at once and not after hours.
        values, epochs = np.array(run.values), np.array(run.epochs)
        values[~np.isfinite(values)] = np.nan
        if self.bounds is not None and not self.bounds[0] <= value <= self.bounds[1]:
            raise InvalidInputError(f"the value {value:g} at epoch {epoch:g} lies outside the bounds {self.bounds}.")
        prepare(epochs, values, self.horizon, lower_is_better=self.lower_is_better, bounds=self.bounds)
        incumbent = self.incumbent
        if epoch >= self.horizon:
            return Decision(False, "the training is complete.")
        if incumbent is None:
            return Decision(False, "there is no training to beat yet.")
        seen = len(run.epochs)
        if seen < max(self.min_epochs, self.predictor.least) or (seen - self.min_epochs) % self.every:
            return Decision(False, f"no decision is made after {seen} value{'s' * (seen != 1)}.")
        others = self._complete() if self.predictor.learns or self.predictor.joint else []
        if self.predictor.learns:
            if not others:
                return Decision(False, "there is no complete training yet to learn from.")
            self.predictor.fit(others)
        probability = probability_of_beating(
            incumbent,
            epochs,
            values,
            self.horizon,
            self.predictor,
            lower_is_better=self.lower_is_better,
            bounds=self.bounds,
            later=self.when == "later",
            others=others,
        )
        where = f"at epoch {self.horizon:g}" if self.when == "end" else "at a later epoch"
        what = f"the probability of beating {incumbent:.6g} {where} is {probability:.3g}"
        if probability < self.threshold:
            return Decision(True, f"{what}, below the threshold {self.threshold:g}.", probability)
        return Decision(False, f"{what}.", probability)

    def _complete(self) -> list[Context]:
        found = []
        for run in self.runs:
            if run.ended == "complete" and all(map(math.isfinite, run.values)):
                settings: dict[str, Any] = {"lower_is_better": self.lower_is_better, "bounds": self.bounds}
                found.append(prepare(np.array(run.epochs), np.array(run.values), self.horizon, **settings).context)
        return found

    # -- the state -----------------------------------------------------------------------------------

    def state(self) -> dict[str, Any]:
        """Return all trainings, and which is the current one, as JSON-compatible values, without settings."""
        runs = [
            {
                "name": run.name,
                "epochs": list(run.epochs),
                "values": [value if math.isfinite(value) else None for value in run.values],
                "ended": run.ended,
            }
            for run in self.runs
        ]
        metric = {"horizon": self.horizon, "lower_is_better": self.lower_is_better}
        return {"format": _FORMAT, **metric, "runs": runs, "current": self._current and self._current.name}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Restore the state from :meth:`state`.

        Raises:
            InvalidInputError: it is not such a state, or has another horizon or direction.
        """
        try:
            if state["format"] != _FORMAT:
                raise InvalidInputError("the state was written by another version of zcbench: begin a new one.")
            metric = (float(state["horizon"]), bool(state["lower_is_better"]))
            runs = [_run(run, metric[0]) for run in state["runs"]]
            current = next((run for run in runs if run.name == state["current"]), None)
            if len({run.name for run in runs}) < len(runs):
                raise ValueError("two trainings have the same name")
            if (state["current"] is None) != (current is None) or (current is not None and current.ended):
                raise ValueError("its current training is missing or has ended")
        except InvalidInputError:
            raise
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise InvalidInputError(f"this is not the state of a stopper ({type(error).__name__}: {error}).") from None
        if metric != (self.horizon, self.lower_is_better):
            raise InvalidInputError(
                f"the state is of a stopper with horizon {metric[0]:g} and lower_is_better={metric[1]}: use these "
                "settings, or begin a new one."
            )
        self.runs, self._current, self._resumed = runs, current, current is not None

    def _save(self) -> None:
        if self.path is not None:
            write_text(self.path, json.dumps(self.state(), allow_nan=False), "choose another path for the stopper.")


def _value(value: Any) -> float:
    """Return a number, possibly nan or infinite."""
    try:
        if isinstance(value, (str, bytes)):
            raise TypeError
        return float(value)
    except (TypeError, ValueError, OverflowError, RuntimeError):
        raise InvalidInputError(f"the value {rules.shown(value)}: give a number.") from None


def _run(state: Mapping[str, Any], horizon: float) -> Run:
    """Return a training from a state; raise ValueError if it is not valid."""
    run = Run(
        str(state["name"]),
        [float(epoch) for epoch in state["epochs"]],
        [math.nan if value is None else float(value) for value in state["values"]],
        str(state["ended"]),
    )
    if len(run.epochs) != len(run.values):
        raise ValueError(f"{len(run.epochs)} epochs and {len(run.values)} values")
    if not all(0 <= epoch <= horizon for epoch in run.epochs) or (np.diff(run.epochs) <= 0).any():
        raise ValueError("its epochs do not increase up to the horizon")
    if run.ended not in _ENDED:
        raise ValueError(f"a training cannot be {plain(run.ended, 20)!r}")
    return run


def _read(path: Path) -> Any:
    try:
        return json.loads(path.read_text(encoding="utf8"))
    except (OSError, ValueError, RecursionError) as error:
        raise InvalidInputError(f"{path} does not contain a stopper's state ({error}): choose another path.") from None
