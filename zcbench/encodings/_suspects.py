"""Columns of a table that are probably results of the training that a predictor is to predict."""

from __future__ import annotations

import functools
import re
from collections.abc import Mapping

import numpy as np
from numpy.typing import ArrayLike

from zcbench._display import abridged
from zcbench.metrics import kendall_tau
from zcbench.proxies import list_proxies

#: |tau| above which a column that ranks the target alone is suspicious, and the rows that this takes at least
TAU, ROWS = 0.9, 10


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


_TOKEN = re.compile(r"[^\W\d_]+|\d+")
#: parts of a data set
_SPLITS = _words(
    "train training trained val valid validation test testing dev eval evaluation held out heldout holdout"
)
#: repeated trainings of one network
_REPEATS = _words("seed seeds run runs rep repeat trial fold split replica attempt")
#: statistics of several numbers, and points of a training
_STATISTICS = _words(
    "mean avg average std sd sem stderr var variance median best final last first min max low high lower upper "
    "ci diff delta gap rank ranking normalized normalised ema smoothed raw at ep epoch epochs iter iteration "
    "step steps"
)
_UNITS = _words("pct percent perc score scores value values metric")
#: what evaluations of a trained network measure
_METRICS = _words(
    "acc accs accuracy accuracies macc aacc err error errors loss losses nll ce xent ppl perplexity bpc bpw "
    "bpb bleu rouge auc auroc auprc miou iou dice psnr ssim mse rmse mae mcc wer cer perf performance fitness "
    "reward"
)
#: the same, where nothing else is in the name
_METRICS_ALONE = frozenset(("map", "ap"))
#: a name of only these words is a statistic, or a split, of some result
_BARE = _SPLITS | _words("mean avg average std sd sem var median best final last diff delta rank ranking")
#: a name with one of these words and "train" is the time that training took: "train_time"
_TIMES = _words("time times seconds secs sec minutes hours hrs duration walltime elapsed cost")
#: how names of identifiers end
_IDENTIFIERS = _words("id idx index hash uid uuid")
#: what is known of a network before it is trained, next to the registered proxies
_STATIC = _words("param params parameters flops macs gmacs gflops mflops macts layers depth width size")


def suspicious_columns(target: str, truth: ArrayLike, columns: Mapping[str, ArrayLike]) -> dict[str, str]:
    """Find columns that predictors should not use unless a user requests them.

    A column is suspicious if its name says that it is a result of the same kind as the target (``val_top5`` and
    ``val_top1``, ``test_loss`` and ``test_acc``, ``acc_seed1`` and ``acc``, ``glue_mnli`` and ``glue``), if it ranks
    the target alone with |tau| > .9 on ten rows or more, or if it is an identifier. Proxies, and sizes such as
    ``params`` and ``flops``, are known before training and not suspicious.

    Args:
        target: name of the target.
        truth: its values ``(n,)``; nan where there is none.
        columns: values ``(n,)`` by name.

    Returns:
        The reason by name, as the end of a sentence that begins with "it".
    """
    values = np.asarray(truth, np.float64)
    found = {}
    for name, column in columns.items():
        if name == target or _is_static(name):
            continue
        numbers = np.asarray(column, np.float64)
        reason = _kinship(target, name) or _identity(name, numbers) or _rank(values, numbers)
        if reason:
            found[name] = reason.format(target=abridged(target, 40))
    return found


def _rank(truth: np.ndarray, column: np.ndarray) -> str:
    both = np.isfinite(truth) & np.isfinite(column)
    if both.sum() < ROWS or not (np.ptp(truth[both]) and np.ptp(column[both])):
        return ""
    tau = kendall_tau(column[both], truth[both]).value
    return f"ranks {{target!r}} alone with tau {tau:.2f}" if abs(tau) > TAU else ""


def _kinship(target: str, name: str) -> str:
    """Say what the names have in common; "" for nothing."""
    ours, theirs = _tokens(target), _tokens(name)
    if _is_metric(ours) and _is_metric(theirs):
        return "is a result of training, as {target!r} is"
    if {"train", "training"} & set(theirs) and _TIMES & set(theirs):
        return "is the time that training took, by its name"
    if set(theirs) <= _BARE | _UNITS | _REPEATS | _STATISTICS and set(theirs) & _BARE:
        return "is a statistic or a part of a result, by its name"
    one, other = _stem(ours), _stem(theirs)
    # The first word of "cifar10_acc" names a data set, which columns of other kinds may name too.
    first = one[:1] == other[:1] and not _is_metric(ours)
    return f"shares the stem {one[0]!r} with {{target!r}}" if one and other and (one == other or first) else ""


def _identity(name: str, column: np.ndarray) -> str:
    """Say that a column numbers the rows; "" if it does not."""
    values = column[np.isfinite(column)]
    numbered = bool(_IDENTIFIERS & set(_tokens(name)[-1:])) and len(np.unique(values)) == len(values) > 0
    return "is an identifier" if numbered and bool((values == np.floor(values)).all()) else ""


def _tokens(name: str) -> list[str]:
    """Words and numbers of a name in lower case."""
    return [token.lower() for token in _TOKEN.findall(name)]


def _is_metric(tokens: list[str]) -> bool:
    words = [token for token in tokens if not token.isdigit()]
    followed = zip(tokens, [*tokens[1:], ""], strict=True)
    return (
        bool(_METRICS & set(words))
        or any(word in ("top", "f") and number in ("1", "3", "5", "10") for word, number in followed)
        or {"bits", "per"} <= set(words)
        or (
            any(word in _METRICS_ALONE for word in words)
            and set(words) <= _METRICS_ALONE | _SPLITS | _STATISTICS | _REPEATS | _UNITS
        )
    )


def _stem(tokens: list[str]) -> list[str]:
    """Tokens that are neither numbers nor words for splits, repeats, statistics, units and metrics."""
    others = _SPLITS | _REPEATS | _STATISTICS | _UNITS | _METRICS
    return [token for token in tokens if not token.isdigit() and token not in others]


def _is_static(name: str) -> bool:
    """Whether a name says that it is a proxy, or a size, of a network."""
    tokens = _tokens(name)
    if _is_metric(tokens):
        return False
    joined = f"_{'_'.join(tokens)}_"
    return bool(_STATIC & set(tokens)) or any(f"_{proxy}_" in joined for proxy in _proxies())


@functools.cache
def _proxies() -> tuple[str, ...]:
    return tuple("_".join(_tokens(name)) for name in list_proxies() if name != "random")


__all__ = ["ROWS", "TAU", "suspicious_columns"]
