"""NATS-Bench's size space from its folder and its tar."""

import bz2
import gzip
import json
import pickle
import tarfile

import numpy as np
import pytest

import zcbench
from zcbench.datasets import benchmark_info, list_benchmarks
from zcbench.errors import DataCorruptError

pytestmark = pytest.mark.usefixtures("nothing_kept")
BENCHMARKS = {name: benchmark_info(name) for name in list_benchmarks()}


def test_nats_size_from_its_folder(tmp_path, data_folder):
    """The authors' own records, in the folder's format."""
    import ast

    folder = tmp_path / "NATS-sss-v1_0-50262-simple"
    folder.mkdir()
    fixtures = data_folder / "nats_fixtures"
    archs = json.loads(gzip.decompress((fixtures / "NATS-sss-v1_0-50262-simple__meta_archs.json.gz").read_bytes()))
    archs = archs["meta_archs"] if isinstance(archs, dict) else archs
    (folder / "meta.pickle.pbz2").write_bytes(bz2.compress(pickle.dumps({"meta_archs": archs, "total_archs": 32768})))
    for path in fixtures.glob("NATS-sss-*__0*.json.gz"):
        content = json.loads(gzip.decompress(path.read_bytes()))
        for part in content.values():
            part["all_results"] = {ast.literal_eval(key): value for key, value in part["all_results"].items()}
            for run in part["all_results"].values():
                for name in ("train_losses", "train_times", "train_acc1es"):
                    run[name] = {int(epoch): value for epoch, value in run[name].items()}
        number = path.name.split("__")[1].split(".")[0]
        (folder / f"{number}.pickle.pbz2").write_bytes(bz2.compress(pickle.dumps(content)))
    table = zcbench.get_benchmark("nats-size", folder)
    assert [a.key for a in table.architectures] == ["8:8:8:8:8", "8:8:8:16:32", "8:8:40:32:40"]
    assert table.default_target == "cifar10_test_accuracy_90ep"
    assert table.facts["params_M"].tolist() == [0.011714, 0.049202, 0.144834]
    assert {t.rsplit("_", 1)[1] for t in table.targets} == {"1ep", "12ep", "90ep"}
    monkey = BENCHMARKS["nats-size"].convert(data_folder)
    published = dict(zip(monkey.architectures, monkey.values["cifar10_test_accuracy_90ep"][:, 0], strict=True))
    for architecture, accuracy in zip(table.architectures, table.truth(), strict=True):
        assert accuracy == pytest.approx(published[architecture.key], abs=0.35)
    with tarfile.open(tmp_path / "NATS-sss-v1_0-50262-simple.tar", "w") as archive:
        archive.add(folder, folder.name)
    as_downloaded = zcbench.get_benchmark("nats-size", tmp_path / "NATS-sss-v1_0-50262-simple.tar")
    assert as_downloaded.architectures == table.architectures
    np.testing.assert_array_equal(as_downloaded.truth(), table.truth())
    with pytest.raises(DataCorruptError, match="is not a tar: give NATS-sss"):
        zcbench.get_benchmark("nats-size", folder / "meta.pickle.pbz2")
