"""The sweep over families of networks: what it finds wrong, and that nothing is."""

from pathlib import Path

import pytest
from _families import FAMILIES, TIMM, UNSEEN_ATTENTION, UNTRAINABLE, WITHOUT_ATTENTION
from sweep_families import AGAIN, ALONE, COUNTED, TOGETHER, Found, page, sweep

from zcbench.proxies import list_proxies
from zcbench.types import Score, Status

PAGE = Path(__file__).parents[2] / "docs" / "families.md"


def found(key="transformers:bert:classify", **scores):
    one = Found(key)
    for how, by_label in scores.items():
        one.scores[how].update(by_label)
    return one


OK = {COUNTED: Score(7.0), "params": Score(7.0), "snip": Score(1.0)}


@pytest.mark.parametrize(
    ("scores", "problem"),
    [
        ({TOGETHER: OK, AGAIN: OK, ALONE: OK}, ""),
        ({TOGETHER: OK | {"params": Score(8.0)}}, "params: 8.0, but 7.0 numbers can be trained"),
        ({TOGETHER: OK, AGAIN: OK | {"snip": Score(1.0 + 1e-15)}}, "snip: 1.0 ok together, 1.000000000000001 ok again"),
        ({TOGETHER: OK, ALONE: OK | {"snip": Score(1.0 + 1e-9)}}, ""),
        ({TOGETHER: OK, ALONE: OK | {"snip": Score(1.001)}}, "snip: 1.0 ok together, 1.001 ok alone"),
        ({TOGETHER: OK, ALONE: OK | {"snip": Score(None, Status.UNSUPPORTED)}}, "snip: 1.0 ok together, None unsupp"),
        ({TOGETHER: OK | {"snip": Score(None, Status.FAILED, detail="X.")}}, "snip: failed: X."),
        ({TOGETHER: OK | {"snip": Score(None, Status.TIMED_OUT)}}, "snip: timed-out"),
        (
            {TOGETHER: OK | {"snip": Score(None, Status.UNSUPPORTED, detail="RuntimeError: size")}},
            "snip: no sentence: RuntimeError: size",
        ),
        ({TOGETHER: OK | {"snip": Score(None, Status.UNSUPPORTED, detail="has none (TypeError: x).")}}, ""),
        ({TOGETHER: OK | {"head_confidence": Score(None, Status.UNSUPPORTED)}}, "head_confidence: no attention was"),
    ],
)
def test_what_is_wrong_is_said(scores, problem):
    problems = found(**scores).problems
    assert problems == [] if not problem else problems[0].startswith(problem)


def test_what_has_no_attention_and_what_cannot_be_trained():
    attends = {TOGETHER: OK | {"head_confidence": Score(1.0)}}
    assert found("transformers:mamba:next word", **attends).problems == ["head_confidence: attention was found"]
    assert found("transformers:mra:classify", **attends).problems == []
    fails = {TOGETHER: OK | {"snip": Score(None, Status.FAILED, detail="RuntimeError: in place")}}
    assert found("transformers:rwkv:next word", **fails).problems == []
    names = {family.name for family in FAMILIES.values()}
    assert {*WITHOUT_ATTENTION, *UNSEEN_ATTENTION, *UNTRAINABLE} <= names


def test_the_page_of_the_docs():
    text = page(
        [found(**{TOGETHER: OK | {"zen": Score(None, Status.UNSUPPORTED, detail="no | maps (3).")}})], "command"
    )
    assert "1 families: 2 ok, 1 unsupported." in text
    assert "| bert | classify | 2 | 1 |  |" in text
    assert r"| no \| maps (N). | `zen` | 1 |" in text


def test_every_family_stands_in_the_docs():
    text = PAGE.read_text(encoding="utf-8")
    for family in FAMILIES.values():
        assert f"| {family.name} | {family.task} |" in text
    assert len(TIMM) >= 60
    assert len(FAMILIES) - len(TIMM) >= 160


def test_two_families_in_a_worker():
    pytest.importorskip("transformers")
    keys = ("transformers:bert:classify", "transformers:mamba:next word")
    results = list(sweep(keys, ["params", "snip", "head_confidence"], alone=True))
    assert [one.key for one in results] == [*keys]
    for one in results:
        assert one.problems == []
        assert {how: len(scores) for how, scores in one.scores.items()} == dict.fromkeys((TOGETHER, AGAIN, ALONE), 4)


@pytest.mark.slow
@pytest.mark.parametrize("part", range(4))
def test_all_families_of_transformers(part):
    pytest.importorskip("transformers")
    keys = [key for key, family in FAMILIES.items() if family.package == "transformers"][part::4]
    check(sweep(keys, alone=True, timeout=60))


@pytest.mark.slow
@pytest.mark.parametrize("part", range(4))
def test_all_families_of_timm(part):
    pytest.importorskip("timm", exc_type=ImportError)
    check(sweep([key for key, family in FAMILIES.items() if family.package == "timm"][part::4], timeout=120))


def check(results):
    problems = []
    for one in results:
        assert len(one.scores[TOGETHER]) == len(list_proxies()) + 1
        problems += [f"{one.key}: {problem}" for problem in one.problems]
    assert problems == []
