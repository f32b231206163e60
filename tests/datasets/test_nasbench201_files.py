"""The official files through the unmodified packages and through our reader: equal answers; nothing foreign runs."""

import bz2
import copy
import functools
import math
import os
import pickle
import warnings

import numpy as np
import pytest
import torch
from official import CELLS, SEEDS, dump, real_records, states, write_pth, write_simple, write_tar

import zcbench
from zcbench.datasets._nasbench201_files import read_official
from zcbench.errors import DataCorruptError, DataMissingError

ZIP = {}
LEGACY = {"_use_new_zipfile_serialization": False}


@pytest.fixture(params=["pth", "pth, legacy container", "simple", "tar"])
def official(request, tmp_path):
    """Path of the same records in each format."""
    if request.param == "tar":
        return write_tar(tmp_path / "NATS-tss-v1_0-3ffb9-simple.tar", states())
    if request.param == "simple":
        return write_simple(tmp_path / "NATS-tss-v1_0-3ffb9-simple", states())
    return write_pth(tmp_path / "NAS-Bench-201-v1_1-096897.pth", states(), **(LEGACY if "," in request.param else ZIP))


def equal(ours, theirs):
    assert ours == pytest.approx(theirs, nan_ok=True, rel=1e-12)


# -- the same answers --------------------------------------------------------------------------


def test_every_number_is_the_record_s(official):
    table = zcbench.get_benchmark("nasbench201", official)
    assert [a.key for a in table.architectures] == CELLS
    assert table.source == str(official)
    records = states()
    where = {"valid": "x-valid", "test": "x-test"}
    for name, target in table.targets.items():
        dataset, split, metric, epochs = name.removesuffix("ep").split("_")
        if split == "valid" and dataset == "cifar10":
            key, part = "cifar10-valid", "x-valid"
        elif dataset.startswith("cifar10") and dataset != "cifar100":
            key, part = dataset, "ori-test"
        else:
            key, part = dataset, where[split]
        field = {"accuracy": "eval_acc1es", "loss": "eval_losses"}[metric]
        assert target.higher_is_better == (metric == "accuracy")
        for row, record in records.items():
            for column, seed in enumerate(table.seeds[name]):
                training = record[epochs]["all_results"].get((key, seed))
                expected = math.nan if training is None else training[field][f"{part}@{int(epochs) - 1}"]
                equal(table.values[name][row, column], expected)
    assert len(table.targets) == 28
    assert table.facts["params_M"].tolist() == [0.1, 1.1, 2.1]
    assert table.facts["flops_M"].tolist() == [15.5, 16.5, 17.5]
    assert table.facts["train_seconds_200ep"].tolist() == [1400, 1600, 1800]


def test_through_the_package_nas_bench_201(tmp_path):
    api_module = pytest.importorskip("nas_201_api")
    path = write_pth(tmp_path / "NAS-Bench-201-v1_1-096897.pth", states())
    api = api_module.NASBench201API(str(path), verbose=False)
    table = zcbench.get_benchmark("nasbench201", path)
    for row, cell in enumerate(CELLS):
        index = api.query_index_by_arch(cell)
        for epochs, seeds in SEEDS.items():
            for seed in seeds:
                info = api.get_more_info(index, "cifar10-valid", None, hp=epochs, is_random=seed)
                column = table.seeds["cifar10_valid_accuracy_200ep"].index(seed)
                equal(table.values[f"cifar10_valid_accuracy_{epochs}ep"][row, column], info["valid-accuracy"])
                equal(table.values[f"cifar10-valid_test_loss_{epochs}ep"][row, column], info["test-loss"])
                info = api.get_more_info(index, "cifar100", None, hp=epochs, is_random=seed)
                equal(table.values[f"cifar100_test_accuracy_{epochs}ep"][row, column], info["test-accuracy"])
                equal(table.values[f"cifar100_valid_loss_{epochs}ep"][row, column], info["valid-loss"])
        mean = api.get_more_info(index, "cifar10", None, hp="200", is_random=False)["test-accuracy"]
        equal(table.truth("cifar10_test_accuracy_200ep")[row], mean)
        assert api.query_by_index(index, "cifar10", "200")[888].params == table.facts["params_M"][row]


