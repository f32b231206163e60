"""zcbench: zero-cost proxies and performance predictors for neural architecture search, evaluated honestly.

The public names below are imported at first use, so that ``import zcbench`` stays fast.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from zcbench._kinds import KINDS, renamed

if TYPE_CHECKING:
    from zcbench.batches import batch_info as batch_info
    from zcbench.batches import get_batch as get_batch
    from zcbench.batches import list_batches as list_batches
    from zcbench.batches import register_batch as register_batch
    from zcbench.comparison import Comparison as Comparison
    from zcbench.comparison import compare as compare
    from zcbench.curves import CurvePredictor as CurvePredictor
    from zcbench.curves import curve_predictor_info as curve_predictor_info
    from zcbench.curves import get_curve_predictor as get_curve_predictor
    from zcbench.curves import list_curve_predictors as list_curve_predictors
    from zcbench.curves import register_curve_predictor as register_curve_predictor
    from zcbench.datasets import Benchmark as Benchmark
    from zcbench.datasets import benchmark_info as benchmark_info
    from zcbench.datasets import download_benchmark as download_benchmark
    from zcbench.datasets import get_benchmark as get_benchmark
    from zcbench.datasets import import_benchmark as import_benchmark
    from zcbench.datasets import list_benchmarks as list_benchmarks
    from zcbench.datasets import own_benchmark as own_benchmark
    from zcbench.datasets import register_benchmark as register_benchmark
    from zcbench.encodings import Encoding as Encoding
    from zcbench.encodings import Feed as Feed
    from zcbench.encodings import TableEncoding as TableEncoding
    from zcbench.encodings import encoding_info as encoding_info
    from zcbench.encodings import get_encoding as get_encoding
    from zcbench.encodings import list_encodings as list_encodings
    from zcbench.encodings import register_encoding as register_encoding
    from zcbench.ensembles import ensemble_info as ensemble_info
    from zcbench.ensembles import get_ensemble as get_ensemble
    from zcbench.ensembles import list_ensembles as list_ensembles
    from zcbench.ensembles import register_ensemble as register_ensemble
    from zcbench.evaluation import Evaluation as Evaluation
    from zcbench.predictors import Predictor as Predictor
    from zcbench.predictors import UncertainPredictor as UncertainPredictor
    from zcbench.predictors import VectorPredictor as VectorPredictor
    from zcbench.predictors import get_predictor as get_predictor
    from zcbench.predictors import list_predictors as list_predictors
    from zcbench.predictors import predictor_info as predictor_info
    from zcbench.predictors import register_predictor as register_predictor
    from zcbench.probe import Probe as Probe
    from zcbench.probe import get_signal as get_signal
    from zcbench.probe import list_signals as list_signals
    from zcbench.probe import per_sample_rule as per_sample_rule
    from zcbench.probe import register_signal as register_signal
    from zcbench.probe import signal_info as signal_info
    from zcbench.proxies import get_proxy as get_proxy
    from zcbench.proxies import list_proxies as list_proxies
    from zcbench.proxies import proxy_info as proxy_info
    from zcbench.proxies import register_proxy as register_proxy
    from zcbench.proxies import score as score
    from zcbench.runs import efficiency as efficiency
    from zcbench.runs import evaluate as evaluate
    from zcbench.runs import get_track as get_track
    from zcbench.runs import leaderboard as leaderboard
    from zcbench.runs import list_tracks as list_tracks
    from zcbench.runs import predict as predict
    from zcbench.runs import register_track as register_track
    from zcbench.runs import run as run
    from zcbench.runs import track_info as track_info
    from zcbench.scorers import Scorer as Scorer
    from zcbench.scorers import get_scorer as get_scorer
    from zcbench.scorers import list_scorers as list_scorers
    from zcbench.scorers import register_scorer as register_scorer
    from zcbench.scorers import scorer_info as scorer_info
    from zcbench.search import Searcher as Searcher
    from zcbench.search import SearchResult as SearchResult
    from zcbench.search import get_searcher as get_searcher
    from zcbench.search import list_searchers as list_searchers
    from zcbench.search import register_searcher as register_searcher
    from zcbench.search import search as search
    from zcbench.search import searcher_info as searcher_info
    from zcbench.spaces import get_space as get_space
    from zcbench.spaces import list_spaces as list_spaces
    from zcbench.spaces import register_space as register_space
    from zcbench.spaces import space_info as space_info
    from zcbench.supernets import get_training_rule as get_training_rule
    from zcbench.supernets import list_training_rules as list_training_rules
    from zcbench.supernets import register_training_rule as register_training_rule
    from zcbench.supernets import training_rule_info as training_rule_info
    from zcbench.types import Architecture as Architecture
    from zcbench.types import Batch as Batch
    from zcbench.types import Score as Score
    from zcbench.types import Status as Status
    from zcbench.types import shared as shared

__version__ = "0.1.0"

_PUBLIC = {
    "Architecture": "zcbench.types",
    "Batch": "zcbench.types",
    "Benchmark": "zcbench.datasets",
    "Comparison": "zcbench.comparison",
    "CurvePredictor": "zcbench.curves",
    "Encoding": "zcbench.encodings",
    "Evaluation": "zcbench.evaluation",
    "Predictor": "zcbench.predictors",
    "Probe": "zcbench.probe",
    "Score": "zcbench.types",
    "Scorer": "zcbench.scorers",
    "SearchResult": "zcbench.search",
    "Searcher": "zcbench.search",
    "Status": "zcbench.types",
    "Feed": "zcbench.encodings",
    "TableEncoding": "zcbench.encodings",
    "UncertainPredictor": "zcbench.predictors",
    "VectorPredictor": "zcbench.predictors",
    "compare": "zcbench.comparison",
    "download_benchmark": "zcbench.datasets",
    "efficiency": "zcbench.runs",
    "evaluate": "zcbench.runs",
    "import_benchmark": "zcbench.datasets",
    "leaderboard": "zcbench.runs",
    "own_benchmark": "zcbench.datasets",
    "per_sample_rule": "zcbench.probe",
    "predict": "zcbench.runs",
    "run": "zcbench.runs",
    "score": "zcbench.proxies",
    "shared": "zcbench.types",
    "search": "zcbench.search",
    **{verb: kind.module for kind in KINDS for verb in kind.verbs},
}
_OLD = {"load_batch": "zcbench.batches", "load_benchmark": "zcbench.datasets"}

__all__ = ["__version__", *_PUBLIC]


def __getattr__(name: str) -> Any:
    if name in _OLD:
        return renamed(_OLD[name], name)
    if name not in _PUBLIC:
        raise AttributeError(f"module 'zcbench' has no attribute {name!r}")
    module = importlib.import_module(_PUBLIC[name])
    value = module if module.__name__ == f"zcbench.{name}" else getattr(module, name)  # search is both, and callable
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
