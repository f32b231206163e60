"""Every proxy on a second device: the processor's values, one clock, one memory.

The device is made in a process of its own, whose other tests it would disturb; see ``second_device``.
"""

import json
import math

import pytest
from second_device import script
from torch import nn

import zcbench
from zcbench.records import Store
from zcbench.testing._checks import _Case, _jiggled
from zcbench.testing._zoo import specimens

#: settings that change what is done before a network is scored, or with what it is scored
FURTHER = ("naswot:repeats=2", "snip:steps=1", "ntk_cond:samples=4", "lga:batch_norm=per-sample")


@pytest.fixture(scope="module")
def there():
    """Scores by specimen and proxy, of networks and batches that lay on the processor."""
    code = f"""
import json, zcbench
from zcbench.testing._zoo import specimens
found = {{}}
for one in specimens():
    network = one.make()
    tensors = network.state_dict(keep_vars=True)
    before = {{name: (value, value.data_ptr(), value.clone()) for name, value in tensors.items()}}
    scores = zcbench.score(network, one.batch.inputs, one.batch.targets, ["all", *{FURTHER!r}], device="twin")
    for name, value in network.state_dict(keep_vars=True).items():
        assert value is before[name][0] and value.data_ptr() == before[name][1] and value.equal(before[name][2]), name
    found[one.name] = {{k: (s.value, s.status, s.detail, s.device, s.memory) for k, s in scores.items()}}
print(json.dumps(found))
"""
    return json.loads(script(code))


@pytest.fixture(scope="module")
def here():
    """The same on the processor, and how far changes in the last digits move each score."""
    found = {}
    for one in specimens():
        names = ["all", *FURTHER]
        scores = zcbench.score(one.make(), one.batch.inputs, one.batch.targets, names)
        moved = dict.fromkeys(scores, 0.0)
        for seed in range(2):
            network, batch = _jiggled(one, seed)
            for name, other in zcbench.score(network, batch.inputs, batch.targets, names).items():
                if other.value is not None and scores[name].value is not None:
                    moved[name] = max(moved[name], abs(other.value - scores[name].value))
        found[one.name] = {name: (score, moved[name]) for name, score in scores.items()}
    return found


@pytest.mark.parametrize("name", [*zcbench.list_proxies(), *FURTHER])
def test_a_proxy_has_the_value_of_the_processor(here, there, name):
    values = 0
    for specimen in specimens():
        if "steps" in name and any(isinstance(module, nn.Dropout) for module in specimen.make().modules()):
            continue  # dropout draws other numbers there
        (score, moved), (value, status, detail, device, _) = here[specimen.name][name], there[specimen.name][name]
        assert status == score.status, f"{specimen.name}: {detail}"
        assert device == "twin"
        if score.value is not None:
            values += 1
            assert _Case(specimen, score.value, moved).agrees(value), (specimen.name, score.value, value)
    assert values


def test_memory_is_told_where_it_is_counted(there):
    assert all(memory > 0 for scores in there.values() for *_, memory in scores.values())
    score = zcbench.score(specimens()[0].make(), *(specimens()[0].batch.inputs, None), ["params"])["params"]
    assert score.device == "cpu"
    assert math.isnan(score.memory)


def test_a_run_there_is_stored_as_here(tmp_path):
    """Records, a search and a trial have the device, its name and its memory; no score depends on it."""
    code = f"""
import zcbench
place, plan = {str(tmp_path / "there")!r}, {{"limit": 3, "batch_size": 8}}
zcbench.run("digits-201", proxies=["naswot", "gradsign"], store=place, device="twin", **plan)
plan = {{"limit": 12, "seeds": 1, "train_sizes": [5]}}
zcbench.run("digits-201", predictors=["gates:epochs=1", "bayesian_ridge"], store=place, device="twin", **plan)
zcbench.run("digits-201", searchers=["random"], budget=2, seeds=1, store=place, device="twin")
"""
    script(code)
    zcbench.run("digits-201", proxies=["naswot", "gradsign"], limit=3, batch_size=8, store=tmp_path / "here")
    here, there = (Store(tmp_path / name) for name in ("here", "there"))
    scores = {one.key: one.score for one in here.records("digits-201")}
    found = {one.key: one.score for one in there.records("digits-201")}
    for key, score in scores.items():
        assert found[key].value == pytest.approx(score.value, rel=1e-5)
        assert (found[key].device, found[key].device_name) == ("twin", "a second device")
        assert found[key].memory > 0
        assert (score.device, score.device_name, math.isnan(score.memory)) == ("cpu", "", True)
    trials = {one.label: one for one in there.trials("digits-201")}
    assert (trials["gates:epochs=1"].device, trials["gates:epochs=1"].device_name) == ("twin", "a second device")
    assert trials["gates:epochs=1"].memory > 0
    assert (trials["bayesian_ridge"].device, math.isnan(trials["bayesian_ridge"].memory)) == ("", True)
    assert {one.device for one in there.searches("digits-201")} == {""}  # it looked numbers up