def ask_nats_bench(folder, cells, table):
    nats_bench = pytest.importorskip("nats_bench")
    api = nats_bench.create(str(folder), "tss", fast_mode=True, verbose=False)
    compared = 0
    for row, cell in enumerate(cells):
        index = api.query_index_by_arch(cell)
        for epochs in ("12", "200"):
            for dataset in ("cifar10-valid", "cifar10", "cifar100", "ImageNet16-120"):
                split = {"cifar10-valid": "cifar10_valid", "cifar10": "cifar10_test"}.get(dataset, f"{dataset}_test")
                key = "valid-accuracy" if dataset == "cifar10-valid" else "test-accuracy"
                mean = api.get_more_info(index, dataset, None, hp=epochs, is_random=False)[key]
                equal(table.truth(f"{split}_accuracy_{epochs}ep")[row], mean)
                name = f"{split}_accuracy_{epochs}ep"
                for column, seed in enumerate(table.seeds[name]):
                    if math.isfinite(table.values[name][row, column]):
                        info = api.get_more_info(index, dataset, None, hp=epochs, is_random=seed)
                        equal(table.values[name][row, column], info[key])
                        compared += 1
    return compared


def test_through_the_package_nats_bench(tmp_path):
    folder = write_simple(tmp_path / "NATS-tss-v1_0-3ffb9-simple", states())
    assert ask_nats_bench(folder, CELLS, zcbench.get_benchmark("nasbench201", folder)) == 3 * 4 * 3


def test_the_authors_own_records(data_folder, tmp_path):
    records, cells = real_records(data_folder / "nats_fixtures")
    assert len(cells) == 15_625
    folder = write_simple(tmp_path / "NATS-tss-v1_0-3ffb9-simple", records, cells)
    table = zcbench.get_benchmark("nasbench201", folder)
    present = [cells[number] for number in records]
    assert [a.key for a in table.architectures] == present
    assert ask_nats_bench(folder, present, table) > 30
    curve = table.curves["cifar10_valid_accuracy_200ep"]
    assert curve.shape == (3, 4, 200)
    training = records[min(records)]["200"]["all_results"]["cifar10-valid", 777]
    expected = [training["eval_acc1es"][f"x-valid@{epoch}"] for epoch in range(200)]
    np.testing.assert_allclose(curve[0, table.seeds["cifar10_valid_accuracy_200ep"].index(777)], expected, rtol=1e-6)


def test_the_parquet_table_holds_the_same_averages(data_folder, tmp_path, monkeypatch):
    monkeypatch.setenv("ZCBENCH_CACHE", str(tmp_path / "none"))
    records, cells = real_records(data_folder / "nats_fixtures")
    folder = write_simple(tmp_path / "simple", records, cells)
    official, parquet = zcbench.get_benchmark("nasbench201", folder), zcbench.get_benchmark("nasbench201")
    rows = parquet.rows(official.architectures)
    for name in ("cifar10_test_accuracy_200ep", "cifar100_test_accuracy_200ep", "ImageNet16-120_test_accuracy_200ep"):
        np.testing.assert_allclose(official.truth(name), parquet.truth(f"{name}_nats")[rows], atol=0.01)


# -- holes -------------------------------------------------------------------------------------


def test_curves_exist_where_every_epoch_was_measured(official):
    table = zcbench.get_benchmark("nasbench201", official)
    assert set(table.curves) == {
        f"{name}_{metric}_200ep"
        for name in ("cifar10_valid", "cifar10-valid_test", "cifar10_test")
        for metric in ("accuracy", "loss")
    }
    for name, curve in table.curves.items():
        np.testing.assert_allclose(curve[:, :, -1], table.values[name], rtol=1e-6)


