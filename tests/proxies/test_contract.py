"""What holds of every proxy, on odd networks and batches and on models of other packages."""

import math

import pytest
import torch
from as_found import same, state
from hugging_face import HF, WORDS, built
from networks import zoo

import zcbench
from zcbench.proxies._score import CHANGED
from zcbench.testing import check_proxy
from zcbench.testing._zoo import oddities

EVERY = [n for n in zcbench.list_proxies() if {"any", "convolutional"} & set(zcbench.get_proxy(n).domains)]
SIZES = {"params", "flops", "az_complexity", "num_layers", "l2_norm", "random"}
LOSS = {"grad_norm", "grad_norm_all", "snip", "plain", "fisher", "grasp", "zico"}
SIGNS = {"gradsign", "gradsign_mean"}
KERNELS = {"ntk_mean", "ntk_trace", "ntk_norm"}
FLOW = {"synflow", "synflow_log", "logsynflow", "logsynflow_emq"}
CODES = {"naswot", "swap", "reg_swap", "linear_regions"}
BLOCKS = {"az_expressivity", "az_progressivity", "az_trainability"}
INPUTS = {"jacov", "epe_nas", "jacobian_cosine"}
ALIGNED = {"lga", "lga_classes"}
#: by oddity: who has no number, and which status instead
WITHOUT = {
    "dead network": {
        "unsupported": BLOCKS | CODES | {"meco", "zen"},  # nothing of the kind runs
        "non-finite": INPUTS
        | ALIGNED
        | {"ntk_cond", "synflow_log", "logsynflow_emq"},  # zeros to compare or take logs of
    },
    "non-differentiable operation": {"non-finite": INPUTS | {"ntk_cond", "logsynflow_emq"}},
    "module used twice": {},
    "batch of one": {
        "unsupported": {"jacov", "jacobian_cosine", "ntk_cond", "zico"},
        "non-finite": ALIGNED,
    },
    "one class only": {"non-finite": ALIGNED},
    "constant output": {
        "non-finite": INPUTS
        | ALIGNED
        | {"az_expressivity", "az_progressivity", "naswot", "ntk_cond", "synflow_log", "logsynflow_emq"},
    },
    "nan weights": {"non-finite": set(EVERY) - SIZES - {"zen"} | {"l2_norm"}},  # zen draws its own
    "all parameters frozen": {
        "unsupported": LOSS | SIGNS | KERNELS | FLOW | ALIGNED | {"ntk_cond", "num_layers", "l2_norm"}
    },
    "first layer frozen": {},
    "half precision": {},
    "no parameters": {
        "unsupported": set(EVERY) - {"params", "flops", "az_complexity", "random", "zen", *INPUTS},
        "non-finite": {"jacov", "epe_nas"},  # all samples have one gradient, a constant
    },
    "gigantic weights": {
        # Activations overflow; what is computed in float64 or from shapes does not.
        "non-finite": set(EVERY) - SIZES - FLOW - BLOCKS - {"zen", "meco", "ntk_mean"}
        | {"az_expressivity", "az_progressivity"},
    },
}


@pytest.fixture(scope="module")
def found():
    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # as in every test: sums are rounded alike
    scores = {what: zcbench.score(model, batch.inputs, batch.targets, EVERY) for what, model, batch in oddities()}
    torch.set_num_threads(threads)
    return scores


@pytest.mark.parametrize("what", WITHOUT)
def test_status(found, what):
    statuses = {name: str(score.status) for name, score in found[what].items()}
    expected = dict.fromkeys(EVERY, "ok")
    for status, names in WITHOUT[what].items():
        expected.update(dict.fromkeys(names, status))
    assert statuses == expected
    assert all(score.detail for score in found[what].values() if score.status != "ok")


def test_nothing_is_left_out(found):
    assert found.keys() == WITHOUT.keys()


@pytest.mark.parametrize("what", WITHOUT)
def test_alone_as_in_company(found, what):
    """On odd networks too, a score does not depend on which others are asked for."""
    for name in EVERY:
        (model, batch), *_ = [(m, b) for w, m, b in oddities() if w == what]
        alone = zcbench.score(model, batch.inputs, batch.targets, [name])[name]
        assert (alone.status, alone.value) == (found[what][name].status, found[what][name].value), name


def values(found, what):
    return {name: score.value for name, score in found[what].items()}


