"""What spaces share: choices among options, strings that are refused, layers of two parents."""

import numpy as np
import pytest

from zcbench.errors import InvalidArchitectureError
from zcbench.spaces._base import ChoiceSpace, Space, chain, kind_of, mix_layers, quoted, written_form
from zcbench.types import Architecture


class Letters(ChoiceSpace):
    """Three choices, written side by side."""

    def read(self, text):
        return tuple(text)

    def write(self, choices):
        return "".join(choices)


SPACE = Letters("letters", ["ab", "abc", "ab"])


def test_all_of_them_the_last_choice_varying_fastest():
    found = list(SPACE)
    assert len(found) == len(set(found)) == SPACE.size == 12
    assert [a.key for a in found[:3]] == ["aaa", "aab", "aba"]
    assert SPACE.choices(found[-1]) == ("b", "c", "b")
    assert all(a in SPACE for a in found)
    assert Architecture("others", "aaa") not in SPACE
    assert "aaa" not in SPACE


def test_neighbours_differ_in_one_choice_and_children_take_each_from_a_parent():
    a, b = SPACE.parse("aaa"), SPACE.parse("bcb")
    assert [n.key for n in SPACE.neighbors(a)] == ["baa", "aba", "aca", "aab"]
    rng = np.random.default_rng(0)
    children = {SPACE.crossover(a, b, rng).key for _ in range(200)}
    assert children == {x + y + z for x in "ab" for y in "ac" for z in "ab"}
    assert {SPACE.mutate(a, rng) for _ in range(200)} == set(SPACE.neighbors(a))
    assert {SPACE.sample(rng) for _ in range(500)} == set(SPACE)


def test_codes_are_one_hot():
    assert SPACE.encode(SPACE.parse("bca")).tolist() == [0, 1, 0, 0, 1, 1, 0]


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        ("aa", "'aa' is not an architecture of letters: write e.g. 'bcb'."),
        ("aad", "choice 3 of letters is one of a, b, not 'd'"),
        (["a", "a"], "2 choices are given, not 3"),
        (["a", "a", "c"], "choice 3 is one of a, b, not 'c'"),
        (["a", "a", 1.5], "a list is given"),
        (None, "nothing is given"),
        ("x" * 20_001, "it has 20,001 characters"),
        (Architecture("others", "aaa"), "belongs to the space 'others', not to 'letters'"),
    ],
)
def test_what_is_refused_and_why(given, reason):
    with pytest.raises(InvalidArchitectureError) as caught:
        SPACE.parse(given)
    assert reason in str(caught.value)
    assert len(str(caught.value)) < 600


def test_lists_and_texts_of_lists_are_read():
    assert SPACE.parse(["a", "c", "b"]) == SPACE.parse("['a', 'c', 'b']") == SPACE.parse(" acb ") == SPACE.parse("acb")


def test_a_reader_that_raises_anything():
    class Raises(Space):
        forms = "letters"

        def _from_text(self, text):
            raise ZeroDivisionError("no luck")

    with pytest.raises(InvalidArchitectureError, match=r"'a' is not .* \(ZeroDivisionError: no luck\): give letters"):
        Raises("raises").parse("a")


def test_layers_of_either_parent():
    rng = np.random.default_rng(0)
    children = [mix_layers([1, 2], [10, 20, 30], rng) for _ in range(300)]
    assert {len(child) for child in children} == {2, 3}
    assert {child[0] for child in children} == {1, 10}
    assert {child[1] for child in children} == {2, 20}
    assert {child[2] for child in children if len(child) == 3} == {30}


def test_words():
    graph = chain(["a", "b"])
    assert (graph.nodes, graph.edges) == (("input", "a", "b", "output"), ((0, 1), (1, 2), (2, 3)))
    assert (kind_of(None), kind_of([])) == ("nothing", "a list")
    assert quoted("x" * 300) == "'" + "x" * 200 + "'…"
    assert written_form("(1, 'a')") == [1, "a"]
    assert written_form("abc") is None


def test_the_least_that_a_space_of_choices_writes():
    """Without a graph of its own its choices are a sequence; nothing else is needed for encodings and predictors."""
    graph = SPACE.graph(SPACE.parse("abb"))
    assert graph.nodes == ("input", "1=a", "2=b", "3=b", "output")
    assert graph.edges == ((0, 1), (1, 2), (2, 3), (3, 4))
    same = Letters("same", ["ab", "ab"])
    assert same.graph(same.parse("ab")).nodes == ("input", "choice=a", "choice=b", "output")
    with pytest.raises(InvalidArchitectureError, match="belongs to the space 'letters', not to 'same'"):
        same.graph(SPACE.parse("abb"))
