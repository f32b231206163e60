"""``zcbench score``: a network of one's own from the shell."""

import json

import pytest
import torch
from torch import nn

import zcbench
from zcbench.types import Architecture

MODELS = """
import warnings
import torch
from torch import nn

def net():
    return nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(144, 7))

class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(5, 2)
    def forward(self, x):
        return self.layer(x)

class Two(Net):
    def forward(self, x): return x.flatten(1), self.layer(x)
class First(Net):
    def forward(self, x): return x.flatten(1) + 0 * self.layer(x).sum()
def first(output): return output[0] + 0 * output[1].sum()
class Nothing(Net):
    def forward(self, x): return None
class Empty(Net):
    def forward(self, x): return ()
class Number(Net):
    def forward(self, x): return self.layer(x).sum()
class Rows(Net):
    def forward(self, x): return self.layer(x)[:, :0]
def scripted():
    with warnings.catch_warnings(action="ignore"): return torch.jit.script(Net())
def lazy(): return nn.LazyLinear(2)
def meta(): return Net().to("meta")
def sparse():
    net = Net()
    net.register_buffer("A", torch.eye(4).to_sparse())
    return net
def exits(): raise SystemExit("no more")
def hungry(): return torch.empty(10**15)
ready = nn.Linear(5, 2)
number = 3
def nothing(): return None
def raises(): raise ValueError("no weights here")
def leaves(): raise SystemExit(0)
def stops(): raise KeyboardInterrupt
def mute():
    class OddError(Exception):
        def __str__(self): raise RuntimeError
    raise OddError
class Leaves(nn.Linear):
    def __init__(self): super().__init__(5, 2)
    def forward(self, x): raise SystemExit(0)
class Hangs(nn.Linear):
    def __init__(self): super().__init__(5, 2)
    def forward(self, x):
        return sum(range(10**13)) if len(x) > 1 else super().forward(x)
def needs(width): return nn.Linear(width, 2)
class Text(nn.Linear):
    def __init__(self): super().__init__(5, 2)
    def forward(self, x): return "text"
class Raises(nn.Linear):
    def __init__(self): super().__init__(5, 2)
    def forward(self, x):
        if len(x) > 1: raise RuntimeError("too many")
        return super().forward(x)
"""


@pytest.fixture
def models(place):
    place.joinpath("models.py").write_text(MODELS)
    place.joinpath("leaves.py").write_text("import sys\nsys.exit(0)")
    place.joinpath("hides.py").write_text("def __getattr__(name): raise SystemExit(0)")
    return place


def test_a_table_of_every_proxy(cli, models):
    default = cli("score", "models.py:net", "--input", "3x8x8").out.splitlines()
    assert [line.split()[0] for line in default[1:]] == [info.name for info in zcbench.proxies.resolve(None)]
    result = cli("score", "models.py:net", "--input", "3x8x8", "--proxies", "all")
    assert (result.status, result.err) == (0, "")
    lines = result.out.splitlines()
    assert lines[0].split() == ["proxy", "score", "better", "status", "time"]
    assert [line.split()[0] for line in lines[1:]] == zcbench.list_proxies()


def test_the_scores_are_those_of_the_function(cli, models):
    words = ("score", "models.py:net", "--input", "3x8x8", "--proxies", "snip,naswot", "--seed", 5, "--batch-size", 12)
    found = json.loads(cli(*words, "--json").out)
    namespace = {}
    exec(MODELS, namespace)
    torch.manual_seed(5)
    model = namespace["net"]()
    inputs = torch.randn(12, 3, 8, 8, generator=torch.Generator().manual_seed(5))
    targets = torch.randint(7, (12,), generator=torch.Generator().manual_seed(5))
    expected = zcbench.score(model, inputs, targets, ["snip", "naswot"], seed=5)
    assert {name: row["value"] for name, row in found.items()} == {name: s.value for name, s in expected.items()}
    assert json.loads(cli(*words, "--json").out)["snip"]["value"] == found["snip"]["value"]


