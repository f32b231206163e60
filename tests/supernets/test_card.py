"""Cards: what they say holds, strangers can check the files, and nothing that others wrote becomes markup."""

import json
import re

import numpy as np
import pytest
import torch
from torch import nn

import zcbench
from zcbench.errors import DataCorruptError, DataMissingError, InvalidInputError
from zcbench.spaces import get_space
from zcbench.supernets import Latency, check_card, export, write_card

LATENCY = Latency(1.5, 1.4, 2.0, 1.45, 1.6, 500, 1, 1, 3, 0.01, "torch 2.13.0", "a machine, 2 cores, Linux")


def made(tmp_path, **further):
    space = get_space("elastic-mobilenet")
    torch.manual_seed(0)
    network, example = space.build(space.smallest).eval(), torch.randn(3, 1, 8, 8)
    done = export(network, tmp_path, example, architecture=space.smallest, kinds=["weights"], name="best")
    return network, example, done, write_card(done, network, example, **further)


def test_a_card_says_what_holds(tmp_path):
    network, example, _, card = made(
        tmp_path,
        accuracy={"inherited": 0.91, "fine-tuned": 0.93},
        latency={"torch": LATENCY, "onnxruntime": "onnxruntime cannot load the network."},
        found={"searcher": "nsga2", "evaluations": 65, "scorers": ["logsynflow", "params"]},
        notes="Made for a test.",
    )
    assert card == json.loads((tmp_path / "best.json").read_text())
    assert card["parameters"] == sum(one.numel() for one in network.parameters())
    assert card["flops"] == float(zcbench.score(network, example, proxies=["flops"])["flops"])
    sizes: list[int] = []  # two per multiply-add
    for module in network.modules():
        if isinstance(module, nn.Conv2d):
            module.register_forward_hook(
                lambda m, _, out: sizes.append(2 * out[0].numel() * m.weight[0].numel())  # each output, all weights
            )
        elif isinstance(module, nn.Linear):
            module.register_forward_hook(lambda m, _, out: sizes.append(2 * m.weight.numel()))
    network(example[:1])
    assert card["flops"] == sum(sizes)
    assert card["environment"]["zcbench"] == zcbench.__version__ and "commit" in card["environment"]
    assert card["inputs"] == {"0": {"shape": ["batch", 1, 8, 8], "type": "float32"}}
    assert card["latency_ms"]["torch"]["median"] == 1.5 and card["found"]["evaluations"] == 65
    text = (tmp_path / "best.md").read_text()
    for part in (
        "91.00%", "93.00%", "1.5 ms (95 % interval 1.45 to 1.6; p10 1.4, p90 2)", "onnxruntime cannot load", "nsga2",
        card["files"]["weights"]["sha256"], "load_weights(", "two per multiply-add", "Made for a test",
    ):  # fmt: skip
        assert part in text, part
    assert check_card(tmp_path / "best.json") == []


def test_the_code_on_the_card_runs(tmp_path, monkeypatch):
    network, example, *_ = made(tmp_path)
    monkeypatch.chdir(tmp_path)
    code = (tmp_path / "best.md").read_text().split("```python\n")[1].split("```")[0]
    values = {}
    exec(code, values)
    assert torch.equal(values["network"](example), network(example))


def test_files_that_are_not_those_of_the_card_are_named(tmp_path):
    made(tmp_path)
    path = tmp_path / "best.safetensors"
    content = path.read_bytes()
    path.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    (problem,) = check_card(tmp_path / "best.json")
    assert problem.startswith("best.safetensors is not the file that the card describes")
    path.unlink()
    (problem,) = check_card(tmp_path / "best.json")
    assert problem.startswith("best.safetensors cannot be read")
    card = json.loads((tmp_path / "best.json").read_text())
    card["files"]["weights"]["file"] = "../../etc/passwd"
    (tmp_path / "best.json").write_text(json.dumps(card))
    (problem,) = check_card(tmp_path / "best.json")
    assert "is not the name of a file next to the card" in problem


def test_no_card(tmp_path):
    with pytest.raises(DataMissingError, match="cannot be read"):
        check_card(tmp_path / "none.json")
    for content in (b"", b"\xff", b"[]", b"{}", b'{"files": {"a": 3}}'):
        (tmp_path / "none.json").write_bytes(content)
        with pytest.raises(DataCorruptError, match="not the card of an exported network"):
            check_card(tmp_path / "none.json")


def test_what_others_wrote_is_text(tmp_path):
    evil = "x|y\n# <script>alert(1)</script> [a](javascript:b) \x1b[31m"
    *_, card = made(tmp_path, accuracy={evil: 0.5}, found={evil: evil, "numbers": np.float64(3)}, notes=evil)
    assert card["notes"] == evil and card["found"]["numbers"] == 3
    text = (tmp_path / "best.md").read_text()
    assert "<script>" not in text and "\x1b" not in text and not re.search(r"(?<!\\)\]\(", text)
    rows = [re.sub(r"\\.", "", line) for line in text.split("## How")[0].split("\n")]
    assert {line.count("|") for line in rows} == {0, 3, 6}, rows


def test_a_network_whose_operations_cannot_be_counted_has_a_reason(tmp_path):
    class Odd(nn.Linear):
        def forward(self, x):
            if len(x) == 2:
                raise ValueError("two is company")
            return super().forward(x)

    network, example = Odd(4, 3).eval(), torch.randn(3, 4)
    done = export(network, tmp_path, example, kinds=["weights"])
    card = write_card(done, network, example)
    assert card["flops"] is None and "two is company" in card["flops_counted"]


@pytest.mark.parametrize("value", [float("nan"), "0.9", True, None])
def test_an_accuracy_that_is_no_number_is_refused(tmp_path, value):
    with pytest.raises(InvalidInputError, match=r"accuracy\['a'\] is"):
        made(tmp_path, accuracy={"a": value})
    assert not (tmp_path / "best.json").exists()


def test_several_inputs_and_failures_stand_on_the_card(tmp_path):
    class Two(nn.Linear):
        def forward(self, x, *, y):
            return super().forward(x) + y if x.sum() > 0 else x

    network, example = Two(3, 3).eval(), {"x": torch.randn(4, 3), "y": torch.randn(4, 3).double()}
    done = export(network, tmp_path, example, kinds=["weights", "torch"])
    card = write_card(done, network, example, latency=LATENCY)
    assert card["inputs"]["y"] == {"shape": ["batch", 3], "type": "float64"} and "build" not in card
    text = (tmp_path / "network.md").read_text()
    assert "Not written, torch.export: torch.export refuses the network" in text.replace("\\", "")


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"accuracy": {"inherited": 91.0}}, "is 91.0: give a fraction, from 0 to 1"),
        ({"accuracy": {"inherited": -0.1}}, "give a fraction"),
        ({"accuracy": [0.5]}, r"accuracy is \[0.5\]: give a mapping"),
        ({"found": "nsga2"}, "found is 'nsga2': give a mapping"),
    ],
)
def test_numbers_that_cannot_be_are_refused(tmp_path, given, said):
    with pytest.raises(InvalidInputError, match=said):
        made(tmp_path, **given)


def test_a_card_of_another_network_is_refused(tmp_path):
    network, example, done, _ = made(tmp_path)
    space = get_space("elastic-mobilenet")
    other = space.build(space.smallest).eval()
    for one in (other, space.build(space.largest).eval()):
        with pytest.raises(InvalidInputError, match="best was exported with other weights"):
            write_card(done, one, example)
    other.load_state_dict(network.state_dict())
    write_card(done, other, example)
