"""``zcbench run --predictors`` and ``zcbench efficiency``."""

import csv
import json

import numpy as np
import pytest
from toys import disk_of

import zcbench
from zcbench.records import Store, Trial

RUN = ("run", "digits-201", "--predictors", "bayesian_ridge,gp", "--workers", 0, "--limit", 60)


def test_a_sweep_and_its_curves(cli, place):
    result = cli(*RUN, "--train-sizes", "10,20", "--seeds", 2)
    assert result.status == 0
    assert "digits-201@1: Kendall's tau with test_nll on all other of 60 architectures" in result.out
    assert "8/8 trials" in result.err
    assert cli("efficiency").out == result.out
    found = json.loads(cli("efficiency", "digits-201", "--json").out)
    assert len(found["points"]) == 4
    assert found["training_seconds"] > 0
    assert cli("efficiency", "--limit", 60).out == result.out
    assert "no trials of predictors" in cli("efficiency", "digits-201", "--limit", 50).sentence
    shown = json.loads(cli("efficiency", "--show", "gp", "--json").out)
    assert {point["predictor"] for point in shown["points"]} == {"gp"}
    written = cli("efficiency", "--out", "figures")
    assert written.status == 0
    folder = place / "figures"
    assert sorted(path.suffix for path in folder.iterdir()) == [".csv", ".md", ".svg"]
    rows = list(csv.DictReader((folder / "digits-201-predictors.csv").read_text().splitlines()))
    assert [float(row["tau"]) for row in rows] == [point["tau"] for point in found["points"]]
    assert "<svg" in (folder / "digits-201-predictors.svg").read_text()
    again = (folder / "digits-201-predictors.svg").read_bytes()
    cli("efficiency", "--out", "figures")
    assert (folder / "digits-201-predictors.svg").read_bytes() == again
    with disk_of(10_000):
        result = cli("efficiency", "--out", "figures")
    assert result.err.splitlines()[-1] == (
        "zcbench: cannot write to figures/digits-201-predictors.svg: File too large. "
        "Make room, or choose another folder with --out."
    )
    assert (folder / "digits-201-predictors.svg").read_bytes() == again
    assert len(list(folder.iterdir())) == 3


def test_bad_lines_hide_no_others(cli, place):
    words = (*RUN, "--train-sizes", 10, "--seeds", 1)
    cli("run", "digits-201", "--proxies", "params", "--limit", 8, "--workers", 0)
    before = cli(*words).out
    stored = Store("runs")
    (scores,), (trials,) = stored.files("digits-201"), stored.files("digits-201", Trial)
    for path in (scores, trials):
        first, second, *rest = path.read_text().splitlines(keepends=True)
        path.write_text("".join([first, "gibberish\n", second, *rest]))
    good = json.loads(rest[-1])
    with path.open("a") as file:  # more networks than the table has, a target it has not, another table
        for change in ({"pool": 10**9}, {"target": "beauty"}, {"benchmark": "digits-201@7"}):
            file.write(json.dumps(good | change) + "\n")
    said = "1 line that cannot be read was skipped and stays in "
    notes = [
        f"{said}{trials}: line 2 (not JSON).",
        "1 line of digits-201@7 was excluded: the table here is digits-201@1.",
        "2 trials with a target or a pool that digits-201@1 does not have were excluded.",
        f"{said}{scores}: line 2 (not JSON).",
    ]
    assert json.loads(cli("efficiency", "--json").out)["notes"][-4:] == notes
    shown = [line.strip() for line in cli("efficiency").out.splitlines()]
    assert shown == [*(line.strip() for line in before.splitlines()), *notes]
    again = cli(*words)
    assert again.err.startswith(f"zcbench: {notes[0]}")  # before anything is computed
    assert (again.status, again.out.splitlines()[:4]) == (0, before.splitlines()[:4])


def test_what_cannot_be_shown_hides_no_other(cli, place):
    cli(*RUN, "--train-sizes", 10, "--seeds", 1)
    place.joinpath("runs", "predictors").mkdir()
    place.joinpath("runs", "predictors", "absent.jsonl").write_text("gibberish\n")  # where old stores have trials
    result = cli("efficiency")
    assert (result.status, "bayesian_ridge" in result.out) == (1, True)
    assert result.err.startswith("zcbench: absent: unknown benchmark 'absent'")


