"""A stopper in a loop of one's own: what is stopped, what is remembered, what is refused."""

import json
import math

import numpy as np
import pytest

from zcbench import curves
from zcbench.curves._context import Context
from zcbench.curves._forecast import Normals
from zcbench.errors import InvalidInputError, UnknownNameError


def curve(end, epochs=30, speed=0.6):
    return end - (end - 0.1) * np.arange(1, epochs + 1) ** -speed


def train(stopper, values, name=None):
    """A plain loop: epochs that were trained, and the last decision."""
    stopper.begin(name)
    decision = None
    for epoch, value in enumerate(values, 1):
        decision = stopper.update(epoch, value)
        if decision:
            break
    stopper.finish()
    return epoch, decision


@pytest.mark.parametrize("lower", [False, True])
@pytest.mark.parametrize("when", ["end", "later"])
def test_bad_trainings_are_stopped_and_good_ones_are_not(lower, when):
    turn = (lambda y: 3 * (1.1 - y)) if lower else (lambda y: y)
    stopper = curves.Stopper(30, lower_is_better=lower, when=when)
    assert train(stopper, turn(curve(0.8)))[0] == 30  # nothing to beat yet
    assert stopper.incumbent == pytest.approx(turn(curve(0.8))[-1])
    epoch, decision = train(stopper, turn(curve(0.3)))
    assert epoch < 15
    assert decision.probability < 0.05
    assert "below the threshold 0.05" in decision.reason
    assert train(stopper, turn(curve(0.95)))[0] == 30
    assert stopper.incumbent == pytest.approx(turn(curve(0.95))[-1])
    assert [run.ended for run in stopper.runs] == ["complete", "stopped", "complete"]


class Known(curves.CurvePredictor):
    """A normal distribution around the last value, that grows by a slope in time."""

    learns = joint = True

    def __init__(self, slope=0.0):
        self.slope, self.fitted = slope, []

    def fit(self, given):
        self.fitted = list(given)
        return self

    def predict(self, contexts, asked):
        assert all(isinstance(one, Context) for one in contexts)
        last = np.array([one.values[-1] for one in contexts])[:, None]
        means = last + self.slope * (asked - np.array([one.times[-1] for one in contexts])[:, None])
        return Normals.single(means, np.full(asked.shape, 0.1))


def test_the_rule_to_the_digit():
    def at(when, slope, threshold):
        stopper = curves.Stopper(10, when=when, threshold=threshold, predictor=Known(slope), min_epochs=1)
        train(stopper, np.linspace(0.1, 0.5, 10))  # complete: the incumbent, and what is learned from
        stopper.begin()
        return stopper.update(4, 0.4), stopper

    phi = lambda z: (1 + math.erf(z / math.sqrt(2))) / 2  # noqa: E731

    def beats(mean):  # a normal distribution between the bounds 0 and 1
        below, above = phi(-mean / 0.1), phi((1 - mean) / 0.1)
        return (above - phi((0.5 - mean) / 0.1)) / (above - below)

    decision, stopper = at("end", -0.02, 0.05)
    assert len(stopper.predictor.fitted) == 1
    assert decision.probability == pytest.approx(beats(0.4 - 0.12))
    assert bool(decision)
    decision, _ = at("later", -0.02, 0.05)  # the next epoch is the best one
    assert decision.probability == pytest.approx(beats(0.4 - 0.02))
    assert not decision
    assert at("end", -0.02, decision.probability)[0].stop


def test_when_it_looks():
    stopper = curves.Stopper(20, incumbent=0.9, min_epochs=4, every=3, predictor="last_value", threshold=1.0)
    looked = []
    for epoch in range(1, 21):
        decision = stopper.update(epoch, 0.1)
        if not math.isnan(decision.probability):
            looked.append(epoch)
    assert looked == [4, 7, 10, 13, 16, 19]
    assert decision.reason == "the training is complete."


def test_a_training_that_diverged_is_stopped_at_once():
    for value in (math.nan, math.inf, -math.inf):
        stopper = curves.Stopper(20, lower_is_better=True)
        stopper.update(1, 2.0)
        decision = stopper.update(2, value)
        assert decision.stop
        assert decision.probability == 0
        assert "diverged" in decision.reason
    stopper = curves.Stopper(20, lower_is_better=True, incumbent=1.0)
    assert [stopper.update(k, 2.0 * 3**k).stop for k in range(1, 5)][-1]  # from loss 6 to 162


def test_what_is_the_incumbent():
    stopper = curves.Stopper(5, incumbent=0.2, predictor="last_value", threshold=0)
    train(stopper, [0.1, 0.2, 0.9, 0.4, 0.3])
    assert stopper.incumbent == 0.3  # the last value
    train(stopper, [0.8, 0.8])
    assert stopper.incumbent == 0.3  # not complete
    later = curves.Stopper(5, incumbent=0.2, predictor="last_value", threshold=0, when="later")
    train(later, [0.1, 0.2, 0.9, 0.4, 0.3])
    assert later.incumbent == 0.9
    assert curves.Stopper(5).incumbent is None


def test_a_state_goes_on_exactly(tmp_path):
    """Killed after every value and taken up again, through JSON, it decides the same."""
    runs = [curve(0.8, 10), curve(0.3, 10), curve(0.75, 10)]

    def decisions(killed):
        path = tmp_path / f"{killed}.json"
        stopper = curves.Stopper(10, path=path)
        found = []
        for number, values in enumerate(runs):
            stopper.begin(f"run {number}")
            for epoch, value in enumerate(values, 1):
                found.append(stopper.update(epoch, value))
                if killed:
                    stopper = curves.Stopper(10, path=path)
                if found[-1]:
                    break
            stopper.finish()
        return found, stopper.state()

    straight, broken = decisions(False), decisions(True)
    assert straight == broken
    assert any(straight[0])
    json.dumps(straight[1], allow_nan=False)


