"""The frame in which a network sees a curve: where its prefix ends, how far it moves from epoch to epoch.

A prefix y_1 … y_i has a centre c_i (mean of its last five values) and a scale s_i (how much neighbouring values
differ). Forecasts are binned in units of s_i from c_i, so that the bins are fine where the curve has settled and coarse
where it has not. Everything here is float32 and exact to rounding; the network behind it may compute with fewer digits.
"""

from __future__ import annotations

import torch
from torch import Tensor

#: epochs of a context at most, with the empty prefix
LONGEST = 128
#: below this, in units of the whole range, differences are not resolved
FLOOR = 5e-4
#: windows, in observed epochs, of the means and spreads that a network is told
WINDOWS = (2, 5, 15, 50)
#: the frame of an empty prefix, and the scale of one value alone
EMPTY_CENTRE, EMPTY_SCALE, FIRST_SCALE = 0.5, 0.3, 0.1
#: numbers of a token
FEATURES = 4 + 8 + 1 + 3 * len(WINDOWS) + 5

_WAVES = torch.tensor([3.0, 6.0, 12.0, 24.0])
_COUNTS = torch.arange(1, LONGEST + 1)


class Frames:
    """Sums over windows of all prefixes, and what follows from them.

    Attributes:
        centres: ``(curves, epochs + 1)``; the first is of the empty prefix.
        scales: ``(curves, epochs + 1)``.
    """

    def __init__(self, values: Tensor) -> None:
        self.values = values
        self.step = torch.diff(values, prepend=values[:, :1])
        moments = torch.stack([values, self.step, self.step.square()], 1)
        # In float64: differences of long sums lose digits.
        self._sums = torch.nn.functional.pad(moments.double().cumsum(-1), (max(WINDOWS), 0))
        length = values.shape[-1]
        counts = _COUNTS[:length].to(values.device)
        squares = self._windowed(10)[:, 2] / 2
        scale = torch.sqrt((squares + 0.5 * 0.02**2) / ((counts - 1).clamp(max=10) + 0.5) + FLOOR**2)
        scale[:, :1] = FIRST_SCALE
        self._counts = counts
        first = values.new_tensor([EMPTY_CENTRE, EMPTY_SCALE]).expand(len(values), 2)
        self.centres = torch.cat([first[:, :1], self._windowed(5)[:, 0] / counts.clamp(max=5)], 1)
        self.scales = torch.cat([first[:, 1:], scale], 1)

    def _windowed(self, window: int) -> Tensor:
        """Sums of values, steps and squared steps over the last ``window`` epochs ``(curves, 3, epochs)``."""
        length, start = self.values.shape[-1], max(WINDOWS)
        late, early = self._sums[..., start:], self._sums[..., start - window : start - window + length]
        return (late - early).to(self.values.dtype)

    def tokens(self, times: Tensor, ends: Tensor) -> Tensor:
        """What the network is told of each prefix, from its last value back.

        Args:
            times: ``(curves, epochs)``, on the grid from 1 to 100.
            ends: the last epoch of each training ``(curves,)``, on the same grid.

        Returns:
            ``(curves, epochs + 1, FEATURES)``; the first is of the empty prefix.
        """
        values, step = self.values, self.step
        centre, scale = self.centres[:, 1:], self.scales[:, 1:]
        windows = [self._windowed(window) / self._counts.clamp(max=window) for window in WINDOWS]
        first, best = values[:, :1].expand_as(values), values.cummax(-1).values
        levels = torch.stack([*(window[:, 0] for window in windows), values, first, best], -1) - centre[..., None]
        steps = torch.stack([*(window[:, 1] for window in windows), step], -1)
        framed = torch.asinh(torch.cat([levels, steps], -1) / scale[..., None])
        rough = torch.stack([window[:, 2] for window in windows], -1) + FLOOR**2
        pace = torch.diff(times, prepend=times[:, :1] - 1).clamp(min=1e-3)
        logs = torch.cat([torch.stack([times, pace, scale], -1), rough], -1).log()
        waves = values[..., None] * _WAVES.to(values.device)
        several = len(WINDOWS)
        parts = [waves.sin(), waves.cos(), (times / 100)[..., None], logs[..., :1] / 4.6]
        parts += [(times / ends[:, None])[..., None], logs[..., 1:2] / 4.6, logs[..., 2:3] / 4]
        # by window: level, step, roughness
        each = torch.stack(
            [framed[..., :several], framed[..., several + 3 : 2 * several + 3], logs[..., 3:] / 8], -1
        ).flatten(-2)
        parts += [each, framed[..., several : several + 3], framed[..., -1:], centre[..., None]]
        return torch.nn.functional.pad(torch.cat(parts, -1), (0, 0, 1, 0))
