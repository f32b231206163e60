"""Show what has been run: a table in the terminal, and with --out CSV, Markdown and one self-contained HTML file."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from zcbench.cli._output import write_result
from zcbench.cli._shared import (
    add_ensembles,
    add_json,
    add_store,
    for_each,
    print_leaderboard,
    show,
    split_names,
    stored_benchmark,
    tracks,
    write_board,
)

if TYPE_CHECKING:
    from zcbench.evaluation import Evaluation

EXAMPLE = """examples:
  zcbench leaderboard
  zcbench leaderboard digits-201 --target test_accuracy
  zcbench leaderboard digits-201 --out leaderboards     # digits-201.csv, .md and .html
  zcbench leaderboard --common                          # only architectures that every proxy scored
  zcbench leaderboard digits-201 --ensembles vote,"mean_rank(gradsign+2*synflow)"  # combinations"""


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("benchmarks", nargs="*", metavar="BENCHMARK", help="default: all that have records")
    parser.add_argument("--target", metavar="NAME", help="column to rank against (default: the benchmark's)")
    parser.add_argument("--seed", type=int, help="only runs with this seed")
    parser.add_argument("--source", metavar="PATH", help="read the table from this official file or folder")
    parser.add_argument("--common", action="store_true", help="use only architectures that every proxy scored")
    add_ensembles(parser)
    parser.add_argument("--out", metavar="DIR", help="write BENCHMARK.csv, .md and .html into this folder")
    add_store(parser)
    add_json(parser)


def execute(options: argparse.Namespace) -> int:
    """Run the command."""
    from zcbench.errors import InvalidInputError
    from zcbench.leaderboards import to_json
    from zcbench.records import Store

    store = Store(options.store)
    names = options.benchmarks or store.benchmarks()
    if not names:
        raise InvalidInputError(
            f"nothing has been run in {options.store}: start with  zcbench run digits-201 --limit 300"
        )
    every, status = for_each(names, lambda name: _evaluations(name, store, options))
    if options.out:
        for name, evaluations in every.items():
            _write(Path(options.out), name, evaluations, store)
    shown = [evaluation for evaluations in every.values() for evaluation in evaluations]
    if options.json:
        write_result("[" + ",\n".join(to_json(evaluation) for evaluation in shown) + "]")
    else:
        for number, evaluation in enumerate(shown):
            if number:
                show()
            print_leaderboard(evaluation)
    return status


def _evaluations(name: str, store: object, options: argparse.Namespace) -> list[Evaluation]:
    """One evaluation per seed and batch that was run, the largest first."""
    from zcbench.errors import InvalidInputError
    from zcbench.evaluation import summarize, with_notes
    from zcbench.records import Store

    assert isinstance(store, Store)
    benchmark = stored_benchmark(name, options.source)
    every, notes = tracks(benchmark, options.target, store)
    found = [records for records in every if options.seed in (None, records[0].seed)]
    if not found:
        samples = benchmark.batch_of(options.target)
        nothing = f"no records of {benchmark.identifier} on {samples} in {options.store}: run  zcbench run {name}"
        raise InvalidInputError(with_notes(nothing, notes))
    ensembles = split_names(options.ensembles) or []
    return [
        # What was left out belongs to no track: it is said once.
        summarize(
            records,
            benchmark,
            options.target,
            common=options.common,
            ensembles=ensembles,
            notes=notes if records is found[0] else (),
        )
        for records in found
    ]


def _write(folder: Path, name: str, evaluations: list[Evaluation], store: object) -> None:
    from zcbench.leaderboards import to_csv, to_html, to_markdown
    from zcbench.records import Store

    assert isinstance(store, Store)
    header, *_ = to_csv(evaluations[0]).splitlines(keepends=True)
    rows = [line for evaluation in evaluations for line in to_csv(evaluation).splitlines(keepends=True)[1:]]
    used = {r.environment for r in store.records(name)}
    environments = {key: text for key, text in store.environments(name).items() if key in used}
    contents = {
        "csv": header + "".join(rows),
        "md": "\n".join(to_markdown(evaluation) for evaluation in evaluations),
        "html": to_html(evaluations, environments),
    }
    for suffix, content in contents.items():
        write_board(folder, f"{name}.{suffix}", content)
