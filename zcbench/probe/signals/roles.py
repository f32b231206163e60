"""The roles of a transformer's linear layers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from zcbench.errors import UnsupportedModelError
from zcbench.probe._register import register_signal
from zcbench.probe.roles import Role, linear_roles

if TYPE_CHECKING:
    from zcbench.probe import Probe


@register_signal("roles", graph=True)
def roles(probe: Probe) -> dict[str, Role]:
    """Return the roles of a transformer's linear layers, by name of the weight: see ``zcbench.probe.roles``.

    Raises:
        UnsupportedModelError: no linear layer has such a role.
    """
    found = linear_roles(probe.outputs, probe.weights)
    if not found:
        raise UnsupportedModelError("no linear layer feeds attention or a feed-forward block.")
    return found
