"""Runs: required, known and missing results; the computation, and the storing of results as they are computed."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from zcbench.runs._ahead import Ahead as Ahead
    from zcbench.runs._asked import run as run
    from zcbench.runs._columns import correlate_columns as correlate_columns
    from zcbench.runs._manifest import manifest_text as manifest_text
    from zcbench.runs._manifest import read_manifest as read_manifest
    from zcbench.runs._own import OwnTable as OwnTable
    from zcbench.runs._predict import predict as predict
    from zcbench.runs._predicted import Prediction as Prediction
    from zcbench.runs._read import efficiency as efficiency
    from zcbench.runs._read import forecasts as forecasts
    from zcbench.runs._read import leaderboard as leaderboard
    from zcbench.runs._read import named_track as named_track
    from zcbench.runs._read import stored_benchmark as stored_benchmark
    from zcbench.runs._register import get_track as get_track
    from zcbench.runs._register import list_tracks as list_tracks
    from zcbench.runs._register import register_track as register_track
    from zcbench.runs._register import track_info as track_info
    from zcbench.runs._resume import RETRIES as RETRIES
    from zcbench.runs._resume import Plan as Plan
    from zcbench.runs._resume import Progress as Progress
    from zcbench.runs._resume import Step as Step
    from zcbench.runs._resume import resume as resume
    from zcbench.runs._run import Outcome as Outcome
    from zcbench.runs._run import Run as Run
    from zcbench.runs._sbatch import sbatch_script as sbatch_script
    from zcbench.runs._shards import EmptyShardError as EmptyShardError
    from zcbench.runs._shards import Shard as Shard
    from zcbench.runs._shards import parse_shard as parse_shard
    from zcbench.runs._track import Track as Track
    from zcbench.runs._track import read_track as read_track
    from zcbench.runs.fit_predictors import run_predictors as run_predictors
    from zcbench.runs.score_networks import collect as collect
    from zcbench.runs.score_networks import evaluate as evaluate
    from zcbench.runs.score_networks import run_scores as run_scores

#: loaded at their first use, so that a track is read without torch
_PUBLIC = {
    "Ahead": "_ahead",
    "EmptyShardError": "_shards",
    "Outcome": "_run",
    "OwnTable": "_own",
    "Plan": "_resume",
    "Prediction": "_predicted",
    "Progress": "_resume",
    "RETRIES": "_resume",
    "Run": "_run",
    "Shard": "_shards",
    "Step": "_resume",
    "Track": "_track",
    "collect": "score_networks",
    "correlate_columns": "_columns",
    "efficiency": "_read",
    "evaluate": "score_networks",
    "forecasts": "_read",
    "get_track": "_register",
    "leaderboard": "_read",
    "list_tracks": "_register",
    "named_track": "_read",
    "manifest_text": "_manifest",
    "parse_shard": "_shards",
    "predict": "_predict",
    "read_manifest": "_manifest",
    "read_track": "_track",
    "register_track": "_register",
    "resume": "_resume",
    "run": "_asked",
    "run_predictors": "fit_predictors",
    "run_scores": "score_networks",
    "sbatch_script": "_sbatch",
    "stored_benchmark": "_read",
    "track_info": "_register",
}

__all__ = [*_PUBLIC]


def __getattr__(name: str) -> Any:
    if name not in _PUBLIC:
        raise AttributeError(f"module 'zcbench.runs' has no attribute {name!r}")
    value = getattr(importlib.import_module(f"zcbench.runs.{_PUBLIC[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