def test_proxies_stand_at_zero(cli):
    cli("run", "digits-201", "--proxies", "params,num_layers", "--limit", 8, "--workers", 0)
    result = cli(*RUN, "--train-sizes", 10, "--seeds", 1)
    assert "At 0 trained networks, the best proxies (8 architectures):" in result.out
    assert len(json.loads(cli("efficiency", "--json").out)["proxies"]) == 2
    assert "the best proxies" in cli("efficiency", "--metric", "rho").out


def test_transfer(cli):
    words = ("--transfer-from", "digits-201/valid_accuracy", "--train-sizes", 20, "--tuned", "0,10", "--seeds", 2)
    result = cli(*RUN, *words)
    assert result.status == 0
    assert "20 of digits-201 + 0" in result.out
    assert cli("efficiency", "--transfer").out == result.out
    assert "no trials of predictors" in cli("efficiency", "digits-201").sentence
    assert "transfer_from names the tested column" in cli(*RUN, "--transfer-from", "digits-201/test_nll").sentence


def test_a_track_of_predictors(cli, place):
    place.joinpath("small.toml").write_text('predictors = "bayesian_ridge"\ntrain_sizes = [10]\nseeds = 2\n')
    result = cli("run", "digits-201", "--track", "small.toml", "--limit", 40, "--workers", 0)
    assert result.status == 0
    assert result.err.startswith("zcbench: track small@1 with limit 40.\n")
    assert "2/2 trials" in result.err
    cli("run", "digits-201", "--predictors", "gp", "--limit", 40, "--workers", 0, "--train-sizes", 20, "--seeds", 1)
    assert " 20" in cli("efficiency").out
    again = cli("run", "small.toml", "--benchmark", "digits-201", "--limit", 40, "--workers", 0)
    assert again.out == result.out


def test_ones_own_table_of_numbers(cli, place):
    random = np.random.default_rng(0)
    x = random.normal(size=(50, 3))
    rows = [f"net{i},{a},{b},{c},{a + b * b}" for i, (a, b, c) in enumerate(x)]
    (place / "my.csv").write_text("\n".join(["arch,a,b,c,acc", *rows]) + "\n")
    result = cli("run", "my.csv", "--target", "acc", "--predictors", "gp", "--seeds", 2, "--workers", 0)
    assert result.status == 0, result.err
    assert "gp:encoding=columns" in result.out
    labels = "mean:members=(gp+random_forest),fbnetv3:pretraining=2:epochs=4"
    both = cli("run", "my.csv", "--target", "acc", "--predictors", labels, "--seeds", 1, "--workers", 0)
    assert both.status == 0, both.out
    assert "mean:members=(gp:encoding=columns+random_forest:encoding=columns)" in both.out
    assert "fbnetv3:encoding=columns:epochs=4:pretraining=2:statistics=columns" in both.out
    (place / "bare.csv").write_text("arch,acc\n" + "\n".join(f"net{i},{i}" for i in range(20)) + "\n")
    bare = cli("run", "bare.csv", "--target", "acc", "--predictors", "gp", "--seeds", 1, "--workers", 0)
    assert "no columns of numbers besides the target" in bare.sentence
    curve = cli("run", "my.csv", "--target", "acc", "--predictors", "lcsvr", "--workers", 0)
    assert "own-my has no learning curves" in curve.sentence
    assert "20" in result.out
    assert "50" not in result.out.splitlines()[1]  # no sizes that leave too little to test on


