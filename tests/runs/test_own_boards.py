"""What was run on user-defined tables, as evaluations."""

import numpy as np
import pytest

import zcbench
from zcbench.errors import InvalidInputError
from zcbench.records import Store
from zcbench.runs import run
from zcbench.runs._own_boards import boards, own_table, ranked

ROWS = "arch,acc,score,size\n" + "".join(f"n{i},{i},{(7 * i) % 10},{'' if i == 3 else -i}\n" for i in range(12))

pytestmark = pytest.mark.usefixtures("place")


@pytest.fixture(autouse=True)
def table(place):
    place.joinpath("my.csv").write_text(ROWS)
    return place / "my.csv"


def taus(evaluation):
    return {entry.proxy: (entry.tau.value, entry.n) for entry in evaluation.entries}


def test_columns_are_correlated_as_in_the_run(table):
    expected = run("my.csv", target="acc", lower="size")
    for name in ("own-my", "my.csv", table, zcbench.own_benchmark("my.csv", "acc", lower="size")):
        (found,) = zcbench.leaderboard(name)
        assert taus(found) == taus(expected)
        assert (found.benchmark, found.total, found.ceiling.n) == ("own-my@1", 12, 12)
    (common,) = zcbench.leaderboard("own-my", common=True)
    assert {n for _, n in taus(common).values()} == {11}
    assert common.total == 11


def test_another_target_turns_the_columns_around():
    run("my.csv", target="acc", lower="acc")
    (found,) = zcbench.leaderboard("own-my", target="score")
    (first,) = zcbench.leaderboard("own-my")
    assert found["acc"].tau.value == pytest.approx(first["score"].tau.value)  # both turned: acc is low where good
    assert not found["acc"].higher_is_better


def test_seed_common_and_ensembles():
    run("my.csv", target="acc", seed=2, limit=10)
    assert zcbench.leaderboard("own-my", seed=2)[0].total == 10
    with pytest.raises(InvalidInputError, match="the columns of own-my were not run with seed 3"):
        zcbench.leaderboard("own-my", seed=3)
    with pytest.raises(InvalidInputError, match=r"ensembles need networks, and my\.csv has none"):
        zcbench.leaderboard("own-my", ensembles="mean_rank(score+size)")


def test_candidates_are_in_no_count(table):
    table.write_text(ROWS + "x,,1,2\ny,,3,\n")
    run("my.csv", target="acc")
    (found,) = zcbench.leaderboard("own-my")
    assert (found.total, found.without_target, found["size"].n, found["size"].total) == (12, 0, 11, 12)
    assert [f"{one.count} {one.example}" for one in found["size"].failures] == ["1 missing"]
    assert found.table_notes[-1].startswith("Of 14 architectures, 12 are trained")


def test_what_the_store_has():
    store = Store("runs")
    assert ranked(store) == boards(store) == []
    run("my.csv", target="acc")
    zcbench.run("digits-201", proxies="params", limit=4, batch_size=8)
    assert ranked(store) == boards("runs") == ["digits-201", "own-my"]


def test_predictors_alone(table):
    rng = np.random.default_rng(0)
    table.write_text("arch,acc,a\n" + "".join(f"n{i},{a + 4 * rng.normal()},{a}\n" for i, a in enumerate(range(20))))
    found = run("my.csv", target="acc", predictors="bayesian_ridge", train_sizes=5, seeds=2)
    assert ranked("runs") == []
    with pytest.raises(
        InvalidInputError, match="predictors alone have been run on own-my: see  zcbench efficiency own-my"
    ):
        zcbench.leaderboard("own-my")
    for name in ("own-my", "my.csv", table):
        shown = zcbench.runs.efficiency(name)
        assert [point.metrics["tau"] for point in shown.points] == [point.metrics["tau"] for point in found.points]
    with pytest.raises(
        InvalidInputError, match="no trials of predictors on own-my: run  zcbench run own-my --predictors"
    ):
        zcbench.runs.efficiency("own-my", target="a")


def test_a_run_that_failed_has_run_nothing():
    with pytest.raises(InvalidInputError, match="a training set of 50 networks"):
        run("my.csv", target="acc", predictors="bayesian_ridge", train_sizes=50)
    with pytest.raises(InvalidInputError, match="the table own-my has not been run"):
        zcbench.leaderboard("own-my")
    assert ranked("runs") == []


def test_searches_alone():
    run("my.csv", target="acc", searchers="random", budget=3, seeds=2)
    with pytest.raises(
        InvalidInputError, match=r"only searches have been run on own-my: see  zcbench run my\.csv --target"
    ):
        zcbench.leaderboard("own-my")


def test_curves(table):
    rows = [f"n{i},{i}," + ",".join(str(2 + i / 9 + 1 / e) for e in range(1, 7)) for i in range(12)]
    table.write_text("arch,acc," + ",".join(f"loss_{e}" for e in range(1, 7)) + "\n" + "\n".join(rows) + "\n")
    expected = run("my.csv", curves="loss_*", lower="loss_*", curve_predictors="last_value", seeds=2)
    for name in ("own-my", "my.csv"):
        (found,) = zcbench.runs.forecasts(name)
        assert [point.metrics for point in found.points] == [point.metrics for point in expected.points]


def test_which_names_are_tables(place):
    place.joinpath("folder").mkdir()
    assert own_table("own-x") == "own-x"
    assert own_table("x.parquet") == "x.parquet"
    assert own_table("digits-201") is None
    assert own_table("mine.toml") is None
