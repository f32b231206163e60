"""The frame in which a network sees a curve: where its prefix ends, how far it moves from epoch to epoch.

A prefix y_1 … y_i has a centre c_i (mean of its last five values) and a scale s_i (how much neighbouring values
differ). Forecasts are binned in units of s_i from c_i, so that the bins are fine where the curve has settled and coarse
where it has not. Everything here is float32 and exact to rounding; the network behind it may compute with fewer digits.
"""

from __future__ import annotations

import torch
from torch import Tensor

#: below this, in units of the whole range, differences are not resolved
FLOOR = 5e-4
#: windows, in observed epochs, of the means and spreads that a network is told
WINDOWS = (2, 5, 15, 50)
#: the frame of an empty prefix, and the scale of one value alone
EMPTY_CENTRE, EMPTY_SCALE, FIRST_SCALE = 0.5, 0.3, 0.1
#: numbers of a token
FEATURES = 4 + 8 + 1 + 3 * len(WINDOWS) + 5


def _windowed(values: Tensor, window: int) -> Tensor:
    """Means of the last ``window`` values up to each position, fewer at the beginning."""
    total = torch.nn.functional.pad(values.double().cumsum(-1), (window, 0))
    count = torch.arange(1, values.shape[-1] + 1, device=values.device).clamp(max=window)
    return ((total[..., window:] - total[..., :-window]) / count).to(values.dtype)


def frames(values: Tensor) -> tuple[Tensor, Tensor]:
    """Centre and scale of every prefix.

    Args:
        values: ``(curves, epochs)``.

    Returns:
        Centres and scales ``(curves, epochs + 1)``; the first are of the empty prefix.
    """
    curves = values.shape[0]
    step = torch.diff(values).square() / 2
    spread = _windowed(step, 10) if step.shape[-1] else step
    count = torch.arange(1, step.shape[-1] + 1, device=values.device).clamp(max=10)
    scale = torch.sqrt((spread * count + 0.5 * 0.02**2) / (count + 0.5) + FLOOR**2)
    full = values.new_full
    centres = torch.cat([full((curves, 1), EMPTY_CENTRE), _windowed(values, 5)], 1)
    scales = torch.cat([full((curves, 1), EMPTY_SCALE), full((curves, 1), FIRST_SCALE), scale], 1)
    return centres, scales[:, : centres.shape[1]]


def tokens(times: Tensor, values: Tensor, ends: Tensor) -> Tensor:
    """What the network is told of each prefix, from its last value back.

    Args:
        times: ``(curves, epochs)``, on the grid from 1 to 100.
        values: ``(curves, epochs)``.
        ends: the last epoch of each training ``(curves,)``, on the same grid.

    Returns:
        ``(curves, epochs + 1, FEATURES)``; the first is of the empty prefix.
    """
    centres, scales = frames(values)
    centre, scale = centres[:, 1:], scales[:, 1:]

    def framed(value: Tensor) -> Tensor:
        return torch.asinh((value - centre) / scale)

    waves = torch.cat([torch.sin(values[..., None] * k) for k in (3.0, 6.0, 12.0, 24.0)], -1)
    waves = torch.cat([waves, torch.cat([torch.cos(values[..., None] * k) for k in (3.0, 6.0, 12.0, 24.0)], -1)], -1)
    step = torch.diff(values, prepend=values[:, :1])
    pace = torch.diff(times, prepend=times[:, :1] - 1)
    parts = [times / 100, times.log() / 4.6, times / ends[:, None], pace.clamp(min=1e-3).log() / 4.6, scale.log() / 4]
    for window in WINDOWS:
        mean = _windowed(values, window)
        parts += [framed(mean), torch.asinh(_windowed(step, window) / scale)]
        parts += [torch.sqrt(_windowed(step.square(), window) + FLOOR**2).log() / 4]
    best = values.cummax(-1).values
    parts += [framed(values), framed(values[:, :1]), framed(best), torch.asinh(step / scale), centre]
    seen = torch.cat([waves, torch.stack(parts, -1)], -1)
    return torch.nn.functional.pad(seen, (0, 0, 1, 0))
