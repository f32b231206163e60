"""LCDB 1.1: errors of 28 learners on 265 data sets by the size of the training set, without networks and epochs.

Source: C. Yan, F. Mohr, T. Viering, "LCDB 1.1: A Database Illustrating Learning Curves Are More Ill-Behaved Than
Previously Thought", 2025, arXiv:2505.15657; github.com/learning-curve-research/LCDB-1.1. A curve's point is the mean
over the authors' splits at one of 137 anchors: training sets of 16 to 2,097,152 rows, each 2^(1/8) times the one
before. Small data sets end early.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from zcbench._arguments import shown
from zcbench.datasets._info import BenchmarkInfo, register_benchmark
from zcbench.datasets._read import Place, bare_stem, explained, read_json
from zcbench.datasets._table import Table
from zcbench.datasets._values import OddValueError
from zcbench.errors import DataCorruptError, DataMissingError
from zcbench.types import Target

#: in the order of the authors' arrays
LEARNERS = (
    *("SVM_Linear", "SVM_Poly", "SVM_RBF", "SVM_Sigmoid", "Decision Tree", "ExtraTree", "LogisticRegression"),
    *("PassiveAggressive", "Perceptron", "RidgeClassifier", "SGDClassifier", "MLP", "LDA", "QDA", "BernoulliNB"),
    *("MultinomialNB", "ComplementNB", "GaussianNB", "KNN", "NearestCentroid", "ens.ExtraTrees", "ens.RandomForest"),
    *("ens.GradientBoosting", "DummyClassifier", "CatBoost", "TabNet", "RealMLP", "TabPFNv2"),
)
ANCHORS = 137
#: place of each error among the authors' three
TARGETS = {"valid_error": 1, "test_error": 2}
#: learner, mean and standard error, anchor, training-validation-test
_SHAPE = (len(LEARNERS), 2, ANCHORS, 3)


def convert(folder: Path) -> Table:
    """Read the arrays in ``ZCBENCH_DATA``."""
    path = folder / "lcdb11" / "lcdb11_error_rates.npz"
    if not path.is_file():
        raise DataMissingError(f"no table at {path}.")
    with explained(path) as at, np.load(path, allow_pickle=False) as arrays:
        names = [name for name in arrays.files if name[:1] == "d" and name[1:].isdecimal()]
        return _table(((int(name[1:]), arrays[name]) for name in names), str(path), at)


def read(paths: Sequence[Path]) -> Table:
    """Read the authors' JSON files, one for each data set with its number in OpenML as name, or a folder of them.

    Raises:
        DataCorruptError: one is damaged, of another format, or has another name.
    """
    files = [file for path in paths for file in (sorted(path.glob("*.json*")) if path.is_dir() else [path])]
    found = []
    for file in files:
        with explained(file) as at:
            content = np.array(read_json(file), dtype=np.float64)  # null becomes nan
            if not bare_stem(file).isdecimal():
                raise DataCorruptError(
                    f"{file} does not have the number of a data set of OpenML as name: keep the authors' names, 3.json."
                )
            _table([(int(bare_stem(file)), content)], str(file), at)  # so that an error names this file
        found.append((int(bare_stem(file)), content))
    with explained(paths) as at:
        return _table(found, str(paths[0].parent if len(files) > 1 else paths[0]), at)


def _table(sets: Iterable[tuple[int, NDArray[Any]]], source: str, at: Place) -> Table:
    """Make a row for each learner that has a value on a data set."""
    names: list[str] = []
    numbers: list[int] = []
    learners: list[int] = []
    curves: dict[str, list[NDArray[np.float64]]] = {name: [] for name in TARGETS}
    for number, errors in sorted(sets, key=lambda pair: pair[0]):
        at.row = f"data set {number}"
        if errors.shape != _SHAPE:
            raise OddValueError(f"the errors have the shape {errors.shape}, not {_SHAPE}")
        means = errors[:, 0].astype(np.float64)
        if not ((means >= 0) & (means <= 1) | np.isnan(means)).all():
            raise OddValueError(f"an error of {shown(float(np.nanmax(means)))} is not a fraction")
        for place in np.flatnonzero(np.isfinite(means[..., list(TARGETS.values())]).any((1, 2))).tolist():
            names.append(f"{number} {LEARNERS[place]}")
            numbers.append(number)
            learners.append(place)
            for name, part in TARGETS.items():
                curves[name].append(means[place, :, part])
    at.row = None
    whole = {name: np.array(several).reshape(len(names), 1, ANCHORS) for name, several in curves.items()}
    return Table(
        names,
        tuple(
            Target(name, "openml", False, f"{name.split('_')[0]} error at the last anchor, fraction")
            for name in TARGETS
        ),
        {name: _last(curve[:, 0])[:, None] for name, curve in whole.items()},
        curves=whole,
        facts={"openml_id": np.array(numbers, np.float64), "learner": np.array(learners, np.float64)},
        source=source,
    )


def _last(curves: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the last value of each row; nan for a row without a value."""
    there = np.isfinite(curves)
    place = curves.shape[1] - 1 - there[:, ::-1].argmax(1)
    found: NDArray[np.float64] = curves[np.arange(len(curves)), place]
    return found


register_benchmark(
    BenchmarkInfo(
        name="lcdb11",
        space="table",
        summary="errors of 28 learners on 265 data sets by the size of the training set, curves",
        rows=7_204,
        targets=len(TARGETS),
        licence="none stated",
        reference="Yan et al., arXiv:2505.15657",
        read=read,
        convert=convert,
        tasks="openml_id",
        by_hand="clone github.com/learning-curve-research/LCDB-1.1 and give its folder docs/data/er",
    ),
)
