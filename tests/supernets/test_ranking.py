"""Rankings from end to end, on a stranger's supernet: every number is that of the subnets, and runs go on exactly."""

import json

import numpy as np
import pytest
import torch
from rankings import SPACE, data, make, truth

import zcbench
from zcbench.errors import InvalidArchitectureError, InvalidInputError, UnknownNameError
from zcbench.metrics import kendall_tau, noise_ceiling
from zcbench.predictors import get_predictor
from zcbench.scorers import get_scorer
from zcbench.supernets import Training, digits_ranking, measured, rank_subnets
from zcbench.types import Batch

RULES = ("single_path", "sandwich")
SETTINGS = {
    "train": data(), "valid": data(1), "training_rules": RULES, "subnet_steps": 24, "seeds": 2, "batch": 8,
    "proxies": ("l2_norm", "grad_norm", "softmax_confidence"), "images": 8, "few": "snip", "few_subnets": 6,
    "predictors": ("bayesian_ridge",), "sizes": (5, 100), "draws": 2, "train_seconds": 2.0, "weight_seeds": 2,
}  # fmt: skip


def ranked(folder, **changed):
    return rank_subnets(folder, make, truth(), **{**SETTINGS, **changed})


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """A ranking, its folder, and what was reported."""
    folder, seen = tmp_path_factory.mktemp("ranking") / "a", []
    return ranked(folder, progress=lambda *one: seen.append(one)), folder, seen


def trained(rule, seed):
    steps = {"single_path": 24, "sandwich": 6}[rule]
    net = make(seed)
    for _ in Training(net, *data(), rule, steps=steps, batch=8, rate=0.1, seed=seed).run():
        pass
    return net


def mean_truth(negative=True):
    return -np.mean(list(truth().values()), axis=1)


@pytest.mark.parametrize("rule", RULES)
def test_inherited_losses_are_those_of_the_subnets(whole, rule):
    report, _, _ = whole
    found = report[f"{rule} loss"]
    taus = []
    for seed in range(2):
        net = trained(rule, seed)
        losses = [measured(net.subnet(SPACE.parse(key)), *data(1))["nll"] for key in truth()]
        taus.append(kendall_tau(-np.array(losses), mean_truth()).value)
    assert found.agreement.by_seed == pytest.approx(taus, abs=1e-12)
    assert found.tau == pytest.approx(np.mean(taus)) and found.seeds == 2
    assert (
        found.all_in == pytest.approx(found.fixed + 16 * found.each) and found.fixed > 0 and found.statuses["ok"] == 32
    )


def test_proxies_are_those_of_fresh_and_of_inherited_weights(whole):
    report, _, _ = whole
    batch = Batch(*(part[:8] for part in data()))
    architectures = [SPACE.parse(key) for key in truth()]
    for name in ("l2_norm", "grad_norm"):
        inherited, fresh = [], []
        for seed in range(2):
            net = trained("single_path", seed)
            scorer = get_scorer(f"inherited({name})", net, data=batch, seed=seed)
            inherited.append(kendall_tau(scorer.score(architectures).values, mean_truth()).value)
            scorer = get_scorer(name, SPACE, data=batch, classes=3, seed=seed)
            fresh.append(kendall_tau(scorer.score(architectures).values, mean_truth()).value)
        assert report[f"inherited({name})"].agreement.by_seed == pytest.approx(inherited, abs=1e-12)
        assert report[name].agreement.by_seed == pytest.approx(fresh, abs=1e-12)
    assert report["grad_norm"].tau != report["inherited(grad_norm)"].tau
    assert report["inherited(params)"].same_as == "params" and report["inherited(grad_norm)"].same_as == ""
    assert report["params"].agreement.over.value == 0


def test_failures_are_counted_and_enter_no_correlation(whole):
    report, _, _ = whole
    found = report["softmax_confidence"]
    assert found.agreement is None and np.isnan(found.tau) and found.failures == {"unsupported": 32}
    assert found not in report.listed and report["snip"].agreement.tau.n == 6


def test_predictors_are_judged_on_the_other_subnets(whole):
    report, _, _ = whole
    keys, taus = list(truth()), []
    for seed in range(2):
        net = trained("single_path", seed)
        losses = [measured(net.subnet(SPACE.parse(key)), *data(1))["nll"] for key in keys]
        for draw in range(2):
            order = np.random.default_rng([4, draw]).permutation(16)
            made = get_predictor("bayesian_ridge").with_encodings(lambda one: one, SPACE)
            made.fit([SPACE.parse(keys[k]) for k in order[:5]], [-losses[k] for k in order[:5]])
            rest = order[5:]
            said = made.predict([SPACE.parse(keys[k]) for k in rest])
            taus.append(kendall_tau(said, mean_truth()[rest]).value)
    assert report["bayesian_ridge of 5 losses"].tau == pytest.approx(np.mean(taus))
    assert {one.name for one in report.scorers if one.kind == "predictor"} == {
        "bayesian_ridge of 5 losses", "bayesian_ridge of 5 accuracies"
    }  # fmt: skip


def test_the_ends_of_the_scale(whole):
    report, _, _ = whole
    values = np.array(list(truth().values()))
    assert report.ceiling == noise_ceiling(values) and report.trainings == 3
    own = report["one stand-alone training"]
    taus = [kendall_tau(-values[:, k], -np.delete(values, k, 1).mean(1)).value for k in range(3)]
    assert own.tau == pytest.approx(np.mean(taus)) and own.all_in == 32.0
    assert list(report.scorers[:-1]) == sorted(report.scorers[:-1], key=lambda one: -one.tau)


