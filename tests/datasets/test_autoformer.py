"""AutoFormer from its zip."""

import zipfile

import numpy as np
import pytest

import zcbench

pytestmark = pytest.mark.usefixtures("nothing_kept")


def test_autoformer_from_its_zip(tmp_path):
    entry = {
        **{"optimizer": "drnas", "img_size": 32, "prior": False, "acc1": 65.5, "params": 6e6, "flops": 1.5},
        **{"layer_num": 12, "embed_dim": 216, "mlp_ratio": [3.5, 4.0] * 7, "num_heads": [3, 4] * 7},
    }
    with zipfile.ZipFile(tmp_path / "results.zip", "w") as archive:
        archive.writestr("results/a/samples.json", str([entry, {**entry, "optimizer": "gdas"}]))
        archive.writestr("results/b/samples.json", str([{**entry, "prior": True, "acc1": 66.5, "img_size": 32}]))
    table = zcbench.get_benchmark("autoformer-32", tmp_path / "results.zip")
    assert [a.key for a in table.architectures] == ["216|" + "|".join(["3x3.5", "4x4.0"] * 6)]
    assert table.truth("top1_drnas").tolist() == [65.5]
    assert table.truth("top1_drnas_prior").tolist() == [66.5]
    assert np.isnan(table.truth("top1_darts")).all()
