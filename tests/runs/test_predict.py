"""Ranking candidates of a table by a few trained networks."""

from pathlib import Path

import numpy as np
import pytest

import zcbench
from zcbench.errors import DataCorruptError, InvalidArchitectureError, InvalidInputError, UnknownNameError
from zcbench.metrics import kendall_tau
from zcbench.runs import predict
from zcbench.runs._predict import rows_of

HEADER = ["model", "depth", "width", "act", "val_top5", "val_top1"]


def network(number, rng):
    """A row, and its target without noise."""
    depth, width, act = int(rng.integers(2, 30)), int(rng.integers(8, 512)), str(rng.choice(["relu", "gelu"]))
    value = 50 + depth / 2 + 5 * np.log10(width) + 4 * (act == "gelu")
    top1 = round(value + rng.normal(), 3)
    return [f"m{number}", str(depth), str(width), act, str(round(90 + top1 / 20, 3)), str(top1)], value


@pytest.fixture
def files(tmp_path, monkeypatch):
    """Write files of rows of the same networks, with chosen columns; what the target is without noise, by name."""
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(0)
    made = [network(number, rng) for number in range(80)]

    def write(name, rows, columns=HEADER, separator=",", change=lambda column, text: text):
        lines = [separator.join(columns)]
        for row, _ in made[rows]:
            cells = dict(zip(HEADER, row, strict=True))
            lines.append(separator.join(change(column, cells[column]) for column in columns))
        (tmp_path / name).write_text("\n".join(lines) + "\n")

    write("trained.csv", slice(0, 40))
    write("rest.csv", slice(40, 80), ["width", "act", "depth", "model"])
    write.truth = {row[0]: value for row, value in made}
    return write


def tau_of(found, truth):
    return kendall_tau(
        [one.predicted for one in found.candidates], [truth[one.architecture] for one in found.candidates]
    )


def test_from_two_files_to_a_ranking(files):
    files("trained.csv", slice(0, 25))
    files("rest.csv", slice(40, 80), ["width", "act", "depth", "model"])
    reported = []
    found = predict("trained.csv", "val_top1", candidates="rest.csv", progress=lambda *step: reported.append(step))
    assert reported[-1][0] == reported[-1][1] == len(reported)
    assert len(found.candidates) == 40
    assert tau_of(found, files.truth).value > 0.7
    values = [one.predicted for one in found.candidates]
    assert values == sorted(values, reverse=True)
    assert found.features == ("act", "depth", "width")
    assert found.choice.tau.low < tau_of(found, files.truth).value
    assert set(found.choice.tried) >= {"one_column", "bayesian_ridge", "gp", "random_forest"}
    errors = [abs(one.predicted - files.truth[one.architecture]) / one.std for one in found.candidates]
    assert np.mean(np.array(errors) < 1.96) > 0.8
    first = found.candidates[0]
    assert first.line == f"line {int(first.architecture[1:]) - 38}"
    assert "Not used because the candidates have no values: val_top5." in found.notes


def test_rows_without_a_target_are_candidates(files):
    files("all.csv", slice(0, 80))
    lines = (line.split(",") for line in Path("all.csv").read_text().splitlines())
    table = [line if number < 41 else [*line[:4], "", ""] for number, line in enumerate(lines)]
    Path("all.csv").write_text("\n".join(map(",".join, table)))
    one = predict("all.csv", "val_top1", predictor="bayesian_ridge")
    two = predict("trained.csv", "val_top1", candidates="rest.csv", predictor="bayesian_ridge")
    assert [c.architecture for c in one.candidates] == [c.architecture for c in two.candidates]
    assert [c.predicted for c in one.candidates] == pytest.approx([c.predicted for c in two.candidates])