@pytest.mark.parametrize("factory", ["models.py:Net", "models.py:ready", "models:Net"])
def test_classes_instances_and_modules(cli, models, monkeypatch, factory):
    monkeypatch.syspath_prepend(str(models))
    result = cli("score", factory, "--input", "5", "--proxies", "params,num_layers", "--json")
    assert json.loads(result.out)["params"]["value"] == 12
    assert result.status == 0


def test_a_network_of_a_search_space(cli, monkeypatch):
    key = "|nor_conv_3x3~0|+|none~0|skip_connect~1|+|skip_connect~0|none~1|nor_conv_3x3~2|"
    words = ("--proxies", "params,grad_norm", "--seed", 3, "--json")
    shown = json.loads(cli("score", f"nasbench201:{key}", *words).out)
    space = zcbench.get_space("nasbench201")
    torch.manual_seed(3)
    network = space.build(space.parse(key))
    generators = [torch.Generator().manual_seed(3) for _ in range(2)]
    inputs = torch.randn(16, *space.input_shape, generator=generators[0])
    targets = torch.randint(10, (16,), generator=generators[1])
    found = zcbench.score(network, inputs, targets, ["params", "grad_norm"], seed=3)
    assert {name: score["value"] for name, score in shown.items()} == {name: s.value for name, s in found.items()}

    fewer = ("score", f"nasbench201:{key}", "--classes", 3, "--input", "3x8x8", "--batch-size", 4, *words)
    assert json.loads(cli(*fewer).out)["params"]["value"] == found["params"].value - 7 * (64 + 1)
    assert json.loads(cli(*fewer, "--timeout", 60).out)["params"]["value"] == found["params"].value - 7 * (64 + 1)


def test_each_network_has_an_input_of_its_own(cli, monkeypatch):
    space = zcbench.get_space("nasbench201")
    monkeypatch.setattr(space, "input_shape_of", lambda architecture: (3, 8, 8 * len(architecture.key)), raising=False)
    monkeypatch.setattr(space, "parse", lambda text: Architecture("nasbench201", text))
    monkeypatch.setattr(space, "build", lambda architecture: nn.Sequential(nn.Flatten(), nn.Linear(3 * 8 * 16, 2)))
    assert "params" in cli("score", "nasbench201:ab", "--proxies", "params").out


def test_a_network_that_returns_features_and_logits(cli, models):
    words = ("--input", 5, "--proxies", "params,snip,jacov,synflow", "--json")
    found, expected = (json.loads(cli("score", f"models.py:{name}", *words).out) for name in ("Two", "Net"))
    for name, row in expected.items():
        assert (found[name]["value"], found[name]["status"]) == (row["value"], row["status"])


def test_what_counts_of_several_outputs(cli, models):
    words = ("--input", 5, "--proxies", "snip,synflow", "--seed", 4, "--json")
    first = json.loads(cli("score", "models.py:First", *words).out)
    for output in ("0", "-2", "models.py:first"):
        assert _values(json.loads(cli("score", "models.py:Two", "--output", output, *words).out)) == _values(first)
    in_worker = cli("score", "models.py:Two", "--output", "models.py:first", "--timeout", 60, *words)
    assert _values(json.loads(in_worker.out)) == _values(first)
    assert _values(json.loads(cli("score", "models.py:Two", *words).out)) != _values(first)


def _values(scores):
    return {name: score["value"] for name, score in scores.items()}


def test_what_does_not_apply_is_said_in_the_last_column(cli, models):
    result = cli("score", "models.py:Net", "--input", "5", "--proxies", "naswot")
    assert result.status == 0
    assert "unsupported" in result.out
    assert "no ReLU ran" in result.out


def test_a_network_that_fails_has_a_status_of_its_own(cli, models):
    result = cli("score", "models.py:Raises", "--input", "5", "--proxies", "snip,params")
    assert result.status == 1
    assert "RuntimeError: too many" in result.out
    assert result.err == "zcbench: failed: snip; the last column says why.\n"


