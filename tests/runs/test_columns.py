"""Columns of numbers take the place of proxies, and are what predictors see."""

import dataclasses

import numpy as np
import pytest
from toys import toy

from zcbench.errors import InvalidInputError, UnknownNameError
from zcbench.runs import correlate_columns
from zcbench.runs._columns import fitted_to, matching_columns
from zcbench.spaces import TableSpace


def table(**facts):
    return dataclasses.replace(toy(), facts={name: np.asarray(values, float) for name, values in facts.items()})


def numbers_alone():
    return dataclasses.replace(table(mine=[1, 2, 3, 4]), space=TableSpace())


def test_a_column_named_like_a_proxy_has_its_direction():
    values = [1, 2, 3, 4]
    found = correlate_columns(table(ntk_cond=values, mine=values, size=values), lower=["size"])
    taus = {entry.proxy: entry.tau.value for entry in found.entries}
    assert taus["mine"] == -taus["ntk_cond"] == -taus["size"] != 0


def test_the_target_is_the_one_asked_for():
    up, down = (correlate_columns(table(mine=[1, 2, 3, 4]), target=t)["mine"].tau.value for t in ("quality", "other"))
    assert up == -down != 0


def test_columns_that_are_none():
    with pytest.raises(UnknownNameError, match="unknown column 'mien': did you mean 'mine'"):
        correlate_columns(table(mine=[1, 2, 3, 4]), ["mien"])
    with pytest.raises(InvalidInputError, match="has no columns of numbers besides the target"):
        correlate_columns(table())


def test_patterns():
    facts = {key: [1, 2, 3, 4] for key in ("a b", "a[1]", "c")}
    assert matching_columns(table(**facts), None) == ["a b", "a[1]", "c"]
    assert matching_columns(table(**facts), ["a[1]", "a   b"]) == ["a b", "a[1]"]
    assert matching_columns(table(**facts), ["[ac]*"]) == ["a b", "a[1]", "c"]
    with pytest.raises(UnknownNameError, match=r"no column matches 'x\*'"):
        matching_columns(table(**facts), ["x*"])


@pytest.mark.parametrize(
    ("label", "expected"),
    [
        ("gp", "gp:encoding=columns"),
        ("gp:kernel=rbf", "gp:encoding=columns:kernel=rbf"),
        ("gp:encoding=onehot", "gp:encoding=onehot"),
        ("sotl", "sotl"),  # no column is an epoch
        ("mean:members=(gp+random_forest)", "mean:members=(gp:encoding=columns+random_forest:encoding=columns)"),
        ("fbnetv3", "fbnetv3:encoding=columns:statistics=columns"),
        ("gcn", "gcn"),
    ],
)
def test_predictors_see_columns_unless_they_say_what_they_see(label, expected):
    assert fitted_to(label, numbers_alone()) == expected


@pytest.mark.parametrize(
    ("label", "expected"),
    [
        ("sotl", "sotl:encoding=curve(loss/2)"),
        ("lcsvr:targets=standard", "lcsvr:encoding=curve(loss/2):targets=standard"),
        ("sotl:encoding=curve(valid_nll/3)", "sotl:encoding=curve(valid_nll/3)"),
        ("omni", "omni:encoding=columns+curve(loss/2)"),
        ("gp", "gp:encoding=columns"),
        ("mean:members=(gp+sotl)", "mean:members=(gp:encoding=columns+sotl:encoding=curve(loss/2))"),
    ],
)
def test_predictors_of_curves_see_the_table_s_own(label, expected):
    own = dataclasses.replace(numbers_alone(), curves={"loss": np.zeros((4, 1, 2)), "acc": np.ones((4, 1, 2))})
    assert fitted_to(label, own) == expected
    has_it = dataclasses.replace(own, curves={"acc": np.ones((4, 1, 2)), "valid_nll": np.zeros((4, 1, 9))})
    assert "curve(loss" not in fitted_to(label, has_it)
    bare = dataclasses.replace(own, facts={})
    assert fitted_to("gp", bare) == "gp:encoding=curve(loss/2)"


class Bare:
    """A search space that can name architectures and nothing else."""

    def __init__(self, name):
        self.name = name


class Coded(Bare):
    """Names with a code, and without a graph."""

    def encode(self, architecture):
        """Return a number for each letter."""
        return np.array([float(ord(letter)) for letter in architecture.key[:1]])


@pytest.mark.parametrize(
    ("space", "label", "expected"),
    [
        (Coded("coded"), "bayesian_ridge", "bayesian_ridge:encoding=onehot"),
        (Bare("bare"), "bayesian_ridge", "bayesian_ridge:encoding=columns"),
        (Bare("bare"), "gp:encoding=stats", "gp:encoding=stats"),  # as it was named
        (Bare("bare"), "gcn", "gcn"),
    ],
)
def test_encodings_that_do_not_apply_to_a_space(space, label, expected):
    assert fitted_to(label, dataclasses.replace(table(mine=[1, 2, 3, 4]), space=space)) == expected


def test_nothing_takes_the_place_where_there_are_no_columns():
    bare = dataclasses.replace(table(), space=Bare("bare"))
    assert not bare.facts
    assert fitted_to("bayesian_ridge", bare) == "bayesian_ridge"