def test_ones_own_table_of_a_space(cli, place):
    space = zcbench.get_space("nasbench201")
    drawn = {a.key: len(a.key) for a in (space.sample(np.random.default_rng(s)) for s in range(40))}
    (place / "my.csv").write_text("\n".join(["arch,acc", *(f"{key},{value}" for key, value in drawn.items())]) + "\n")
    words = ("--space", "nasbench201", "--train-sizes", 10, "--seeds", 1, "--workers", 0)
    result = cli("run", "my.csv", "--target", "acc", "--predictors", "bayesian_ridge", *words)
    assert result.status == 0, result.err


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("--predictors", "gpp"), "did you mean 'gp'"),
        (("--predictors", "gp:kernal=rbf"), "did you mean 'kernel'"),
        (("--predictors", "gp:seed=x"), "'x' is not a whole number"),
        (("--predictors", "gp:encoding=proxies(a"), "brackets do not match"),
        (("--predictors", "gp", "--train-sizes", "10,many"), "write whole numbers"),
        (("--predictors", "gp", "--train-sizes", "9999"), "has only"),
        (("--predictors", "gp", "--seeds", "0"), "choose at least 1"),
        (("--track", "all"), "unknown track"),
        (("--train-sizes", "10"), "train_sizes applies to predictors."),
        (("--tuned", "10"), "tuned applies to predictors."),
        (
            ("--predictors", "gp", "--tuned", "10"),
            "tuned [10] learns from another benchmark first: say which, --transfer-from nasbench101",
        ),
        (("--track", "transfer"), "the track transfer learns from another benchmark first: say which"),
        (("--predictors", "gp", "--transfer-from", "nothing"), "unknown benchmark"),
    ],
)
def test_bad_words(cli, words, sentence):
    assert sentence in cli("run", "digits-201", "--limit", 50, "--workers", 0, *words).sentence


def test_the_command_that_is_advised_is_one(cli):
    advice = cli("efficiency").sentence.partition("start with  zcbench ")[2]
    assert advice == "run digits-201 --track quick"
    assert cli(*advice.split(), "--dry-run").status == 0


def test_nothing_was_run(cli):
    assert "no predictor has been run" in cli("efficiency").sentence


def test_a_predictor_of_ones_own(cli, place):
    (place / "mine.py").write_text(
        '''
import numpy as np
import zcbench


@zcbench.register_predictor("t-nearest", reference="mine")
class Nearest(zcbench.VectorPredictor):
    """The target of the nearest network."""

    def _learn(self, x, y):
        self.x_, self.y_ = x, y

    def _value(self, x):
        return self.y_[((x[:, None] - self.x_) ** 2).sum(-1).argmin(1)]
'''
    )
    checked = cli("check", "mine.py")
    assert checked.status == 0, checked.out
    assert "t-nearest: ok" in checked.out
    assert cli("check", "t-nearest", "t-nearest").out.count("t-nearest: ok") == 1
    words = ("--import", "mine.py", "--predictors", "t-nearest", "--train-sizes", 20, "--seeds", 2, "--limit", 60)
    result = cli("run", "digits-201", *words, "--workers", 1)
    assert result.status == 0, result.err
    assert "t-nearest" in result.out


def test_other_metrics(cli):
    cli(*RUN, "--train-sizes", 20, "--seeds", 2)
    for metric, words in (
        ("rho", "Spearman's rho with"),
        ("regret@1", "regret of the first choice"),
        ("nll", "likelihood"),
    ):
        result = cli("efficiency", "--metric", metric)
        assert result.status == 0
        assert words in result.out
        assert "*" not in result.out
    assert "unknown metric" in cli("efficiency", "--metric", "r2").sentence


def test_json_of_several_benchmarks_is_one_list(cli):
    for name in ("digits-201", "chars-bert"):
        words = ("--predictors", "bayesian_ridge:encoding=stats", "--limit", 20, "--train-sizes", 5, "--seeds", 1)
        assert cli("run", name, *words, "--workers", 0).status == 0
    found = json.loads(cli("efficiency", "--json").out)
    assert [one["benchmark"] for one in found] == ["chars-bert@1", "digits-201@1"]


def test_curves_of_ones_own_table(cli, place):
    rows = [f"net{i},{i},{1 / (i + 1)},{0.5 / (i + 1)}" for i in range(30)]
    (place / "my.csv").write_text("arch,acc,loss 1,loss 2\n" + "\n".join(rows) + "\n")
    words = ("--predictors", "sotl*,gcn", "--train-sizes", 10, "--seeds", 1, "--workers", 0)
    result = cli("run", "my.csv", "--target", "acc", "--curve", "loss *", *words)
    assert "sotl_e:encoding=curve(loss/2)" in result.out
    assert "gcn is excluded because it does not apply" in result.out
    assert "1.000" in result.out
    wrong = cli("run", "my.csv", "--target", "acc", "--curve", "lss *", *words)
    assert "no column matches 'lss *'" in wrong.sentence
    other = cli("run", "digits-201", "--curve", "loss *", *words)
    assert "curve applies to curve predictors" in other.sentence
