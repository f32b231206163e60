"""Which curves belong together: no network, and no task, is ever on both sides of a split."""

from dataclasses import replace

import numpy as np
import pytest

import zcbench
from zcbench.datasets import Benchmark
from zcbench.errors import InvalidInputError, UnknownNameError
from zcbench.runs._curve_set import curve_of, curve_set
from zcbench.spaces import TableSpace
from zcbench.types import Architecture, Target

SPACE = TableSpace()


def table(curves, *, higher=False, facts=None, description="", **further):
    """A benchmark of names with curves ``(rows, trainings, epochs)``."""
    rows = len(curves)
    return Benchmark(
        *("made", 1, SPACE, tuple(Architecture("table", f"net {n}") for n in range(rows))),
        targets={"loss": Target("loss", "", higher, description)},
        values={"loss": np.zeros((rows, 1))},
        default_target="loss",
        classes={},
        curves={"loss": np.asarray(curves, float)},
        facts=facts or {},
        **further,
    )


def falling(rows, trainings=2, epochs=6, noise=0.1):
    rng = np.random.default_rng(0)
    curves = rng.uniform(0.5, 1.5, (rows, trainings, 1)) / np.arange(1, epochs + 1)
    return curves * rng.uniform(1 - noise, 1 + noise, curves.shape)


def test_parts_share_no_network_and_hold_every_curve_once():
    found = curve_set(table(falling(11)))
    parts = [found.tested(part, 4) for part in range(4)]
    assert sorted(np.concatenate(parts)) == list(range(22))
    for part, rows in enumerate(parts):
        learned = found.complete(part, 4, 5)
        assert len(learned) == 5 and not set(found.unit[rows]) & set(found.unit[learned])
        assert len(set(found.unit[learned])) == 5  # one of each network, as long as there are others
        assert sorted(found.complete(part, 4, 99)) == sorted(set(range(22)) - set(rows))
    assert [rows.tolist() for rows in parts] == [found.tested(part, 4).tolist() for part in range(4)]


def test_equal_networks_are_one():
    benchmark = zcbench.get_benchmark("chars-rnn")
    twice = replace(
        benchmark,
        architectures=benchmark.architectures[:5] * 2,
        curves={"valid_nll": np.concatenate([benchmark.curves["valid_nll"][:5]] * 2)},
        facts={},
    )
    found = curve_set(twice)
    assert (len(found), found.units) == (20, 5)
    assert found.network[:10].tolist() == found.network[10:].tolist()


def test_tasks_stay_whole_unless_the_table_says_otherwise():
    facts = {"task": np.repeat([5.0, 7.0, 9.0], 4), "network": np.tile([0.0, 1.0, 2.0, 3.0], 3)}
    found = curve_set(table(falling(12), facts=facts, tasks="task"))
    assert found.units == 3 and found.unit.tolist() == found.task.tolist()
    across = curve_set(table(falling(12), facts=facts, tasks="task", undivided="network"))
    assert across.units == 4 and len(set(across.task)) == 3
    for part in range(4):
        rows = across.tested(part, 4)
        assert len(set(across.unit[rows])) == 1 and len(set(across.task[rows])) == 3


def test_a_curve_ends_where_its_task_does():
    curves = falling(4, 1)
    curves[0, 0, 3:] = np.nan
    curves[1, 0, 4:] = np.nan
    facts = {"task": np.array([0.0, 0, 1, 1])}
    found = curve_set(table(curves, facts=facts, tasks="task"))
    assert found.horizon.tolist() == [4, 4, 6, 6]
    assert 0 not in found.complete(1, 2, 9) and 0 not in found.complete(0, 2, 9)  # it ended before its task


def test_odd_curves_are_left_out_and_said():
    curves = falling(6, 1)
    curves[0, 0, 1:] = np.nan
    curves[1, 0, 3] = np.inf
    curves[2] = np.nan
    curves[3, 0, 0] = -1.0
    found = curve_set(table(curves))
    assert len(found) == 3
    assert np.isfinite(found.values[0]).sum() == 3  # up to the infinite value
    notes = " ".join(found.notes)
    assert "1 curve becomes infinite" in notes and "1 curve of one value" in notes and "first value of a loss" in notes
    with pytest.raises(InvalidInputError, match="no curve of loss that can be forecast"):
        curve_set(table(curves[:1]))


@pytest.mark.parametrize(
    ("description", "higher", "expected"),
    [
        ("error, fraction", False, (0, 1)),
        ("accuracy, percent, on it after 5 epochs", True, (0, 100)),
        ("", False, None),
    ],
)
def test_bounds_follow_the_unit(description, higher, expected):
    found = curve_set(table(falling(4) / 2, description=description, higher=higher))
    assert found.bounds == expected
    assert curve_set(table(falling(4), description=description), bounds=(0, 9)).bounds == (0, 9)


def test_percentages_without_a_unit_are_refused():
    with pytest.raises(InvalidInputError, match="0,100 for percent"):
        curve_set(table(50 + falling(4), higher=True))


def test_a_limit_draws_networks_and_a_larger_one_keeps_them():
    benchmark = table(falling(30))
    few, more = (curve_set(benchmark, limit=limit) for limit in (5, 12))
    assert (few.units, len(few), more.units) == (5, 10, 12)
    assert {row.tobytes() for row in few.values} <= {row.tobytes() for row in more.values}
    assert few.digest != more.digest == curve_set(benchmark, limit=12).digest


def test_which_curve_is_meant():
    assert curve_of(zcbench.get_benchmark("digits-201")) == "valid_nll"
    assert curve_of(table(falling(4))) == "loss"
    with pytest.raises(UnknownNameError, match="curve of made"):
        curve_of(table(falling(4)), "los")
    with pytest.raises(InvalidInputError, match="has no learning curves"):
        curve_of(replace(table(falling(4)), curves={}))


def test_a_beginning_says_nothing_of_what_follows():
    one, other = falling(4), falling(4)
    other[:, :, 3:] *= 7
    before, after = (curve_set(table(curves)).prepared(2, 3) for curves in (one, other))
    assert before.context.values.tolist() == after.context.values.tolist() and before.scale == after.scale
    assert before.context.end == after.context.end == 6