def test_a_seed_that_copies_another_counts_once(tmp_path):
    records = states()
    copied = records[1]["200"]["all_results"]
    copied["cifar10", 888] = copy.deepcopy(copied["cifar10", 777]) | {"seed": 888}
    table = zcbench.get_benchmark("nasbench201", write_simple(tmp_path / "simple", records))
    name = "cifar10_test_accuracy_200ep"
    assert np.isfinite(table.values[name]).sum(1).tolist() == [2, 1, 2]


def test_missing_seeds_and_cells(tmp_path):
    records = states()
    del records[0]["200"]["all_results"]["cifar100", 777]
    del records[0]["200"]["all_results"]["cifar100", 888]
    del records[1]
    table = zcbench.get_benchmark("nasbench201", write_pth(tmp_path / "some.pth", records))
    assert [a.key for a in table.architectures] == [CELLS[0], CELLS[2]]
    assert np.isnan(table.truth("cifar100_test_accuracy_200ep")).tolist() == [True, False]


def test_numpy_scalars_inside_a_pth(tmp_path):
    records = states()
    for training in records[0]["200"]["all_results"].values():
        training["flop"] = np.float64(99.5)
        training["eval_acc1es"] = {key: np.float64(value) for key, value in training["eval_acc1es"].items()}
    table = zcbench.get_benchmark("nasbench201", write_pth(tmp_path / "numpy.pth", records))
    assert table.facts["flops_M"][0] == 99.5


# -- foreign code ------------------------------------------------------------------------------


class Evil:
    """Calls a function when it is unpickled."""

    def __init__(self, function, *arguments):
        self.call = function, arguments

    def __reduce__(self):
        return self.call


def attacks(marker):
    return {
        "system": Evil(os.system, f"touch {marker}"),
        "eval": Evil(eval, f"open({str(marker)!r}, 'w')"),
        "open": Evil(open, str(marker), "w"),
        "partial": Evil(functools.partial, os.system, f"touch {marker}"),
        "import_module": Evil(__import__, "antigravity"),
    }


@pytest.mark.parametrize("nested", [False, True])
@pytest.mark.parametrize("attack", ["system", "eval", "open", "partial", "import_module"])
@pytest.mark.parametrize("kind", ["zip", "legacy", "meta", "record"])
def test_a_file_that_asks_for_code_is_refused_by_name(tmp_path, kind, attack, nested):
    marker, evil = tmp_path / "marker", attacks(tmp_path / "marker")[attack]
    records = states(CELLS[:1])
    if nested:
        records[0]["200"]["all_results"]["cifar10", 777]["latency"] = [0.1, {"deep": evil}]
    if kind in ("zip", "legacy"):
        path = tmp_path / "evil.pth"
        if nested:
            write_pth(path, records, CELLS[:1], **(LEGACY if kind == "legacy" else ZIP))
        else:
            torch.save(evil, path, **(LEGACY if kind == "legacy" else ZIP))
    else:
        path = write_simple(tmp_path / "simple", records, CELLS[:1])
        if not nested:
            dump(path / ("meta.pickle.pbz2" if kind == "meta" else "000000.pickle.pbz2"), evil)
    name = {"system": "system", "import_module": "__import__"}.get(attack, attack)
    with pytest.raises(DataCorruptError, match=name):
        read_official(path)
    assert not marker.exists()


def test_the_attacks_would_work(tmp_path):
    for attack in ("system", "eval", "open"):
        marker = tmp_path / attack
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ResourceWarning)
            pickle.loads(pickle.dumps(attacks(marker)[attack]))
        assert marker.exists()


# -- damage ------------------------------------------------------------------------------------


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_program_in_a_pth_is_not_run(tmp_path):
    program = torch.jit.trace(torch.nn.Linear(2, 2), torch.ones(1, 2))
    path = tmp_path / "program.pth"
    program.save(str(path))
    with pytest.raises(DataCorruptError, match=r"program\.pth was refused"):
        read_official(path)


