"""Callbacks that stop trainings of Hugging Face's ``Trainer`` and of Lightning by their learning curves.

Your own training loop needs no callback::

    stopper = curves.Stopper(horizon=epochs, lower_is_better=True, path="curves.json")
    for configuration in configurations:
        stopper.begin(str(configuration))
        for epoch in range(1, epochs + 1):
            train(...)
            if stopper.update(epoch, validate(...)):
                break
        stopper.finish()

Each package is imported only when its callback is requested.
"""

from __future__ import annotations

from typing import Any

from zcbench import _arguments as rules
from zcbench._torchvision import torchvision_importable
from zcbench.curves.stopping import Decision, Stopper
from zcbench.errors import InvalidInputError, MissingDependencyError


def _value(metrics: Any, name: str, what: str) -> float:
    """Return a metric as a number; raise InvalidInputError if it is missing."""
    if name not in metrics:
        known = ", ".join(sorted(map(str, metrics))) or "none"
        raise InvalidInputError(f"there is no metric {name!r} to stop by; {what} has {known}.")
    return float(metrics[name])


def hugging_face_callback(stopper: Stopper, metric: str = "eval_loss", *, name: str | None = None) -> Any:
    """Make a callback for ``transformers.Trainer`` that stops it after an evaluation.

    Epochs are those of the trainer, possibly fractions if it evaluates by steps. The stopper's horizon must equal its
    ``num_train_epochs``. The stopper's training begins and ends with the trainer's.

    Args:
        stopper: a stopper, possibly with earlier trainings.
        metric: name of the metric in the trainer's metrics.
        name: name of the training; None for its number.

    Returns:
        The callback; its ``decisions`` are the stopper's, one for each evaluation.

    Raises:
        MissingDependencyError: transformers is not installed.
        InvalidInputError: during training, if there is no such metric, or the trainer has other epochs.

    Example:
        ``Trainer(..., callbacks=[hugging_face_callback(curves.Stopper(3, lower_is_better=True))])``
    """
    try:
        with torchvision_importable():
            from transformers import TrainerCallback
    except ImportError:
        raise MissingDependencyError("transformers", "hf", "a callback of its trainer") from None
    metric = rules.text("metric", metric)

    class CurveStopping(TrainerCallback):  # type: ignore[misc, unused-ignore]
        """Stops a trainer by its learning curve."""

        def __init__(self) -> None:
            self.decisions: list[Decision] = []

        def on_train_begin(self, args: Any, state: Any, control: Any, **given: Any) -> None:
            # The trainer resumes a run of the stopper only if it resumes from its own checkpoint.
            if state.max_steps > 0 and args.max_steps <= 0 and args.num_train_epochs != stopper.horizon:
                raise InvalidInputError(
                    f"the stopper's horizon is {stopper.horizon:g}, but the trainer has {args.num_train_epochs:g} "
                    "epochs: make them equal."
                )
            if not (state.global_step and stopper.resumed):
                stopper.begin(name)

        def on_evaluate(self, args: Any, state: Any, control: Any, metrics: Any = None, **given: Any) -> Any:
            epoch = float(state.epoch or 0.0)
            # Progress is counted in steps, which seldom divide an epoch exactly.
            whole = round(epoch) if abs(epoch - round(epoch)) < 1e-3 else epoch
            decision = stopper.update(whole, _value(metrics or {}, metric, "the evaluation"))
            self.decisions.append(decision)
            if decision.stop:
                control.should_training_stop = True
            return control

        def on_train_end(self, args: Any, state: Any, control: Any, **given: Any) -> None:
            stopper.finish()

    return CurveStopping()


def lightning_callback(stopper: Stopper, monitor: str = "val_loss", *, name: str | None = None) -> Any:
    """Make a callback for Lightning's ``Trainer`` that stops it after a validation.

    Epochs count from 1; the stopper's horizon must equal the trainer's ``max_epochs``.

    Args:
        stopper: a stopper, possibly with earlier trainings.
        monitor: name under which the module logs the metric.
        name: name of the training; None for its number.

    Returns:
        The callback; its ``decisions`` are the stopper's, one for each epoch with a validation.

    Raises:
        MissingDependencyError: neither lightning nor pytorch_lightning is installed.
        InvalidInputError: during training, if there is no such metric, or the trainer has other epochs.

    Example:
        ``Trainer(max_epochs=50, callbacks=[lightning_callback(curves.Stopper(50, lower_is_better=True))])``
    """
    base = _lightning()
    monitor = rules.text("monitor", monitor)

    class CurveStopping(base):  # type: ignore[misc, valid-type]
        """Stops a trainer by its learning curve."""

        def __init__(self) -> None:
            self.decisions: list[Decision] = []

        def on_fit_start(self, trainer: Any, pl_module: Any) -> None:
            if trainer.max_epochs != stopper.horizon:
                raise InvalidInputError(
                    f"the stopper's horizon is {stopper.horizon:g}, but the trainer has max_epochs "
                    f"{trainer.max_epochs}: make them equal."
                )
            if not (trainer.current_epoch and stopper.resumed):
                stopper.begin(name)

        def on_validation_end(self, trainer: Any, pl_module: Any) -> None:
            if trainer.sanity_checking or getattr(trainer.state, "fn", "fit") != "fit":
                return
            value = _value(trainer.callback_metrics, monitor, "the trainer")
            self._take(trainer, stopper.update(trainer.current_epoch + 1, value))

        def _take(self, trainer: Any, decision: Decision) -> None:
            self.decisions.append(decision)
            if decision.stop:
                trainer.should_stop = True

        def on_fit_end(self, trainer: Any, pl_module: Any) -> None:
            stopper.finish()

    return CurveStopping()


def _lightning() -> Any:
    try:
        from lightning.pytorch.callbacks import Callback
    except ImportError:
        try:
            from pytorch_lightning.callbacks import Callback
        except ImportError:
            raise MissingDependencyError("lightning", "", "a callback of its trainer") from None
    return Callback