def test_results_of_candidates_are_never_learned_from(files):
    """Candidates with the target, in another order of columns, with decimal commas: the same ranking."""
    plain = predict("trained.csv", "val_top1", candidates="rest.csv", predictor="gp")
    files("rest.csv", slice(40, 80), HEADER[::-1], ";", lambda column, text: text.replace(".", ","))
    found = predict("trained.csv", "val_top1", candidates="rest.csv", predictor="gp")
    assert [c.predicted for c in found.candidates] == pytest.approx([c.predicted for c in plain.candidates])
    assert any("values of the target 'val_top1' for 40 of 40 rows: they are not used" in note for note in found.notes)
    assert any("Excluded: 'val_top5' (it is a result of training" in note for note in found.notes)
    leak = predict("trained.csv", "val_top1", candidates="rest.csv", predictor="gp", features="*")
    assert leak.choice.tau.value > 0.9
    assert "val_top5" in leak.features


def test_trained_networks_are_no_candidates(files):
    files("more.csv", slice(30, 80), ["model", "depth", "width", "act"])
    found = predict("trained.csv", "val_top1", candidates="more.csv", predictor="bayesian_ridge")
    assert len(found.candidates) == 40
    assert any("10 candidates of more.csv, such as 'm30', are trained networks" in note for note in found.notes)


def test_less_is_better(files):
    found = predict("trained.csv", "val_top1", candidates="rest.csv", predictor="bayesian_ridge", lower=True)
    values = [one.predicted for one in found.candidates]
    assert values == sorted(values)
    assert "lowest first" in found.headline()


@pytest.mark.parametrize(("rows", "told"), [(3, False), (9, False), (10, True)])
def test_few_networks_tell_nothing(files, rows, told):
    files("few.csv", slice(0, rows))
    found = predict("few.csv", "val_top1", candidates="rest.csv", predictor=None if not told else "bayesian_ridge")
    assert (found.choice is not None) == told
    assert all(np.isfinite(one.std) == told for one in found.candidates)
    assert np.isfinite([one.predicted for one in found.candidates]).all()
    text = found.to_text()
    assert ("it cannot be told how well" in " ".join(text.split())) == (not told)
    assert ("tau" in text) == told
    assert (found.content()["tau"] is None) == (not told)


def test_what_is_missing_of_candidates_is_said(files):
    lines = Path("rest.csv").read_text().splitlines()
    changed = [lines[0], "NA,relu,3,x1", "64,mish,4,x2", ",,,x3", *lines[4:]]
    Path("rest.csv").write_text("\n".join(changed))
    found = predict("trained.csv", "val_top1", candidates="rest.csv", predictor="bayesian_ridge")
    notes = " ".join(found.notes)
    assert "Values of candidates are missing: 1 of width (first line 2)." in notes
    assert "1 candidate has a text in 'act' that no trained network has, such as 'mish' in line 3" in notes
    assert "1 candidate has no value in any feature and no prediction: line 4." in notes
    assert [c.architecture for c in found.candidates if np.isnan(c.predicted)] == ["x3"]
    assert found.candidates[-1].architecture == "x3"


def test_columns_of_another_kind(files):
    header, first, *others = Path("rest.csv").read_text().splitlines()
    Path("rest.csv").write_text("\n".join([header, "wide," + first.partition(",")[2], *others]))
    found = predict("trained.csv", "val_top1", candidates="rest.csv", predictor="bayesian_ridge")
    assert "width" not in found.features
    assert any("'width' has numbers in trained.csv and, in rest.csv, cannot be used because 'wide' in line 2" in note
               for note in found.notes)  # fmt: skip
    with pytest.raises(InvalidInputError, match="give both files the same kind of values"):
        predict("trained.csv", "val_top1", candidates="rest.csv", features=["width", "depth"])


