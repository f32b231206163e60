"""The files of ``zcbench run --out``, which are those of the command that shows the results."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from zcbench.cli._written import write_boards, write_efficiency, write_evaluations, write_searches

if TYPE_CHECKING:
    from zcbench.records import Store
    from zcbench.runs import Outcome, Run


def write_outcomes(folder: Path, run: Run, outcomes: Sequence[Outcome]) -> None:
    """Write the files that ``zcbench leaderboard --out`` or ``zcbench efficiency --out`` writes for the same store.

    The files of a track of proxies have the name of the track and show the results that it requests. The files of
    searches, which no command reads from a store, show the printed comparison.

    Args:
        folder: created if it does not exist.
        run: the finished run.
        outcomes: outcomes of its benchmarks, without errors.
    """
    from zcbench.cli.leaderboard import of_track
    from zcbench.records import Store
    from zcbench.runs._track import SCORES

    store, track = Store(run.store), run.track
    if track.name and track.kind == SCORES:
        boards, found, _ = of_track(track, track, [one.benchmark for one in outcomes], store, source=run.source)
        write_evaluations(folder, track.name, boards, found, store)
        return
    for outcome in outcomes:
        _write(folder, run, outcome, store)


def _write(folder: Path, run: Run, outcome: Outcome, store: Store) -> None:
    from zcbench.evaluation import ForecastComparison, SampleEfficiency, SearchComparison
    from zcbench.runs import efficiency, forecasts, leaderboard
    from zcbench.runs._own_boards import own_table
    from zcbench.runs._remembered import name_of

    result, called, source = outcome.result, outcome.benchmark, run.source
    name = called if own_table(called) is None else name_of(called)
    target, transfer = run.track.settings(called).target, run.track.transfer is not None
    if isinstance(result, SearchComparison):
        write_searches(folder, name, result)
    elif isinstance(result, SampleEfficiency):
        shown = efficiency(called, store, target=target, transfer=transfer, source=source)
        write_efficiency(folder, name, shown, transfer=transfer)
    elif isinstance(result, ForecastComparison):
        write_boards(folder, f"{name}-curves", forecasts(called, store, source=source))
    else:
        found = leaderboard(called, store, target=target, ensembles=run.track.ensembles, source=source)
        write_evaluations(folder, name, found, found, store)