def test_predictors_are_fitted_there_and_kept_here(tmp_path):
    code = """
import json, pickle, zcbench
from zcbench import devices
table = zcbench.get_benchmark("digits-201")
known, values = list(table.architectures)[::200], table.truth()[::200]
found = {}
for name in ("gates:epochs=3", "brp_nas:epochs=3", "fbnetv3:epochs=4:pretraining=2:free=20"):
    here = zcbench.get_predictor(name).fit(known[:15], values[:15]).predict(known[15:])
    with devices.using("twin"), devices.noted() as used:
        fitted = zcbench.get_predictor(name).fit(known[:15], values[:15])
        there = fitted.predict(known[15:])
    assert used.device == "twin"
    again = pickle.loads(pickle.dumps(fitted)).predict(known[15:])
    found[name] = [here.tolist(), there.tolist(), again.tolist()]
print(json.dumps(found))
"""
    for name, (here, there, again) in json.loads(script(code)).items():
        assert there == pytest.approx(here, rel=1e-4, abs=1e-5), name
        assert again == pytest.approx(there, rel=1e-4, abs=1e-5), name


def test_looking_after_a_network_waits_for_it_once(tmp_path):
    """However many tensors it has: large ones, small ones, of several types."""
    code = """
import second_device, torch
from torch import nn
from zcbench.probe._contents import Contents
counts = []
for depth in (2, 20):
    layers = [nn.Sequential(nn.Linear(200, 200), nn.BatchNorm1d(200)) for _ in range(depth)]
    network = nn.Sequential(*layers).to("twin")
    contents = Contents([*network.parameters(), *network.buffers()])
    second_device.WAITS.clear()
    assert contents.unchanged()
    counts.append(second_device.WAITS.total())
    for module in network.modules():
        if hasattr(module, "running_mean"):
            module.running_mean.add_(1)
    network[0][0].weight.data.mul_(2)
    assert not contents.unchanged()
    second_device.WAITS.clear()
    assert len(contents.restore()) == depth + 1
    counts.append(second_device.WAITS.total())
    assert contents.unchanged()
print(counts)
"""
    first, again, *more = json.loads(script(code))
    assert more == [first, again]
    assert first == 1
    assert again <= 5


def test_the_contract_finds_what_lies_on_the_processor(tmp_path):
    code = """
import json, torch, zcbench
from zcbench.testing import check_proxy

@zcbench.register_proxy("mixed", signals=("outputs",))
def mixed(probe):
    outputs = probe.outputs.detach()
    return float((outputs.flatten()[:4] * torch.arange(4)).sum())

found = {}
for name in ("mixed", "logsynflow"):
    found[name] = [[one.status, one.detail] for one in check_proxy(name).outcomes if one.check == "device"]
print(json.dumps(found))
"""
    found = json.loads(script(code))
    ((status, detail),) = found["mixed"]
    assert (status, "two devices" in detail) == ("failed", True)
    ((status, detail),) = found["logsynflow"]
    assert (status, detail.startswith("equal on")) == ("passed", True)


@pytest.mark.slow
def test_the_story_of_a_supernet_there(tmp_path):
    code = f"""
import zcbench.supernets
if __name__ == "__main__":
    story = zcbench.supernets.digits_story({str(tmp_path / "story")!r}, quick=True, device="twin")
    ranking = zcbench.supernets.digits_ranking({str(tmp_path / "ranking")!r}, quick=True, device="twin")
    print(story.headline(), ranking.headline())
"""
    path = tmp_path / "story.py"
    assert "tau" in script(code, path)