@pytest.mark.parametrize(
    ("settings", "error", "message"),
    [
        ({"trained": "rest.csv", "candidates": "trained.csv"}, InvalidInputError, "Are they swapped"),
        ({"target": "val_top"}, UnknownNameError, "did you mean 'val_top"),
        ({"target": "act"}, DataCorruptError, "the column 'act' is text"),
        ({"target": None}, InvalidInputError, "say which column of trained.csv to predict: --target COLUMN"),
        ({"candidates": None}, InvalidInputError, "has a value of 'val_top1' in every row: give candidates"),
        ({"candidates": "trained.csv"}, InvalidInputError, "all 40 candidates .* are trained networks"),
        ({"candidates": ["m1"]}, InvalidInputError, "only names are known of these candidates"),
        ({"features": "val_top5"}, InvalidInputError, "have no values of 'val_top5', which --features names"),
        ({"features": "dept"}, UnknownNameError, "did you mean 'depth'"),
        ({"exclude": ["depth", "width", "act"]}, InvalidInputError, "no column that can be a feature has values"),
        ({"predictor": "gcn"}, InvalidInputError, "gcn uses encodings of the kind 'graph', which need a search space"),
        ({"predictor": "gpp"}, UnknownNameError, "did you mean 'gp'"),
        ({"space": "nasbench201"}, InvalidArchitectureError, "trained.csv, line 2: 'm0' is not a NAS-Bench-201 cell"),
        ({"top": 0}, InvalidInputError, "top 0: choose at least 1"),
        ({"seed": -1}, InvalidInputError, "seed"),
    ],
)
def test_mistakes(files, settings, error, message):
    given = {"trained": "trained.csv", "target": "val_top1", "candidates": "rest.csv", **settings}
    with pytest.raises(error, match=message):
        predict(given.pop("trained"), given.pop("target"), **given)


def test_two_networks_are_too_few(files):
    files("two.csv", slice(0, 2))
    with pytest.raises(
        InvalidInputError, match=r"has 2 trained networks .* a predictor needs 3 at least, and 10 before"
    ):
        predict("two.csv", "val_top1", candidates="rest.csv")


def test_a_search_space_gives_the_features(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    table = zcbench.get_benchmark("digits-201")
    rows = np.random.default_rng(0).permutation(len(table))
    truth = table.truth("valid_accuracy")
    (tmp_path / "trained.csv").write_text(
        "arch,flops,acc\n" + "".join(f"{table.architectures[r].key},{r},{truth[r]}\n" for r in rows[:40])
    )
    strings = [table.architectures[r].key for r in rows[40:240]]
    (tmp_path / "rest.csv").write_text("arch\n" + "\n".join(strings))
    found = predict("trained.csv", "acc", candidates="rest.csv", space="nasbench201", predictor="bayesian_ridge")
    assert found.features == ("onehot", "stats")
    assert tau_of(found, {table.architectures[r].key: truth[r] for r in rows}).value > 0.5
    same = predict("trained.csv", "acc", candidates=strings, space="nasbench201", predictor="bayesian_ridge")
    assert [c.predicted for c in same.candidates] == [c.predicted for c in found.candidates]
    with pytest.raises(
        InvalidInputError, match=r"architectures of digits-201 and of nasbench201: give --space nasbench201"
    ):
        predict("trained.csv", "acc", candidates="rest.csv")


def test_a_benchmark_is_a_table():
    table = zcbench.get_benchmark("elastic-transformer")
    part, rest = rows_of(table, np.arange(30)), rows_of(table, np.arange(30, 60))
    found = predict(part, "test_nll", candidates=rest, predictor="bayesian_ridge")
    assert found.lower_is_better
    assert len(found.candidates) == 30
    assert found.candidates[0].line == ""


def test_results_of_candidates_in_a_benchmark_choose_no_features(tmp_path, monkeypatch):
    """A column that ranks the candidates' results, and not those of the trained networks, is used."""
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(0)
    tables = []
    for name, reveals in (("known", False), ("rest", True)):
        a, b = rng.normal(size=(2, 20))
        acc = a + rng.normal(size=20)
        rows = zip(a, acc if reveals else b, acc, acc, strict=True)
        lines = [f"{name}{k},{','.join(map(str, row))}" for k, row in enumerate(rows)]
        Path(f"{name}.csv").write_text("\n".join(["arch,a,b,acc,top", *lines]))
        tables.append(zcbench.own_benchmark(f"{name}.csv", "acc", exclude="top"))
    known, rest = tables
    assert predict(known, candidates=rest, predictor="bayesian_ridge").features == ("a", "b")
