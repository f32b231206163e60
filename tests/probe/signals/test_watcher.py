"""Watchers: what they set is removed, and what they keep stays as it was."""

from networks import convnet, images

from zcbench.probe import Probe
from zcbench.probe.signals.relu_codes import ReLUCodes
from zcbench.types import Batch


def test_nothing_is_left_behind():
    model, (inputs, targets) = convnet(), images()
    with Probe(
        model, Batch(inputs, targets), wanted=frozenset({"gradients", "channel_products", "relu_codes"})
    ) as probe:
        _ = probe.gradients
        watchers = dict(probe._watchers)
    codes = len(watchers[ReLUCodes].codes)
    model(inputs)
    assert len(watchers[ReLUCodes].codes) == codes
    assert not any(module._forward_hooks for module in model.modules())
