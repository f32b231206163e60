"""The measuring instrument: one network, one batch, and the signals that proxies share."""

from zcbench.probe._probe import SIGNALS, Probe, default_loss
from zcbench.probe.calling import as_tensor, invoke

__all__ = ["SIGNALS", "Probe", "as_tensor", "default_loss", "invoke"]
