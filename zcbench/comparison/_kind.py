"""The kind of a network, recognised by its layers and its forward pass."""

from __future__ import annotations

from typing import TYPE_CHECKING

from zcbench._foreign import Foreign

if TYPE_CHECKING:
    from torch import nn

    from zcbench.types import Batch, OutputChoice


def kinds_of(model: nn.Module, batch: Batch, output: OutputChoice | None = None) -> tuple[str, ...]:
    """Return the domains of a network, of "convolutional", "transformer" and "recurrent"; none for others.

    Attention is recognised in the autograd graph, whatever its modules are called. A network with attention is a
    transformer, and convolutional too if it has as many convolutions as attention has linear layers.

    Args:
        model: the network.
        batch: two samples of it are passed.
        output: which part of what the network returns counts.
    """
    from torch import nn
    from torch.nn.modules.conv import _ConvNd

    from zcbench.probe import Probe
    from zcbench.probe.roles import Role

    modules = list(model.modules())
    if any(isinstance(module, (nn.RNNBase, nn.RNNCellBase)) for module in modules):
        return ("recurrent",)
    convolutions = sum(isinstance(module, _ConvNd) for module in modules)
    attention = 0
    with Foreign(), Probe(model, batch[:2], output=output) as probe:
        attention = sum(role is Role.ATTENTION for role in probe.roles.values())
    attention = attention or sum(isinstance(module, nn.MultiheadAttention) for module in modules)
    found = []
    if convolutions and (not attention or convolutions >= attention):
        found.append("convolutional")
    if attention:
        found.append("transformer")
    return tuple(found)
