"""The frame of every prefix, and what the network is told of it."""

from __future__ import annotations

import itertools
import math

import pytest
import torch

from zcbench.curves._frames import EMPTY_CENTRE, EMPTY_SCALE, FEATURES, FIRST_SCALE, FLOOR, WINDOWS, Frames

TIMES = torch.tensor([[1.0, 2.0, 4.0, 5.0, 9.0, 10.0, 11.0, 40.0, 41.0, 60.0, 61.0, 62.0, 100.0]])
VALUES = torch.tensor([[0.1, 0.3, 0.35, 0.34, 0.4, 0.45, 0.44, 0.44, 0.5, 0.48, 0.47, 0.5, 0.2]])


def told(times: list[float], values: list[float], end: float) -> list[float]:
    """The token of a whole curve, written out."""
    recent = values[-5:]
    centre = sum(recent) / len(recent)
    steps = [b - a for a, b in itertools.pairwise(values)]
    last = [step**2 / 2 for step in steps[-10:]]
    scale = math.sqrt((sum(last) + 0.5 * 0.02**2) / (len(last) + 0.5) + FLOOR**2) if steps else FIRST_SCALE
    waves = [3.0, 6.0, 12.0, 24.0]
    found = [math.sin(k * values[-1]) for k in waves] + [math.cos(k * values[-1]) for k in waves]
    pace = times[-1] - times[-2] if len(times) > 1 else 1.0
    found += [times[-1] / 100, math.log(times[-1]) / 4.6, times[-1] / end, math.log(pace) / 4.6, math.log(scale) / 4]
    all_steps = [0.0, *steps]
    for window in WINDOWS:
        few, moved = values[-window:], all_steps[-window:]
        found.append(math.asinh((sum(few) / len(few) - centre) / scale))
        found.append(math.asinh(sum(moved) / len(moved) / scale))
        found.append(math.log(sum(step**2 for step in moved) / len(moved) + FLOOR**2) / 8)
    for level in (values[-1], values[0], max(values)):
        found.append(math.asinh((level - centre) / scale))
    return [*found, math.asinh(all_steps[-1] / scale), centre]


@pytest.mark.parametrize("seen", [1, 2, 3, 6, 13])
def test_tokens_are_what_is_written_out(seen: int) -> None:
    frames = Frames(VALUES)
    token = frames.tokens(TIMES, torch.tensor([100.0]))[0, seen]
    wanted = told(TIMES[0, :seen].tolist(), VALUES[0, :seen].tolist(), 100.0)
    assert token.shape == (FEATURES,)
    # float32, and quotients by scales of a hundredth
    assert token.tolist() == pytest.approx(wanted, abs=2e-4)


def test_a_prefix_knows_nothing_of_what_follows() -> None:
    other = VALUES.clone()
    other[:, 6:] = 7.0
    first, second = (Frames(values).tokens(TIMES, torch.tensor([100.0])) for values in (VALUES, other))
    assert torch.equal(first[:, :7], second[:, :7])
    assert not torch.allclose(first[:, 7:], second[:, 7:])


def test_an_empty_prefix_has_a_frame() -> None:
    frames = Frames(torch.empty(2, 0))
    assert frames.centres.tolist() == [[EMPTY_CENTRE]] * 2
    assert frames.scales[:, 0].tolist() == pytest.approx([EMPTY_SCALE] * 2)
    assert frames.tokens(torch.empty(2, 0), torch.tensor([100.0, 50.0])).shape == (2, 1, FEATURES)


def test_a_flat_curve_has_the_smallest_scale() -> None:
    frames = Frames(torch.full((1, 40), 0.7))
    assert torch.isfinite(frames.tokens(torch.arange(1, 41.0)[None], torch.tensor([40.0]))).all()
    assert frames.scales[0, -1] >= FLOOR
    assert frames.scales[0, -1] < 0.01
