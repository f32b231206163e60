"""Repeated trainings of user-defined tables, with a column of seeds."""

import itertools

import numpy as np
import pytest
from scipy.stats import kendalltau

import zcbench
from zcbench.datasets._trainings import complete_repeats
from zcbench.errors import DataCorruptError, InvalidInputError

NAN = float("nan")


@pytest.fixture
def table(tmp_path):
    """Make a table of (name, seed, acc) rows, read with its column of seeds."""

    def make(rows, seed_column="seed", **options):
        path = tmp_path / "my.csv"
        path.write_text("model,seed,acc,size\n" + "".join(f"{n},{s},{a},{k}\n" for k, (n, s, a) in enumerate(rows)))
        return zcbench.own_benchmark(path, "acc", seed_column=seed_column, **options)

    return make


def test_values_stand_by_seed_and_their_mean_is_the_truth(table):
    found = table([("a", 7, 1), ("b", 3, 2), ("a", 3, 4), ("c", 7, 9), ("b", 7, 6), ("c", 3, "")])
    assert [a.key for a in found.architectures] == ["a", "b", "c"]
    assert found.seeds == {"acc": (3, 7)}
    np.testing.assert_array_equal(found.values["acc"], [[4, 1], [2, 6], [NAN, 9]])
    np.testing.assert_array_equal(found.truth(), [2.5, 4, 9])
    np.testing.assert_array_equal(found.facts["size"], [1, 2.5, 4])
    assert set(found.facts) == {"size"}
    assert any(note.startswith("3 architectures have 6 rows, which are repeated trainings") for note in found.notes)


def test_the_noise_ceiling_is_that_of_other_benchmarks(table):
    rng = np.random.default_rng(0)
    values = np.arange(20.0)[:, None] + 6 * rng.normal(size=(20, 3))
    rows = [(f"n{i}", s, values[i, s]) for i in range(20) for s in range(3)]
    found = table([rows[k] for k in rng.permutation(len(rows))])
    taus = [kendalltau(values[:, a], values[:, b]).statistic for a, b in itertools.combinations(range(3), 2)]
    assert found.noise_ceiling().value == pytest.approx(np.mean(taus))
    assert found.noise_ceiling().n == 20


def test_seeds_that_no_two_architectures_share_are_numbered(table):
    found = table(
        [(name, seed, seed % 7) for name, *seeds in [("a", 11, 12), ("b", 13, 14), ("c", 16, 15)] for seed in seeds]
    )
    assert found.seeds == {"acc": (0, 1)}
    np.testing.assert_array_equal(found.values["acc"], [[4, 5], [6, 0], [1, 2]])
    assert any("the trainings of each architecture are numbered" in note for note in found.notes)


def test_seeds_that_few_architectures_share_take_no_table_of_all(table):
    """1,200 architectures by 1,200 seeds would be 1.4 million cells for 3,600 trainings."""
    rows = [(f"n{i}", (i + 400 * k) % 1200, i % 9 + k) for i in range(1200) for k in range(3)]
    found = table(rows)
    assert found.values["acc"].shape == (1200, 3)
    assert found.noise_ceiling().n == 1200
    assert any("belong to few architectures only" in note for note in found.notes)


def test_seeds_may_be_words_and_may_be_missing(table):
    found = table([("a", "x", 1), ("a", "y", 2), ("b", "x", 3), ("b", "NA", 4), ("c", "y", 5), ("d", "", "")])
    assert found.seeds == {"acc": (0, 1, 2)}
    np.testing.assert_array_equal(found.values["acc"], [[1, 2, NAN], [3, NAN, 4], [NAN, 5, NAN], [NAN] * 3])
    assert "1 row without a value of 'seed' is a further training." in found.notes
    assert found.notes[-1] == "Of 4 architectures, 3 are trained, as they have a value of 'acc', and 1 is a candidate."


def test_curves_stand_by_seed(tmp_path):
    path = tmp_path / "my.csv"
    path.write_text("model,seed,acc,l1,l2\na,0,1,9,8\na,1,2,7,6\nb,0,3,5,4\n")
    found = zcbench.own_benchmark(path, "acc", seed_column="seed", curves="l*")
    np.testing.assert_array_equal(found.curves["l"], [[[9, 8], [7, 6]], [[5, 4], [NAN, NAN]]])
    np.testing.assert_array_equal(found.values["l"], [[8, 6], [4, NAN]])


def test_a_training_that_stands_twice(table):
    with pytest.raises(
        DataCorruptError, match=r"'a' has the value '3' of 'seed' in line 2 and in line 4: keep one row"
    ):
        table([("a", 3, 1), ("b", 3, 2), ("a", 3, 4)])


def test_equal_networks_of_one_seed_are_averaged(tmp_path):
    space = zcbench.get_space("nasbench201")
    same: dict[str, list[str]] = {}
    for architecture in itertools.islice(space, 200):
        same.setdefault(space.canonical(architecture).key, []).append(architecture.key)
    a, b = next(names for names in same.values() if len(names) > 1)[:2]
    other = next(names[0] for names in same.values() if a not in names)
    path = tmp_path / "my.csv"
    path.write_text(f"arch,seed,acc\n{a},0,1\n{b},0,3\n{a},1,5\n{other},0,7\n")
    found = zcbench.own_benchmark(path, "acc", space="nasbench201", seed_column="seed")
    np.testing.assert_array_equal(found.values["acc"], [[2, 5], [7, NAN]])


def test_names_that_repeat_without_the_option(table):
    with pytest.raises(DataCorruptError, match="name the column of their seeds with --seed-column seed"):
        table([("a", 0, 1), ("a", 1, 2), ("b", 0, 3)], seed_column=None)


def test_a_column_that_repeats_nothing(table):
    found = table([("a", 0, 1), ("b", 0, 2)])
    assert "No architecture has a second row: 'seed' distinguishes no repeated trainings." in found.notes
    assert found.repeats() is None


def test_no_column_of_architectures(tmp_path):
    path = tmp_path / "my.csv"
    path.write_text("seed,acc\n0,1\n1,2\n")
    with pytest.raises(InvalidInputError, match="no column of architectures that repeat: name it with --arch"):
        zcbench.own_benchmark(path, "acc", seed_column="seed")


def test_a_ceiling_from_different_numbers_of_trainings():
    values = np.full((12, 5), NAN)
    values[:, 2] = np.arange(12)
    values[:10, 4] = np.arange(10) + 100
    values[:9, 0] = -np.arange(9)
    values[0] = 5
    found = complete_repeats(values)
    assert found.shape == (12, 3)  # nine of the ten that repeat have three, one has more
    np.testing.assert_array_equal(found[1], [-1, 1, 101])
    np.testing.assert_array_equal(np.isnan(found).all(axis=1), [False] * 9 + [True] * 3)
    whole = np.arange(12.0).reshape(4, 3)
    np.testing.assert_array_equal(complete_repeats(whole), whole)
    assert np.isnan(complete_repeats(np.array([[1, NAN], [NAN, 2]]))).all()