@pytest.mark.parametrize("container", [ZIP, LEGACY])
@pytest.mark.parametrize("part", [0, 0.01, 0.5, 0.999])
def test_truncated_pth(tmp_path, container, part):
    path = write_pth(tmp_path / "cut.pth", states(), **container)
    path.write_bytes(path.read_bytes()[: int(part * path.stat().st_size)])
    with pytest.raises(DataCorruptError, match=r"cut\.pth was refused \(.+\): download it again"):
        read_official(path)


@pytest.mark.parametrize("content", [b"<!DOCTYPE html><html>Quota exceeded</html>", b"\x80\x04N.", b"\0" * 1000])
def test_another_file_where_a_pth_should_be(tmp_path, content):
    path = tmp_path / "page.pth"
    path.write_bytes(content)
    with pytest.raises(DataCorruptError, match=r"page\.pth (was refused|is no)"):
        read_official(path)


@pytest.mark.parametrize("content", [[1, 2], {"meta_archs": []}, "text"])
def test_a_pth_of_another_kind(tmp_path, content):
    torch.save(content, tmp_path / "other.pth")
    with pytest.raises(DataCorruptError, match="it lacks 'meta_archs' and 'arch2infos'"):
        read_official(tmp_path / "other.pth")


def test_a_pth_whose_records_are_of_another_kind(tmp_path):
    torch.save({"meta_archs": CELLS, "arch2infos": {0: {"less": 1, "full": 2}}}, tmp_path / "odd.pth")
    with pytest.raises(DataCorruptError, match=r"odd\.pth"):
        read_official(tmp_path / "odd.pth")


