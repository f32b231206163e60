"""Score your own network: a function or class that returns a torch.nn.Module, on a random batch of a given shape."""

from __future__ import annotations

import argparse
import importlib
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from zcbench._output import duration, significant
from zcbench.cli._shared import add_imports, add_json, import_files, print_json, print_rows, split_names, tell

if TYPE_CHECKING:
    from zcbench.types import Score

EXAMPLE = """examples:
  zcbench score my_models.py:make_net --input 3x32x32
  zcbench score package.module:Net --input 1x28x28 --classes 10 --proxies naswot,synflow --json"""


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("factory", metavar="MODULE:NAME", help="file.py:function or package.module:Class, no arguments")
    parser.add_argument("--input", required=True, metavar="SHAPE", help="shape of one sample, e.g. 3x32x32")
    parser.add_argument("--classes", type=int, help="number of classes (default: the width of the output)")
    parser.add_argument("--batch-size", type=int, default=16, metavar="B", help="samples in the batch (default: 16)")
    parser.add_argument(
        "--proxies", metavar="NAMES", help="names or patterns, separated by commas; all (default: standard)"
    )
    parser.add_argument("--seed", type=int, default=0, help="initial weights and the random batch (default: 0)")
    add_imports(parser)
    add_json(parser)


def execute(options: argparse.Namespace) -> int:
    """Run the command; 1 if a score failed."""
    import torch

    from zcbench.errors import InvalidInputError
    from zcbench.probe import as_tensor
    from zcbench.proxies import score
    from zcbench.types import Status

    try:
        shape = tuple(int(size) for size in options.input.lower().replace(",", "x").split("x"))
        if min(shape) < 1 or options.batch_size < 1:
            raise ValueError
    except ValueError:
        raise InvalidInputError(
            f"{options.input!r} with batch size {options.batch_size}: give positive sizes such as 3x32x32."
        ) from None
    if not 0 <= options.seed < 2**32:
        raise InvalidInputError(f"the seed {options.seed}: choose a number from 0 to {2**32 - 1}.")
    if options.classes is not None and options.classes < 1:
        raise InvalidInputError(f"{options.classes} classes: choose at least 1.")
    import_files(options.imports)
    model = _make(options.factory, options.seed)
    inputs = torch.randn(options.batch_size, *shape, generator=torch.Generator().manual_seed(options.seed))
    classes = options.classes
    if classes is None:
        was_training = model.training
        try:
            with torch.no_grad():
                classes = as_tensor(model.eval()(inputs[:1])).shape[-1]
        except Exception as error:
            raise InvalidInputError(
                f"{options.factory} cannot take an input of shape (1, {', '.join(map(str, shape))}): {error}"
            ) from None
        finally:
            model.train(was_training)
    targets = torch.randint(classes, (len(inputs),), generator=torch.Generator().manual_seed(options.seed))
    scores = score(model, inputs, targets, split_names(options.proxies), seed=options.seed)
    if options.json:
        print_json(
            {
                name: {
                    "value": s.value,
                    "status": s.status,
                    "seconds": s.seconds,
                    "detail": s.detail,
                    **({"repeats": s.repeats, "spread": s.spread} if s.repeats > 1 else {}),
                }
                for name, s in scores.items()
            }
        )
    else:
        rows = [[name, _number(s), s.status, duration(s.seconds), s.detail] for name, s in scores.items()]
        print_rows(["proxy", "score", "status", "time", ""], rows)
    failed = [name for name, s in scores.items() if s.status is Status.FAILED]
    if failed:
        tell(f"zcbench: failed: {', '.join(failed)}; the last column says why.")
    return 1 if failed else 0


def _number(score: Score) -> str:
    if score.value is None:
        return ""
    return significant(score.value) + (f" ± {significant(score.spread, 2)}" if score.repeats > 1 else "")


def _make(text: str, seed: int) -> Any:
    import torch
    from torch import nn

    from zcbench.errors import InvalidInputError
    from zcbench.evaluation import import_file

    place, _, name = text.rpartition(":")
    if not place:
        raise InvalidInputError(f"{text!r} names no object: write file.py:function or package.module:Class.")
    try:
        if place.endswith(".py"):
            module = import_file(place)
        else:
            sys.path.insert(0, str(Path.cwd()))
            module = importlib.import_module(place)
    except InvalidInputError:
        raise
    except (Exception, SystemExit) as error:
        raise InvalidInputError(f"{place} could not be imported: {type(error).__name__}: {error}") from None
    factory = getattr(module, name, None)
    if factory is None:
        raise InvalidInputError(f"{place} has no {name!r}: write the name of a function or class in it.")
    torch.manual_seed(seed)  # after the import, which may draw numbers of its own
    try:
        model = factory if isinstance(factory, nn.Module) else factory()
    except Exception as error:
        raise InvalidInputError(f"{text} raised {type(error).__name__}: {error}") from None
    if not isinstance(model, nn.Module):
        raise InvalidInputError(f"{text} returned a {type(model).__name__}: it must return a torch.nn.Module.")
    return model