def without_times(report):
    return [{k: v for k, v in row.items() if not k.startswith("seconds")} for row in report.rows()]


def test_a_stopped_run_goes_on_exactly(whole, tmp_path):
    report, folder, seen = whole
    steps = list(dict.fromkeys(one[0] for one in seen))
    for stop in (steps[1], steps[3], steps[-1]):

        def progress(step, done, total, what, stop=stop):
            if step == stop and done >= 2:
                raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            ranked(tmp_path / "a", progress=progress)
    for file in (tmp_path / "a").glob("scores-*.jsonl"):
        file.write_text(file.read_text()[:-20])  # half a line, as a kill leaves it
    again = ranked(tmp_path / "a")
    assert without_times(again) == without_times(report)
    same = ranked(folder, progress=lambda *_: pytest.fail("it was measured twice"))
    assert same.rows() == report.rows()


def test_more_is_added_and_nothing_measured_twice(whole, tmp_path):
    report, _, _ = whole
    small = {"training_rules": "single_path", "seeds": 1, "subnets": 8, "proxies": "l2_norm", "few": (), "draws": 1}
    ranked(tmp_path / "b", **small)
    before = {path.name: path.read_text() for path in (tmp_path / "b").glob("[ls]*.jsonl")}
    assert without_times(ranked(tmp_path / "b")) == without_times(report)
    assert len(before) == 3  # losses, scores of inherited and of fresh weights
    for name, text in before.items():
        known = merged(text)
        now = merged((tmp_path / "b" / name).read_text())
        assert len(known) == 8 and all(line.items() <= now[key].items() for key, line in known.items())


def merged(text):
    """Parts of all lines by key."""
    found = {}
    for key, line, *_ in map(json.loads, text.splitlines()):
        found.setdefault(key, {}).update(line)
    return found


class Half:
    """Trained supernets that are no modules; some subnets cannot be built."""

    space = SPACE

    def __init__(self, seed):
        self.net = trained("single_path", seed)

    def subnet(self, architecture):
        if architecture.key.startswith("2"):
            raise RuntimeError("out of memory")
        return self.net.subnet(architecture)


def test_given_supernets_and_failing_subnets(tmp_path):
    report = rank_subnets(
        tmp_path, [Half(0), Half(1)], truth(), train=data(), valid=data(1), proxies="params", predictors=(),
        supernet_seconds=50.0, images=8,
    )  # fmt: skip
    failing = sum(key.startswith("2") for key in truth())
    found = report["given loss"]
    assert failing and found.statuses == {"ok": 2 * (16 - failing), "failed": 2 * failing}
    assert found.agreement.tau.n == 16 - failing and "out of memory" in found.detail and found.fixed == 50
    assert report["inherited(params)"].statuses["failed"] == 2 * failing
    assert report["params"].statuses == {"ok": 32}


def test_bad_input_is_refused_before_anything_is_trained(whole, tmp_path):
    _, folder, _ = whole
    with pytest.raises(InvalidInputError, match="other settings"):
        ranked(folder, rate=0.2)
    nothing = tmp_path / "c"
    for changed, message in (
        ({"seeds": 0}, "seeds"),
        ({"subnets": 3}, "at least 4"),
        ({"weights": "delayed"}, "weights of delayed"),
        ({"rate": float("nan")}, "rate"),
        ({"sizes": (1,)}, "size"),
        ({"optimizer": "adam"}, "optimizer"),
        ({"seed": -1}, "seed"),
        ({"valid": (data()[0], data()[1][:3])}, "validation samples have 48 samples and 3 targets"),
        ({"train": 3}, "training samples are 3"),
    ):
        with pytest.raises(InvalidInputError, match=message):
            ranked(nothing, **changed)
    for changed in ({"training_rules": "sandwhich"}, {"proxies": "parms"}, {"predictors": "gpp"}):
        with pytest.raises(UnknownNameError):
            ranked(nothing, **changed)
    known = {"train": data(), "valid": data(1)}
    for supernet, message in ((3, "the supernet is 3"), ([], "give one or more")):
        with pytest.raises(InvalidInputError, match=message):
            rank_subnets(nothing, supernet, truth(), **known)
    with pytest.raises(InvalidInputError, match="remove this argument"):
        rank_subnets(nothing, make(0), truth(), seed=1, **known)
    with pytest.raises(InvalidArchitectureError):
        rank_subnets(nothing, make, {"9-9": [1.0], **truth()}, **known)
    with pytest.raises(InvalidInputError, match="no largest"):
        digits_ranking(nothing, "digits-201")
    assert not nothing.exists()


def test_the_digits_in_the_quick_form(tmp_path, monkeypatch):
    monkeypatch.setattr("zcbench.supernets._budget._TRIED", 4)
    report = digits_ranking(
        tmp_path, quick=True, training_rules="single_path", subnet_steps=4, seeds=1, subnets=6, proxies="params",
        predictors=(),
    )  # fmt: skip
    table = zcbench.get_benchmark("elastic-mobilenet")
    assert len(report.subnets) == 6 and report.target == "test_nll" and report.plan["quick"]
    assert set(report.subnets) <= {one.key for one in table.architectures}
    assert report["single_path loss"].statuses == {"ok": 6}
    assert torch.get_num_threads() >= 1