@pytest.mark.parametrize("name", ["meta.pickle.pbz2", "000001.pickle.pbz2"])
@pytest.mark.parametrize("damage", ["empty", "cut", "html", "not compressed"])
def test_damaged_files_in_a_folder(tmp_path, name, damage):
    folder = write_simple(tmp_path / "simple", states())
    path = folder / name
    content = path.read_bytes()
    path.write_bytes(
        {
            "empty": b"",
            "cut": content[: len(content) // 2],
            "html": b"<html>404</html>",
            "not compressed": bz2.decompress(content),
        }[damage]
    )
    with pytest.raises(DataCorruptError, match=rf"{name} was refused .+: download it again from the authors"):
        read_official(folder)


def test_folders_that_lack_something(tmp_path):
    with pytest.raises(DataMissingError, match="nowhere does not exist: give the official"):
        read_official(tmp_path / "nowhere")
    with pytest.raises(DataMissingError, match=r"meta\.pickle\.pbz2 does not exist: unpack the whole archive"):
        read_official(tmp_path)
    folder = write_simple(tmp_path / "empty", {})
    with pytest.raises(DataMissingError, match="contains no records"):
        read_official(folder)
    dump(folder / "meta.pickle.pbz2", {"something": "else"})
    with pytest.raises(DataCorruptError, match="lacks 'meta_archs'"):
        read_official(folder)


def test_a_record_without_200_epochs(tmp_path):
    records = states()
    del records[2]["200"]
    with pytest.raises(DataCorruptError, match=r"000002\.pickle\.pbz2 is not a NATS-Bench record"):
        read_official(write_simple(tmp_path / "simple", records))


def test_a_record_that_lacks_a_field(tmp_path):
    records = states()
    del records[1]["12"]["all_results"]["cifar10-valid", 777]["eval_acc1es"]
    with pytest.raises(DataCorruptError, match="is not in the official format"):
        read_official(write_simple(tmp_path / "simple", records))


# -- fields of another kind --------------------------------------------------------------------


WRONG = {
    "a name of a file": "NAS-Bench-201-v1_1.pth",
    "nothing": None,
    "a number": 5,
    "a list": [1, 2],
    "a mapping": {"all_results": {}},
    "results as a list": {"all_results": [1]},
    "results as text": {"all_results": "abc"},
    "a training as a list": {"all_results": {("cifar10", 777): [1]}},
    "nothing of a training": {"all_results": {("cifar10", 777): {}}},
}


@pytest.mark.parametrize("wrong", WRONG)
def test_a_record_of_another_kind(tmp_path, monkeypatch, wrong):
    """The package gives what is text to torch.load: here nothing of the kind is reached."""
    monkeypatch.setattr(torch, "load", lambda *_, **__: pytest.fail("a file was opened"))
    records = states()
    records[1]["200"] = WRONG[wrong]
    for write in (write_pth, write_simple, write_tar):
        path = write(tmp_path / write.__name__, records)
        try:
            table = read_official(path)
        except DataCorruptError as error:
            assert "official format" in str(error) or "is not a NATS-Bench record" in str(error)
        else:
            assert wrong == "a mapping"
            assert np.isnan(table.values["cifar10_test_accuracy_200ep"][1]).all()


@pytest.mark.parametrize("field", ["params", "flop", "train_losses", "train_times", "eval_acc1es", "eval_losses"])
@pytest.mark.parametrize(
    "value", ["1.5", [1.0], {"x-valid@199": "1"}, {"ori-test@199": [1]}, dict.fromkeys(range(20_000))]
)
def test_a_field_of_another_kind(tmp_path, field, value):
    records = states()
    records[1]["200"]["all_results"]["cifar10", 777][field] = value
    for write in (write_pth, write_simple):
        with pytest.raises(
            DataCorruptError, match=r"the record of .none~0.* is not in the official format \(TypeError"
        ):
            read_official(write(tmp_path / write.__name__, records))


def test_fields_that_older_files_lack_are_as_the_package_fills_them_in(tmp_path):
    api_utils = pytest.importorskip("nas_201_api.api_utils")
    empty = vars(api_utils.ArchResults.create_from_state_dict(states()[0]["200"]).all_results["cifar10", 777])
    new = vars(api_utils.ResultsCount.create_from_state_dict({}))
    from zcbench.datasets._nasbench201_files import _TABLES

    assert {name: new[name] for name in _TABLES} == _TABLES
    assert set(_TABLES) < set(empty)
    records = states()
    for training in records[1]["200"]["all_results"].values():
        del training["eval_losses"], training["train_times"]
    table = read_official(write_pth(tmp_path / "a.pth", records))
    assert np.isnan(table.values["cifar10_test_loss_200ep"]).all(1).tolist() == [False, True, False]
    assert np.isnan(table.facts["train_seconds_200ep"]).tolist() == [False, True, False]


# -- memory ------------------------------------------------------------------------------------


def peak(work):
    import tracemalloc

    tracemalloc.start()
    try:
        work()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("container", [ZIP, LEGACY])
def test_a_pth_is_read_record_by_record(tmp_path, container):
    """Twice as many records need twice the memory when all is loaded, and a little more when rows are kept."""
    from zcbench.datasets._pickles import read_torch

    cells = [a.key for a, _ in zip(zcbench.get_space("nasbench201"), range(10), strict=False)]
    few = write_pth(tmp_path / "few.pth", states(cells[:5]), cells, **container)
    many = write_pth(tmp_path / "many.pth", states(cells), cells, **container)
    read_official(few)  # what is imported and cached once
    grown = peak(lambda: read_official(many)) - peak(lambda: read_official(few))
    whole = peak(lambda: read_torch(many)) - peak(lambda: read_torch(few))
    assert grown < 0.35 * whole


def test_records_that_share_parts_are_read_at_once(tmp_path):
    records = states()
    records[2]["200"]["all_results"]["cifar10", 777] = records[1]["200"]["all_results"]["cifar10", 777]
    path = write_pth(tmp_path / "shared.pth", records)
    table = zcbench.get_benchmark("nasbench201", path)
    name = "cifar10_test_accuracy_200ep"
    column = table.seeds[name].index(777)
    assert table.values[name][1, column] == table.values[name][2, column]
