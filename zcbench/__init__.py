"""zcbench: zero-cost proxies and performance predictors for neural architecture search, evaluated honestly.

The public names below are imported at first use, so that ``import zcbench`` stays fast.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from zcbench.batches import load_batch as load_batch
    from zcbench.datasets import Benchmark as Benchmark
    from zcbench.datasets import list_benchmarks as list_benchmarks
    from zcbench.datasets import load_benchmark as load_benchmark
    from zcbench.datasets import own_benchmark as own_benchmark
    from zcbench.datasets import register_benchmark as register_benchmark
    from zcbench.encodings import Encoding as Encoding
    from zcbench.encodings import Feed as Feed
    from zcbench.encodings import TableEncoding as TableEncoding
    from zcbench.encodings import get_encoding as get_encoding
    from zcbench.encodings import list_encodings as list_encodings
    from zcbench.encodings import register_encoding as register_encoding
    from zcbench.ensembles import get_ensemble as get_ensemble
    from zcbench.ensembles import list_ensembles as list_ensembles
    from zcbench.ensembles import register_ensemble as register_ensemble
    from zcbench.evaluation import Evaluation as Evaluation
    from zcbench.predictors import Predictor as Predictor
    from zcbench.predictors import UncertainPredictor as UncertainPredictor
    from zcbench.predictors import VectorPredictor as VectorPredictor
    from zcbench.predictors import get_predictor as get_predictor
    from zcbench.predictors import list_predictors as list_predictors
    from zcbench.predictors import register_predictor as register_predictor
    from zcbench.probe import Probe as Probe
    from zcbench.proxies import get_proxy as get_proxy
    from zcbench.proxies import list_proxies as list_proxies
    from zcbench.proxies import register_proxy as register_proxy
    from zcbench.proxies import score as score
    from zcbench.runs import evaluate as evaluate
    from zcbench.runs import run as run
    from zcbench.spaces import get_space as get_space
    from zcbench.spaces import list_spaces as list_spaces
    from zcbench.spaces import register_space as register_space
    from zcbench.types import Architecture as Architecture
    from zcbench.types import Batch as Batch
    from zcbench.types import Score as Score
    from zcbench.types import Status as Status

__version__ = "0.1.0"

_PUBLIC = {
    "Architecture": "zcbench.types",
    "Batch": "zcbench.types",
    "Benchmark": "zcbench.datasets",
    "Encoding": "zcbench.encodings",
    "Evaluation": "zcbench.evaluation",
    "Predictor": "zcbench.predictors",
    "Probe": "zcbench.probe",
    "Score": "zcbench.types",
    "Status": "zcbench.types",
    "Feed": "zcbench.encodings",
    "TableEncoding": "zcbench.encodings",
    "UncertainPredictor": "zcbench.predictors",
    "VectorPredictor": "zcbench.predictors",
    "evaluate": "zcbench.runs",
    "get_encoding": "zcbench.encodings",
    "get_ensemble": "zcbench.ensembles",
    "get_predictor": "zcbench.predictors",
    "get_proxy": "zcbench.proxies",
    "get_space": "zcbench.spaces",
    "list_benchmarks": "zcbench.datasets",
    "list_encodings": "zcbench.encodings",
    "list_ensembles": "zcbench.ensembles",
    "list_predictors": "zcbench.predictors",
    "list_spaces": "zcbench.spaces",
    "load_batch": "zcbench.batches",
    "load_benchmark": "zcbench.datasets",
    "list_proxies": "zcbench.proxies",
    "own_benchmark": "zcbench.datasets",
    "register_benchmark": "zcbench.datasets",
    "register_encoding": "zcbench.encodings",
    "register_ensemble": "zcbench.ensembles",
    "register_predictor": "zcbench.predictors",
    "register_proxy": "zcbench.proxies",
    "register_space": "zcbench.spaces",
    "run": "zcbench.runs",
    "score": "zcbench.proxies",
}

__all__ = ["__version__", *_PUBLIC]


def __getattr__(name: str) -> Any:
    if name not in _PUBLIC:
        raise AttributeError(f"module 'zcbench' has no attribute {name!r}")
    value = getattr(importlib.import_module(_PUBLIC[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
