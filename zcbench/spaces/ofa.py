"""The once-for-all MobileNetV3 space: kernel and expansion of every layer, depth of every stage.

Source: H. Cai, C. Gan, T. Wang, Z. Zhang, S. Han, "Once-for-All: Train One Network and Specialize it for Efficient
Deployment", ICLR 2020, arXiv:1908.09791, section 4 and appendix A; the layers are those of MobileNetV3-Large.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from zcbench.errors import InvalidArchitectureError
from zcbench.spaces._base import Space, chain, mix_layers, quoted, written_form
from zcbench.spaces._forms import NotPlainError
from zcbench.spaces._register import register_space
from zcbench.types import Architecture, Graph

if TYPE_CHECKING:
    from torch import nn

KERNELS = (3, 5, 7)
EXPANSIONS = (3, 4, 6)
DEPTHS = (2, 3, 4)
STAGES = 5
_LAYERS = tuple((kernel, expansion) for kernel in KERNELS for expansion in EXPANSIONS)

#: kernel and expansion of each layer of a stage
Stage = tuple[tuple[int, int], ...]


class OFAMobileNetV3Space(Space):
    """Subnets of the once-for-all network: five stages of two to four layers.

    The string lists the layers of each stage, kernel and expansion: ``3x6,5x4|7x3,3x3,5x6|…``. :meth:`parse` also reads
    settings of the full network as in the authors' code, ``{'ks': [20 numbers], 'e': [20 numbers], 'd': [5 numbers]}``;
    it ignores their entries for layers beyond a stage's depth, which have no effect.

    Args:
        name: name of the space; its architectures carry it.
        width: factor of all channels (1.0 and 1.2 were published).
    """

    forms = (
        "five stages of two to four layers, kernel x expansion, '3x6,5x4|7x3,3x3|…', or the settings of the full"
        " network, {'ks': [20 numbers], 'e': [20 numbers], 'd': [5 numbers]}"
    )
    input_shape: tuple[int, ...] = (3, 224, 224)
    #: number of subnets, ((3 * 3)**2 + (3 * 3)**3 + (3 * 3)**4)**5
    size = sum(len(_LAYERS) ** depth for depth in DEPTHS) ** STAGES

    def __init__(self, name: str = "ofa-mbv3", *, width: float = 1.0) -> None:
        super().__init__(name)
        self.width = width

    def __iter__(self) -> Iterator[Architecture]:
        """Yield all subnets, the last stage varying fastest, shallow stages first (there are 2e19)."""
        yield from (self.from_stages(stages) for stages in _products(STAGES))

    # -- strings -------------------------------------------------------------------------------

    def _from_text(self, text: str) -> Architecture:
        """Read a string of layers or the settings of the full network."""
        if text.startswith("{") and (form := written_form(text)) is not None:
            return self._from_form(form)
        try:
            stages = _stages(text)
        except (ValueError, IndexError):
            stages = ()
        if not _good(stages):
            raise InvalidArchitectureError(
                f"{quoted(text)} is not a subnet of {self.name}: write five stages of two to four layers, kernel (3, 5,"
                " 7) x expansion (3, 4, 6), e.g. '3x6,5x4|7x3,3x3|3x3,3x3|5x6,5x6,5x6,5x6|3x3,7x6'."
            )
        return self.from_stages(stages)

    def _from_form(self, form: Any) -> Architecture:
        if not isinstance(form, dict):
            return super()._from_form(form)
        lists: list[Any] = [form.get(name) for name in ("ks", "e", "d")]
        for numbers, length in zip(lists, (20, 20, STAGES), strict=True):
            if not isinstance(numbers, list) or len(numbers) != length or any(type(n) is not int for n in numbers):
                raise NotPlainError("settings are 20 kernels 'ks', 20 expansions 'e' and 5 depths 'd', all integers")
        kernels, expansions, depths = lists
        stages = tuple(
            tuple((kernels[4 * i + j], expansions[4 * i + j]) for j in range(min(depth, 4)))
            for i, depth in enumerate(depths)
        )
        if not set(depths) <= set(DEPTHS) or not _good(stages):
            raise NotPlainError(f"kernels are {KERNELS}, expansions {EXPANSIONS} and depths {DEPTHS}")
        return self.from_stages(stages)

    def from_stages(self, stages: Sequence[Stage]) -> Architecture:
        """Return the subnet with these stages."""
        return Architecture(self.name, "|".join(",".join(f"{k}x{e}" for k, e in stage) for stage in stages))

    def stages(self, architecture: Architecture) -> tuple[Stage, ...]:
        """Return kernel and expansion of every layer, by stage."""
        return _stages(self.parse(self.key(architecture)).key)

    # -- drawing and changing ------------------------------------------------------------------

    def sample(self, rng: np.random.Generator) -> Architecture:
        """Draw depths, kernels and expansions uniformly, as in the training of supernets."""
        depths = [DEPTHS[i] for i in rng.integers(len(DEPTHS), size=STAGES)]
        return self.from_stages([tuple(_LAYERS[i] for i in rng.integers(len(_LAYERS), size=d)) for d in depths])

    def neighbors(self, architecture: Architecture) -> list[Architecture]:
        """Return those that differ in one kernel or expansion, or by removing or repeating a stage's last layer."""
        stages, found = self.stages(architecture), []
        for place, stage in enumerate(stages):
            others: list[Stage] = []
            for i, (kernel, expansion) in enumerate(stage):
                layers = [(k, expansion) for k in KERNELS if k != kernel]
                layers += [(kernel, e) for e in EXPANSIONS if e != expansion]
                others += [(*stage[:i], layer, *stage[i + 1 :]) for layer in layers]
            if len(stage) > min(DEPTHS):
                others.append(stage[:-1])
            if len(stage) < max(DEPTHS):
                others.append((*stage, stage[-1]))
            found += [self.from_stages((*stages[:place], other, *stages[place + 1 :])) for other in others]
        return found

    def crossover(self, a: Architecture, b: Architecture, rng: np.random.Generator) -> Architecture:
        """Take for each stage the depth from either parent, and each layer from either (that has this layer)."""
        pairs = zip(self.stages(a), self.stages(b), strict=True)
        return self.from_stages([tuple(mix_layers(*pair, rng)) for pair in pairs])

    def canonical(self, architecture: Architecture) -> Architecture:
        """Return the same subnet in its standard form."""
        return self.parse(self.key(architecture))

    @property
    def largest(self) -> Architecture:
        """The network that contains all others."""
        return self.from_stages([(_LAYERS[-1],) * max(DEPTHS)] * STAGES)

    @property
    def smallest(self) -> Architecture:
        """The network that all others contain."""
        return self.from_stages([(_LAYERS[0],) * min(DEPTHS)] * STAGES)

    # -- numbers and networks ------------------------------------------------------------------

    def encode(self, architecture: Architecture) -> np.ndarray:
        """Return float64 ``(120,)``: one-hot kernel and expansion of 5 x 4 layers; zeros beyond a stage's depth."""
        code = np.zeros((STAGES, max(DEPTHS), 6))
        for rows, stage in zip(code, self.stages(architecture), strict=True):
            for row, (kernel, expansion) in zip(rows, stage, strict=False):
                row[KERNELS.index(kernel)] = row[3 + EXPANSIONS.index(expansion)] = 1
        return code.ravel()

    def graph(self, architecture: Architecture) -> Graph:
        """Return the layers in sequence, labelled by kernel and expansion."""
        return chain([f"mb{e}_{k}x{k}" for stage in self.stages(architecture) for k, e in stage])

    def build(self, architecture: Architecture, *, num_classes: int = 1000) -> nn.Module:
        """Build the subnet as a separate network, with the authors' initialisation (He, fan out).

        Returns:
            A module from images ``(batch, 3, height, width)`` to logits ``(batch, num_classes)``.
        """
        from zcbench.spaces._ofa_network import MobileNetV3

        return MobileNetV3(self.stages(architecture), width=self.width, num_classes=num_classes)


def _products(stages: int) -> Iterator[tuple[Stage, ...]]:
    # itertools.product would first list all options of each stage: 7,371 here, which is possible, but as tuples.
    if not stages:
        yield ()
        return
    for first in _products(stages - 1):
        for depth in DEPTHS:
            yield from ((*first, stage) for stage in stage_options(depth))


def stage_options(depth: int) -> Iterator[Stage]:
    """Yield all sequences of this many layers."""
    if not depth:
        yield ()
        return
    for first in stage_options(depth - 1):
        yield from ((*first, layer) for layer in _LAYERS)


def _stages(text: str) -> tuple[Stage, ...]:
    if not re.fullmatch(r"[0-9x,|]+", text):
        raise ValueError(text)
    return tuple(
        tuple((int(layer.split("x")[0]), int(layer.split("x")[1])) for layer in stage.split(","))
        for stage in text.split("|")
    )


def _good(stages: Sequence[Stage]) -> bool:
    return len(stages) == STAGES and all(
        len(stage) in DEPTHS and all(layer in _LAYERS for layer in stage) for stage in stages
    )


register_space(
    OFAMobileNetV3Space(),
    OFAMobileNetV3Space("ofa-mbv3-w1.2", width=1.2),
)
