"""The once-for-all MobileNetV3 with its authors' weights, which the user provides.

Source: H. Cai, C. Gan, T. Wang, Z. Zhang, S. Han, "Once-for-All: Train One Network and Specialize it for Efficient
Deployment", ICLR 2020, arXiv:1908.09791, section 3.3. A subnet takes the first channels of each expansion (training has
sorted them by importance). Its 5 x 5 kernel is a linear map of the centre of the 7 x 7 kernel, and its 3 x 3 kernel one
of the centre of the 5 x 5 kernel. The maps (``7to5_matrix``, ``5to3_matrix``) are parameters, one for all channels of a
layer.
"""

from __future__ import annotations

import os
import pickle
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from zcbench import _arguments as rules
from zcbench.errors import InvalidInputError, first_line
from zcbench.spaces import get_space
from zcbench.spaces._ofa_network import block_name
from zcbench.spaces.ofa import DEPTHS, KERNELS, STAGES, OFAMobileNetV3Space
from zcbench.supernets.cuts import central, register_cut
from zcbench.supernets.sharing import WeightSharing

#: the authors' names of parts of a block, and ours
_IN_BLOCK = {
    "inverted_bottleneck.conv": "conv.expand",
    "inverted_bottleneck.bn": "conv.expand_norm",
    "depth_conv.conv": "conv.filter",
    "depth_conv.bn": "conv.filter_norm",
    "depth_conv.se.fc.reduce": "conv.squeeze.weigh.1",
    "depth_conv.se.fc.expand": "conv.squeeze.weigh.3",
    "point_linear.conv": "conv.project",
    "point_linear.bn": "conv.project_norm",
}
#: the authors' names of the other parts, and ours
_OUTSIDE = {
    "first_conv.conv": "body.stem",
    "first_conv.bn": "body.stem_norm",
    "final_expand_layer.conv": "head.0",
    "final_expand_layer.bn": "head.1",
    "feature_mix_layer.conv": "head.4",
    "classifier.linear": "classifier",
}
_BLOCK = re.compile(r"blocks\.(\d{1,3})\.(?:mobile_inverted_conv|conv)\.(.+)")
#: kernels from the largest on, each with the next smaller one
_STEPS = tuple(zip(sorted(KERNELS, reverse=True), sorted(KERNELS, reverse=True)[1:], strict=False))


class ElasticKernel(nn.Conv2d):
    """A depthwise convolution from whose kernels smaller ones are computed.

    Args:
        layer: a depthwise convolution with the largest kernel, without bias; its weight is used.
    """

    def __init__(self, layer: nn.Conv2d) -> None:
        super().__init__(
            layer.in_channels,
            layer.out_channels,
            layer.kernel_size,  # type: ignore[arg-type]
            layer.stride,  # type: ignore[arg-type]
            layer.padding,  # type: ignore[arg-type]
            groups=layer.groups,
            bias=False,
            device="meta",
        )
        self.weight = layer.weight
        for larger, smaller in _STEPS:
            self.register_parameter(f"{larger}to{smaller}_matrix", nn.Parameter(torch.eye(smaller**2)))


@register_cut(ElasticKernel)
def _kernel(larger: ElasticKernel, smaller: nn.Conv2d) -> dict[str, Tensor]:
    """Return the first channels; each smaller kernel is the centre of the next larger one times a matrix."""
    if smaller.groups != smaller.in_channels or smaller.out_channels > larger.out_channels:
        raise InvalidInputError(f"{smaller} is not part of {larger}.")
    weight, found = larger.weight[: smaller.out_channels], {}
    for had, has in _STEPS:
        matrix = larger.get_parameter(f"{had}to{has}_matrix")
        if isinstance(smaller, ElasticKernel):
            found[f"{had}to{has}_matrix"] = matrix
        if had > smaller.kernel_size[0]:
            centre = central(weight, (has, has)).reshape(-1, has**2)
            weight = (centre @ matrix.T).reshape(-1, 1, has, has)
    return {"weight": weight, **found}


class OFASupernet(WeightSharing):
    """The once-for-all MobileNetV3 from a state dictionary: subnets of ``ofa-mbv3`` with its weights.

    Statistics of batch norms are calibrated for each subnet, as in the authors' code; the file's statistics do not
    belong to a particular subnet.

    Args:
        weights: a file of the authors (``ofa_mbv3_d234_e346_k357_w1.0``, by ``torch.save`` or as safetensors), or a
            state dictionary with their names.
        space: "ofa-mbv3" or "ofa-mbv3-w1.2", according to the weights.
        calibration: batches of training images ``(batch, 3, height, width)``.
        held_out: images and classes for :meth:`evaluate`.

    Raises:
        InvalidInputError: the file cannot be read without running code, or belongs to another network.
    """

    def __init__(
        self,
        weights: str | os.PathLike[str] | Mapping[str, Tensor],
        space: str = "ofa-mbv3",
        *,
        calibration: Sequence[Tensor] = (),
        held_out: tuple[Tensor, Tensor] | None = None,
    ) -> None:
        found = get_space(space)
        if not isinstance(found, OFAMobileNetV3Space):
            raise InvalidInputError(f"{space} is not a space of once-for-all: give 'ofa-mbv3' or 'ofa-mbv3-w1.2'.")
        where = "the state dictionary" if isinstance(weights, Mapping) else str(weights)
        ours = _ours(_tensors(weights, where), where)
        classes = ours.get("classifier.weight", torch.empty(1, 0)).shape[0]
        super().__init__(
            found,
            lambda architecture: found.build(architecture, num_classes=classes),
            largest=found.largest,
            smallest=found.smallest,
            calibration=calibration,
            held_out=held_out,
        )
        _load(self.whole, ours, where, space)

    def _whole(self) -> nn.Module:
        """Return the largest network, with matrices between its kernels."""
        network = self.build(self.largest)
        for block in network.body:  # type: ignore[union-attr]
            layers = getattr(block, "conv", None)
            if layers is not None and layers.filter.kernel_size == (max(KERNELS), max(KERNELS)):
                layers.filter = ElasticKernel(layers.filter)
        return network


