"""The trainer of the embedded benchmark: deterministic, resumable, and side by side as good as alone."""

import collections
import dataclasses
import json

import numpy as np
import pytest
import torch
import train_digits201 as trainer
from _rows import done_rows

import zcbench

SHORT = dataclasses.replace(trainer.RECIPE, channels=4, epochs=2)
CELL = "|nor_conv_3x3~0|+|nor_conv_1x1~0|avg_pool_3x3~1|+|skip_connect~0|nor_conv_3x3~1|none~2|"


@pytest.fixture
def short(monkeypatch, tmp_path):
    """A small recipe, a table elsewhere, a few cells."""
    cells = trainer.representatives()[:6]
    monkeypatch.setattr(trainer, "RECIPE", SHORT)
    monkeypatch.setattr(trainer, "TABLE", tmp_path / "table" / "digits201.npz")
    monkeypatch.setattr(trainer, "representatives", lambda: cells)
    plain = trainer.train_cell
    trained = []

    def counted(cell, seeds, recipe=SHORT):
        trained.append(cell.key)
        return plain(cell, seeds, recipe)

    monkeypatch.setattr(trainer, "train_cell", counted)
    return trained


def cell():
    return trainer.space_of(SHORT).parse(CELL)


def test_seeds_trained_side_by_side_are_seeds_trained_alone():
    together = trainer.train_cell(cell(), (0, 1, 2), SHORT)
    for seed in (0, 1, 2):
        alone = trainer.train_cell(cell(), (seed,), SHORT)
        for name in ("test_nll", "valid_nll"):
            np.testing.assert_allclose(alone[name][0], together[name][seed], rtol=2e-3)
        for name in ("test_hits", "valid_hits"):
            np.testing.assert_allclose(alone[name][0], together[name][seed], atol=3)
    assert together["test_nll"][0] != together["test_nll"][1]


def test_stacked_networks_compute_what_each_computes():
    space = trainer.space_of(SHORT)
    networks = []
    for seed in range(3):
        torch.manual_seed(seed)
        networks.append(space.build(cell()).eval())
    inputs = [torch.randn(5, 1, 8, 8) for _ in networks]
    stacked = trainer.stack(networks).eval()(torch.cat(inputs, 1))
    for k, (network, x) in enumerate(zip(networks, inputs, strict=True)):
        torch.testing.assert_close(stacked[:, k], network(x), rtol=1e-4, atol=1e-5)


def test_a_row_is_the_same_every_time():
    first, second = (trainer.train_cell(cell(), (0, 1), SHORT) for _ in range(2))
    del first["seconds"], second["seconds"]
    assert first == second
    assert set(first) == {"arch", "seeds", "valid_hits", "valid_nll", "test_hits", "test_nll"}
    assert np.shape(first["test_nll"]) == (2, 2)


def test_training_learns():
    longer = dataclasses.replace(SHORT, channels=8, epochs=6)
    row = trainer.train_cell(cell(), (0,), longer)
    assert row["test_nll"][0][-1] < 0.9 * row["test_nll"][0][0]
    assert row["test_hits"][0][-1] > max(300, row["test_hits"][0][0])  # of 1,000; chance is 100


def test_shifts_move_by_one_pixel_and_fill_with_background():
    images = np.random.RandomState(0).rand(2, 1, 8, 8).astype(np.float32)
    shifts = list(trainer._shifts(images))
    assert len(shifts) == 9
    np.testing.assert_array_equal(shifts[4], images[:, 0])
    np.testing.assert_array_equal(shifts[0][:, 1:, 1:], images[:, 0, :-1, :-1])
    assert (shifts[0][:, 0] == images.min()).all()


