"""What all makers of embedded benchmarks do: resume, share the work, pack, train again, print figures."""

import dataclasses
import json
import math
from typing import ClassVar

import numpy as np
import pytest
from _maker import Maker, command
from _rows import rows_of

import zcbench
from zcbench.types import Architecture

SPACE = zcbench.get_space("nasbenchmacro")


@dataclasses.dataclass(frozen=True)
class Recipe:
    steps: int = 3


class Toy(Maker):
    """Ten architectures, of which the last two are the selection; training adds up digits."""

    seeds = (0, 1)
    columns: ClassVar = {"hits": np.uint16, "nll": np.float32, "seconds": np.float32}
    finals: ClassVar = {"nll": -1}
    selection = 2
    selection_in_table = False
    candidates: ClassVar = {"short": Recipe(1), "long": Recipe(9)}
    space = SPACE

    def __init__(self, table, recipe=None, *, selection_in_table=False):
        super().__init__("toy", table, recipe or Recipe())
        self.selection_in_table = selection_in_table
        self.trained = []

    def order(self):
        return (
            [Architecture("nasbenchmacro", f"{i}{'0' * 7}"[:8]) for i in range(3)]
            + [Architecture("nasbenchmacro", f"0{i}0000{j}0") for i in (1, 2) for j in range(3)]
            + [Architecture("nasbenchmacro", "22222222")]
        )

    def train(self, architecture, seeds, recipe):
        self.trained.append(architecture.key)
        size = sum(map(int, architecture.key))
        nll = [math.nan if size == 3 else size / 7 + seed + recipe.steps for seed in seeds]
        return {"hits": [[size, size + seed] for seed in seeds], "nll": nll}

    def others(self, architectures):
        return {"size": np.array([float(sum(map(int, a.key))) for a in architectures])}


@pytest.fixture
def maker(tmp_path):
    return Toy(tmp_path / "data" / "toy.npz")


def keys(maker):
    return [architecture.key for architecture in maker.order()]


def test_parts_share_the_work_and_what_is_finished_is_not_done_again(maker, tmp_path):
    work = tmp_path / "work"
    maker.train_rest(work, 5, "0/2")
    maker.train_rest(work, 5, "1/2")
    assert maker.trained == [keys(maker)[i] for i in (0, 2, 4, 1, 3)]
    path = work / "rows-0of2.jsonl"
    whole = path.read_bytes()
    path.write_bytes(whole[: whole.rfind(b"\n", 0, -1) + 30])  # killed while it wrote the last row
    maker.train_rest(work, 6, "0/2")
    assert maker.trained[5:] == [keys(maker)[4]]
    maker.train_rest(work)  # another way to share it
    assert maker.trained[6:] == keys(maker)[5:8]  # the selection is not trained
    assert sorted(rows_of(work)) == sorted(keys(maker)[:8])


def test_the_selection_is_trained_where_it_belongs_to_the_table(tmp_path):
    maker = Toy(tmp_path / "toy.npz", selection_in_table=True)
    maker.train_rest(tmp_path / "work")
    assert maker.trained == keys(maker)


def test_seconds_are_shared_by_the_seeds(maker, monkeypatch):
    clock = iter([10.0, 16.0, 20.0, 26.0])
    monkeypatch.setattr("time.process_time", lambda: next(clock))
    row = maker.row(maker.order()[1])
    assert (row["seconds"], row["seeds"]) == (3.0, [0, 1])
    assert maker.row(maker.order()[1], (5,))["seconds"] == 6.0


def test_packed_rows_are_the_rows(maker, tmp_path, capsys):
    work = tmp_path / "work"
    maker.train_rest(work, 6)
    maker.pack(work)
    assert "6 architectures, 1 of which diverged" in capsys.readouterr().out
    rows = rows_of(work)
    with np.load(maker.table) as table:
        assert table["arch"].tolist() == keys(maker)[:6]
        assert json.loads(str(table["recipe"])) == {"steps": 3}
        assert table["seeds"].tolist() == [0, 1]
        assert (table["hits"].dtype, table["hits"].shape) == (np.uint16, (6, 2, 2))
        for i, key in enumerate(keys(maker)[:6]):
            assert table["hits"][i].tolist() == rows[key]["hits"]
            np.testing.assert_allclose(table["nll"][i], rows[key]["nll"], rtol=1e-6)
            assert table["seconds"][i] == pytest.approx(rows[key]["seconds"])


