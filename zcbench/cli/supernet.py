"""Train supernets on the embedded digits, search them and export the best subnet.

digits trains a supernet, evaluates and ranks all of its subnets, searches, and extracts, fine-tunes and exports a
subnet. rank compares scorers of subnets: inherited losses of several training rules, proxies on fresh and inherited
weights, and predictors. Both print a table and write a page. The same command continues a stopped run.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from zcbench.cli._shared import (
    add_device,
    add_imports,
    add_json,
    import_files,
    numbers,
    print_board,
    progress_bar,
    split_names,
    write_board,
)

if TYPE_CHECKING:
    from zcbench.evaluation import Board
    from zcbench.supernets._story import Progress

EXAMPLE = """examples:
  zcbench supernet digits --to story
  zcbench supernet rank --to ranking
  zcbench supernet digits --to quick --quick
  zcbench supernet digits --to other --rule single_path:subnets=4 --steps 600
  zcbench supernet digits --to small --flops 100000 --proxies params,naswot"""

_DIGITS = """Train a supernet of elastic-mobilenet on the embedded digits, and use it.

All 1,296 subnets are evaluated with their inherited weights, so that the true front is known. Scorers are
compared with stand-alone trainings. Two searches are compared with the best of the space: one under a bound on FLOPs,
one for the front. The result of the first is extracted, calibrated, fine-tuned, exported and measured. All choices
use validation images; test images are only reported.

The folder keeps all results, and the same command continues a stopped run. The page is story.html in this folder."""


_RANK = """Compare scorers that rank the subnets of a supernet, and their costs.

Each rule trains supernets of several seeds with the same number of subnet-steps (a batch that a subnet learns from).
Subnets are ranked by their inherited loss and accuracy, by proxies on fresh and on inherited weights, and by predictors
that learned from a few inherited losses. All are compared with a separate training of each subnet.

