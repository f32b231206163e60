"""The frame of a curve in a network's input: centre and scale of a prefix.

A prefix y_1 … y_i has a centre c_i (mean of its last five values) and a scale s_i (typical difference between
neighbouring values). Forecasts are binned in units of s_i from c_i, so that bins are fine if the curve has converged
and coarse if it has not. The computations here are in float32 and exact to rounding; the network may use lower
precision.
"""

from __future__ import annotations

import torch
from torch import Tensor

#: largest number of epochs of a context, including the empty prefix
LONGEST = 128
#: differences below this, in units of the whole range, are not resolved
FLOOR = 5e-4
#: windows, in observed epochs, of the means and spreads in a network's input
WINDOWS = (2, 5, 15, 50)
#: centre and scale of an empty prefix, and scale of a single value
EMPTY_CENTRE, EMPTY_SCALE, FIRST_SCALE = 0.5, 0.3, 0.1
#: number of features of a token
FEATURES = 4 + 8 + 1 + 3 * len(WINDOWS) + 5

#: windows over which sums are needed; the scale uses a window of ten
_SUMMED = (*WINDOWS, 10)
_WAVES = (3.0, 6.0, 12.0, 24.0)


class Frames:
    """Sums over windows of all prefixes, and the frames computed from them.

    Attributes:
        centres: ``(curves, epochs + 1)``; the first is that of the empty prefix.
        scales: ``(curves, epochs + 1)``.
    """

    def __init__(self, values: Tensor) -> None:
        self.values = values
        self.step = torch.diff(values, prepend=values[:, :1])
        moments = torch.stack([values, self.step, self.step.square()], 1)
        # In float64, because differences of long sums lose digits.
        late = moments.double().cumsum(-1)
        longest, length = max(_SUMMED), values.shape[-1]
        early = torch.nn.functional.pad(late, (longest, 0)).unfold(-1, length, 1)
        # values, steps and squared steps, summed over the last few epochs (curves, 3, windows, epochs)
        sums = torch.stack([late - early[:, :, longest - window, :length] for window in _SUMMED], 2).to(values.dtype)
        counts = torch.arange(1, length + 1, device=values.device)
        squares = sums[:, 2, _SUMMED.index(10)] / 2
        scale = torch.sqrt((squares + 0.5 * 0.02**2) / ((counts - 1).clamp(max=10) + 0.5) + FLOOR**2)
        scale[:, :1] = FIRST_SCALE
        held = torch.stack([counts.clamp(max=window) for window in WINDOWS])
        self._means = sums[:, :, : len(WINDOWS)] / held
        first = values.new_tensor([EMPTY_CENTRE, EMPTY_SCALE]).expand(len(values), 2)
        self.centres = torch.cat([first[:, :1], self._means[:, 0, WINDOWS.index(5)]], 1)
        self.scales = torch.cat([first[:, 1:], scale], 1)

    def tokens(self, times: Tensor, ends: Tensor) -> Tensor:
        """Return the network's input for each prefix.

        Args:
            times: ``(curves, epochs)``, on the grid from 1 to 100.
            ends: the last epoch of each training ``(curves,)``, on the same grid.

        Returns:
            ``(curves, epochs + 1, FEATURES)``; the first is that of the empty prefix.
        """
        values, several = self.values[:, None], len(WINDOWS)
        centre, scale = self.centres[:, None, 1:], self.scales[:, None, 1:]
        levels = torch.cat([self._means[:, 0], values, values[..., :1].expand_as(values), values.cummax(-1).values], 1)
        framed = torch.asinh(torch.cat([levels - centre, self._means[:, 1], self.step[:, None]], 1) / scale)
        times = times[:, None]
        pace = torch.diff(times, prepend=times[..., :1] - 1).clamp(min=1e-3)
        logs = torch.cat([times, pace, scale, self._means[:, 2] + FLOOR**2], 1).log()
        waves = torch.cat([values * wave for wave in _WAVES], 1)
        # by window: level, step, roughness
        each = torch.stack([framed[:, :several], framed[:, several + 3 : -1], logs[:, 3:] / 8], 2).flatten(1, 2)
        parts = [waves.sin(), waves.cos(), times / 100, logs[:, :1] / 4.6, times / ends[:, None, None]]
        parts += [logs[:, 1:2] / 4.6, logs[:, 2:3] / 4, each, framed[:, several : several + 3], framed[:, -1:], centre]
        return torch.nn.functional.pad(torch.cat(parts, 1), (1, 0)).transpose(1, 2)
