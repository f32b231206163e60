"""Roles of layers, attention, and the transformer scores by slow arithmetic; the zoo and Hugging Face's models."""

import math

import numpy as np
import pytest
import torch
from networks import convnet, images, mlp
from torch import nn
from torch.nn import functional as F

import zcbench
from zcbench._roles import Role
from zcbench.probe import Probe
from zcbench.testing._zoo import Encoder, VisionTransformer, specimens
from zcbench.types import Batch

TOKENS = torch.randint(1, 17, (5, 6), generator=torch.Generator().manual_seed(0))
LABELS = torch.arange(5)


def make(**options):
    torch.manual_seed(0)
    return Encoder(**options)


def value(name: str, model: nn.Module, inputs, targets=None, **options) -> float:
    (result,) = zcbench.score(model, inputs, targets, [name], **options).values()
    assert result.status == "ok", result.detail
    return float(result)


def roles(model, inputs):
    with Probe(model, Batch(inputs)) as probe:
        return probe.roles


# -- roles -------------------------------------------------------------------------------------


@pytest.mark.parametrize("fused", [True, False])
def test_roles_of_a_written_out_encoder(fused):
    expected = {}
    for i in range(2):
        for layer in ("query", "key", "value", "out"):
            expected[f"layers.{i}.attention.{layer}.weight"] = Role.ATTENTION
        expected[f"layers.{i}.up.weight"] = Role.FFN_IN
        expected[f"layers.{i}.down.weight"] = Role.FFN_OUT
    assert roles(make(fused=fused), TOKENS) == expected


def test_roles_of_torch_s_own_encoder():
    found = roles(VisionTransformer(), images()[0])
    for i in range(2):
        prefix = f"encoder.layers.{i}."
        assert found[prefix + "self_attn.in_proj_weight"] == Role.ATTENTION
        assert found[prefix + "self_attn.out_proj.weight"] == Role.ATTENTION
        assert found[prefix + "linear1.weight"] == Role.FFN_IN
        assert found[prefix + "linear2.weight"] == Role.FFN_OUT
    assert len(found) == 8


def test_a_classifier_is_no_feed_forward_block():
    (result,) = zcbench.score(mlp(), torch.randn(4, 4), proxies=["v_pca"]).values()
    assert (result.status, result.detail) == (
        "unsupported",
        "no linear layer feeds attention or a feed-forward block.",
    )
    assert all(s.status == "unsupported" for s in zcbench.score(convnet(), images()[0], proxies=["head_*"]).values())


class Gated(nn.Module):
    """A gated feed-forward block, as in LLaMA: both halves of it go in, one comes out."""

    def __init__(self):
        super().__init__()
        self.gate, self.up, self.down = nn.Linear(6, 10), nn.Linear(6, 10), nn.Linear(10, 6)

    def forward(self, x):
        return x + self.down(F.silu(self.gate(x)) * self.up(x))


def test_a_gated_block():
    found = roles(nn.Sequential(Gated(), nn.LayerNorm(6), nn.Linear(6, 3)), torch.randn(4, 5, 6))
    assert found["0.gate.weight"] == Role.FFN_IN
    assert found["0.down.weight"] == Role.FFN_OUT


# -- Hugging Face ------------------------------------------------------------------------------