The folder keeps all results: the same command continues a stopped run, and more rules, seeds, subnets, proxies or
predictors add only the missing work. The folder also has ranking.html, ranking.csv and ranking.json."""

_RANK_EXAMPLE = """examples:
  zcbench supernet rank --to ranking
  zcbench supernet rank --to quick --quick
  zcbench supernet rank --to ranking --rules sandwich,single_path --seeds 2
  zcbench supernet rank --to ranking --proxies naswot,logsynflow"""


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    _configure_rank(actions, parser.formatter_class)
    digits = actions.add_parser(
        "digits",
        help="train, search and export on the embedded digits, in a few minutes",
        description=_DIGITS,
        epilog=EXAMPLE,
        formatter_class=parser.formatter_class,
    )
    digits.add_argument("--to", metavar="FOLDER", required=True, help="folder of all results")
    digits.add_argument(
        "--rule", metavar="NAME", default="sandwich", help="training rule, with settings (default: sandwich)"
    )
    digits.add_argument("--steps", type=int, metavar="N", help="steps of the training (default: 1200; 30 with --quick)")
    digits.add_argument(
        "--flops", type=float, metavar="N", help="bound of the search (default: a quarter of the largest subnet's)"
    )
    digits.add_argument(
        "--proxies",
        metavar="NAMES",
        default="params,logsynflow",
        help="proxies to compare with the inherited loss (default: params,logsynflow)",
    )
    digits.add_argument("--seed", type=int, metavar="N", default=0, help="seed of all random numbers (default: 0)")
    digits.add_argument("--quick", action="store_true", help="run a small version as a test")
    add_device(digits)
    add_imports(digits)
    add_json(digits)


def _configure_rank(actions: Any, formatter: Any) -> None:
    rank = actions.add_parser(
        "rank",
        help="compare scorers of subnets, and their costs",
        description=_RANK,
        epilog=_RANK_EXAMPLE,
        formatter_class=formatter,
    )
    rank.add_argument("--to", metavar="FOLDER", required=True, help="folder of all results")
    rank.add_argument(
        "--space",
        metavar="NAME",
        default="elastic-mobilenet",
        help="benchmark of an elastic space, trained on the digits (default: elastic-mobilenet)",
    )
    for name, kind, metavar, text in _RANK_OPTIONS:
        rank.add_argument(f"--{name}", type=kind, metavar=metavar, help=text)
    rank.add_argument("--quick", action="store_true", help="run a small version as a test")
    add_device(rank)
    add_imports(rank)
    add_json(rank)


#: name, type, placeholder, help; without a value the default of the library is used
_RANK_OPTIONS = (
    ("rules", str, "NAMES", "training rules (default: single_path:subnets=4,sandwich, delayed,progressive:subnets=4)"),
    ("subnet-steps", int, "N", "subnet-steps of each training (default: 1200)"),
    ("seeds", int, "N", "supernets of each rule (default: 4)"),
    ("subnets", int, "N", "number of random subnets to rank (default: 150)"),
    ("proxies", str, "NAMES", "names and patterns (default: all)"),
    ("few", str, "NAMES", "slow proxies that are measured on some of the subnets"),
    ("few-subnets", int, "N", "number of these subnets (default: 40)"),
    ("predictors", str, "NAMES", "names and patterns (default: gp,bayesian_ridge,random_forest,lightgbm)"),
    ("sizes", str, "N,N", "inherited losses that predictors learn from (default: 20,50,100)"),
    ("draws", int, "N", "random draws of these losses (default: 5)"),
    ("weights", str, "NAMES", "rules whose supernets proxies and predictors use (default: the first)"),
    ("weight-seeds", int, "N", "number of supernets of each (default: 2)"),
    ("seed", int, "N", "seed of the first supernet (default: 0)"),
    ("optimizer", str, "NAME", "optimizer of the trainings, sgd or adamw (default: sgd; adamw for transformers)"),
    ("rate", float, "R", "highest learning rate of the trainings (default: 0.1; 0.02 for transformers)"),
)


def execute(options: argparse.Namespace) -> int:
    """Run the command."""
    import_files(options.imports)
    return _rank(options) if options.action == "rank" else _digits(options)


def _digits(options: argparse.Namespace) -> int:
    from zcbench.leaderboards import story_to_html
    from zcbench.supernets import digits_story

    with _progress() as progress:
        story = digits_story(
            options.to,
            rule=options.rule,
            steps=options.steps,
            flops=options.flops,
            proxies=split_names(options.proxies) or (),
            seed=options.seed,
            quick=options.quick,
            progress=progress,
        )
    write_board(Path(options.to), "story.html", story_to_html(story))
    _print(story, options.json)
    return 0


def _rank(options: argparse.Namespace) -> int:
    from zcbench.leaderboards import ranking_to_html
    from zcbench.supernets import digits_ranking

    with _progress() as progress:
        ranking = digits_ranking(
            options.to,
            options.space,
            training_rules=split_names(options.rules),
            subnet_steps=options.subnet_steps,
            seeds=options.seeds,
            subnets=options.subnets,
            proxies=split_names(options.proxies),
            few=split_names(options.few),
            few_subnets=options.few_subnets,
            predictors=split_names(options.predictors),
            sizes=numbers("--sizes", options.sizes) or None,
            draws=options.draws,
            weights=split_names(options.weights),
            weight_seeds=options.weight_seeds,
            optimizer=options.optimizer,
            rate=options.rate,
            seed=options.seed,
            quick=options.quick,
            progress=progress,
        )
    folder = Path(options.to)
    write_board(folder, "ranking.html", ranking_to_html(ranking))
    write_board(folder, "ranking.csv", ranking.to_csv())
    write_board(folder, "ranking.json", ranking.to_json())
    _print(ranking, options.json)
    return 0


def _print(board: Board, as_json: bool) -> None:
    if as_json:
        from zcbench.cli._output import write_result

        write_result(board.to_json())
    else:
        print_board(board)


@contextmanager
def _progress() -> Iterator[Progress]:
    """Show a bar for each step, one after the other."""
    with ExitStack() as stack:
        current: dict[str, object] = {"step": None}

        def report(step: str, done: int, total: int, what: str) -> None:
            if step != current["step"]:
                stack.close()
                current.update(step=step, bar=stack.enter_context(progress_bar(step, what, idle=False)))
            current["bar"](done, total, None)  # type: ignore[operator]

        yield report
