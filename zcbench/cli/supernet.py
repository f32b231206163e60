"""Train a supernet on the embedded digits and do all that it is for.

digits trains a supernet, evaluates all of its subnets, ranks them, searches, cuts a subnet out, fine-tunes and exports
it. It prints what each step brought and writes a page. The same command goes on where it was stopped.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from zcbench.cli._shared import add_imports, add_json, import_files, print_board, progress_bar, split_names, write_board

if TYPE_CHECKING:
    from zcbench.supernets._story import Progress

EXAMPLE = """examples:
  zcbench supernet digits --to story
  zcbench supernet digits --to quick --quick
  zcbench supernet digits --to other --rule single_path:subnets=4 --steps 600
  zcbench supernet digits --to small --flops 100000 --proxies params,naswot"""

_DIGITS = """Train a supernet of elastic-mobilenet on the embedded digits, and use it.

All 1,296 subnets are evaluated with the weights that they inherit, so that the true front is known. Scorers are
compared with stand-alone trainings. Two searches are compared with the best of the space: one under a bound on FLOPs,
one for the front. What the first finds is cut out, calibrated, fine-tuned, exported and measured. Validation images
decide, and test images are only reported.

The folder keeps everything: the same command goes on where it was stopped. The page is story.html in it."""


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    digits = actions.add_parser(
        "digits",
        help="the whole story on the embedded digits, in a few minutes",
        description=_DIGITS,
        epilog=EXAMPLE,
        formatter_class=parser.formatter_class,
    )
    digits.add_argument("--to", metavar="FOLDER", required=True, help="folder of everything that is made")
    digits.add_argument(
        "--rule", metavar="NAME", default="sandwich", help="training rule, with settings (default: sandwich)"
    )
    digits.add_argument("--steps", type=int, metavar="N", help="of the training (default: 1200; 30 with --quick)")
    digits.add_argument(
        "--flops", type=float, metavar="N", help="bound of the search (default: a quarter of the largest subnet's)"
    )
    digits.add_argument(
        "--proxies",
        metavar="NAMES",
        default="params,logsynflow",
        help="that rank beside the inherited loss (default: params,logsynflow)",
    )
    digits.add_argument("--seed", type=int, metavar="N", default=0, help="decides everything random (default: 0)")
    digits.add_argument("--quick", action="store_true", help="much less of everything, to see that it works")
    add_imports(digits)
    add_json(digits)


def execute(options: argparse.Namespace) -> int:
    """Run the command."""
    from zcbench.leaderboards import story_to_html
    from zcbench.supernets import digits_story

    import_files(options.imports)
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
    if options.json:
        from zcbench.cli._output import write_result

        write_result(story.to_json())
    else:
        print_board(story)
    return 0


@contextmanager
def _progress() -> Iterator[Progress]:
    """A bar for each step, one after the other."""
    with ExitStack() as stack:
        current: dict[str, object] = {"step": None}

        def report(step: str, done: int, total: int, what: str) -> None:
            if step != current["step"]:
                stack.close()
                current.update(step=step, bar=stack.enter_context(progress_bar(step, what, idle=False)))
            current["bar"](done, total, None)  # type: ignore[operator]

        yield report
