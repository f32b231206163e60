import numpy as np
from easy import digits

from zcbench import get_benchmark
from zcbench.search._rows import NEAR, Rows
from zcbench.spaces import TableSpace
from zcbench.types import Architecture


def part(space, count, seed=0):
    every = list(space)
    return [every[row] for row in np.random.default_rng(seed).permutation(len(every))[:count].tolist()]


def distance(a, b):
    return sum(x != y for x, y in zip(a.key, b.key, strict=True))


def test_neighbours_in_a_whole_table_are_the_spaces():
    space = digits(5, 3)
    rows = Rows(space, list(space))
    for one in part(space, 20):
        assert set(rows.neighbors(one)) == set(space.neighbors(one))


def test_few_neighbours_are_made_up_by_the_nearest_rows():
    space = digits(6, 4)
    table = part(space, 300)
    rows = Rows(space, table)
    for one in table[:40]:
        found = rows.neighbors(one)
        others = sorted(distance(one, other) for other in table if other != one)
        assert len(set(found)) == NEAR and one not in found
        assert [distance(one, other) for other in found[:-1]] == others[: NEAR - 1]  # slow and obvious
    assert rows.neighbors(table[0]) == Rows(space, table).neighbors(table[0])


def test_the_order_of_equally_near_rows_leaves_none_out():
    space = digits(6, 4)
    table = part(space, 400)
    rows = Rows(space, table)
    met = [other for one in table for other in rows.neighbors(one)]
    counts = np.array([met.count(one) for one in table])
    assert (counts > 0).mean() > 0.97 and counts.max() < 5 * NEAR


def test_equal_networks_under_another_string_count_as_the_row():
    class Mirrored(type(digits())):
        def canonical(self, architecture):
            return Architecture(self.name, min(architecture.key, architecture.key[::-1]))

    space = Mirrored("mirrored", [["0", "1", "2"]] * 3)
    table = [Architecture("mirrored", key) for key in ("120", "222")]
    assert Rows(space, table).neighbors(Architecture("mirrored", "120")) == (table[1],)
    assert Rows(space, table).neighbors(Architecture("mirrored", "022"))[0] == table[1]  # 222 itself
    assert Rows(space, table)._as_row(Architecture("mirrored", "021")) == table[0]


def test_names_that_are_numbers_have_neighbours_by_their_code():
    table = [Architecture("table", f"[{a}, {b}]") for a in range(10) for b in range(0, 1000, 100)]
    rows = Rows(TableSpace(), table)
    assert set(rows.nearest(Architecture("table", "[5, 500]"), 4)) == {
        Architecture("table", key) for key in ("[4, 500]", "[6, 500]", "[5, 400]", "[5, 600]")
    }  # columns of different units count alike
    child = rows.mixed(table[0], table[-1], np.random.default_rng(1))
    assert {one.key for one in child[:1]} <= {"[0, 900]", "[9, 0]", "[0, 800]", "[9, 100]", "[1, 0]", "[0, 100]"} | {
        "[8, 900]",
        "[9, 800]",
    }


def test_names_alone_stand_on_a_ring():
    table = [Architecture("table", f"network {number}") for number in range(40)]
    rows = Rows(TableSpace(), table)
    reached, at = set(), table[0]
    for _ in range(40):
        reached.add(at)
        found = rows.neighbors(at)
        assert len(set(found)) == NEAR and at not in found
        at = found[0]
    assert reached == set(table)
    assert rows.mixed(table[0], table[1], np.random.default_rng(0))[0] in table


def test_tables_of_one_and_two_rows():
    space = digits()
    table = part(space, 2)
    assert Rows(space, table[:1]).neighbors(table[0]) == ()
    assert Rows(space, table).neighbors(table[0]) == (table[1],)
    assert Rows(space, table[:1]).mixed(table[0], table[0], np.random.default_rng(0)) == [table[0]]


def test_codes_of_different_lengths_are_no_codes():
    table = [Architecture("table", text) for text in ("[1, 2]", "[1]", "[3, 4]", "name")]
    rows = Rows(TableSpace(), table)
    assert set(rows.neighbors(table[0])) == set(table[1:])


def test_a_mixture_is_the_spaces_or_the_nearest_row_to_it():
    space = digits(6, 4)
    table = part(space, 200)
    rows = Rows(space, table)
    for seed in range(20):
        a, b = table[seed], table[seed + 1]
        found = rows.mixed(a, b, np.random.default_rng(seed))
        rng = np.random.default_rng(seed)
        rng.integers(len(table))
        child = space.crossover(a, b, rng)
        if child in table:
            assert found == [child]
        else:
            assert a not in found and b not in found
            others = [other for other in table if other not in (a, b)]
            assert distance(found[0], child) == min(distance(child, other) for other in others)


def test_every_row_can_be_reached():
    table = get_benchmark("chars-bert")
    rows = Rows(table.space, table.architectures)
    reached, left = set(), [table.architectures[0]]
    while left:
        one = left.pop()
        if one not in reached:
            reached.add(one)
            left += rows.neighbors(one)
    assert reached == set(table.architectures)


def test_a_space_of_graphs_has_neighbours_in_a_small_table():
    table = get_benchmark("chars-rnn")
    rows = Rows(table.space, table.architectures)
    for one in table.architectures[:5]:
        assert len(set(rows.neighbors(one))) == NEAR and one not in rows.neighbors(one)
