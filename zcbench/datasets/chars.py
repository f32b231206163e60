"""chars-rnn and chars-bert: language models trained by this project on the text of Python's help(), embedded.

``tools/train_chars.py`` made the tables; ``docs/cards/chars-rnn.md`` and ``chars-bert.md`` describe their limitations.
"""

from __future__ import annotations

import functools
from importlib.resources import files

import numpy as np

from zcbench.datasets._info import BenchmarkInfo, register_benchmark
from zcbench.datasets._table import Table
from zcbench.errors import DataCorruptError, first_line
from zcbench.types import Target

#: number of symbols of the text, including "other" and the mask
WORDS = 90


def targets(kind: str) -> tuple[Target, ...]:
    """Return the columns of a table."""
    what = "next character" if kind == "rnn" else "hidden characters"
    dataset = "pydoc" if kind == "rnn" else "pydoc-masked"
    return (
        Target("test_nll", dataset, False, f"negative log-likelihood of the {what}, test text, nats"),
        Target("test_perplexity", dataset, False, f"perplexity of the {what}, test text"),
        Target(
            "valid_nll", dataset, False, f"negative log-likelihood of the {what}, part of the validation text, nats"
        ),
    )


def load(kind: str) -> Table:
    """Read the committed table; cells whose training diverged with a seed are excluded.

    Raises:
        DataCorruptError: the file in the package is damaged.
    """
    resource = files("zcbench.datasets") / "data" / f"chars-{kind}.npz"
    try:
        with resource.open("rb") as file, np.load(file, allow_pickle=False) as data:
            table = {key: data[key] for key in data.files}
    except Exception as error:  # a damaged file can raise nearly any exception
        raise DataCorruptError(f"{resource} cannot be read ({first_line(error)}): install zcbench again.") from None
    good = np.isfinite(table["test_nll"]).all(1) & np.isfinite(table["valid_nll"]).all((1, 2))
    curve = table["valid_nll"][good].astype(np.float64)
    test = table["test_nll"][good].astype(np.float64)
    values = {"test_nll": test, "test_perplexity": np.exp(np.minimum(test, 700.0)), "valid_nll": curve[:, :, -1]}
    seeds = tuple(int(seed) for seed in table["seeds"])
    return Table(
        architectures=table["arch"][good].tolist(),
        targets=targets(kind),
        values=values,
        seeds=dict.fromkeys(values, seeds),
        curves={"valid_nll": curve},
        facts={"train_seconds": table["seconds"][good].astype(np.float64)},
        source="embedded; trained by tools/train_chars.py",
    )


register_benchmark(
    *(
        BenchmarkInfo(
            name=f"chars-{kind}",
            space=f"chars-{kind}",
            summary=summary,
            rows=rows,
            targets=len(targets(kind)),
            licence="Apache-2.0 (text: PSF License 2)",
            reference="tools/train_chars.py",
            classes={"pydoc": WORDS, "pydoc-masked": WORDS},
            embedded=functools.partial(load, kind),
        )
        for kind, rows, summary in (
            (
                "rnn",
                301,
                "recurrent cells as character models, trained by this project; two seeds, curves",
            ),
            (
                "bert",
                301,
                "encoders that fill in characters, trained by this project; two seeds, curves",
            ),
        )
    )
)
