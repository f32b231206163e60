"""Tiny models of Hugging Face from configurations alone."""

from __future__ import annotations

import pytest
import torch
from networks import images


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
