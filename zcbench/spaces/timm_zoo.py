"""The model zoo of ``timm``: every model name is an architecture.

Source: R. Wightman, "PyTorch Image Models", https://github.com/huggingface/pytorch-image-models (Apache-2.0).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from zcbench._torchvision import torchvision_importable
from zcbench.errors import InvalidArchitectureError, MissingDependencyError
from zcbench.spaces._base import Space, quoted
from zcbench.spaces._register import register_space
from zcbench.types import Architecture, Graph

if TYPE_CHECKING:
    from types import ModuleType

    from torch import nn

_NAME = re.compile(r"[a-z0-9][a-z0-9_]*(\.[A-Za-z0-9_]+)?")


class TimmSpace(Space):
    """Models of ``timm`` by name; a tag after a point (``vit_base_patch16_224.augreg_in21k``) distinguishes weights.

    Models that differ in the tag only are one network with different training. The zoo has no structure: neighbours are
    the models of one family, the first word of the name.

    Args:
        name: name of the space; its architectures carry it.
    """

    domains: tuple[str, ...] = ("convolutional", "transformer")
    forms = "the name of a model as text, e.g. 'resnet18'"
    input_shape: tuple[int, ...] = (3, 224, 224)
    #: grows with every release
    size = None

    def __init__(self, name: str = "timm") -> None:
        super().__init__(name)

    def __iter__(self) -> Iterator[Architecture]:
        """Yield every model of the installed ``timm``; raise MissingDependencyError without it."""
        return (Architecture(self.name, model) for model in sorted(_timm().list_models()))

    def _from_text(self, text: str) -> Architecture:
        """Read a model name, with or without tag; it need not exist in the installed ``timm``."""
        if not _NAME.fullmatch(text):
            raise InvalidArchitectureError(f"{quoted(text)} is not the name of a timm model: write e.g. 'resnet18'.")
        return Architecture(self.name, text)

    def sample(self, rng: np.random.Generator) -> Architecture:
        """Draw a model of the installed ``timm`` uniformly."""
        models = list(self)
        return models[int(rng.integers(len(models)))]

    def neighbors(self, architecture: Architecture) -> list[Architecture]:
        """Return the other models of its family in the installed ``timm``."""
        here = self.canonical(architecture)
        family = here.key.split("_")[0]
        return [other for other in self if other.key.split("_")[0] == family and other != here]

    def mutate(self, architecture: Architecture, rng: np.random.Generator) -> Architecture:
        """Draw a neighbour uniformly; return the model itself if it has none."""
        options = self.neighbors(architecture) or [architecture]
        return options[int(rng.integers(len(options)))]

    def crossover(self, a: Architecture, b: Architecture, rng: np.random.Generator) -> Architecture:
        """Return one of the parents, because models cannot be combined."""
        return (a, b)[int(rng.integers(2))]

    def canonical(self, architecture: Architecture) -> Architecture:
        """Return the name without its tag."""
        return Architecture(self.name, self.parse(self.key(architecture)).key.split(".")[0])

    def encode(self, architecture: Architecture) -> np.ndarray:
        """Raise an error, because there is no code for arbitrary networks.

        Raises:
            InvalidArchitectureError: always; encode parameters, FLOPs or scores of the networks instead.
        """
        raise InvalidArchitectureError(
            f"{architecture}: models of timm have no common code; use scores of their networks as features."
        )

    def graph(self, architecture: Architecture) -> Graph:
        """Raise InvalidArchitectureError, because there is no common graph."""
        raise InvalidArchitectureError(f"{architecture}: models of timm have no common graph of operations.")

    def build(self, architecture: Architecture, *, num_classes: int = 1000) -> nn.Module:
        """Build the model without published weights.

        Raises:
            MissingDependencyError: ``timm`` cannot be imported.
            InvalidArchitectureError: the model does not exist in the installed ``timm``.
        """
        timm, name = self._known(architecture)
        network: nn.Module = timm.create_model(name, pretrained=False, num_classes=num_classes)
        return network

    def input_shape_of(self, architecture: Architecture) -> tuple[int, ...]:
        """Return channels, height and width of the images for which the model was designed.

        Raises:
            MissingDependencyError: ``timm`` cannot be imported.
            InvalidArchitectureError: the model does not exist in the installed ``timm``.
        """
        timm, name = self._known(architecture)
        made = timm.get_pretrained_cfg(name, allow_unregistered=True)
        return self.input_shape if made is None else tuple(made.input_size)

    def _known(self, architecture: Architecture) -> tuple[ModuleType, str]:
        """Return the installed ``timm`` and the name of a model in it."""
        timm, name = _timm(), self.canonical(architecture).key
        if not timm.is_model(name):
            raise InvalidArchitectureError(f"timm {timm.__version__} has no model {name!r}.")
        return timm, name


def _timm() -> ModuleType:
    try:
        with torchvision_importable():
            import timm  # type: ignore[import-not-found, unused-ignore]
    except ImportError:
        raise MissingDependencyError("timm", "timm", "building models of timm") from None
    module: ModuleType = timm
    return module


register_space(TimmSpace())
