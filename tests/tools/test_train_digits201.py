"""Training of digits-201: deterministic, and side by side as good as alone."""

import collections
import dataclasses

import numpy as np
import pytest
import torch
import train_digits201 as trainer
from _loop import stacked
from _rows import rows_of

import zcbench

SHORT = dataclasses.replace(trainer.RECIPE, channels=4, epochs=2)
CELL = "|nor_conv_3x3~0|+|nor_conv_1x1~0|avg_pool_3x3~1|+|skip_connect~0|nor_conv_3x3~1|none~2|"


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
    found = stacked(networks, trainer.grouped).eval()(torch.cat(inputs, 1))
    for k, (network, x) in enumerate(zip(networks, inputs, strict=True)):
        torch.testing.assert_close(found[:, k], network(x), rtol=1e-4, atol=1e-5)


def test_a_row_is_the_same_every_time():
    first, second = (trainer.Digits201(SHORT).row(cell(), (0, 1)) for _ in range(2))
    assert first.pop("seconds") > 0 < second.pop("seconds")
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
    shifts = list(trainer.shifts(images))
    assert len(shifts) == 9
    np.testing.assert_array_equal(shifts[4], images[:, 0])
    np.testing.assert_array_equal(shifts[0][:, 1:, 1:], images[:, 0, :-1, :-1])
    assert (shifts[0][:, 0] == images.min()).all()


def test_representatives_are_one_cell_per_function_in_a_frozen_order():
    maker = trainer.Digits201()
    cells, space = maker.order(), maker.space
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


def test_what_is_trained_is_packed_in_the_order_of_the_space(tmp_path):
    maker = trainer.Digits201(SHORT, tmp_path / "digits201.npz")
    maker.train_rest(tmp_path / "work", 3)
    maker.pack(tmp_path / "work")
    rows, packed = rows_of(tmp_path / "work"), maker.committed()
    assert list(packed) == [cell.key for cell in maker.space if cell.key in rows]
    assert list(rows) == [cell.key for cell in maker.order()[:3]] != list(packed)
    for key, row in rows.items():
        assert packed[key]["test_hits"] == row["test_hits"]
        np.testing.assert_allclose(packed[key]["valid_nll"], row["valid_nll"], rtol=1e-6)


def test_the_table_has_all_of_them_by_this_recipe():
    maker = trainer.Digits201()
    rows = maker.committed()
    assert rows.keys() == {cell.key for cell in maker.order()}
    row = next(iter(rows.values()))
    assert np.shape(row["test_nll"]) == (3, trainer.RECIPE.epochs)


@pytest.mark.slow
def test_committed_rows_can_be_trained_again():
    table = zcbench.get_benchmark("digits-201")
    maker = trainer.Digits201()
    for row in (3, len(table) // 2, len(table) - 2):
        fresh = maker.row(maker.space.parse(table.architectures[row].key))
        np.testing.assert_allclose(np.array(fresh["test_nll"]), table.curves["test_nll"][row], rtol=0.02)
        np.testing.assert_allclose(np.array(fresh["test_hits"]) / 1000, table.curves["test_accuracy"][row], atol=0.01)
