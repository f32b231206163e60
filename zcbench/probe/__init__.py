"""The measuring instrument: one network, one batch, and the signals that proxies share.

:class:`Probe` opens a network. Its measurements are *signals* (``zcbench list signals``), to which users can add their
own; ``per_sample`` computes the gradients of single samples.
"""

from zcbench.probe._probe import Probe
from zcbench.probe._register import SignalInfo, get_signal, list_signals, register_signal, signal_info
from zcbench.probe.calling import as_tensor, invoke
from zcbench.probe.losses import default_loss
from zcbench.probe.per_sample import per_sample_rule
from zcbench.probe.signals._watcher import FunctionWatcher, Keeper, Watcher

__all__ = [
    "FunctionWatcher",
    "Keeper",
    "Probe",
    "SignalInfo",
    "Watcher",
    "as_tensor",
    "default_loss",
    "get_signal",
    "invoke",
    "list_signals",
    "per_sample_rule",
    "register_signal",
    "signal_info",
]
