"""Delayed shrinking: when the others come, and how much they count."""

from __future__ import annotations

import pytest
from elastic import SPACE, Recorded, supernet

from zcbench.supernets import get_training_rule


@pytest.mark.parametrize(
    ("progress", "others", "weight"), [(0.0, 0, None), (0.49, 0, None), (0.5, 3, 0.01), (0.55, 3, 0.505), (0.9, 3, 1.0)]
)
def test_others_come_slowly(progress: float, others: int, weight: float | None) -> None:
    step = Recorded(supernet(), progress=progress)
    get_training_rule("delayed").step(step)
    assert step.calls[0][0] == SPACE.largest
    assert step.calls[0][1] is None and step.calls[0][3] == 1
    assert len(step.calls) == 1 + others
    for _, teacher, share, factor in step.calls[1:]:
        assert teacher is not None
        assert share == 1
        assert factor == pytest.approx(weight)


def test_without_a_ramp_they_count_at_once() -> None:
    step = Recorded(supernet(), progress=0.5)
    get_training_rule("delayed:ramp=0.0:random=0").step(step)
    assert [factor for *_, factor in step.calls] == [1, 1]
