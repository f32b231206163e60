"""zcbench predict: from two files to a ranking."""

import csv
import json
from pathlib import Path

import numpy as np
import pytest


@pytest.fixture
def files(tmp_path, monkeypatch):
    """A table of thirty trained networks and one of ten candidates."""
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(0)
    rows = [(f"net-{n}", int(d), round(70 + d / 2 + rng.normal(), 2)) for n, d in enumerate(rng.integers(1, 40, 40))]
    (tmp_path / "trained.csv").write_text("model,depth,acc\n" + "".join(f"{m},{d},{a}\n" for m, d, a in rows[:30]))
    (tmp_path / "rest.csv").write_text("depth,model\n" + "".join(f"{d},{m}\n" for m, d, _ in rows[30:]))
    return rows


COMMAND = ("predict", "trained.csv", "--target", "acc", "--candidates", "rest.csv", "--predictor", "bayesian_ridge")


def test_a_ranking_is_printed_and_written(cli, files, monkeypatch):
    result = cli(*COMMAND, "--out", "out/ranked.csv", "--top", "3")
    assert result.status == 0
    assert (
        "10 candidates by predicted acc, highest first; learned from 30 trained networks of trained.csv" in result.out
    )
    assert "wrote out/ranked.csv" in result.err
    with Path("out/ranked.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0]) == ["rank", "model", "predicted_acc", "std", "line"]
    depth = {model: depth for model, depth, _ in files}
    assert [depth[row["model"]] for row in rows] == sorted((d for _, d, _ in files[30:]), reverse=True)
    shown = [line.split()[1] for line in result.out.splitlines() if line.strip()[:1].isdigit()][1:]
    assert shown == [row["model"] for row in rows[:3]]


def test_json_has_everything(cli, files):
    result = cli(*COMMAND, "--json", "--lower", "--features", "dep*", "--seed", "3")
    content = json.loads(result.out)
    assert content["lower_is_better"] is True
    assert content["features"] == ["depth"]
    assert len(content["candidates"]) == 10
    assert 0 < content["tau"] <= 1


def test_mistakes_end_in_a_sentence(cli, files, tmp_path):
    for words, message in (
        (["--out", "ranked.txt"], "--out ranked.txt: the file is written as CSV, so its name must end in .csv."),
        (["--out", str(tmp_path)], "is a folder: name a file"),
        (["--exclude", "dpeth"], "unknown column 'dpeth': did you mean 'depth'?"),
        (["--candidates", "none.csv"], "none.csv is not a file"),
    ):
        result = cli(*COMMAND, *words)
        assert (result.status, result.out) == (2, "")
        assert message in result.err
    swapped = cli("predict", "rest.csv", "--target", "acc", "--candidates", "trained.csv")
    assert "Are they swapped?" in swapped.err
    assert cli("predict", "trained.csv").status == 2
