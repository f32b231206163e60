"""Callbacks of trainers: real ones where they are installed, their protocols otherwise."""

import sys
import types

import pytest
import torch

from zcbench import curves
from zcbench.curves import callbacks
from zcbench.errors import InvalidInputError, MissingDependencyError

STATE = types.SimpleNamespace


# -- Hugging Face ----------------------------------------------------------------------------------


def drive(callback, values, epochs=5):
    """What transformers' trainer calls."""
    from transformers import TrainerControl, TrainerState

    args, control = STATE(max_steps=-1, num_train_epochs=epochs), TrainerControl()
    state = TrainerState(max_steps=10 * epochs)
    callback.on_train_begin(args, state, control)
    for epoch, value in enumerate(values, 1):
        state.epoch, state.global_step = epoch + 1e-9, 10 * epoch
        callback.on_evaluate(args, state, control, metrics={"eval_loss": value, "epoch": epoch})
        if control.should_training_stop:
            break
    callback.on_train_end(args, state, control)
    return epoch


def test_the_protocol_of_hugging_face():
    pytest.importorskip("transformers")
    stopper = curves.Stopper(5, lower_is_better=True, min_epochs=2)
    assert drive(callbacks.hugging_face_callback(stopper), [2.0, 1.0, 0.7, 0.5, 0.4]) == 5
    callback = callbacks.hugging_face_callback(stopper, name="flat")
    assert drive(callback, [2.0, 1.99, 1.99, 1.99, 1.99]) < 5
    assert callback.decisions[-1].stop
    assert stopper.runs[1].name == "flat"
    assert [run.ended for run in stopper.runs] == ["complete", "stopped"]
    with pytest.raises(InvalidInputError, match="horizon is 5, but the trainer has 7 epochs"):
        drive(callbacks.hugging_face_callback(stopper), [1.0], epochs=7)
    with pytest.raises(InvalidInputError, match="no metric 'eval_acc' to stop by; the evaluation has epoch, eval_loss"):
        drive(callbacks.hugging_face_callback(stopper, "eval_acc"), [1.0])


def test_hugging_face_s_trainer(tmp_path, monkeypatch):
    transformers = pytest.importorskip("transformers")
    pytest.importorskip("accelerate")
    monkeypatch.setattr("transformers.trainer.is_datasets_available", lambda: False)  # it sees the folder of our tests

    class Net(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.layer = torch.nn.Linear(2, 1)

        def forward(self, x, labels):
            out = self.layer(x)[:, 0]
            return {"loss": ((out - labels) ** 2).mean(), "logits": out}

    data = [{"x": torch.tensor([k / 8, 1.0]), "labels": torch.tensor(k / 4)} for k in range(16)]

    def train(rate, stopper):
        torch.manual_seed(0)
        args = transformers.TrainingArguments(
            output_dir=str(tmp_path), num_train_epochs=6, learning_rate=rate, eval_strategy="epoch", report_to=[],
            save_strategy="no", disable_tqdm=True, use_cpu=True, per_device_train_batch_size=8,
            lr_scheduler_type="constant", logging_strategy="no",
        )  # fmt: skip
        callback = callbacks.hugging_face_callback(stopper)
        trainer = transformers.Trainer(
            Net(), args, train_dataset=data, eval_dataset=data, callbacks=[callback]
        )  # fmt: skip
        trainer.train()
        return trainer.state.epoch, callback

    stopper = curves.Stopper(6, lower_is_better=True, min_epochs=2, predictor="last_value", threshold=0.2)
    assert train(0.3, stopper)[0] == 6
    assert stopper.runs[0].epochs == [1, 2, 3, 4, 5, 6]
    epoch, callback = train(1e-6, stopper)
    assert epoch < 6
    assert callback.decisions[-1].stop
    assert [run.ended for run in stopper.runs] == ["complete", "stopped"]


# -- Lightning -------------------------------------------------------------------------------------


def test_the_protocol_of_lightning(monkeypatch):
    fake = types.ModuleType("lightning.pytorch.callbacks")
    fake.Callback = object
    for name in ("lightning", "lightning.pytorch"):
        monkeypatch.setitem(sys.modules, name, types.ModuleType(name))
    monkeypatch.setitem(sys.modules, "lightning.pytorch.callbacks", fake)
    stopper = curves.Stopper(5, lower_is_better=True, min_epochs=2)

    def drive(values, **changes):
        callback = callbacks.lightning_callback(stopper)
        trainer = STATE(max_epochs=5, current_epoch=0, should_stop=False, sanity_checking=True, state=STATE(fn="fit"))
        vars(trainer).update(changes)
        callback.on_fit_start(trainer, None)
        trainer.callback_metrics = {"val_loss": torch.tensor(9.0)}
        callback.on_validation_end(trainer, None)  # the check before training is no epoch
        trainer.sanity_checking = False
        for trainer.current_epoch, value in enumerate(values):
            trainer.callback_metrics = {"val_loss": torch.tensor(value)}
            callback.on_validation_end(trainer, None)
            if trainer.should_stop:
                break
        callback.on_fit_end(trainer, None)
        return trainer.current_epoch + 1

    assert drive([2.0, 1.0, 0.7, 0.5, 0.4]) == 5
    assert stopper.runs[0].epochs == [1, 2, 3, 4, 5]
    assert drive([2.0, 1.99, 1.99, 1.99, 1.99]) < 5
    with pytest.raises(InvalidInputError, match="max_epochs 9: make them equal"):
        drive([1.0], max_epochs=9)


def test_lightning_s_trainer(tmp_path):
    pytest.importorskip("lightning")
    import lightning.pytorch as pl

    class Net(pl.LightningModule):
        def __init__(self, rate):
            super().__init__()
            self.layer, self.rate = torch.nn.Linear(2, 1), rate

        def loss(self, batch):
            x, y = batch
            return ((self.layer(x)[:, 0] - y) ** 2).mean()

        def training_step(self, batch, number):
            return self.loss(batch)

        def validation_step(self, batch, number):
            self.log("val_loss", self.loss(batch))

        def configure_optimizers(self):
            return torch.optim.Adam(self.parameters(), self.rate)

    x = torch.stack([torch.arange(16.0) / 8, torch.ones(16)], 1)
    data = torch.utils.data.DataLoader(torch.utils.data.TensorDataset(x, 2 * x[:, 0]), 8)

    def train(rate, stopper):
        torch.manual_seed(0)
        callback = callbacks.lightning_callback(stopper)
        trainer = pl.Trainer(
            max_epochs=6, accelerator="cpu", logger=False, enable_checkpointing=False, enable_progress_bar=False,
            enable_model_summary=False, callbacks=[callback], default_root_dir=tmp_path, log_every_n_steps=1,
        )  # fmt: skip
        trainer.fit(Net(rate), data, data)
        return trainer.current_epoch, callback

    stopper = curves.Stopper(6, lower_is_better=True, min_epochs=2, predictor="last_value", threshold=0.2)
    assert train(0.3, stopper)[0] == 6
    assert stopper.runs[0].epochs == [1, 2, 3, 4, 5, 6]
    assert train(1e-6, stopper)[0] < 6
    assert [run.ended for run in stopper.runs] == ["complete", "stopped"]


@pytest.mark.parametrize("make", [callbacks.hugging_face_callback, callbacks.lightning_callback])
def test_without_the_package(make, monkeypatch):
    for name in ("transformers", "lightning", "lightning.pytorch.callbacks", "pytorch_lightning.callbacks"):
        monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(MissingDependencyError, match="which is not installed"):
        make(curves.Stopper(5))
