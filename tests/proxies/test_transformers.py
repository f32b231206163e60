"""Transformer scores and attention by slow arithmetic; the zoo and Hugging Face's models."""

import itertools
import math

import numpy as np
import pytest
import torch
from by_hand import value
from hugging_face import hugging_face
from networks import convnet, images
from torch import nn
from torch.nn import functional as F

import zcbench
from zcbench.probe import Probe
from zcbench.testing._zoo import Encoder, VisionTransformer, specimens
from zcbench.types import Batch

TOKENS = torch.randint(1, 17, (5, 6), generator=torch.Generator().manual_seed(0))


def make(**options):
    torch.manual_seed(0)
    return Encoder(**options)


# -- Hugging Face ------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["bert", "gpt2", "vit"])
def test_eager_and_fused_attention_score_alike(name):
    kind, config, inputs = hugging_face()[name]
    found = []
    for implementation in ("eager", "sdpa"):
        config._attn_implementation = implementation
        torch.manual_seed(0)
        model = kind(config)
        found.append([value(p, model, inputs) for p in ("head_confidence", "softmax_confidence")])
    assert found[0] == pytest.approx(found[1], rel=1e-4)


def test_a_model_without_a_head():
    transformers = pytest.importorskip("transformers", reason="needs the extra zcbench[hf]")
    _, config, inputs = hugging_face()["bert"]
    model = transformers.BertModel(config)
    assert value("synaptic_diversity", model, inputs) > 0


# -- scores ------------------------------------------------------------------------------------


def trace(model, inputs):
    """Forward pass written out: pre-activations, attention probabilities, heads, by layer."""
    model.eval()
    x = model.words(inputs) + model.places(torch.arange(inputs.shape[1]))
    hidden, probabilities, heads = [], [], []
    for layer in model.layers:
        attention = layer["attention"]
        h = layer["norm1"](x)
        q, k, v = (
            getattr(attention, part)(h).unflatten(2, (4, 4)).transpose(1, 2) for part in ("query", "key", "value")
        )
        p = torch.softmax(q @ k.transpose(2, 3) / 2.0, -1)
        probabilities.append(p)
        heads.append(p @ v)
        x = x + attention.out((p @ v).transpose(1, 2).flatten(2))
        up = layer["up"](layer["norm2"](x))
        hidden.append(up)
        x = x + layer["down"](F.gelu(up))
    return model.head(x.mean(1)), hidden, probabilities, heads


@pytest.mark.parametrize("eta", [0.99, 0.9])
def test_principal_components(eta):
    model = make()
    _, hidden, _, _ = trace(model, TOKENS)
    expected = 0
    for h in hidden:
        rows = h.detach().flatten(0, 1).double().numpy()
        variances = sorted(np.linalg.eigvals(np.cov(rows, rowvar=False)).real, reverse=True)
        total, count = 0.0, 0
        while total < eta * sum(variances) - 1e-12:
            total += variances[count]
            count += 1
        expected += count
    assert value(f"v_pca:eta={eta}", model, TOKENS) == expected
    assert value(f"w_pca:eta={eta}", model, TOKENS) == expected * value("params", model, TOKENS)


@pytest.mark.parametrize("fused", [True, False])
def test_confidences(fused):
    model = make(fused=fused)
    _, _, probabilities, heads = trace(model, TOKENS)
    for name, tensors in (("head_confidence", heads), ("softmax_confidence", probabilities)):
        total = sum(np.mean([abs(float(t[n, h].detach().max())) for n in range(5)]) for t in tensors for h in range(4))
        assert value(name, model, TOKENS) == pytest.approx(total, rel=1e-5)
        assert value(f"{name}:normalized=true", model, TOKENS) == pytest.approx(total / 8, rel=1e-5)


def test_masked_and_causal_attention_is_what_torch_computes():
    from zcbench.probe.signals.attention import _probabilities

    q, k, v = torch.randn(3, 2, 4, 5, 6, generator=torch.Generator().manual_seed(0)).unbind(0)
    mask = torch.rand(5, 5, generator=torch.Generator().manual_seed(1)) > 0.3
    mask |= torch.eye(5, dtype=torch.bool)
    for options in ({}, {"is_causal": True}, {"attn_mask": mask}, {"attn_mask": mask.float()}, {"scale": 0.7}):
        expected = F.scaled_dot_product_attention(q, k, v, **options)
        torch.testing.assert_close(_probabilities(q, k, v, **options) @ v, expected)
    few = k[:, :2], v[:, :2]
    grouped = F.scaled_dot_product_attention(q, *few, enable_gqa=True)
    torch.testing.assert_close(_probabilities(q, *few, enable_gqa=True) @ few[1].repeat_interleave(2, 1), grouped)


def test_saliency_importance_and_diversity():
    model = make()
    outputs, *_ = trace(model, TOKENS)
    outputs.sum().backward()
    saliency, importance, diversity = 0.0, 0.0, 0.0
    for layer in model.layers:
        for part in (layer["up"], layer["down"]):
            pairs = zip(part.weight.flatten().tolist(), part.weight.grad.flatten().tolist(), strict=True)
            saliency += sum(abs(w * g) for w, g in pairs)
        attention = layer["attention"]
        for part in (attention.query, attention.key, attention.value, attention.out):
            w, g = part.weight.detach().double().numpy(), part.weight.grad.double().numpy()
            importance += float(np.abs(w * g).sum())
            diversity += float(np.linalg.norm(w, "nuc") * np.linalg.norm(g, "nuc"))
    model.zero_grad()
    assert value("synaptic_saliency", model, TOKENS) == pytest.approx(saliency, rel=1e-4)
    assert value("head_importance", model, TOKENS) == pytest.approx(importance, rel=1e-4)
    assert value("synaptic_diversity", model, TOKENS) == pytest.approx(diversity, rel=1e-4)
    assert value("synaptic_saliency:normalized=true", model, TOKENS) == pytest.approx(saliency / 4, rel=1e-4)
    assert value("head_importance:normalized=true", model, TOKENS) == pytest.approx(importance / 8, rel=1e-4)
    assert value("synaptic_diversity:normalized=true", model, TOKENS) == pytest.approx(diversity / 8, rel=1e-4)


