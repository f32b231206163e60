"""Import packages that need torchvision, together with a torch that does not match torchvision's own library.

The wheel of torchvision on PyPI is linked against a torch with CUDA. With a torch without CUDA, ``import torchvision``
raises ``operator torchvision::nms does not exist``, and so does every package that imports torchvision: ``timm``, and
``transformers`` wherever torchvision is installed. Only the operators on boxes of object detectors need the library.
The rest is Python and only needs the declarations of two of these operators.
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

#: operators that torchvision describes to torch at its import, whether or not its library was loaded
_DESCRIBED = ("nms", "qnms")


@contextmanager
def torchvision_importable() -> Iterator[None]:
    """Allow torchvision to be imported in this block without its library of operators.

    Nothing is loaded or declared unless torchvision is imported, and nothing is declared if its library can be loaded.
    Declarations end with the block, so that a library with the same names can be loaded later. A call of such an
    operator raises torchvision's own error.
    """
    finder = _Finder()
    sys.meta_path.insert(0, finder)
    try:
        yield
    finally:
        sys.meta_path.remove(finder)
        finder.declared = None  # torch removes the declarations together with the object


class _Finder(MetaPathFinder):
    """Finds no module; it is called before torchvision is imported, and prepares the import."""

    def __init__(self) -> None:
        self.declared: Any = None

    def find_spec(self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None) -> None:
        if name == "torchvision" and self.declared is None and not _loads():
            import torch

            self.declared = torch.library.Library("torchvision", "FRAGMENT")  # type: ignore[no-untyped-call]
            for operator in _DESCRIBED:
                self.declared.define(f"{operator}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")


def _loads() -> bool:
    """Return whether the operators exist or torchvision is absent; load its library as its import would."""
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
