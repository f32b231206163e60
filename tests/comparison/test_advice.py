"""The sentences under a comparison."""

import math

import pytest
from scipy.stats import kendalltau

from zcbench.comparison import Comparison, Facts
from zcbench.comparison._advice import agreement, size_of
from zcbench.proxies import asked_for
from zcbench.types import Score, Status


def compared(values, *, parameters=(10, 20, 30), kinds=("convolutional",), inputs="3x8x8", texts=False, errors=None):
    """A comparison of made-up values: by proxy, of each model."""
    count = len(next(iter(values.values())))
    names = [f"net{k}" for k in range(count)]
    facts = tuple(
        Facts(
            name,
            error=(errors or {}).get(name, ""),
            kinds=kinds if isinstance(kinds[0], str) else kinds[k],
            parameters=parameters[k],
            inputs=inputs,
            texts=texts,
            samples=4,
        )
        for k, name in enumerate(names)
    )
    infos = asked_for(list(values))
    scores = {
        name: {infos[p].label: (score(column[k]),) for p, column in values.items()} for k, name in enumerate(names)
    }
    return Comparison(facts, scores, infos, "noise", (0,))


def score(value):
    return Score(None, Status.UNSUPPORTED, 0.0, "no ReLU ran.") if value is None else Score(float(value))


def test_agreement():
    found = agreement({"a": [1, 2, 3], "b": [1, 2, 3], "c": [3, 2, 1]})
    assert (found.proxies, found.models, found.enough) == (3, 3, False)
    assert found.tau == pytest.approx((1 - 1 - 1) / 3)
    assert math.isnan(agreement({"a": [1, 2, 3]}).w)
    assert math.isnan(agreement({}).w)


def test_size():
    size = size_of([1, 2, 3], {"params": [1, 2, 3], "a": [1, 3, 2], "b": [1, 2, 9]})
    assert size.tau == pytest.approx((kendalltau([1, 2, 3], [1, 3, 2]).statistic + 1) / 2)
    assert (size.same, size.others, size.order, size.decides) == (("b",), 2, (2, 1, 0), False)
    assert size_of([1, 2, 3], {"a": [1, 2, 3]}).decides
    assert not size_of([1, 1, 1], {"a": [1, 2, 3]}).decides
    assert not size_of([1, 2, 3], {"params": [1, 2, 3]}).decides
    assert size_of([1, 2, 3], {"params": [3, 2, 1], "flops": [3, 2, 1], "a": [1, 2, 3]}).others == 1


def test_flops_may_decide_where_parameters_do_not():
    values = {"params": [3, 1, 2], "flops": [1, 2, 3], "snip": [1, 2, 3], "naswot": [1, 2, 3]}
    found = compared(values, parameters=(30, 10, 20))
    assert found.size.measure == "flops"
    assert "Their FLOPs alone give the ranking net2 > net1 > net0." in line(found, "Warning")


def test_proxies_that_rank_nothing_do_not_hide_that_size_decides():
    """Only proxies that are known from many benchmarks are compared with size."""
    unknown = ("epe_nas", "fisher", "grasp", "lga", "zen", "zico")
    found = compared({"params": [1, 2, 3], "snip": [1, 2, 3], **{proxy: [3, 1, 2] for proxy in unknown}})
    assert found.size.decides


def line(found, start):
    (only,) = [note for note in found.footnotes() if note.startswith(start)]
    return only


def test_what_little_agreement_of_few_models_means():
    text = line(compared({"params": [1, 2, 3], "snip": [1, 2, 3]}), "Agreement")
    assert "Kendall's W 1.00" in text
    assert "With fewer than 6 models this means little: two unrelated rankings of 3 agree completely in 1 of 6" in text
    six = compared({"params": range(6), "snip": range(6)}, parameters=range(1, 7))
    assert "little" not in line(six, "Agreement")


def test_chance_and_constants_have_no_part():
    found = compared({"params": [1, 2, 3], "snip": [1, 2, 3], "random": [3, 1, 2], "num_layers": [2, 2, 2]})
    assert found.ranking == ("params", "snip")
    assert line(found, "Equal for all models") == "Equal for all models: num_layers."


def test_models_that_differ_in_size():
    found = compared({"params": [1, 2, 3], "snip": [1, 2, 3], "naswot": [1, 2, 3]})
    text = line(found, "Warning")
    assert (
        "the models differ mostly in size. Their numbers of parameters alone give the ranking net2 > net1 > net0."
        in text
    )
    assert "Other proxies with this ranking: 2 of 2 (mean tau 1.00)." in text
    params, best = (found.belief.standings[p] for p in ("params", "naswot"))
    assert (
        f"params has mean tau {params.mean:.2f}; the largest advantage over it is {best.over_params:.2f} (naswot)"
        in text
    )
    assert not any(
        note.startswith("Warning") for note in compared({"params": [1, 2, 3], "snip": [3, 2, 1]}).footnotes()
    )


