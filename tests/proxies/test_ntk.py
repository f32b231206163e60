"""The tangent kernel against a Jacobian built row by row, in every batch-norm mode, and every score read off it."""

import numpy as np
import pytest
import torch
from networks import convnet, images, mlp, zoo
from torch import nn

import zcbench
from zcbench.errors import InvalidInputError
from zcbench.probe import Probe, as_tensor, invoke
from zcbench.probe.per_sample import _collector, _gradients, _kernel
from zcbench.testing._zoo import Attention, specimens
from zcbench.types import Batch

ZOO = {**zoo(), **{s.name: (s.make(), s.batch.inputs, s.batch.targets) for s in specimens()}}


def jacobian(model: nn.Module, inputs, batch_norm: str) -> np.ndarray:
    """Row i: gradient of sample i's summed outputs by all trainable parameters, in float64."""
    model = model.double().eval()
    norms = [m for m in model.modules() if isinstance(m, nn.modules.batchnorm._BatchNorm)]
    for norm in norms:
        norm.training = batch_norm != "eval"
    batch = Batch(inputs)
    batch = Batch(batch.map(lambda t: t.double() if t.is_floating_point() else t))
    rows = []
    parameters = [p for p in model.parameters() if p.requires_grad]
    for i in range(len(batch)):
        if batch_norm == "per-sample":
            outputs = as_tensor(invoke(model, batch[i : i + 1].inputs)).sum()
        else:
            outputs = as_tensor(invoke(model, batch.inputs))[i].sum()
        if outputs.requires_grad:
            found = torch.autograd.grad(outputs, parameters, allow_unused=True)
        else:
            found = [None] * len(parameters)
        rows.append(
            np.concatenate(
                [
                    np.zeros(p.numel()) if g is None else g.flatten().numpy()
                    for p, g in zip(parameters, found, strict=True)
                ]
            )
        )
    return np.stack(rows)


def kernel(model, inputs, batch_norm, samples=0):
    with Probe(model, Batch(inputs)) as probe:
        return probe.tangent_kernel(batch_norm, samples).numpy()


@pytest.mark.parametrize("batch_norm", ["train", "eval", "per-sample"])
@pytest.mark.parametrize("name", ZOO)
def test_kernel_is_the_jacobian_times_itself(name, batch_norm):
    model, inputs, _ = ZOO[name]
    if name == "no running statistics" and batch_norm == "eval":
        pytest.skip("such a batch norm has no eval mode")
    if batch_norm == "eval":
        for module in model.modules():
            if isinstance(module, nn.BatchNorm2d) and module.running_var is not None:
                nn.init.uniform_(module.running_var, 0.5, 2.0, generator=torch.Generator().manual_seed(0))
                nn.init.uniform_(module.running_mean, -0.5, 0.5, generator=torch.Generator().manual_seed(1))
    found = kernel(model, inputs, batch_norm)
    rows = jacobian(model, inputs, batch_norm)
    expected = rows @ rows.T
    model.float()
    np.testing.assert_allclose(found, expected, rtol=2e-3, atol=2e-4 * max(1e-9, abs(expected).max()))


@pytest.mark.parametrize("width", [1, 3, 500])
def test_every_way_to_sum_up_a_layer(width, monkeypatch):
    """Pairs of positions, gradients, gradients by slices of channels: one kernel."""
    model = nn.Sequential(nn.Linear(6, width), Attention(width, 1, fused=False), nn.Linear(width, 4))
    inputs = torch.randn(5, 7, 6, generator=torch.Generator().manual_seed(0))
    rows = jacobian(model, inputs, "eval")
    model.float()
    ways = {"pairs": lambda *_: True, "gradients": lambda *_: False}
    for way in ways.values():
        for chunk in (100, 4_000_000):
            monkeypatch.setattr(_kernel, "_pairs_are_cheaper", way)
            monkeypatch.setattr(_collector, "_CHUNK", chunk)
            monkeypatch.setattr(_kernel, "_LARGEST", chunk)
            np.testing.assert_allclose(kernel(model, inputs, "eval"), rows @ rows.T, rtol=1e-4)


def test_one_sample_at_a_time_is_the_same(monkeypatch):
    model, (inputs, _) = convnet(), images()
    fast = kernel(model, inputs, "per-sample")
    monkeypatch.setattr(_gradients, "is_covered", lambda _: False)
    np.testing.assert_allclose(kernel(model, inputs, "per-sample"), fast, rtol=1e-4)


def test_part_of_the_batch():
    model, (inputs, _) = convnet(), images()
    np.testing.assert_allclose(kernel(model, inputs, "train", 3), kernel(model, inputs[:3], "train"))
    np.testing.assert_allclose(kernel(model, inputs, "train", 99), kernel(model, inputs, "train"))


