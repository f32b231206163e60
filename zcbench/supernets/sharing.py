"""A supernet of any network that can be built in several sizes: weights of the largest one, sliced for the others."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.func import functional_call

from zcbench._display import brief
from zcbench.errors import InvalidInputError
from zcbench.supernets.calibration import batch_norms, calibrate
from zcbench.supernets.cuts import shared_weights
from zcbench.supernets.evaluation import measured
from zcbench.types import Architecture, SearchSpace

#: structures of subnets that are kept
_KEPT = 256


class WeightSharing(nn.Module):
    """A supernet: the parameters of the largest network, and networks of all sizes that take slices of them.

    In training it computes as the active subnet, with gradients of the shared weights. In evaluation too, and batch
    norms then have the statistics that :meth:`subnet` would give the same subnet: no subnet's evaluation depends on
    what was active before.

    Args:
        space: the architectures.
        build: from an architecture to a network; those of all sizes have modules of the same names. By default the
            space's own.
        largest: the architecture whose network has all weights.
        smallest: the one with the fewest, for rules that train it at every step.
        calibration: inputs by which batch norms are calibrated, a list of batches; needed where there are batch norms.
        held_out: inputs and targets by which :meth:`evaluate` judges subnets.

    Attributes:
        whole: the largest network; its parameters are the supernet's.

    Raises:
        InvalidInputError: the smallest network is no part of the largest.
    """

    def __init__(
        self,
        space: SearchSpace,
        build: Callable[[Architecture], nn.Module] | None = None,
        *,
        largest: Architecture,
        smallest: Architecture,
        calibration: Sequence[Tensor] = (),
        held_out: tuple[Tensor, Tensor] | None = None,
    ) -> None:
        super().__init__()
        self.space = space
        self.build: Callable[[Architecture], nn.Module] = space.build if build is None else build
        self.largest, self.smallest = largest, smallest
        self.whole = self.build(largest)
        self.calibration = list(calibration)
        self.held_out = held_out
        self._structures: OrderedDict[str, nn.Module] = OrderedDict()
        self._statistics: tuple[Any, dict[str, Tensor]] | None = None
        self.active = largest
        shared_weights(self.whole, self.structure(smallest))

    def __repr__(self) -> str:
        return brief(f"<WeightSharing of {self.space!r}, {sum(p.numel() for p in self.parameters()):,} parameters>")

    def structure(self, architecture: Architecture) -> nn.Module:
        """The network of an architecture without parameters: its modules and buffers, for calls with others' weights.

        Raises:
            InvalidArchitectureError: it is none of the space.
        """
        key = self.space.canonical(architecture).key
        if key not in self._structures:
            with torch.random.fork_rng(devices=[]):
                network = self.build(Architecture(architecture.space, key))
            for module in network.modules():
                for name, value in list(module._parameters.items()):
                    if value is not None:
                        module._parameters[name] = nn.Parameter(torch.empty_like(value, device="meta"))
            self._structures[key] = network
            if len(self._structures) > _KEPT:
                self._structures.popitem(last=False)
        self._structures.move_to_end(key)
        return self._structures[key]

    def activate(self, architecture: Architecture) -> None:
        """Compute as this subnet from now on."""
        self.structure(architecture)
        self.active = architecture

    def forward(self, *inputs: Any) -> Any:
        """What the active subnet computes."""
        structure = self.structure(self.active)
        device = next(self.parameters()).device
        for module in structure.modules():
            for name, value in module._buffers.items():
                if value is not None and value.device != device:
                    module._buffers[name] = value.to(device)
        structure.train(self.training)
        weights: dict[str, Tensor] = dict(shared_weights(self.whole, structure))
        if not self.training and batch_norms(structure):
            weights |= self._calibrated()
        return functional_call(structure, weights, inputs)

    def _calibrated(self) -> dict[str, Tensor]:
        """Buffers of the active subnet as it is cut out; computed again when it or any weight has changed."""
        state = (self.active, tuple((id(value), value._version) for value in self.parameters()))
        if self._statistics is None or self._statistics[0] != state:
            self._statistics = (state, dict(self.subnet(self.active).named_buffers()))
        return self._statistics[1]

    def cut(self, architecture: Architecture) -> nn.Module:
        """A stand-alone network with copies of its slices, whose batch norms have no statistics yet.

        Raises:
            InvalidArchitectureError: it is none of the space.
        """
        with torch.random.fork_rng(devices=[]):
            network = self.build(self.space.canonical(architecture))
        network = network.to(next(self.parameters()).device)
        with torch.no_grad():
            weights = shared_weights(self.whole, network)
            for name, value in network.named_parameters():
                value.copy_(weights[name])
        return network

    def subnet(self, architecture: Architecture) -> nn.Module:
        """A stand-alone network with weights of its own and calibrated batch norms, in evaluation mode.

        Raises:
            InvalidArchitectureError: it is none of the space.
            InvalidInputError: it has batch norms, and there is no input to calibrate them with.
        """
        network = self.cut(architecture)
        if batch_norms(network):
            if not self.calibration:
                raise InvalidInputError(
                    "this subnet has batch norms, whose statistics must be of its own: give the supernet inputs of the "
                    "training set as calibration=[batch, …], or take  cut(architecture)  and calibrate it yourself."
                )
            calibrate(network, self.calibration)
        return network.eval()

    def evaluate(self, architecture: Architecture) -> dict[str, float]:
        """Accuracy (a fraction) and nll (nats a sample) of a subnet on held-out data.

        Raises:
            InvalidInputError: there is none.
        """
        if self.held_out is None:
            raise InvalidInputError("this supernet has no held-out data: give it held_out=(inputs, targets).")
        return measured(self.subnet(architecture), *self.held_out)
