"""What holds of every benchmark, whatever its file says."""

import pickle
from pathlib import Path

import numpy as np
import pytest

import zcbench
from zcbench.batches import get_batch
from zcbench.datasets import _load, benchmark_info, list_benchmarks
from zcbench.datasets._table import save_table
from zcbench.errors import DataCorruptError, DataMissingError
from zcbench.spaces import get_space

TEXT = ("flexibert", "nasbenchnlp", "chars-rnn", "chars-bert")


def test_benchmarks_see_batches_that_fit_their_networks(data_folder):
    for name in zcbench.list_benchmarks():
        info = zcbench.datasets.benchmark_info(name)
        space = get_space(info.space)
        if not space.domains:
            assert not info.classes
            continue
        for dataset, classes in info.classes.items():
            batch = get_batch(info.batches.get(dataset, dataset), 4)
            assert int(batch.targets.max()) < classes, (name, dataset)
            assert batch.inputs.ndim == (2 if name in TEXT or info.space in TEXT else 4)


pytestmark = pytest.mark.usefixtures("nothing_kept")
BENCHMARKS = {name: benchmark_info(name) for name in list_benchmarks()}
TABLES = [name for name, info in BENCHMARKS.items() if info.convert]


@pytest.mark.parametrize("name", TABLES)
def test_from_the_data_folder(name, data_folder, monkeypatch):
    monkeypatch.setenv("ZCBENCH_DATA", str(data_folder))
    table, info = zcbench.get_benchmark(name), BENCHMARKS[name]
    assert 0 < len(table) <= max(info.rows, len(table.architectures))
    assert table.space is get_space(info.space)
    for target in table.targets:
        values = table.values[target]
        assert values.shape[0] == len(table)
        assert np.isfinite(values).any()
        assert table.targets[target].description
    assert all(len(column) == len(table) for column in table.facts.values())
    for architecture in table.architectures[:: max(1, len(table) // 20)]:
        assert table.space.parse(architecture.key) == architecture


@pytest.mark.parametrize("name", TABLES)
def test_the_cache_gives_the_same(name, data_folder, monkeypatch, tmp_path):
    monkeypatch.setenv("ZCBENCH_DATA", str(data_folder))
    before = zcbench.get_benchmark(name)
    save_table(BENCHMARKS[name].convert(data_folder), _load.cache_path(name))
    _load._load.cache_clear()
    monkeypatch.delenv("ZCBENCH_DATA")
    after = zcbench.get_benchmark(name)
    assert before.targets == after.targets
    assert dict(before.seeds) == dict(after.seeds)
    for group in ("values", "facts", "curves"):
        ours, theirs = getattr(after, group), getattr(before, group)
        assert set(ours) == set(theirs)
        assert all(np.array_equal(ours[column], theirs[column], equal_nan=True) for column in theirs)


def test_what_every_benchmark_declares():
    for name, info in BENCHMARKS.items():
        assert info.name == name
        assert info.summary and info.licence and info.reference
        assert info.embedded or (info.read and (info.remotes or info.by_hand))
        assert set(info.batches) <= set(info.classes)
        cards = Path(__file__).parents[2] / "docs" / "cards"
        card = (cards / f"{name}.md").read_text(encoding="utf8")
        assert card.startswith(f"# {name}\n")
        assert name == "digits-201" or f"| {info.licence} |" in card
        assert f"cards/{name}.md" in (cards.parent / "catalogue.md").read_text(encoding="utf8")
        for remote in info.remotes:
            assert len(remote.sha256) == 64
            assert all(url.startswith("https://") for url in remote.urls)


class Evil:
    def __reduce__(self):
        import os

        return os.system, ("touch evil",)


@pytest.mark.parametrize(
    ("name", "file"), [("nasbenchmr", "cls-10c.pkl"), ("nasbenchgraph", "cora.bench"), ("hwnasbench", "HW.pickle")]
)
def test_pickles_that_ask_for_code_are_refused_by_name(tmp_path, monkeypatch, name, file):
    monkeypatch.chdir(tmp_path)
    (tmp_path / file).write_bytes(pickle.dumps([{"embedding": Evil()}]))
    with pytest.raises(DataCorruptError, match=r"it requests posix\.system"):
        zcbench.get_benchmark(name, tmp_path / file)
    assert not (tmp_path / "evil").exists()


@pytest.mark.parametrize("name", [n for n, i in BENCHMARKS.items() if i.read])
@pytest.mark.parametrize(
    "content", [b"", b"<html>404</html>", b"{}", b"\x80\x04N.", b"PK\x03\x04nothing", b"a,b\n1,2\n"]
)
def test_any_other_file_gets_a_sentence(tmp_path, name, content):
    suffix = {"ofa-mbv3": ".csv", "hwnasbench": ".pickle", "timm": ".csv"}.get(name, ".json")
    path = tmp_path / f"results-imagenet{suffix}"
    path.write_bytes(content)
    with pytest.raises((DataCorruptError, DataMissingError)) as caught:
        zcbench.get_benchmark(name, path)
    assert str(tmp_path) in str(caught.value)
