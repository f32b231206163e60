"""Score your networks, or networks of a search space, on random or real samples; compare several.

Several networks are ranked by every proxy. The output shows how far the proxies agree, and which proxy is the most
reliable in published results on networks of the same kind.
"""

from __future__ import annotations

import argparse
import math
import re
from pathlib import Path
from typing import TYPE_CHECKING

from zcbench.cli._shared import (
    add_device,
    add_imports,
    add_json,
    add_timeout,
    print_board,
    print_json,
    print_rows,
    progress_bar,
    say,
    split_names,
)
from zcbench.cli._status import FAILED, FINE

if TYPE_CHECKING:
    from zcbench.comparison import Comparison

EXAMPLE = """examples:
  zcbench score my_models.py:make_net --input 3x32x32
  zcbench score my.py:small my.py:wide timm:resnet10t --data cifar10
  zcbench score hf:config.json hf:deeper/config.json --length 32 --seeds 3
  zcbench score my.py:small my.py:wide --data my_samples.npz --out scores.csv
  zcbench score package.module:Net --input 1x28x28 --proxies naswot,synflow"""

#: method that writes the file of --out, by its suffix
_FORMS = {".csv": "to_csv", ".json": "to_json", ".md": "to_markdown"}


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument(
        "models",
        metavar="NETWORK",
        nargs="+",
        help="file.py:function or package.module:Class, called without arguments; hf:config.json, a configuration of "
        "Hugging Face (random weights, no download); or a search space and an architecture of it, such as "
        "timm:resnet10t",
    )
    parser.add_argument(
        "--data",
        metavar="SAMPLES",
        help="real samples: a batch (zcbench list batches), FILE.npz with the arrays inputs and targets (or x and y), "
        "or file.py:function that returns (inputs, targets) (default: random samples)",
    )
    parser.add_argument(
        "--input",
        metavar="SHAPE",
        help="shape of one random sample, e.g. 3x32x32 (default: the known input shape of the network)",
    )
    parser.add_argument("--length", type=int, metavar="WORDS", help="words of a random text (default: 64)")
    parser.add_argument(
        "--classes", type=int, help="number of classes (default: that of the data, else the width of the output)"
    )
    parser.add_argument(
        "--output",
        metavar="PART",
        help="part of the network's output to score: a name, an index or both with points between them "
        "(out, 0, heads.-1), or file.py:function (default: the tensor to which most parameters contribute)",
    )
    parser.add_argument(
        "--batch-size",
        type=int,
        metavar="B",
        help="samples in the batch (default: 16; of a function, all that it returns)",
    )
    parser.add_argument(
        "--proxies", metavar="NAMES", help="names or patterns, separated by commas; all (default: standard)"
    )
    parser.add_argument("--seed", type=int, default=0, help="seed of initial weights and batch (default: 0)")
    parser.add_argument(
        "--seeds",
        type=int,
        default=1,
        metavar="N",
        help="score N initialisations, each on its own batch: mean, standard deviation, and whether ranks change "
        "(default: 1)",
    )
    parser.add_argument(
        "--kind",
        metavar="KIND",
        help="convolutional, transformer or recurrent: kind of the published benchmarks that decide which proxy is "
        "the most reliable (default: the recognised kind of the networks)",
    )
    add_timeout(
        parser,
        "limit for making the network, and for each score: longer ones are stopped and get the status timed-out "
        "(the work runs in a worker process with one thread; default: none)",
    )
    parser.add_argument("--out", metavar="FILE", help="also write FILE.csv, FILE.json or FILE.md")
    add_device(parser)
    add_imports(parser)
    add_json(parser)


def execute(options: argparse.Namespace) -> int:
    """Run the command; return 1 if a score failed or timed out."""
    from zcbench._arguments import seed, shown
    from zcbench.comparison import compare
    from zcbench.errors import InvalidInputError

    shape = _shape(options.input)
    form = _form(options.out)
    seed("the seed", options.seed)
    if options.classes is not None and not 1 <= options.classes <= 2**31:
        limit = "at least 1" if options.classes < 1 else f"at most {2**31}"
        raise InvalidInputError(f"{shown(options.classes)} classes: choose {limit}.")
    what = options.models[0] if len(options.models) == 1 else f"{len(options.models)} models"
    with progress_bar(what, idle=False) as report:
        found = compare(
            options.models,
            options.data,
            split_names(options.proxies),
            input_shape=shape,
            classes=options.classes,
            batch_size=options.batch_size,
            length=options.length,
            seed=options.seed,
            seeds=options.seeds,
            output=options.output,
            kinds=options.kind,
            timeout=options.timeout,
            imports=options.imports,
            progress=report if len(options.models) * options.seeds > 1 else None,
        )
    single = len(options.models) == 1
    if options.json:
        print_json(_json(found) if single else found.content())
    elif single:
        print_rows(["proxy", "score", "better", "status", "time", ""], found.single())
    else:
        print_board(found)
    if single:
        for note in found.facts[0].notes:
            say(f"zcbench: {note}")
    if form:
        getattr(found, form)(options.out)
        say(f"wrote {options.out}")
    if found.failed:
        where = "the last column says" if single else "the lines below the table say"
        say(f"zcbench: failed: {', '.join(found.failed)}; {where} why.")
    return FAILED if found.failed else FINE


def _json(found: Comparison) -> dict[str, object]:
    """Return the scores of one network by proxy."""
    (model,) = found.models
    scores = {proxy: found.score(proxy, model) for proxy in found.proxies}
    several = len(found.seeds)
    return {
        proxy: {
            "value": s.value,
            "higher_is_better": found.infos[proxy].higher_is_better,
            "status": s.status,
            "seconds": s.seconds,
            **({"wall": s.wall} if math.isfinite(s.wall) else {}),
            "device": s.device,
            **({"device_name": s.device_name} if s.device_name else {}),
            **({"memory": s.memory} if s.memory == s.memory else {}),
            "detail": s.detail,
            **({"repeats": s.repeats} if s.repeats > 1 else {}),
            **({"seeds": several} if several > 1 else {}),
            **({"spread": s.spread} if s.repeats > 1 or several > 1 else {}),
        }
        for proxy, s in scores.items()
    }


def _shape(text: str | None) -> tuple[int, ...] | None:
    """Return the shape of one sample."""
    from zcbench._arguments import shown
    from zcbench.errors import InvalidInputError

    if text is None:
        return None
    sizes = text.lower().replace(",", "x").split("x")
    if not all(re.fullmatch("0*[1-9][0-9]{0,17}", size) for size in sizes):
        raise InvalidInputError(f"--input {shown(text)} is no shape: give positive sizes such as 3x32x32.")
    return tuple(map(int, sizes))


def _form(path: str | None) -> str:
    """Return the name of the method that writes a file; "" without a file."""
    from zcbench.errors import InvalidInputError

    if path is None:
        return ""
    form = _FORMS.get(Path(path).suffix.lower())
    if form is None:
        raise InvalidInputError(f"--out {path}: its name must end in {', '.join(_FORMS)}.")
    return form
