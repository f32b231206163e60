"""Training: resumable, skips what is not finite, learns."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from zcbench._files import locked
from zcbench.curves import _training
from zcbench.curves._batches import Batch, Drawn, draw, held_out
from zcbench.curves._context import Context
from zcbench.curves._network import Shape
from zcbench.curves._training import CONTEXTS, Training, begin, log_densities, train
from zcbench.curves._weights import load
from zcbench.curves.last_value import LastValue
from zcbench.curves.priors import PRIORS
from zcbench.errors import InvalidInputError, StoreError

SMALL = Shape(width=16, layers=1, heads=2, bins=64)


def steps(training: Training, count: int) -> None:
    """So many steps."""
    run = training.run()
    for _ in range(count):
        next(run)


def test_a_training_that_was_stopped_goes_on_exactly(tmp_path: Path) -> None:
    path = tmp_path / "net.safetensors"
    whole = Training(shape=SMALL, seconds=1e9, batch=2)
    steps(whole, 6)
    begun = Training(shape=SMALL, seconds=1e9, batch=2)
    steps(begun, 3)
    begun.save(path)
    torch.manual_seed(99)
    resumed = Training.resume(path)
    assert resumed.steps == 3
    steps(resumed, 3)
    assert resumed.curves == whole.curves
    for name, value in whole.network.named_parameters():
        # the learning rate follows the clock: equal to the part of a second in 10^9
        assert torch.allclose(dict(resumed.network.named_parameters())[name], value, atol=1e-6), name


def test_workers_draw_what_the_training_would_draw() -> None:
    alone = Training(shape=SMALL, seconds=1e9, batch=2)
    helped = Training(shape=SMALL, seconds=1e9, batch=2, workers=2)
    steps(alone, 5)
    steps(helped, 5)
    assert helped.curves == alone.curves
    for name, value in helped.network.named_parameters():
        assert torch.allclose(dict(alone.network.named_parameters())[name], value, atol=1e-6), name


def test_a_state_that_does_not_fit_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "net.safetensors"
    begun = Training(shape=SMALL, seconds=1e9, batch=2)
    steps(begun, 1)
    begun.save(path)
    state = path.with_suffix(_training.STATE)
    state.write_bytes(path.read_bytes())  # weights alone, under the name of a state
    with pytest.raises(InvalidInputError, match=r"net\.state\.safetensors.*delete it to resume from the weights"):
        Training.resume(path)


def test_a_file_has_the_sizes_that_it_has(tmp_path: Path) -> None:
    path = tmp_path / "net.safetensors"
    Training(shape=SMALL, seconds=1e9, batch=2).save(path)
    for given in ({"width": 32}, {"layers": 3}, {"seed": 5}, {"batch": 7}):
        ((name, number),) = given.items()
        with pytest.raises(InvalidInputError, match=f"--{name} {number}: .*Remove the option"):
            begin(path, **given)
    assert begin(path, minutes=2.0, width=16, batch=2).seconds == 120
    path.with_suffix(_training.STATE).unlink()
    with pytest.raises(InvalidInputError, match="--width 32"):
        begin(tmp_path / "other.safetensors", start=path, width=32)
    assert begin(tmp_path / "other.safetensors", start=path, seed=5, batch=9).batch == 9


def test_two_trainings_of_one_file_are_not_side_by_side(tmp_path: Path) -> None:
    path = tmp_path / "net.safetensors"
    with (
        locked(tmp_path / "net.safetensors.lock", "another"),
        pytest.raises(StoreError, match="another process is training it"),
    ):
        train(Training(shape=SMALL, seconds=0.01, batch=2), path, say=lambda _: None)


@pytest.mark.parametrize("every", [0.0, -5.0, float("nan")])
def test_progress_is_not_told_all_the_time(tmp_path: Path, every: float) -> None:
    with pytest.raises(InvalidInputError, match="--every"):
        train(Training(shape=SMALL, seconds=0.01, batch=2), tmp_path / "net.safetensors", every=every)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_a_gpu_trains_and_goes_on(tmp_path: Path) -> None:
    path = tmp_path / "net.safetensors"
    begun = Training(shape=SMALL, seconds=1e9, batch=4, device="cuda", workers=1)
    steps(begun, 3)
    begun.save(path)
    resumed = Training.resume(path)
    steps(resumed, 3)
    assert resumed.steps == 6
    batch = draw(np.random.default_rng(0), 8)
    there = resumed.result()(*batch.on(torch.device("cuda"))).cpu()
    # float32 on both, sums of some hundred terms; fused attention adds in another order
    assert torch.allclose(there, resumed.result().cpu()(*batch), atol=1e-4)


def test_weights_alone_are_a_start_too(tmp_path: Path) -> None:
    path = tmp_path / "net.safetensors"
    begun = Training(shape=SMALL, seconds=1e9, batch=2)
    steps(begun, 2)
    begun.save(path)
    path.with_suffix(".state.safetensors").unlink()
    again = Training.resume(path, seconds=5.0)
    assert again.seconds == 5.0
    for name, value in again.network.named_parameters():
        assert torch.equal(value, begun.averaged[name])


def test_a_batch_that_is_not_finite_changes_no_weight(monkeypatch: pytest.MonkeyPatch) -> None:
    training = Training(shape=SMALL, seconds=1e9, batch=2)
    steps(training, 2)
    before = {name: value.clone() for name, value in training.network.named_parameters()}
    good = draw(np.random.default_rng(0), 2)
    bad = good._replace(values=good.values * torch.nan)

    def drawn(_: Drawn) -> Iterator[Batch]:
        yield bad

    monkeypatch.setattr(Drawn, "__iter__", drawn)
    steps(training, 1)
    assert training.skipped == 1
    for name, value in training.network.named_parameters():
        assert torch.equal(value, before[name])


def test_other_files_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "net.safetensors"
    path.write_bytes(b"no weights")
    with pytest.raises(InvalidInputError, match="not contain weights of a curve network"):
        Training.resume(path)
    with pytest.raises(InvalidInputError, match="not contain weights of a curve network"):
        load(path)


def test_progress_is_told_and_saved(tmp_path: Path) -> None:
    path, said = tmp_path / "net.safetensors", list[str]()
    train(Training(shape=SMALL, seconds=0.01, batch=2), path, say=said.append)
    assert len(said) == 2
    assert "minutes on cpu" in said[0]
    assert "paper" in said[1]
    assert not list(tmp_path.glob("*.lock"))
    about = load(path).about
    assert about["shape"] == {"width": 16, "layers": 1, "heads": 2, "bins": 64, "priors": 3}
    assert list(about["training"]["lines"][0]["found"]) == list(PRIORS)


@pytest.mark.slow
def test_thirty_seconds_beat_the_calibrated_last_value() -> None:
    """At contexts of ten and more, on curves that were not seen in training."""
    training = Training(shape=Shape(width=64, layers=3), seconds=30.0, clock=time.process_time)
    for _ in training.run():
        pass
    batch = held_out("paper")
    found = log_densities(training.result(), batch)
    values, times = batch.values.double().numpy(), batch.times[0].double().numpy()
    for context in (each for each in CONTEXTS if each >= 10):
        seen = [Context(times[:context], row[:context], 100.0) for row in values]
        asked = np.broadcast_to(times[context:], (len(values), 100 - context))
        baseline = LastValue().predict(seen, asked).log_density(values[:, context:]).mean()
        assert found[context] > baseline, (context, found[context], baseline)


@pytest.mark.parametrize(
    ("given", "match"),
    [
        ({"workers": 1_000_000}, "--workers 1000000: give a number from 0 to"),
        ({"workers": -1}, "--workers -1"),
        ({"threads": 10**9}, "--threads"),
        ({"batch": 0}, "--batch 0"),
        ({"minutes": float("nan")}, "--minutes"),
        ({"width": 30}, "--width 30"),
        ({"width": 10**9}, "--width"),
        ({"layers": 10**9}, "--layers"),
        ({"seed": -1}, "--seed"),
        ({"device": "tpu"}, "device 'tpu': choose cpu"),
    ],
)
def test_silly_numbers_are_refused(tmp_path: Path, given: dict[str, Any], match: str) -> None:
    with pytest.raises(InvalidInputError, match=match):
        begin(tmp_path / "net.safetensors", **given)
