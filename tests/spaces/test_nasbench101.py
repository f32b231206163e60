"""Cells of NAS-Bench-101: their strings, matrices and hashes."""

import json
from collections import namedtuple

import numpy as np
import pytest
import torch
from published import rows

from zcbench.errors import InvalidArchitectureError
from zcbench.spaces import get_space


def test_naslib_s_strings_of_nas_bench_101(data_folder):
    space = get_space("nasbench101")
    for row in rows(data_folder / "nasbench101" / "zc_nasbench101_500_with_hash.parquet", 25):
        assert space.hash(space.parse(row["arch"])) == row["module_hash"]


MATRIX = [[0, 1, 1, 0], [0, 0, 1, 1], [0, 0, 0, 1], [0, 0, 0, 0]]
NAMES = ["input", "conv1x1-bn-relu", "maxpool3x3", "output"]


def test_matrix_and_operations_of_nasbench101():
    space = get_space("nasbench101")
    ModelSpec = namedtuple("ModelSpec", "matrix ops")
    forms = [
        *((MATRIX, NAMES), (np.array(MATRIX), NAMES), (np.array(MATRIX, bool), np.array(NAMES))),
        *((np.array(MATRIX, float), NAMES), [torch.tensor(MATRIX), tuple(NAMES)], ModelSpec(np.array(MATRIX), NAMES)),
        {"matrix": MATRIX, "ops": NAMES},
        {"module_adjacency": np.array(MATRIX), "module_operations": NAMES, "trainable_parameters": 3},
        *(json.dumps([MATRIX, NAMES]), str((MATRIX, NAMES)), json.dumps({"matrix": MATRIX, "ops": NAMES})),
        "(0,1,1,0, 0,0,1,1, 0,0,0,1, 0,0,0,0, 0,3,2,1)",
    ]
    assert [space.parse(form).key for form in forms] == ["110111:12"] * len(forms)
    lower = [[0, 1, 1, 0], [0, 0, 1, 1], [0, 0, 0, 1], [0, 1, 0, 0]]
    for matrix, names, reason in (
        (MATRIX, NAMES[:3], "an operation for each vertex"),
        (MATRIX, NAMES[::-1], "'input' first and 'output' last"),
        (MATRIX, ["input", "conv", "maxpool3x3", "output"], "operations are conv3x3"),
        (MATRIX[:3], NAMES, "as many columns"),
        (lower, NAMES, "zero on and below its diagonal"),
        ([[0, 2], [0, 0]], ["input", "output"], "zeros and ones"),
        ([["0", "1"], ["0", "0"]], ["input", "output"], "zeros and ones"),
        ([[0, 0], [0, 0]], ["input", "output"], "no path"),
        (np.triu(np.ones((8, 8)), 1), ["input", *["maxpool3x3"] * 6, "output"], "two to 7 rows"),
        (np.triu(np.ones((7, 7)), 1), ["input", *["maxpool3x3"] * 5, "output"], "at most 9"),
        (None, NAMES, "a pair of a matrix and operations"),
    ):
        for form in ((matrix, names), {"matrix": matrix, "ops": names}):
            with pytest.raises(InvalidArchitectureError, match=reason):
                space.parse(form)
