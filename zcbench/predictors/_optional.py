"""Optional packages, imported where they are used."""

from __future__ import annotations

import importlib
import warnings
from typing import Any

from zcbench.errors import MissingDependencyError

#: module to import, package to install, and its extra
_EXTRAS = {"ngboost": ("ngboost", "ngboost"), "torch_geometric.nn": ("torch-geometric", "predictors")}


def package(module: str, predictor: str) -> Any:
    """Import a module that a predictor needs; MissingDependencyError if it is not installed."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # of the package at import: not relevant for the user
            return importlib.import_module(module)
    except ImportError:
        name, extra = _EXTRAS.get(module, (module, "predictors"))
        raise MissingDependencyError(name, extra, f"the predictor {predictor}") from None
