"""Imports of packages that need torchvision, beside a torch that torchvision's own library does not fit.

The wheel of torchvision on PyPI is linked against a torch with CUDA. Beside a torch without it, ``import torchvision``
raises ``operator torchvision::nms does not exist``, and with it every package that imports torchvision: ``timm``, and
``transformers`` wherever torchvision is installed. Only the operators on boxes of object detectors need the library.
The rest is Python, and asks for no more than that two of these operators are declared.
"""

from __future__ import annotations

import importlib.machinery
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.abc import MetaPathFinder
from pathlib import Path
from types import ModuleType
from typing import Any

#: operators that torchvision describes to torch when it is imported, whether or not its library was loaded
_DESCRIBED = ("nms", "qnms")


@contextmanager
def torchvision_importable() -> Iterator[None]:
    """Inside this block, torchvision can be imported without its library of operators.

    Nothing is loaded or declared unless torchvision is imported. Where its library can be loaded, nothing is declared.
    Declarations end with the block, so that a library of the same names can be loaded later; an operator that is
    called nevertheless raises torchvision's own error.
    """
    finder = _Finder()
    sys.meta_path.insert(0, finder)
    try:
        yield
    finally:
        sys.meta_path.remove(finder)
        finder.declared = None  # torch removes what was declared along with the object


class _Finder(MetaPathFinder):
    """Finds nothing: it is asked before torchvision is imported, and prepares that."""

    def __init__(self) -> None:
        self.declared: Any = None

    def find_spec(self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None) -> None:
        if name == "torchvision" and self.declared is None and not _loads():
            import torch

            self.declared = torch.library.Library("torchvision", "FRAGMENT")  # type: ignore[no-untyped-call]
            for operator in _DESCRIBED:
                self.declared.define(f"{operator}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")


def _loads() -> bool:
    """Whether the operators are there, or torchvision is not; loads its library, as its import would."""
    import torch

    spec = importlib.machinery.PathFinder.find_spec("torchvision")
    if spec is None or hasattr(torch.ops.torchvision, _DESCRIBED[0]):
        return True
    endings = tuple(importlib.machinery.EXTENSION_SUFFIXES)
    for folder in spec.submodule_search_locations or ():
        for file in sorted(Path(folder).glob("_C*")):
            if file.name.endswith(endings):
                try:
                    torch.ops.load_library(str(file))  # type: ignore[no-untyped-call]
                except (OSError, ImportError):  # linked against another torch
                    return False
                return True
    return False