def test_a_score_that_takes_too_long_is_stopped(cli, models):
    words = ("score", "models.py:Hangs", "--input", "5", "--proxies", "params,snip,l2_norm", "--json")
    result = cli(*words, "--timeout", 5)
    assert result.status == 1
    found = json.loads(result.out)
    assert list(found) == ["params", "snip", "l2_norm"]
    assert found["params"]["value"] == 12
    assert found["l2_norm"]["status"] == "ok"
    assert (found["snip"]["status"], found["snip"]["detail"]) == ("timed-out", "it was not finished within 5 s.")
    assert result.err == "zcbench: failed: snip; the last column says why.\n"


def test_what_is_wrong_in_a_worker_is_the_same_sentence(cli, models):
    words = ("score", "models.py:leaves", "--input", "5")
    assert cli(*words, "--timeout", 60).sentence == cli(*words).sentence


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("models.py",), "'models.py' names no object: write file.py:function or package.module:Class."),
        (("absent.py:net",), "absent.py is not a file"),
        (("absent_module:net",), "absent_module could not be imported: ModuleNotFoundError"),
        (("models.py:nett",), "models.py has no 'nett'"),
        (("models.py:number",), "models.py:number raised TypeError"),
        (
            ("models.py:nothing",),
            "models.py:nothing returned NoneType, not a network: it must return a torch.nn.Module.",
        ),
        (("models.py:raises",), "models.py:raises raised ValueError: no weights here"),
        (("models.py:needs",), "models.py:needs raised TypeError"),
        (("models.py:leaves",), "models.py:leaves raised SystemExit: 0"),
        (("models.py:stops",), "models.py:stops raised KeyboardInterrupt"),
        (("models.py:mute",), "models.py:mute raised OddError: (its message cannot be read: RuntimeError)"),
        (("models.py:Leaves",), "models.py:Leaves cannot take an input of shape (1, 5): SystemExit: 0"),
        (("leaves.py:net",), "leaves.py could not be imported: SystemExit: 0"),
        (("hides.py:net",), "hides.py has no 'net': write the name of a function or class in it."),
        (("models.py:net", "--timeout", 0), "a timeout of 0 seconds: choose more than 0."),
        (("models.py:net", "--timeout", "nan"), "the timeout nan: choose a finite number."),
        (("nasbench201:nothing",), "'nothing' is not a NAS-Bench-201 cell"),
        (("nasbench201:284", "--batch-size", 0), "--batch-size 0: choose at least 1."),
        (("flexibert:x",), "flexibert takes tokens, and this command scores networks of images"),
        (("nds:x",), "nds builds no networks"),
        (("models.py:net", "--input", "3x9x9"), "models.py:net cannot take an input of shape (1, 3, 9, 9)"),
        (("models.py:Text",), "models.py:Text cannot take an input of shape (1, 5): the network returned str"),
        (("models.py:Net", "--input", "five"), "--input 'five' is no shape: give positive sizes such as 3x32x32."),
        (("models.py:Net", "--input", "0x3"), "give positive sizes"),
        (("models.py:Net", "--batch-size", 0), "--batch-size 0: choose at least 1."),
        (("models.py:Net", "--seed", -1), "the seed -1"),
        (("models.py:Net", "--seed", 2**70), "choose a number from 0 to 4294967295."),
        (("models.py:Net", "--classes", 0), "0 classes: choose at least 1."),
        (("models.py:Net", "--classes", 10**12), "classes: choose at most 2147483648."),
        (("models.py:net", "--input", "3x999999999x999999999"), "GB, more than this machine has: choose a smaller"),
        (("models.py:net", "--input", "3x8x8", "--batch-size", 10**12), "more than this machine has"),
        (("models.py:net", "--input", "9" * 18 + "x" + "9" * 18), "more than this machine has"),
        (("models.py:net", "--input", "9" * 5000), "give positive sizes"),
        (("models.py:net", "--input", "3x1_0x8"), "give positive sizes"),
        (("models.py:net", "--input", "3x８x8"), "give positive sizes"),
        (("models.py:net", "--input", "3x-8x8"), "give positive sizes"),
        (("models.py:net", "--input", "3x8.0x8"), "give positive sizes"),
        (("models.py:net", "--input", "3xx8"), "give positive sizes"),
        (("models.py:net", "--input", ""), "give positive sizes"),
        (("models.py:Nothing",), "cannot take an input of shape (1, 5): the network returned NoneType"),
        (("models.py:Empty",), "cannot take an input of shape (1, 5): the network returned tuple"),
        (("models.py:Number",), "the network returned a single number"),
        (("models.py:Rows",), "the network returned an empty tensor of shape (1, 0)"),
        (("models.py:scripted",), "the network is scripted or traced"),
        (("models.py:lazy",), "has no shape yet: call the network once on a batch"),
        (("models.py:meta",), "is on the meta device and has no values"),
        (("models.py:sparse",), "the network's 'A' is sparse"),
        (("models.py:exits",), "models.py:exits raised SystemExit: no more"),
        (("models.py:hungry",), "models.py:hungry raised RuntimeError"),
        (("models.py:Net", "--proxies", "parms"), "did you mean 'params'"),
        (("models.py:Two", "--output", "logits"), "with the parts 0, 1: output='logits' is none of them."),
        (("models.py:Net", "--output", "a..b"), "--output 'a..b': write names and indices with points"),
        (("models.py:Net", "--output", "models.py:number"), "--output models.py:number is no function"),
    ],
)
def test_what_is_wrong_in_one_sentence(cli, models, words, message):
    shape = () if "--input" in words else ("--input", "5")
    result = cli("score", *words, *shape)
    assert result.status == 2
    assert message in result.sentence


