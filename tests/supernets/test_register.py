"""The registry of training rules."""

from __future__ import annotations

import pytest

import zcbench
from zcbench._kinds import isolated
from zcbench.errors import DuplicateNameError, InvalidInputError, UnknownNameError
from zcbench.supernets import TrainingRule, resolve_training_rules


def test_rules_are_named_with_their_settings() -> None:
    rule = zcbench.get_training_rule("sandwich:random=5:distil=false")
    assert (rule.random, rule.distil) == (5, False)
    assert rule.label_ == "sandwich:distil=False:random=5"
    assert zcbench.get_training_rule(rule.label_).label_ == rule.label_
    assert resolve_training_rules("s*") == ["sandwich", "single_path"]
    for name in zcbench.list_training_rules():
        info = zcbench.training_rule_info(name)
        assert "arXiv" in info.reference
        assert info.summary


@pytest.mark.parametrize(
    ("text", "error", "match"),
    [
        ("sandwhich", UnknownNameError, "did you mean 'sandwich'"),
        ("sandwich:randoms=2", UnknownNameError, "did you mean 'random'"),
        ("sandwich:random=-1", InvalidInputError, "random"),
        ("delayed:warm=2.0", InvalidInputError, "warm"),
    ],
)
def test_what_is_no_rule_is_refused(text: str, error: type[Exception], match: str) -> None:
    with pytest.raises(error, match=match):
        zcbench.get_training_rule(text)


def test_a_rule_of_ones_own() -> None:
    with isolated():

        @zcbench.register_training_rule("mine")
        class Mine(TrainingRule):
            """The smallest alone."""

            def step(self, step):
                step.learn(step.supernet.smallest)

        assert "mine" in zcbench.list_training_rules()
        with pytest.raises(DuplicateNameError):
            zcbench.register_training_rule("mine")(Mine)
        with pytest.raises(InvalidInputError, match="register a subclass of zcbench"):
            zcbench.register_training_rule("other")(int)
    assert "mine" not in zcbench.list_training_rules()