def test_rows_of_earlier_sessions_stay_unless_the_recipe_changed(maker, tmp_path):
    maker.train_rest(tmp_path / "first", 2)
    maker.pack(tmp_path / "first")
    maker.train_rest(tmp_path / "second", 3)
    assert len(maker.trained) == 3  # committed rows are not trained again
    maker.pack(tmp_path / "second")
    assert list(maker.committed()) == keys(maker)[:3]
    assert maker.committed()[keys(maker)[1]]["hits"] == [[1, 1], [1, 2]]
    other = Toy(maker.table, Recipe(4))
    assert other.committed() == {}
    other.train_rest(tmp_path / "third", 1)
    assert other.trained == keys(maker)[:1]


def test_a_row_beside_the_committed_one(maker, tmp_path, capsys):
    maker.train_rest(tmp_path / "work", 3)
    maker.pack(tmp_path / "work")
    capsys.readouterr()
    for which in ("1", keys(maker)[1]):
        maker.train_again(which)
        first, *lines = capsys.readouterr().out.splitlines()
        assert first == keys(maker)[1]
        assert lines[0] == "hits, seed 0: trained now 1, committed 1"
        assert len(lines) == 4
        assert all(line.split("now ")[1].split(",")[0] == line.split("committed ")[1] for line in lines)
    with pytest.raises(SystemExit, match="the table has rows 0 to 2"):
        maker.train_again("3")
    with pytest.raises(SystemExit, match=r"is not in .*toy\.npz"):
        maker.train_again(str([2] * 8))


def test_recipes_are_compared_on_the_selection(maker, capsys):
    maker.compare_recipes()
    assert maker.trained == keys(maker)[-2:] * 2
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "2 architectures, 2 seeds"
    assert [line for line in lines if "s per seed" in line] == ["short: 0.00 s per seed", "long: 0.00 s per seed"]
    sizes = [sum(map(int, key)) for key in keys(maker)[-2:]]
    for line, steps in zip([line for line in lines if line.startswith("  nll")], (1, 9), strict=True):
        assert "1.00 trained, seed-to-seed nan" in line  # of two architectures
        assert "with size -1.00" in line  # the larger the worse
        assert f"mean {sum(sizes) / 14 + 0.5 + steps:.4g}" in line


def test_figures_are_those_of_the_table_without_the_selection(monkeypatch, tmp_path, capsys):
    """digits-201's table, with a selection that is known."""
    table = zcbench.get_benchmark("digits-201")

    class Figures(Toy):
        def order(self):
            return list(table.architectures[:500])

        def others(self, architectures):
            column = table.values["valid_nll"][table.rows(architectures)].mean(1)
            column[0] = math.nan
            return {"validation": -column}

    for in_table, fresh in ((True, len(table) - 2), (False, len(table))):
        maker = Figures(tmp_path / "none.npz", selection_in_table=in_table)
        maker.name = "digits-201"
        maker.describe()
        lines = capsys.readouterr().out.splitlines()
        assert lines[0].startswith(f"{fresh} of {len(table)} architectures, seconds per training 0.89")
        place = next(i for i, line in enumerate(lines) if line.startswith("valid_nll: seed-to-seed 0.63"))
        assert lines[place + 2].startswith("  tau with validation: 1.00")


@pytest.mark.parametrize("several", [False, True])
def test_the_command_line(maker, monkeypatch, tmp_path, capsys, several):
    import torch

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("_maker.keep_freed_memory", lambda: None)
    makers = {"toy": maker, "none": None} if several else {"toy": maker}
    which = ["toy"] if several else []
    for words in (
        ["train", *which, "--limit", "2"],
        ["train", *which, "--limit", "3", "--part", "1/2"],
        ["pack", *which],
    ):
        monkeypatch.setattr("sys.argv", ["train_toy.py", *words])
        command(makers, "Train a toy.")
    assert maker.trained == keys(maker)[:2]
    assert len(rows_of(tmp_path / "work" / "toy")) == 2
    monkeypatch.setattr("sys.argv", ["train_toy.py", "row", *which, "1"])
    command(makers, "Train a toy.")
    assert keys(maker)[1] in capsys.readouterr().out
    monkeypatch.setattr("sys.argv", ["train_toy.py", "rwo", *which])
    with pytest.raises(SystemExit):
        command(makers, "Train a toy.")
    torch.set_flush_denormal(False)