def test_a_file_does_not_tell_its_inputs(cli, models):
    result = cli("score", "models.py:Net")
    assert result.status == 2
    assert "give --input, e.g. --input 3x32x32" in result.sentence


def test_a_batch_for_which_there_is_no_room(cli, models, monkeypatch):
    monkeypatch.setattr("zcbench.comparison._data.machine_memory", lambda: 2**70)  # as a machine that cannot be asked
    result = cli("score", "models.py:Net", "--input", "5", "--batch-size", 10**15)
    assert result.status == 2
    assert "1000000000000000x5 takes 2e+07 GB, more than is free: choose a smaller --input or" in result.sentence


VARIANTS = """
import torch
from torch import nn
def net(width, classes=10):
    layers = [nn.Conv2d(1, width, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(width, classes)]
    return nn.Sequential(*layers)
def small(): return net(4)
def medium(): return net(8)
def a_wide_network_with_a_long_name(): return net(16)
def few(): return net(4, 3)
def batch(): return torch.randn(6, 1, 8, 8), torch.arange(6)
class Two(nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(64, 10)
    def forward(self, image, size): return self.layer(image.flatten(1) * size[:, :1])
"""
THREE = ("variants.py:small", "variants.py:medium", "variants.py:a_wide_network_with_a_long_name")


@pytest.fixture
def variants(place):
    place.joinpath("variants.py").write_text(VARIANTS)
    place.joinpath("weights.safetensors").write_bytes(b"x")
    place.joinpath("mine").mkdir()
    place.joinpath("mine", "config.json").write_text("{}")
    return place


def test_three_variants_on_real_samples(cli, variants):
    result = cli("score", *THREE, "--data", "digits", "--proxies", "params,naswot,snip,random")
    assert result.status == 0
    lines = result.out.splitlines()
    text = " ".join(result.out.split())
    assert lines[0].startswith("3 models on 16 samples of digits (1x8x8).")
    for letter, name in zip("ABC", THREE, strict=True):
        assert f"{letter} = {name}" in text
    start = next(k for k, line in enumerate(lines) if line.startswith("proxy"))
    assert lines[start].split() == ["proxy", "better", "tau", "A", "B", "C"]
    assert lines[start + 1].split() == ["params", "higher", "0.44", "90", "(3)", "170", "(2)", "330", "(1)"]
    assert "Kendall's W" in text
    assert "two unrelated rankings of 3 agree completely in 1 of 6 cases" in text
    assert "Warning: the models differ mostly in size." in text
    assert "Believe most: naswot, mean tau 0.48 (0.18 to 0.74) on 8 benchmarks" in text
    assert "--seeds 3 measures it" in text