def test_values_that_can_be_said_in_advance(found):
    dead = values(found, "dead network")
    for name in ("grad_norm", "snip", "plain", "grasp", "synflow", "logsynflow", "zico"):
        assert dead[name] == 0, name
    # Only the five biases of the classifier learn: two samples of ten want each up, eight want it down.
    assert dead["gradsign"] == 5 * 6
    assert dead["ntk_mean"] == 5
    constant = values(found, "constant output")
    assert (constant["swap"], constant["linear_regions"], constant["l2_norm"]) == (1, 1, 0)
    one = values(found, "batch of one")
    assert (one["linear_regions"], one["swap"]) == (1, 2)
    huge = values(found, "gigantic weights")
    assert 1e50 < huge["synflow"] < 1e52
    half, full = values(found, "half precision"), values(found, "one class only")
    for name in ("synflow_log", "naswot", "jacov", "ntk_cond"):  # the same network, labels aside
        assert half[name] == pytest.approx(full[name], rel=0.01)
    frozen, free = values(found, "first layer frozen"), values(found, "one class only")
    assert frozen["params"] == free["params"] - 8 * 3 * 9
    assert frozen["naswot"] == free["naswot"]


@pytest.mark.parametrize("name", ["resnet10t", "vit_tiny_patch16_224", "mobilenetv3_small_050", "convnext_atto"])
def test_models_get_a_score_or_a_reason(name):
    timm = pytest.importorskip("timm", exc_type=ImportError)
    torch.manual_seed(0)
    model = timm.create_model(name, num_classes=3, **({"img_size": 64} if "vit" in name else {}))
    inputs, targets = torch.randn(6, 3, 64, 64), torch.arange(6) % 3
    for label, score in zcbench.score(model, inputs, targets, "all").items():
        assert score.status in ("ok", "unsupported", "non-finite"), f"{label}: {score.detail}"
        if "any" in zcbench.get_proxy(label).domains:
            assert score.status != "unsupported", f"{label}: {score.detail}"


@pytest.mark.parametrize("name", HF)
def test_hugging_face_models_get_a_score_or_a_reason(name):
    model, inputs, targets = built(name)
    before = {key: tensor.clone() for key, tensor in model.state_dict().items()}
    domain = "transformer" if name in WORDS else "convolutional"
    found = zcbench.score(model, inputs, targets, "all")
    for label, score in found.items():
        info = zcbench.get_proxy(label)
        assert score.status in ("ok", "unsupported", "non-finite"), f"{label}: {score.detail}"
        assert score.value is not None or score.detail
        if "any" in info.domains and score.status == "unsupported":
            # Classes of words; batch norm over 1 x 1 maps.
            assert "per sample" in score.detail or "one sample" in score.detail, f"{label}: {score.detail}"
    missing = {
        label
        for label, score in found.items()
        if domain in zcbench.get_proxy(label).domains and score.status == "unsupported"
    }
    excused = {
        "bert": {"synflow", "synflow_log", "logsynflow", "logsynflow_emq", "dss"},  # integers
        "gpt2": {"synflow", "synflow_log", "logsynflow", "logsynflow_emq", "dss"},
        "llama": {"synflow", "synflow_log", "logsynflow", "logsynflow_emq", "dss"},
        "swin": {"az_trainability"},  # merges positions
        "convnext": {"naswot", "swap", "reg_swap", "linear_regions"},  # GELU
    }
    assert missing <= excused.get(name, set())
    after = model.state_dict()
    assert all(torch.equal(before[key], after[key]) for key in before)


@pytest.mark.parametrize("name", zoo())
def test_every_proxy_on_every_odd_network(name):
    model, inputs, targets = zoo()[name]
    before, rng = state(model), torch.get_rng_state()
    first = zcbench.score(model, inputs, targets, "all")
    assert same(before, state(model))
    assert torch.equal(rng, torch.get_rng_state())
    second = zcbench.score(model, inputs, targets, "all")
    assert sorted(first) == zcbench.list_proxies()
    for key, score in first.items():
        assert score.status in ("ok", "unsupported", "non-finite"), (key, score.detail)
        assert (score.value is not None) == (score.status == "ok") == math.isfinite(float(score))
        assert bool(score.detail) == (score.status != "ok")
        assert CHANGED not in score.detail, key
        assert score.seconds >= 0
        assert second[key].value == score.value


@pytest.mark.parametrize("name", zcbench.list_proxies())
def test_every_registered_proxy_keeps_the_contract(name):
    report = check_proxy(name)
    assert report.ok, str(report)