def test_activation_distance():
    model = make()
    _, hidden, _, _ = trace(model, TOKENS)
    total = 0
    for h in hidden:
        codes = (h.flatten(1) > 0).tolist()
        total += sum(a == b for one in codes for other in codes for a, b in zip(one, other, strict=True))
    assert value("activation_distance", model, TOKENS) == total
    assert value("activation_distance:normalized=true", model, TOKENS) == total / 2


def test_jacobians_of_words_are_those_of_their_embeddings():
    model = make()
    with Probe(model, Batch(TOKENS)) as probe:
        found = probe.input_gradients
    model.eval()
    embedded = model.words(TOKENS).detach().requires_grad_()
    model.words.forward = lambda _: embedded
    (expected,) = torch.autograd.grad(model(TOKENS).sum(), embedded)
    torch.testing.assert_close(found, expected.flatten(1))
    del model.words.forward
    model.words.weight.requires_grad_(False)
    with Probe(model, Batch(TOKENS)) as probe:
        torch.testing.assert_close(probe.input_gradients, expected.flatten(1))


def test_both_gradients_of_the_outputs_come_from_one_pass():
    alone, together = [], {}
    for name in ("jacobian_cosine", "synaptic_saliency", "ntk_mean"):
        alone.append(value(name, make(), TOKENS))
    together = zcbench.score(make(), TOKENS, proxies=["jacobian_cosine", "synaptic_saliency", "ntk_mean"])
    assert [float(s) for s in together.values()] == alone


def test_dss():
    model = VisionTransformer().double()
    with torch.no_grad():
        for p in model.parameters():
            p.abs_()
    model.eval()
    model(torch.ones(1, 3, 8, 8, dtype=torch.float64)).sum().backward()
    expected = 0.0
    for name, p in model.named_parameters():
        if p.dim() == 2 and "weight" in name:
            w, g = p.detach().numpy(), p.grad.numpy()
            if "self_attn" in name:
                expected += np.linalg.norm(w, "nuc") * np.linalg.norm(g, "nuc")
            else:
                expected += np.abs(w * g).sum()
    assert value("dss", model, images()[0].double()) == pytest.approx(float(expected), rel=1e-9)


def test_every_transformer_score_is_finite_on_every_transformer_of_the_zoo():
    names = [n for n in zcbench.list_proxies() if zcbench.get_proxy(n).domains == ("transformer",)]
    assert {"w_pca", "v_pca", "dss", "head_confidence"} <= set(names)
    for specimen in specimens():
        if specimen.domain == "transformer":
            for name, score in zcbench.score(specimen.make(), specimen.batch.inputs, proxies=names).items():
                words = not specimen.batch.inputs.is_floating_point()
                assert math.isfinite(float(score)) or (name == "dss" and words), f"{specimen.name}, {name}: {score}"


def test_jacobian_cosine():
    model, (x, _) = convnet(), images()
    leaf = x.clone().requires_grad_()
    model(leaf).sum().backward()
    rows = leaf.grad.flatten(1).double().numpy()
    total = 0.0
    for i, j in itertools.permutations(range(8), 2):
        cos = rows[i] @ rows[j] / math.sqrt((rows[i] @ rows[i]) * (rows[j] @ rows[j]))
        total += abs(cos) ** (1 / 20)
    assert value("jacobian_cosine", convnet(), x) == pytest.approx(1 - total / 56, rel=1e-4)


def test_one_value_per_channel_has_no_batch_norm_in_train_mode():
    class Pooled(nn.Module):
        def __init__(self):
            super().__init__()
            torch.manual_seed(0)
            self.norm = nn.BatchNorm1d(8)
            self.attention, self.head = nn.MultiheadAttention(8, 2, batch_first=True), nn.Linear(8, 3)

        def forward(self, x):
            return self.head(self.norm(self.attention(x, x, x)[0].mean(1)))

    score = zcbench.score(Pooled(), torch.randn(6, 4, 8), proxies=["dss"])["dss"]
    assert (score.status, "single value for each channel" in score.detail) == ("unsupported", True)


def test_weights_with_an_axis_of_heads_are_one_matrix():
    """As XLNet's (width, heads, width of a head)."""

    class Heads(nn.Module):
        def __init__(self, *, stacked):
            super().__init__()
            torch.manual_seed(0)
            made = [torch.randn(8, 2, 4) for _ in range(3)]
            self.stacked = stacked
            self.q, self.k, self.v = (nn.Parameter(w if stacked else w.flatten(1)) for w in made)
            self.head = nn.Linear(8, 3)

        def forward(self, x):
            q, k, v = (
                (torch.einsum("bld,dhe->bhle", x, w) if self.stacked else (x @ w).unflatten(-1, (2, 4)).transpose(1, 2))
                for w in (self.q, self.k, self.v)
            )
            y = (q @ k.transpose(-1, -2)).softmax(-1) @ v
            return self.head(y.transpose(1, 2).flatten(2).mean(1))

    x = torch.randn(6, 4, 8, generator=torch.Generator().manual_seed(0))
    names = ["synaptic_diversity", "head_importance"]
    found, expected = (zcbench.score(Heads(stacked=stacked), x, proxies=names) for stacked in (True, False))
    for name in names:
        assert found[name].value == pytest.approx(expected[name].value, rel=1e-5)
