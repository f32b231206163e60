"""Rank candidates by a predictor that learns from a few trained networks of your table.

The table has a row for each architecture, with columns that are known before training and the target. Candidates are
the rows of a second file, which has the same columns, or the rows without a value of the target. With --space, the
names are architectures of a search space, and their encodings are the features.

If the table has at least ten trained networks, a predictor is chosen by cross-validation among cheap ones. The output
shows how well it ranks networks that it did not learn from, and how reliable its standard deviations are. Columns that
are probably results of the same training, such as val_top5 if val_top1 is predicted, are not used unless --features
names them.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from zcbench.cli._shared import (
    add_imports,
    add_json,
    import_files,
    print_board,
    progress_bar,
    split_columns,
    write_board,
)

if TYPE_CHECKING:
    from zcbench.runs import Prediction

EXAMPLE = """examples:
  zcbench predict trained.csv --target acc --candidates rest.csv --out best.csv
  zcbench predict all.csv --target acc          # ranks the rows without acc
  zcbench predict my.csv --target loss --lower --candidates rest.csv
  zcbench predict my.csv --target acc --candidates rest.csv --exclude "val_*"
  zcbench predict my.csv --target acc --candidates rest.csv --features a,b
  zcbench predict my.csv --target acc --candidates c.csv --space nasbench201
  zcbench predict my.csv --target acc --candidates rest.csv --predictor gp"""


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("table", metavar="FILE", help="CSV (or parquet) file with the trained networks")
    parser.add_argument("--target", metavar="COLUMN", required=True, help="column to predict")
    parser.add_argument(
        "--candidates",
        metavar="FILE",
        help="file with the networks to rank (default: rows of the first file without a value of the target)",
    )
    parser.add_argument("--lower", action="store_true", help="lower is better: a loss, an error, a latency")
    parser.add_argument("--out", metavar="FILE.csv", help="write all candidates with predictions and std, best first")
    parser.add_argument("--top", type=int, metavar="N", default=10, help="candidates to print (default: 10)")
    known = parser.add_argument_group("columns of the table")
    known.add_argument("--arch", metavar="COLUMN", help="column that names the architectures (default: arch, model, …)")
    known.add_argument("--space", metavar="NAME", help="search space whose strings the names are: zcbench list spaces")
    known.add_argument("--features", metavar="COLUMNS", help="names or patterns of columns to use, separated by commas")
    known.add_argument("--exclude", metavar="COLUMNS", help="names or patterns of columns not to use")
    known.add_argument("--seed-column", metavar="COLUMN", help="column that distinguishes repeated trainings")
    parser.add_argument("--predictor", metavar="NAME", help="a predictor of  zcbench list predictors (default: chosen)")
    parser.add_argument("--seed", type=int, metavar="N", default=0, help="seed of the division into folds (default: 0)")
    add_imports(parser)
    add_json(parser)


def execute(options: argparse.Namespace) -> int:
    """Run the command."""
    from zcbench.cli._output import write_result
    from zcbench.runs import predict

    import_files(options.imports)
    if options.out is not None:
        _check_out(Path(options.out))
    with progress_bar(Path(options.table).name, "folds", idle=False) as bar:
        found: Prediction = predict(
            options.table,
            options.target,
            candidates=options.candidates,
            predictor=options.predictor,
            features=split_columns(options.features) or [],
            exclude=split_columns(options.exclude) or [],
            arch=options.arch,
            space=options.space,
            lower=options.lower,
            seed_column=options.seed_column,
            seed=options.seed,
            top=options.top,
            progress=bar,
        )
    # The file is written first, because a pager may end the printing of the table.
    if options.out is not None:
        path = Path(options.out)
        write_board(path.parent, path.name, found.to_csv())
    if options.json:
        write_result(found.to_json())
    else:
        print_board(found)
    return 0


def _check_out(path: Path) -> None:
    """Raise InvalidInputError for a folder, or a file that is not CSV, before anything is computed."""
    from zcbench.errors import InvalidInputError

    if path.is_dir():
        raise InvalidInputError(f"--out {path} is a folder: name a file, {path / 'ranked.csv'}.")
    if path.suffix.lower() != ".csv":
        raise InvalidInputError(f"--out {path}: the file is written as CSV, so its name must end in .csv.")
