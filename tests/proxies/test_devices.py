"""Every proxy on a second device: the processor's values, one clock, one memory.

The device is made in a process of its own, whose other tests it would disturb; see ``second_device``.
"""

import json
import math
import os
import subprocess
import sys
from pathlib import Path

import pytest
from torch import nn

import zcbench
from zcbench.testing._checks import _Case, _jiggled
from zcbench.testing._zoo import specimens

TESTS = Path(__file__).parents[1]
#: settings that change what is done before a network is scored, or with what it is scored
FURTHER = ("naswot:repeats=2", "snip:steps=1", "ntk_cond:samples=4", "lga:batch_norm=per-sample")


def script(code: str, **environment: str) -> str:
    """What code prints where ``second_device`` is set up."""
    begin = f"import sys\nsys.path.insert(0, {str(TESTS)!r})\nfrom second_device import set_up\nset_up()\n"
    done = subprocess.run(
        [sys.executable, "-c", begin + code],
        capture_output=True,
        text=True,
        timeout=300,
        env={
            **os.environ,
            "PYTHONPATH": os.pathsep.join([str(TESTS.parent), os.environ.get("PYTHONPATH", "")]),
            **environment,
        },
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout


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
    scores = zcbench.score(network, one.batch.inputs, one.batch.targets, ["all", *{FURTHER!r}], device="second")
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
        assert device == "second"
        if score.value is not None:
            values += 1
            assert _Case(specimen, score.value, moved).agrees(value), (specimen.name, score.value, value)
    assert values


def test_memory_is_told_where_it_is_counted(there):
    assert all(memory > 0 for scores in there.values() for *_, memory in scores.values())
    score = zcbench.score(specimens()[0].make(), *(specimens()[0].batch.inputs, None), ["params"])["params"]
    assert score.device == "cpu"
    assert math.isnan(score.memory)
