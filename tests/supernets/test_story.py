"""The story in its quick form: every number is that of the network it is said of, and a stopped run goes on exactly."""

import json
import shutil

import numpy as np
import pytest

import zcbench
from zcbench.errors import InvalidInputError
from zcbench.metrics import kendall_tau
from zcbench.supernets import (
    Training,
    _story,
    check_card,
    digits_parts,
    digits_story,
    digits_supernet,
    load_weights,
    measured,
    shifted,
)

STEPS = 4


class Table:
    """Stand-alone trainings of some subnets, as if trained."""

    def __init__(self, space):
        rng = np.random.default_rng(0)
        self.architectures = list(space)[::2]
        count = len(self.architectures)
        self.values = {"test_nll": rng.random((count, 4))}
        self.facts = {"train_seconds": np.full(count, 2.0)}

    def truth(self, name):
        return self.values["test_nll"].mean(1) * (-1 if name == "test_accuracy" else 1)


@pytest.fixture(scope="module")
def told(tmp_path_factory):
    """A story, its folder, what was reported, and the table that it was compared with."""
    patch = pytest.MonkeyPatch()
    table = Table(zcbench.get_space("elastic-mobilenet"))
    patch.setattr(_story, "_stand_alone", lambda: (table, ""))
    folder, seen = tmp_path_factory.mktemp("story") / "a", []
    with patch.context() as context:
        context.setattr(_story, "_QUICK", _story._Sizes(STEPS, 12, 5, 6, 4, 8, _story._QUICK.latency))
        yield digits_story(folder, quick=True, progress=lambda *one: seen.append(one)), folder, seen, table
    patch.undo()


def trained():
    net = digits_supernet(0)
    for _ in Training(net, *digits_parts()["train"], "sandwich", steps=STEPS, augment=shifted).run():
        pass
    return net


def test_numbers_are_those_of_the_subnets(told):
    story, _, _, table = told
    net, parts, known = trained(), digits_parts(), story.results["evaluate"]
    assert len(known["subnets"]) == 12 and known["space"] == 1296
    key = known["subnets"][3]
    subnet = net.subnet(net.space.parse(key))
    assert known["test_nll"][3] == measured(subnet, *parts["test"])["nll"]
    assert known["params"][3] == sum(p.numel() for p in subnet.parameters())
    search = story.results["search"]
    assert search["flops"] <= search["limit"] and search["evaluations"] == 5
    assert search["valid_nll"] == net.evaluate(net.space.parse(search["found"]))["nll"]
    lower = [n for n, f in zip(known["valid_nll"], known["flops"], strict=True) if f <= search["limit"]]
    assert search["allowed"] == len(lower) and search["better"] == sum(n < search["valid_nll"] for n in lower)
    assert 0 < story.results["front"]["share"] <= 1 and story.results["front"]["evaluations"] == 6
    rank = story.results["rank"]
    rows = {one.key: row for row, one in enumerate(table.architectures)}
    losses = dict(zip(known["subnets"], known["valid_nll"], strict=True))
    tau = kendall_tau([-losses[k] for k in rank["subnets"]], [-rank["truth"][i] for i in range(rank["n"])])
    assert rank["scorers"]["inherited loss"]["tau"][0] == tau.value
    assert rank["truth"] == pytest.approx([table.values["test_nll"][rows[k]].mean() for k in rank["subnets"]])
    assert set(rank["scorers"]) == {"params", "logsynflow", "inherited loss"}


def test_the_exported_network_is_the_one_that_was_tuned(told):
    story, folder, _, _ = told
    space = zcbench.get_space("elastic-mobilenet")
    network = space.build(space.parse(story.results["search"]["found"]))
    load_weights(network, folder / "exported" / "subnet.safetensors")
    found = measured(network, *digits_parts()["test"])
    assert found["accuracy"] == story.results["tune"]["after"]["test_accuracy"]
    assert check_card(folder / "exported" / "subnet.json") == []
    extract, tune = story.results["extract"], story.results["tune"]
    assert extract["difference"] <= 1e-5 and extract["after"]["valid_nll"] == story.results["search"]["valid_nll"]
    assert tune["after"]["valid_accuracy"] >= extract["after"]["valid_accuracy"]


def test_a_stopped_run_goes_on_exactly(told, tmp_path, monkeypatch):
    story, folder, seen, _ = told
    steps = [one[0] for one in seen]
    assert ("train", STEPS, STEPS, "steps") in seen and ("evaluate", 12, 12, "subnets") in seen
    assert list(dict.fromkeys(steps))[:2] == ["train", "evaluate"]
    shutil.copytree(folder, tmp_path / "half")
    half = tmp_path / "half"
    results = json.loads((half / "results.json").read_text())
    (half / "results.json").write_text(json.dumps({"train": results["train"]}))
    lines = (half / "subnets.jsonl").read_text().splitlines(keepends=True)
    (half / "subnets.jsonl").write_text("".join(lines[:5]) + lines[5][:20])
    for ledger in half.glob("front.jsonl*"):
        ledger.unlink()
    again = []

    def stop(step, done, total, what):
        again.append((step, done))
        if step == "front":
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        digits_story(half, quick=True, progress=stop)
    assert [one for one in again if one[0] in ("train", "evaluate")] == [("evaluate", n) for n in range(6, 13)]
    kept = json.loads((half / "results.json").read_text())
    for name in ("evaluate", "search"):
        assert without_times(kept[name]) == without_times(story.results[name])
    assert digits_story(folder, quick=True, progress=lambda *_: pytest.fail()).results == story.results


def without_times(content):
    if isinstance(content, dict):
        return {k: without_times(v) for k, v in content.items() if k not in ("seconds", "cheaper", "each")}
    return content


def test_bad_input_is_refused_before_anything_is_trained(told, tmp_path):
    _, folder, _, _ = told
    with pytest.raises(InvalidInputError, match="other settings"):
        digits_story(folder, quick=True, seed=1)
    with pytest.raises(InvalidInputError, match=r"from 24,864 to 1,047,648"):
        digits_story(tmp_path / "c", quick=True, flops=1000)
    for bad in ({"steps": 0}, {"seed": -1}, {"flops": float("nan")}, {"quick": 1}):
        with pytest.raises(InvalidInputError):
            digits_story(tmp_path / "c", **bad)
    with pytest.raises(zcbench.errors.UnknownNameError, match="sandwich"):
        digits_story(tmp_path / "c", rule="sandwhich")
    with pytest.raises(zcbench.errors.UnknownNameError):
        digits_story(tmp_path / "c", proxies="parms")
    assert not (tmp_path / "c").exists()
