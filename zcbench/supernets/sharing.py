"""A supernet of any network that can be built in several sizes: the others use slices of the largest one's weights."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.func import functional_call
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.modules.instancenorm import _InstanceNorm

from zcbench._arguments import shown
from zcbench._display import brief
from zcbench.errors import InvalidArchitectureError, InvalidInputError, ZcbenchError, first_line
from zcbench.supernets._samples import checked_both, checked_inputs, placed
from zcbench.supernets.calibration import batch_norms, calibrate
from zcbench.supernets.cuts import shared_weights
from zcbench.supernets.evaluation import measured
from zcbench.types import Architecture, Batch, Inputs, SearchSpace

#: number of cached structures of subnets
_KEPT = 256
#: only one thread at a time builds networks, because building changes the process's random generator
_ALONE = threading.RLock()


class WeightSharing(nn.Module):
    """A supernet: the parameters of the largest network, and networks of all sizes that use slices of them.

    In training it computes as the active subnet, with gradients of the shared weights. In evaluation, too, and batch
    norms then have the statistics that :meth:`subnet` gives the same subnet: a subnet's evaluation does not depend on
    which subnet was active before, and in float32 on a CPU both give the same bits.

    Buffers other than statistics of batch norms are those of the whole network if they have the same shape (means of
    pixels, masks), and the subnet's own if they depend on its size (positional encodings).

    Args:
        space: the architectures.
        build: from an architecture to a new network; networks of all sizes have modules of the same names. By default
            the space's own.
        largest: the architecture whose network has all weights.
        smallest: the one with the fewest, for rules that train it at every step.
        calibration: inputs for calibrating batch norms, a list of batches; required if there are batch norms.
            A batch is a tensor, a tuple of positional or a mapping of keyword arguments of a network.
        held_out: inputs and targets for :meth:`evaluate`.

    Attributes:
        whole: the largest network; its parameters are the supernet's.
        active: the architecture of the active subnet.

    Raises:
        InvalidArchitectureError: the largest or the smallest architecture does not belong to the space.
        InvalidInputError: the smallest network is not part of the largest.
    """

    def __init__(
        self,
        space: SearchSpace,
        build: Callable[[Architecture], nn.Module] | None = None,
        *,
        largest: Architecture,
        smallest: Architecture,
        calibration: Sequence[Inputs] = (),
        held_out: tuple[Inputs, Tensor] | None = None,
    ) -> None:
        super().__init__()
        self.space = space
        self.build: Callable[[Architecture], nn.Module] = space.build if build is None else build
        self.largest, self.smallest = self._usual(largest), self._usual(smallest)
        self.whole = self._whole()
        if isinstance(calibration, Tensor | Mapping):
            raise InvalidInputError("calibration is one batch: give a list of batches, calibration=[batch].")
        self.calibration = [checked_inputs("inputs for calibration", batch) for batch in calibration]
        self.held_out = None if held_out is None else checked_both("held-out data", held_out)
        self._structures: OrderedDict[str, nn.Module] = OrderedDict()
        self._made_for: tuple[torch.dtype, torch.device] | None = None
        self._statistics: tuple[Any, dict[str, Tensor]] | None = None
        self.active = self.largest
        self.structure(self.smallest)

    def __repr__(self) -> str:
        return brief(f"<WeightSharing of {self.space!r}, {sum(p.numel() for p in self.parameters()):,} parameters>")

    def _whole(self) -> nn.Module:
        """Return the network with all weights, from which those of smaller networks are cut."""
        network = self._built(self.largest)
        shared_weights(network, network)  # each module can be cut
        return network

    def _built(self, architecture: Architecture) -> nn.Module:
        """Return the network of the build function.

        Raises:
            InvalidInputError: build raised an exception, or returned no module.
        """
        try:
            network = self.build(architecture)
        except ZcbenchError:
            raise
        except Exception as error:  # for example, heads that do not divide a width
            raise InvalidInputError(f"build fails for {architecture} ({first_line(error)}).") from error
        if not isinstance(network, nn.Module):
            raise InvalidInputError(
                f"build returned {shown(network)} for {architecture}: it must return a torch.nn.Module."
            )
        return network

    def _usual(self, architecture: Architecture) -> Architecture:
        """Return the canonical form.

        Raises:
            InvalidArchitectureError: the architecture does not belong to the space.
        """
        if not isinstance(architecture, Architecture):
            raise InvalidArchitectureError(
                f"{shown(architecture)} is not an architecture: give one of {self.space.name}, from space.parse(…)."
            )
        return self.space.canonical(architecture)

    def _fresh(self, architecture: Architecture) -> nn.Module:
        """Return a new network on the supernet's device, in its precision; its random parts are always the same."""
        usual = self._usual(architecture)
        with _ALONE, torch.random.fork_rng(devices=[]), torch.inference_mode(False):  # networks are used outside, too
            torch.default_generator.manual_seed(0)  # but not the generators of other devices
            network = self._built(usual)
        mine = {id(value) for value in self.parameters()}
        like, first = next(self.parameters()), next(network.parameters(), None)
        if first is None:
            raise InvalidInputError(f"the network of {architecture} has no parameters.")
        if first.is_meta or any(id(value) in mine for value in network.parameters()):
            raise InvalidInputError(
                "build returned a network that it had returned before: return a new one for each call."
            )
        _refuse_statistics(network)
        if first.dtype != like.dtype:
            network = network.to(like.dtype)
        return network.to(like.device)

    def structure(self, architecture: Architecture) -> nn.Module:
        """Return an architecture's network without parameters: its modules and buffers, for calls with other weights.

        Raises:
            InvalidArchitectureError: the architecture does not belong to the space.
            InvalidInputError: its network is not part of the largest.
        """
        key, like = self._usual(architecture).key, next(self.parameters())
        if self._made_for != (like.dtype, like.device):
            self._structures.clear()
            self._made_for = (like.dtype, like.device)
        if key not in self._structures:
            network = self._fresh(architecture)
            shared_weights(self.whole, network)  # while tied parameters can be recognized
            with torch.inference_mode(False):
                for module in network.modules():
                    for name, value in list(module._parameters.items()):
                        if value is not None:
                            empty = torch.empty_like(value, device="meta")
                            module._parameters[name] = nn.Parameter(empty, requires_grad=value.requires_grad)
            self._structures[key] = network
            if len(self._structures) > _KEPT:
                self._structures.popitem(last=False)
        self._structures.move_to_end(key)
        return self._structures[key]

    def activate(self, architecture: Architecture) -> None:
        """Make this subnet the active one.

        Raises:
            InvalidArchitectureError: the architecture does not belong to the space.
            InvalidInputError: its network is not part of the largest.
        """
        self.structure(architecture)
        self.active = self._usual(architecture)

    def forward(self, *inputs: Any, **named: Any) -> Any:
        """Compute the outputs of the active subnet."""
        structure = self.structure(self.active)
        structure.train(self.training)
        shared = shared_weights(self.whole, structure)
        weights: dict[str, Tensor] = {name: shared[name] for name, _ in structure.named_parameters()}
        if not self.training:  # the memory layout of the stand-alone subnet, for the same kernels and bits
            weights = {name: value.contiguous() for name, value in weights.items()}
        weights |= self.buffers_of(structure)
        if not self.training and batch_norms(structure):
            weights |= self._calibrated()
        if self.training:
            _refuse_modes(structure)
        before = self._states(structure, weights) if self.training else {}
        out = functional_call(structure, weights, inputs, named)
        after = self._states(structure, weights) if self.training else {}
        if changed := [name for name, state in after.items() if state != before.get(name)]:
            raise InvalidInputError(
                f"the network changes its buffer {changed[0]} in training, which would differ between subnets: subnets "
                "share parameters but no buffers, except statistics of batch norms, which are calibrated."
            )
        return out

    def buffers_of(self, network: nn.Module) -> dict[str, Tensor]:
        """Return the whole network's buffers of the same name and shape, except statistics of batch norms."""
        mine = dict(self.whole.named_buffers())
        return {
            name: mine[name]
            for name, value in _other_buffers(network).items()
            if name in mine and mine[name].shape == value.shape
        }

    @staticmethod
    def _states(network: nn.Module, given: Mapping[str, Tensor]) -> dict[str, tuple[int, int]]:
        """Return identity and version of each buffer that is not a statistic of a batch norm."""
        buffers = {name: given.get(name, value) for name, value in _other_buffers(network).items()}
        return {name: (id(value), value._version) for name, value in buffers.items()}

    def _calibrated(self) -> dict[str, Tensor]:
        """Return buffers of the active subnet as extracted; they are recomputed when it or any weight has changed."""
        values = [value.detach() for value in self.parameters() if value.is_floating_point()]
        norms = torch.stack(torch._foreach_norm(values)).tolist()  # detect changes of .data, which have no version
        data = tuple((id(one), one._version) for batch in self.calibration for one in Batch(batch).tensors())
        state = (self.active, tuple((id(value), value._version) for value in self.parameters()), tuple(norms), data)
        if self._statistics is None or self._statistics[0] != state:
            self._statistics = (state, dict(self.subnet(self.active).named_buffers()))
        return self._statistics[1]

    def cut(self, architecture: Architecture) -> nn.Module:
        """Return a stand-alone network with copies of its slices, whose batch norms have no statistics yet.

        Raises:
            InvalidArchitectureError: the architecture does not belong to the space.
            InvalidInputError: its network is not part of the largest.
        """
        network = self._fresh(architecture)
        with torch.inference_mode(False), torch.no_grad():
            weights = shared_weights(self.whole, network)
            for name, value in network.named_parameters():
                value.copy_(weights[name])
            buffers = dict(network.named_buffers())
            for name, buffer in self.buffers_of(network).items():
                buffers[name].copy_(buffer)
        return network

    def subnet(self, architecture: Architecture) -> nn.Module:
        """Return a stand-alone network with its own weights and calibrated batch norms, in evaluation mode.

        Raises:
            InvalidArchitectureError: the architecture does not belong to the space.
            InvalidInputError: it has batch norms, but there are no inputs for calibration.
        """
        network = self.cut(architecture)
        if batch_norms(network):
            if not self.calibration:
                raise InvalidInputError(
                    "this subnet has batch norms, which need their own statistics: give the supernet inputs of the "
                    "training set as calibration=[batch, …], or use  cut(architecture)  and calibrate it yourself."
                )
            with torch.inference_mode(False):
                calibrate(network, (placed(batch, next(self.parameters())) for batch in self.calibration))
        return network.eval()

    def evaluate(self, architecture: Architecture) -> dict[str, float]:
        """Return accuracy (a fraction) and nll (nats per sample) of a subnet on held-out data.

        Raises:
            InvalidInputError: there is no such data, or the subnet's outputs on it are not finite.
        """
        if self.held_out is None:
            raise InvalidInputError("this supernet has no held-out data: give it held_out=(inputs, targets).")
        return measured(self.subnet(architecture), *self.held_out)


def _other_buffers(network: nn.Module) -> dict[str, Tensor]:
    """Return buffers by name, without statistics of batch norms."""
    found = {}
    for prefix, module in network.named_modules():
        if not isinstance(module, _BatchNorm):
            for name, value in module._buffers.items():
                if value is not None:
                    found[f"{prefix}.{name}" if prefix else name] = value
    return found


def _refuse_modes(network: nn.Module) -> None:
    """Refuse batch norms that stay in evaluation mode, because they would use statistics without data."""
    for name, module in network.named_modules():
        if isinstance(module, _BatchNorm) and module.track_running_stats and not module.training:
            raise InvalidInputError(
                f"{name} is a batch norm that stays in evaluation mode while the supernet trains, with statistics "
                "without data: let it follow train()."
            )


def _refuse_statistics(network: nn.Module) -> None:
    """Refuse instance norms with running statistics, because these cannot be averaged over batches."""
    for name, module in network.named_modules():
        if isinstance(module, _InstanceNorm) and module.track_running_stats:
            raise InvalidInputError(
                f"{name} is an instance norm with running statistics, which cannot be calibrated: build it with "
                "track_running_stats=False."
            )
