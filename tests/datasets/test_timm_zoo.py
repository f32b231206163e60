"""timm's results from CSV."""

import gzip

import numpy as np
import pytest

import zcbench
from zcbench.datasets import import_benchmark
from zcbench.errors import DataCorruptError

pytestmark = pytest.mark.usefixtures("nothing_kept")


def test_timm_from_csv(tmp_path):
    head = "model,img_size,top1,top1_err,top5,top5_err,param_count,crop_pct,interpolation\n"
    imagenet = tmp_path / "results-imagenet.csv"
    imagenet.write_text(
        head + 'vit.a,224,80.5,19.5,95,5,"1,305.08",1,bicubic\nresnet.b,160,70.0,30,90,10,25.5,1,bicubic\n'
    )
    real = tmp_path / "results-imagenet-real.csv.gz"
    real.write_bytes(gzip.compress((head + "vit.a,224,85.5,14.5,95,5,1,1,bicubic\n").encode()))
    path = import_benchmark("timm", [imagenet, real])
    assert path.name == "timm.npz"
    table = zcbench.get_benchmark("timm")
    assert table.truth("top1_imagenet").tolist() == [80.5, 70]
    assert table.facts["params_M"].tolist() == [1305.08, 25.5]
    assert np.isnan(table.truth("top1_imagenet-real")).tolist() == [False, True]
    with pytest.raises(DataCorruptError, match=r"results-imagenet\.csv is missing or empty"):
        import_benchmark("timm", [real])