def test_a_training_goes_back_to_a_checkpoint(tmp_path):
    path = tmp_path / "s.json"
    stopper = curves.Stopper(30, path=path)
    stopper.begin("a")
    for epoch in range(1, 8):
        stopper.update(epoch, 0.1 * epoch)
    again = curves.Stopper(30, path=path)
    assert again.resumed
    again.update(5, 0.55)  # of the checkpoint after epoch 4
    assert again.runs[0].epochs == [1, 2, 3, 4, 5]
    assert again.runs[0].values[-1] == 0.55
    with pytest.raises(InvalidInputError, match="epoch 5 comes after epoch 5: give each epoch once"):
        again.update(5, 0.55)
    third = curves.Stopper(30, path=path)
    third.begin("b")  # not the one that was going on
    assert [run.ended for run in third.runs] == ["stopped", ""]
    with pytest.raises(InvalidInputError, match="'a' has ended: choose another name"):
        third.begin("a")


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"horizon": 0}, "horizon"),
        ({"horizon": math.nan}, "horizon"),
        ({"threshold": 1.5}, "threshold"),
        ({"when": "soon"}, "unknown rule 'soon'"),
        ({"min_epochs": 0}, "min_epochs"),
        ({"every": 0}, "every"),
        ({"incumbent": math.nan}, "incumbent"),
        ({"predictor": "lcpfm"}, "lcpfn"),
        ({"predictor": None}, "give the name of a curve predictor"),
        ({"bounds": (1, 0)}, "smallest and the largest"),
        ({"bounds": 5}, "smallest and the largest"),
        ({"incumbent": 75}, "the incumbent 75 lies outside the metric's range, 0 to 1"),
        ({"incumbent": 120, "bounds": (0, 100)}, "outside the metric's range, 0 to 100"),
        ({"incumbent": -1, "lower_is_better": True}, "outside the metric's range, 0 to inf"),
    ],
)
def test_bad_settings(settings, message):
    with pytest.raises((InvalidInputError, UnknownNameError), match=message):
        curves.Stopper(**{"horizon": 30, **settings})


def test_bad_values_are_refused_at_once_and_forgotten():
    stopper = curves.Stopper(30)
    stopper.update(1, 0.3)
    for epoch, value, message in (
        (1, 0.4, "epoch 1 comes after epoch 1"),
        (0, 0.4, "epoch 0 comes after epoch 1"),
        (31, 0.4, "epoch 31: choose at most 30"),
        (2, 40.0, "values range from 0.3 to 40"),
        (2, "0.4", "the value '0.4': give a number"),
        (2, None, "the value None: give a number"),
        (2, np.array([0.4, 0.5]), r"the value .*: give a number"),
    ):
        with pytest.raises(InvalidInputError, match=message):
            stopper.update(epoch, value)
    assert not stopper.update(2, 0.4)
    assert stopper.runs[0].values == [0.3, 0.4]
    with pytest.raises(InvalidInputError, match="outside the bounds"):
        curves.Stopper(30, bounds=(0, 100)).update(1, 101)


@pytest.mark.parametrize("text", ["{", "[]", "{}", '{"format": 9}', '{"format": 1, "horizon": 30, "runs": 3}'])
def test_a_file_that_is_no_state(tmp_path, text):
    (tmp_path / "s.json").write_text(text)
    with pytest.raises(InvalidInputError, match="state"):
        curves.Stopper(30, path=tmp_path / "s.json")


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("[1.0, ", "[", "2 epochs and 3 values"),
        ("[1.0, ", "[9.0, ", "epochs do not increase"),
        ("[1.0, ", "[-1.0, ", "epochs do not increase"),
        ("[1.0, ", "[1e999, ", "epochs do not increase"),
        ('"ended": ""', '"ended": "soon"', "cannot be 'soon'"),
        ('"ended": ""', '"ended": "stopped"', "missing or has ended"),
        ('"current": "a"', '"current": "b"', "missing or has ended"),
        (
            '"runs": [',
            '"runs": [{"name": "a", "epochs": [], "values": [], "ended": ""}, ',
            "two trainings have the same name",
        ),
        ('"format": 1', '"format": 2', "^the state was written by another version"),
    ],
)
def test_a_damaged_state_is_refused(tmp_path, old, new, message):
    path = tmp_path / "s.json"
    stopper = curves.Stopper(30, path=path)
    stopper.begin("a")
    for epoch in (1, 2, 3):
        stopper.update(epoch, 0.1 * epoch)
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))
    with pytest.raises(InvalidInputError, match=message):
        curves.Stopper(30, path=path)
    path.write_text("[" * 100_000)
    with pytest.raises(InvalidInputError, match="does not contain a stopper's state"):
        curves.Stopper(30, path=path)


def test_the_state_of_another_stopper():
    state = curves.Stopper(30).state()
    with pytest.raises(InvalidInputError, match="horizon 30 and lower_is_better=False"):
        curves.Stopper(20).restore(state)
    with pytest.raises(InvalidInputError, match="horizon 30"):
        curves.Stopper(30, lower_is_better=True).restore(state)


def test_constant_curves_and_epochs_from_zero():
    stopper = curves.Stopper(29, incumbent=0.5)
    decisions = [stopper.update(epoch, 0.3) for epoch in range(30)]
    assert any(decisions)
    assert not decisions[-1]
