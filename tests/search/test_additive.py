"""Sums over choices: found exactly where they are, refused by how much they are off where they are not."""

import numpy as np
import pytest
from easy import digits, total

from zcbench.errors import InvalidInputError
from zcbench.search import Additive, NotAdditiveError
from zcbench.spaces import get_space


def each(function):
    return lambda architectures: [function(one) for one in architectures]


def test_a_sum_is_found_exactly():
    rng = np.random.default_rng(0)
    truth = rng.integers(0, 10**9, (6, 4)).astype(float)

    def cost(architecture):
        return 7.0 + sum(row[int(digit)] for row, digit in zip(truth, architecture.key, strict=True))

    found = Additive.fit(digits(), each(cost))
    every = list(digits())
    assert (found.values(every) == [cost(one) for one in every]).all()
    assert found.reach == (min(map(cost, every)), max(map(cost, every)))
    assert found.error == 0


def test_layers_of_once_for_all_add_up():
    def latency(architecture):
        stages = [stage.split(",") for stage in architecture.key.split("|")]
        return sum((i + 1) * (j + 2) * int(x[0]) + int(x[2]) for i, s in enumerate(stages) for j, x in enumerate(s))

    calls = []
    space = get_space("ofa-mbv3")
    found = Additive.fit(space, lambda several: [calls.append(one) or float(latency(one)) for one in several])
    assert len(calls) < 400  # of 7,371 options in each of five stages
    rng = np.random.default_rng(5)
    drawn = [space.sample(rng) for _ in range(50)]
    assert found.values(drawn) == pytest.approx([latency(one) for one in drawn])


def test_what_is_no_sum_is_refused_with_its_error():
    with pytest.raises(NotAdditiveError, match=r"odd is not a sum over the choices of digits: .* changes by \d"):
        Additive.fit(digits(), each(lambda a: float(a.key[0] == a.key[1])), name="odd")


def test_a_rare_exception_is_found_by_the_sample():
    def nearly(architecture):
        return total(architecture) + 0.5 * (architecture.key[:3] == "121")

    with pytest.raises(NotAdditiveError, match=r"on 2,000 architectures the sum differs by up to 0\.5"):
        Additive.fit(digits(), each(nearly), sample=2000)


def test_missing_values_are_no_sums():
    with pytest.raises(NotAdditiveError, match="has no value for"):
        Additive.fit(digits(), each(lambda a: np.nan if a.key[0] == "3" else total(a)))
    with pytest.raises(NotAdditiveError, match="has no value for any of 10"):
        Additive.fit(digits(), each(lambda a: np.nan))


def test_known_contributions_are_checked():
    lut = [{str(i): i * place for i in range(4)} for place in range(6)]
    assert Additive.of(digits(), lut, 1.0).reach == (1.0, 1.0 + 3 * 15)
    with pytest.raises(InvalidInputError, match="choice 2: give a contribution of '0'"):
        Additive.of(digits(), [lut[0], {}, *lut[2:]])
    with pytest.raises(InvalidInputError, match="of 6 choices"):
        Additive.of(digits(), lut[:2])
    with pytest.raises(InvalidInputError, match="depend on one another"):
        Additive.of(get_space("nasbench101"), lut)