def hugging_face():
    """Tiny models from configurations alone; nothing is downloaded."""
    transformers = pytest.importorskip("transformers", reason="needs the extra zcbench[hf]")
    t = transformers
    words = {"vocab_size": 50, "hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2}
    bert = {**words, "intermediate_size": 32, "max_position_embeddings": 16, "num_labels": 3}
    image = {"image_size": 32, "num_channels": 3}
    labels3 = {"num_labels": 3}
    tokens = torch.randint(1, 50, (6, 8), generator=torch.Generator().manual_seed(0))
    pixels = images(batch=6, size=32, classes=3)[0]
    return {
        "bert": (t.BertForSequenceClassification, t.BertConfig(**bert), {"input_ids": tokens}),
        "gpt2": (
            t.GPT2LMHeadModel,
            t.GPT2Config(vocab_size=50, n_positions=16, n_embd=16, n_layer=2, n_head=2),
            {"input_ids": tokens},
        ),
        "llama": (
            t.LlamaForCausalLM,
            t.LlamaConfig(**words, intermediate_size=32, max_position_embeddings=16),
            {"input_ids": tokens},
        ),
        "vit": (
            t.ViTForImageClassification,
            t.ViTConfig(
                hidden_size=16, num_hidden_layers=2, num_attention_heads=2, intermediate_size=32, patch_size=8,
                **image, **labels3,
            ),
            {"pixel_values": pixels},
        ),
        "swin": (
            t.SwinForImageClassification,
            t.SwinConfig(embed_dim=8, depths=[1, 1], num_heads=[2, 2], window_size=4, patch_size=4, **image, **labels3),
            {"pixel_values": pixels},
        ),
        "resnet": (
            t.ResNetForImageClassification,
            t.ResNetConfig(embedding_size=8, hidden_sizes=[8, 16], depths=[1, 2], layer_type="basic", **labels3),
            {"pixel_values": pixels},
        ),
        "convnext": (
            t.ConvNextForImageClassification,
            t.ConvNextConfig(hidden_sizes=[8, 16], depths=[1, 1], num_stages=2, patch_size=4, **labels3),
            {"pixel_values": pixels},
        ),
        "regnet": (
            t.RegNetForImageClassification,
            t.RegNetConfig(embedding_size=8, hidden_sizes=[8, 16], depths=[1, 1], groups_width=4, **labels3),
            {"pixel_values": pixels},
        ),
        "mobilenet": (
            t.MobileNetV2ForImageClassification,
            t.MobileNetV2Config(depth_multiplier=0.35, image_size=32, **labels3),
            {"pixel_values": pixels},
        ),
    }  # fmt: skip


HF = ["bert", "gpt2", "llama", "vit", "swin", "resnet", "convnext", "regnet", "mobilenet"]
WORDS, VISION = {"bert", "gpt2", "llama", "vit", "swin"}, {"resnet", "convnext", "regnet", "mobilenet"}


def built(name):
    kind, config, inputs = hugging_face()[name]
    torch.manual_seed(0)
    model = kind(config)
    causal = name in ("gpt2", "llama")
    targets = inputs["input_ids"] if causal else torch.arange(6) % 3
    return model, inputs, targets


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


@pytest.mark.parametrize("name", ["bert", "gpt2", "llama", "vit", "swin"])
def test_roles_of_hugging_face_models(name):
    model, inputs, _ = built(name)
    found = roles(model, inputs)
    linear = [key for key in found if found[key] == Role.ATTENTION]
    names = {"bert": ("attention",), "gpt2": ("attn",), "llama": ("self_attn",), "vit": ("attention",)}
    names["swin"] = ("attention",)
    assert linear
    assert all(any(part in key for part in names[name]) for key in linear), found
    blocks = {"bert": 2, "gpt2": 2, "llama": 2, "vit": 2, "swin": 2}[name]
    ins = [key for key, role in found.items() if role == Role.FFN_IN]
    outs = [key for key, role in found.items() if role == Role.FFN_OUT]
    assert len(outs) == blocks
    assert len(ins) in (blocks, 2 * blocks)  # gated blocks have two
    assert not any("attention.output" in key or "classifier" in key for key in ins + outs)


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


def row_tops(gradients, at):
    """The largest gradient in each row of an array; for a vector, in it and in the arrays near it."""
    gradient = gradients[at]
    if gradient.numel() > max(gradient.shape):
        return gradient.abs().flatten(1).amax(1).view(-1, *[1] * (gradient.dim() - 1))
    return max(other.abs().max() for other in gradients[max(0, at - 4) : at + 5])


@pytest.mark.parametrize("name", ["bert", "gpt2", "vit"])
def test_gradsign_of_hugging_face_models_is_the_loop_s(name):
    model, inputs, targets = built(name)
    found = value("gradsign", model, inputs, targets)
    model.double().eval()
    totals, flips = [torch.zeros_like(p, requires_grad=False) for p in model.parameters()], 0
    for i in range(6):
        logits = model(**{key: tensor[i : i + 1] for key, tensor in inputs.items()}).logits
        loss = F.cross_entropy(logits.flatten(0, -2), targets[i : i + 1].flatten())
        gradients = torch.autograd.grad(loss, list(model.parameters()), materialize_grads=True)
        for at, gradient in enumerate(gradients):
            top = row_tops(gradients, at)
            totals[at] = totals[at] + gradient.sign() * (gradient.abs() > 1e-4 * top)
            # What float32 may take for more or less than the threshold.
            flips += int(((gradient.abs() - 1e-4 * top).abs() < 2**-20 * top).sum())
    expected = float(sum(total.abs().sum() for total in totals))
    assert flips < 1e-3 * expected
    assert abs(found - expected) <= 2 * flips


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
    from zcbench._watchers import _probabilities

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