def _tensors(weights: Any, where: str) -> Mapping[str, Tensor]:
    """Return the state dictionary of a file or an object."""
    found = weights if isinstance(weights, Mapping) else _read(Path(rules.path("the weights", weights)))
    if isinstance(found, Mapping) and isinstance(found.get("state_dict"), Mapping):
        found = found["state_dict"]
    if not isinstance(found, Mapping) or not found or not all(isinstance(name, str) for name in found):
        raise InvalidInputError(f"{where} is not a state dictionary: it must map names to tensors.")
    odd = next((name for name, value in found.items() if not isinstance(value, Tensor)), None)
    if odd is not None:
        raise InvalidInputError(f"{where} is not a state dictionary: {odd[:100]!r} is not a tensor.")
    return found


def _read(path: Path) -> Any:
    """Read a file without running code."""
    try:
        with path.open("rb") as file:
            start = file.read(9)
        if len(start) == 9 and start[8:] == b"{":  # safetensors: eight bytes of a length, then JSON
            from safetensors.torch import load_file

            return load_file(path)
        return torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        raise InvalidInputError(
            f"{path} contains more than tensors, which is not read because it could run code "
            f"({first_line(error)[:120]}): save only its state dictionary."
        ) from None
    except Exception as error:  # a damaged file makes torch raise anything
        raise InvalidInputError(f"{path} cannot be read as weights ({first_line(error)[:200]}).") from None


def _ours(official: Mapping[str, Tensor], where: str) -> dict[str, Tensor]:
    """Return the tensors by our names.

    Names of several versions of the authors' code are supported: with and without the doubled ``bn.bn``, ``conv.conv``
    and ``linear.linear`` of elastic layers.
    """
    found: dict[str, Tensor] = {}
    for name, value in official.items():
        ours = _our_name(name.removeprefix("module."))
        if ours is None:
            raise InvalidInputError(f"{where} is of another network: once-for-all's MobileNetV3 has no {name[:100]!r}.")
        if ours in found:
            raise InvalidInputError(f"{where} has {name[:100]!r} twice, under two names.")
        found[ours] = value
    return found


def _our_name(name: str) -> str | None:
    block = _BLOCK.fullmatch(name)
    part, _, last = (block[2] if block else name).rpartition(".")
    part = re.sub(r"\.(bn|conv|linear)\.\1$", r".\1", part)
    if not block:
        return f"{_OUTSIDE[part]}.{last}" if part in _OUTSIDE else None
    if part not in _IN_BLOCK:
        return None
    number, deepest = int(block[1]) - 1, max(DEPTHS)
    if number >= STAGES * deepest:
        return None
    place = "first" if number < 0 else block_name(number // deepest, number % deepest)
    return f"body.{place}.{_IN_BLOCK[part]}.{last}"


def _their_name(ours: str) -> str:
    """Return the authors' name of one of our tensors."""
    part, _, last = ours.rpartition(".")
    inside, blocks = _IN_BLOCK.items(), range(1, 1 + STAGES * max(DEPTHS))
    names = {theirs: mine for mine, theirs in _OUTSIDE.items()}
    for number, place in ((0, "first"), *((n, block_name(*divmod(n - 1, max(DEPTHS)))) for n in blocks)):
        names |= {f"body.{place}.{mine}": f"blocks.{number}.mobile_inverted_conv.{theirs}" for theirs, mine in inside}
    return f"{names[part]}.{last}"


def _load(network: nn.Module, ours: Mapping[str, Tensor], where: str, space: str) -> None:
    mine = {name: value for name, value in network.state_dict().items() if not name.endswith("num_batches_tracked")}
    given = {name: value for name, value in ours.items() if not name.endswith("num_batches_tracked")}
    for these, those, said in ((mine, given, "has no"), (given, mine, "has a")):
        if missing := [name for name in these if name not in those]:
            more = f" and {len(missing) - 1:,} more" if missing[1:] else ""
            raise InvalidInputError(
                f"{where} is of another network: it {said} {_their_name(missing[0])}{more}, but {space} "
                f"{'has' if said == 'has no' else 'has not'}."
            )
    for name, value in mine.items():
        if given[name].shape != value.shape:
            raise InvalidInputError(
                f"{where} is of another network than {space}: {_their_name(name)} has the shape "
                f"{tuple(given[name].shape)} and not {tuple(value.shape)}."
            )
        if not (given[name].is_floating_point() and bool(given[name].isfinite().all())):
            raise InvalidInputError(f"{where} is damaged: {_their_name(name)} has values that are not finite numbers.")
    network.load_state_dict(given, strict=False)