def scores(model, inputs, labels, *names):
    return zcbench.score(model, inputs, labels, names)


@pytest.mark.parametrize("batch_norm", ["train", "eval", "per-sample"])
def test_scores(batch_norm):
    inputs, labels = images()
    rows = jacobian(convnet(), inputs, batch_norm)
    k = rows @ rows.T
    names = [f"{name}:batch_norm={batch_norm}" for name in ("ntk_cond", "ntk_trace", "ntk_norm", "lga")]
    cond, trace, norm, lga = (float(s) for s in scores(convnet(), inputs, labels, *names).values())
    assert cond == pytest.approx(np.linalg.cond(k), rel=1e-2)
    assert trace == pytest.approx((sum(k[i, i] for i in range(8)) / 8) ** 0.5, rel=1e-4)
    assert norm == pytest.approx((k**2).sum() ** 0.5, rel=1e-4)
    ell = np.array([[1.0 if a == b else -1.0 for a in labels] for b in labels])
    a, b = k - k.mean(), ell - ell.mean()
    assert lga == pytest.approx((a * b).sum() / np.sqrt((a**2).sum() * (b**2).sum()), abs=1e-4)
    assert -1 <= lga <= 1


def test_mean_and_class_means_take_one_pass_per_class():
    inputs, labels = images()
    rows = jacobian(convnet(), inputs, "train")
    k = rows @ rows.T
    found = scores(convnet(), inputs, labels, "ntk_mean", "lga_classes")
    assert float(found["ntk_mean"]) == pytest.approx(k.mean(), rel=1e-4)
    present = sorted(set(labels.tolist()))
    means = np.array(
        [[np.mean([k[i, j] for i in range(8) for j in range(8) if labels[i] == a and labels[j] == b])
          for a in present] for b in present]
    )  # fmt: skip
    with Probe(convnet(), Batch(inputs, labels)) as probe:
        np.testing.assert_allclose(probe.class_kernel.numpy(), means, rtol=1e-3, atol=1e-4)
    ell = 2 * np.eye(len(present)) - 1
    a, b = means - means.mean(), ell - ell.mean()
    assert float(found["lga_classes"]) == pytest.approx((a * b).sum() / np.sqrt((a**2).sum() * (b**2).sum()), abs=1e-3)


def test_alignment_at_its_ends():
    from zcbench.proxies.ntk import alignment

    same = torch.tensor([[True, False], [False, True]])
    assert alignment(same.double() * 5 + 3, same) == pytest.approx(1)
    assert alignment(-same.double(), same) == pytest.approx(-1)
    assert np.isnan(alignment(torch.ones(2, 2, dtype=torch.float64), same))


def test_what_has_no_score_says_why():
    inputs, labels = images()
    one_class = scores(convnet(), inputs, torch.zeros_like(labels), "lga", "lga_classes")
    assert {s.status for s in one_class.values()} == {"non-finite"}
    single = scores(convnet(), inputs[:1], labels[:1], "ntk_cond", "ntk_mean", "ntk_trace")
    assert [s.status for s in single.values()] == ["unsupported", "ok", "ok"]
    twins = scores(convnet(), inputs[:1].repeat(2, 1, 1, 1), labels[:2], "ntk_cond:batch_norm=eval")
    assert [(s.status, s.value) for s in twins.values()] == [("non-finite", None)]
    wrong = scores(convnet(), inputs, labels, "ntk_trace:batch_norm=off")["ntk_trace:batch_norm=off"]
    assert wrong.status == "failed"
    assert "choose train, eval or per-sample" in wrong.detail
    words = scores(mlp(), torch.randn(8, 4), torch.randn(8, 3), "lga")["lga"]
    assert (words.status, words.detail) == ("unsupported", "this proxy needs one class per sample as targets.")
    with Probe(convnet(), Batch(inputs)) as probe, pytest.raises(InvalidInputError, match="choose train"):
        probe.tangent_kernel("off")


def test_a_little_training_aligns_the_kernel_with_the_labels():
    """Mok et al.'s point, on a toy: gradients within a class become alike."""
    generator = torch.Generator().manual_seed(0)
    labels = torch.arange(40) % 2
    inputs = torch.randn(40, 6, generator=generator) + 2 * labels[:, None]
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(6, 16), nn.Tanh(), nn.Linear(16, 2))
    found = zcbench.score(model, inputs, labels, ["lga", "lga:steps=60"])
    assert float(found["lga:steps=60"]) > float(found["lga"]) + 0.02