def test_representatives_are_one_cell_per_function_in_a_frozen_order():
    cells = trainer.representatives()
    space = trainer.space_of(trainer.RECIPE)
    fewest = collections.defaultdict(lambda: 9)
    for candidate in space:
        key = space.functional_key(candidate)
        fewest[key] = min(fewest[key], candidate.key.count("nor_conv"))
    assert {space.functional_key(c): c.key.count("nor_conv") for c in cells} == dict(fewest)
    assert len(cells) == 4_930
    assert (
        cells[0].key
        == "|avg_pool_3x3~0|+|avg_pool_3x3~0|nor_conv_1x1~1|+|skip_connect~0|avg_pool_3x3~1|avg_pool_3x3~2|"
    )


def test_parts_share_the_work_and_a_killed_part_goes_on(short, tmp_path):
    work = tmp_path / "work"
    trainer.train(work, 5, "0/2")
    trainer.train(work, 5, "1/2")
    cells = [c.key for c in trainer.representatives()]
    assert short == [cells[i] for i in (0, 2, 4, 1, 3)]
    path = work / "rows-0of2.jsonl"
    whole = path.read_bytes()
    path.write_bytes(whole[: whole.rfind(b"\n", 0, -1) + 30])  # killed while it wrote the last row
    trainer.train(work, 6, "0/2")
    assert short[5:] == [cells[4]]
    assert sorted(done_rows(path)) == sorted(cells[i] for i in (0, 2, 4))
    trainer.train(work, None, "0/1")  # another way to share it
    assert short[6:] == [cells[5]]


def test_packed_rows_are_the_rows(short, tmp_path):
    work = tmp_path / "work"
    trainer.train(work, 3, "0/1")
    trainer.pack(work, trainer.TABLE)
    with np.load(trainer.TABLE) as table:
        rows = done_rows(work / "rows-0of1.jsonl")
        order = [c.key for c in trainer.space_of(SHORT) if c.key in rows]
        assert table["arch"].tolist() == order
        assert json.loads(str(table["recipe"])) == dataclasses.asdict(SHORT)
        assert table["seeds"].tolist() == [0, 1, 2]
        for i, key in enumerate(order):
            for name in ("valid_hits", "test_hits", "valid_nll", "test_nll"):
                np.testing.assert_allclose(table[name][i], rows[key][name], rtol=1e-6)
            assert table["seconds"][i] == pytest.approx(rows[key]["seconds"])


def test_rows_of_earlier_sessions_stay_unless_the_recipe_changed(short, monkeypatch, tmp_path):
    trainer.train(tmp_path / "first", 2, "0/1")
    trainer.pack(tmp_path / "first", trainer.TABLE)
    trainer.train(tmp_path / "second", 3, "0/1")
    assert len(short) == 3  # committed cells are not trained again
    trainer.pack(tmp_path / "second", trainer.TABLE)
    assert len(trainer.committed_rows(trainer.TABLE)) == 3
    monkeypatch.setattr(trainer, "RECIPE", dataclasses.replace(SHORT, epochs=3))
    assert trainer.committed_rows(trainer.TABLE) == {}


def test_a_row_beside_the_committed_one(short, capsys):
    trainer.train(trainer.TABLE.parent, 1, "0/1")
    trainer.pack(trainer.TABLE.parent, trainer.TABLE)
    key = trainer.representatives()[0].key
    trainer.compare_row(key)
    lines = capsys.readouterr().out.splitlines()[1:]
    assert len(lines) == 6
    for line in lines:
        now, committed = line.partition("trained now ")[2].split(", committed ")
        assert now == committed
    with pytest.raises(SystemExit, match="is not in"):
        trainer.compare_row(CELL)


@pytest.mark.slow
def test_committed_rows_can_be_trained_again():
    table = zcbench.load_benchmark("digits-201")
    space = trainer.space_of(trainer.RECIPE)
    for row in (3, len(table) // 2, len(table) - 2):
        fresh = trainer.train_cell(space.parse(table.architectures[row].key), trainer.SEEDS)
        np.testing.assert_allclose(np.array(fresh["test_nll"]), table.curves["test_nll"][row], rtol=0.02)
        np.testing.assert_allclose(np.array(fresh["test_hits"]) / 1000, table.curves["test_accuracy"][row], atol=0.01)