def test_names_are_whole_at_80_columns(cli, variants, monkeypatch):
    monkeypatch.setattr("zcbench.cli._shared._width", lambda usual: 80)
    result = cli("score", *THREE, "--data", "digits", "--proxies", "standard", "--seeds", 2)
    assert max(len(line.rstrip()) for line in result.out.splitlines()) <= 80
    text = " ".join(result.out.split())
    for name in (*THREE, "num_layers", "grad_norm", "gradsign"):
        assert name in text
    assert "…" not in result.out


def test_several_as_json(cli, variants):
    found = json.loads(cli("score", *THREE, "--data", "digits", "--proxies", "params,snip", "--seeds", 2, "--json").out)
    assert [one["name"] for one in found["models"]] == list(THREE)
    assert found["rankings"]["params"] == {"higher_is_better": True, "ranks": [3, 2, 1], "same_for_all_seeds": True}
    assert all(isinstance(row["value"], float) for row in found["scores"])
    assert found["believe"] in ("params", "snip")
    expected = zcbench.compare(list(THREE), "digits", ["params", "snip"], seeds=2)
    assert [row["value"] for row in found["scores"]] == [row["value"] for row in expected.rows()]


def test_files_of_a_comparison(cli, variants):
    for name in ("x.csv", "x.json", "x.md"):
        assert cli("score", *THREE[:2], "--data", "digits", "--proxies", "params", "--out", name).status == 0
        assert "variants.py:small" in variants.joinpath(name).read_text()


def test_a_failure_of_one_of_several_is_a_status(cli, variants):
    result = cli("score", "variants.py:few", "variants.py:small", "--data", "digits", "--proxies", "params")
    assert result.status == 1
    text = " ".join(result.out.split())
    assert "digits has 10 classes, and variants.py:few returns 3 outputs: build it with 10 classes" in text
    assert result.err.splitlines()[-1] == "zcbench: failed: params; the lines below the table say why."


def test_samples_of_a_function(cli, variants):
    found = json.loads(cli("score", THREE[0], "--data", "variants.py:batch", "--proxies", "snip", "--json").out)
    assert found["snip"]["status"] == "ok"
    spread = json.loads(
        cli("score", THREE[0], "--data", "variants.py:batch", "--proxies", "snip", "--seeds", 3, "--json").out
    )
    assert spread["snip"]["seeds"] == 3
    assert spread["snip"]["spread"] > 0


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("variants.py:smal",), "did you mean 'small'? It has net, small, medium"),
        (("variants.py",), "It has net, small, medium"),
        (("variants.py:net", "--data", "digits"), "It is called without arguments"),
        (("variants.py:few", "--data", "digits"), "digits has 10 classes, and variants.py:few returns 3 outputs"),
        (("variants.py:small", "--input", "3x8x8"), "choose samples with as many channels"),
        (("variants.py:small", "--data", "cifra10"), "did you mean 'cifar10'"),
        (
            ("variants.py:small", "--data", "cifar10"),
            "the images of cifar10 are not on this machine: run  zcbench data",
        ),
        (("variants.py:small", "--data", "absent.npz"), "there is no such file"),
        (("variants.py:small", "--data", "digits", "--input", "1x8x8"), "choose one"),
        (("variants.py:small", "--data", "digits", "--out", "x.txt"), "its name must end in .csv, .json, .md"),
        (("variants.py:small", "variants.py:small", "--data", "digits"), "is given twice"),
        (("variants.py:Two", "--input", "1x8x8"), "the network takes several inputs"),
        (("weights.safetensors",), "a file of weights holds no network"),
        (("hf:weights.safetensors",), "is a file of weights: give config.json"),
        (("mine/config.json",), "write hf:mine/config.json"),
        (("hf:mine",), "it must be an object with model_type"),
        (("resnet18",), "timm:NAME"),
        (("variants.py:small", "--data", "digits", "--seeds", 0), "choose at least 1"),
        (("variants.py:small", "--data", "digits", "--kind", "cnn"), "known: convolutional, transformer, recurrent"),
    ],
)
def test_typical_mistakes(cli, variants, monkeypatch, words, message):
    monkeypatch.setenv("HOME", str(variants))
    monkeypatch.setenv("HF_HOME", str(variants))
    result = cli("score", *words, "--proxies", "params")
    assert message in result.sentence
    assert result.status == 2
