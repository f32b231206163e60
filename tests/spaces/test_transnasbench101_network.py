"""Networks of TransNAS-Bench-101 against the published counts."""

import pytest
from published import count, rows

from zcbench.spaces import get_space


@pytest.mark.parametrize("half", ["micro_711x7", "macro_725x7"])
def test_transnas_bench_101(data_folder, half):
    space = get_space(f"transnasbench101-{half[:5]}")
    classes = {"class_scene": 63, "class_object": 100, "room_layout": 9}  # of NASLib, which published the counts
    for row in rows(data_folder / "nbsuitezero" / f"zc_transbench101_{half}.parquet", 170):
        if row["dataset"] in classes and row["params"] is not None:
            network = space.build(space.parse(row["arch"]), num_classes=classes[row["dataset"]])
            assert count(network) == round(row["params"] * 1e6)