def test_which_to_believe():
    found = compared({"params": [1, 2, 3], "naswot": [3, 1, 2], "random": [1, 2, 3]})
    last = found.footnotes()[-1]
    best = found.belief.standings["naswot"]
    assert last.startswith(f"Believe most: naswot, mean tau {best.mean:.2f} (")
    assert f"orders about {50 * (1 + best.mean):.0f} of 100 pairs" in last
    assert "It ranks the models net0 > net2 > net1." in last
    assert "Not distinguishable from it there: params." in last
    assert "flops was not requested and has the larger mean tau" in last


def test_one_benchmark_distinguishes_nothing():
    last = compared({"num_layers": [1, 2, 3], "jacov": [3, 1, 2]}, kinds=("transformer",)).footnotes()[-1]
    assert "on 1 benchmark" in last
    assert "One benchmark does not show which proxy is best on other networks." in last
    assert "Not distinguishable" not in last


def test_equal_models_share_a_place():
    assert "net0 = net2 > net1." in compared({"naswot": [3, 1, 3]}).footnotes()[-1]


def test_nothing_is_to_be_believed_much():
    found = compared({"params": [1, 2, 3], "snip": [3, 1, 2]}, kinds=("recurrent",), inputs="8", texts=True)
    assert found.footnotes()[-1].startswith("Believe none of them much: the best is ")


def test_supernets_are_called_what_they_are():
    found = compared({"params": [1, 2, 3]}, kinds=("transformer",))
    assert "ground truth of these benchmarks is inherited weights of a supernet" in line(found, "tau:")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"kinds": [("convolutional",), ("transformer",), ("transformer",)]}, "the models are of different kinds"),
        ({"kinds": [(), (), ()]}, "no published benchmark has networks of this kind"),
        ({"errors": {"net0": "x", "net1": "y"}}, "fewer than two models were scored"),
    ],
)
def test_it_is_not_known(changes, message):
    last = compared({"params": [1, 2, 3], "snip": [3, 1, 2]}, **changes).footnotes()[-1]
    assert last.startswith("Which proxy to believe is not known: ")
    assert message in last


def test_models_of_texts_and_of_images():
    found = compared({"params": [1, 2, 3], "snip": [3, 1, 2]}, kinds=("transformer",))
    facts = tuple(
        Facts(f.name, kinds=f.kinds, inputs=f.inputs, texts=k == 0, samples=4) for k, f in enumerate(found.facts)
    )
    other = Comparison(facts, found._scores, found.infos, "noise", (0,))
    assert other.footnotes()[-1].startswith("Which proxy to believe is not known: some models read texts and others do")
    assert other.belief.benchmarks == ()


def test_none_of_the_proxies_was_measured():
    last = compared({"az_expressivity": [1, 1, 1]}).footnotes()[-1]
    assert "none of these proxies ranks the models and was measured there" in last


def test_a_model_that_failed_does_not_spoil_the_others():
    found = compared({"params": [None, 2, 3], "snip": [None, 2, 3]}, errors={"net0": "net0 raised ValueError: no"})
    assert found.footnotes()[0] == "net0 raised ValueError: no"
    assert found.ranking == ("params", "snip")
    assert found.ranks("snip") == (None, 2, 1)


def test_scores_that_are_missing_have_a_reason():
    found = compared({"params": [1, 2, 3], "naswot": [1, None, None]})
    assert "Unsupported for net1, net2: naswot: no ReLU ran." in found.footnotes()
    several = compared({"params": [1, 2, 3], "naswot": [None] * 3, "swap": [None] * 3})
    assert "Unsupported for all models: naswot, swap: no ReLU ran." in several.footnotes()
    assert found.ranking == ("params",)


def test_inputs_of_different_shapes():
    found = compared({"params": [1, 2, 3]})
    facts = tuple(
        Facts(f.name, kinds=f.kinds, inputs="3x9x9" if k else "3x8x8", samples=4) for k, f in enumerate(found.facts)
    )
    other = Comparison(facts, found._scores, found.infos, "noise", (0,))
    text = line(other, "The models saw inputs of different shapes")
    assert "net0 3x8x8; net1, net2 3x9x9" in text
