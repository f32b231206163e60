"""Small networks of many families: of transformers from configurations, and of timm by name.

Nothing is downloaded. ``tools/sweep_families.py`` scores all of them.
"""

from __future__ import annotations

import inspect
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from zcbench._torchvision import torchvision_importable

if TYPE_CHECKING:
    from torch import Tensor, nn

#: settings that make any configuration of transformers small, by all names that its classes use for them
TINY: dict[str, object] = {
    **dict.fromkeys(
        ("hidden_size", "n_embd", "d_model", "embedding_size", "dim", "emb_dim", "word_embed_proj_dim"), 16
    ),
    **dict.fromkeys(("num_hidden_layers", "n_layer", "encoder_layers", "decoder_layers", "num_layers", "n_layers"), 2),
    **dict.fromkeys(
        ("num_attention_heads", "num_key_value_heads", "n_head", "encoder_attention_heads", "decoder_attention_heads"),
        2,
    ),
    **dict.fromkeys(("num_heads", "n_heads"), 2),
    **dict.fromkeys(
        ("intermediate_size", "encoder_ffn_dim", "decoder_ffn_dim", "ffn_dim", "d_ff", "hidden_dim", "image_size"), 32
    ),
    **dict.fromkeys(
        ("max_position_embeddings", "n_positions", "n_ctx", "max_source_positions", "max_target_positions"), 32
    ),
    **dict.fromkeys(
        ("head_dim", "d_kv", "kv_lora_rank", "q_lora_rank", "qk_rope_head_dim", "qk_nope_head_dim", "v_head_dim"), 8
    ),
    **dict.fromkeys(("moe_intermediate_size", "shared_expert_intermediate_size", "encoder_hidden_size"), 16),
    **dict.fromkeys(
        ("num_experts", "num_local_experts", "n_routed_experts", "state_size", "rotary_dim", "attention_window"), 4
    ),
    **dict.fromkeys(("n_group", "topk_group", "bos_token_id"), 1),
    **{"vocab_size": 50, "patch_size": 8, "num_experts_per_tok": 2, "trigram_input": False},
    **{"pad_token_id": 0, "eos_token_id": 2, "decoder_start_token_id": 2},
}


def _words(text: str) -> list[str]:
    return text.split()


#: encoders with a class for each text
CLASSIFIERS = _words("""
    albert bert big_bird camembert canine convbert data2vec-text deberta deberta-v2 distilbert electra ernie esm
    eurobert fnet flaubert funnel gte ibert jina_embeddings_v3 layoutlm longformer megatron-bert mobilebert
    modernbert mpnet mra nomic_bert nystromformer rembert roberta roberta-prelayernorm roformer squeezebert tapas
    xlm xlm-roberta xlm-roberta-xl xlnet yoso
""")
#: decoders with the next word as target
DECODERS = _words("""
    afmoe apertus arcee aria_text bart bert-generation bigbird_pegasus biogpt bitnet blenderbot bloom cohere
    cohere2 ctrl deepseek_v2 deepseek_v3 diffllama doge ernie4_5 ernie4_5_moe exaone4 falcon falcon_mamba
    flex_olmo gemma gemma2 gemma3_text glm glm4 glm4_moe gpt2 gpt_bigcode gpt_neox gpt_oss gptj granite granitemoe
    helium hunyuan_v1_dense hunyuan_v1_moe jetmoe lfm2 llama llama4_text mamba marian mbart minicpm3 minimax
    ministral mistral mixtral modernbert-decoder moshi mpt mvp nanochat nemotron olmo olmo2 olmo3 olmoe openai-gpt
    opt pegasus persimmon phi phi3 phimoe plbart prophetnet qwen2 qwen2_moe qwen3 qwen3_moe rwkv seed_oss smollm3
    stablelm starcoder2 trocr vaultgemma whisper xglm
""")
#: models of an encoder and a decoder
TRANSLATORS = _words("bart bigbird_pegasus blenderbot blenderbot-small mbart marian pegasus prophetnet")
_TWO = {"hidden_sizes": [8, 16], "depths": [1, 1]}
_STEPS = {"num_encoder_blocks": 2, "num_attention_heads": [1, 2], "strides": [4, 2], "mlp_ratios": [2, 2], **_TWO}
_TOWER = {"hidden_size": 16, "intermediate_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2}
_TOWERS = {
    "vision_config": {**_TOWER, "image_size": 32, "patch_size": 8},
    "text_config": {**_TOWER, "vocab_size": 50},
}
_WINDOWS = {"embed_dim": 8, "depths": [1, 1], "num_heads": [2, 2], "window_size": 4, "patch_size": 4}
#: classifiers of images, with settings that have special names
IMAGES: dict[str, dict[str, Any]] = {
    **{name: {} for name in ("vit", "vit_msn", "deit", "beit", "data2vec-vision", "dinov2", "ijepa")},
    "dinov2_with_registers": {},
    "bit": {"embedding_size": 8, "num_groups": 4, **_TWO},
    "clip": {**_TOWERS, "projection_dim": 16},
    "convnext": {"num_stages": 2, "patch_size": 4, **_TWO},
    "convnextv2": {"num_stages": 2, "patch_size": 4, **_TWO},
    "donut-swin": _WINDOWS,
    "focalnet": {**_TWO, "embed_dim": 8, "focal_levels": [1, 1], "focal_windows": [3, 3], "patch_size": 4},
    "hgnet_v2": {
        **{"embedding_size": 8, "stem_channels": [3, 8, 8], "stem_strides": [2, 1, 1, 1, 1], **_TWO},
        **{"stage_in_channels": [8, 8], "stage_mid_channels": [8, 8], "stage_out_channels": [8, 16]},
        **{"stage_num_blocks": [1, 1], "stage_downsample": [False, True], "stage_light_block": [False, True]},
        **{"stage_kernel_size": [3, 3], "stage_numb_of_layers": [2, 2]},
    },
    "hiera": {
        **{"image_size": [32, 32], "embed_dim": 8, "depths": [1, 1], "num_heads": [1, 2], "patch_size": [7, 7]},
        **{"patch_stride": [4, 4], "patch_padding": [3, 3], "query_stride": [2, 2], "num_query_pool": 1},
        **{"masked_unit_size": [2, 2], "embed_dim_multiplier": 2.0},
    },
    "levit": {
        **{"hidden_sizes": [16, 16, 16], "num_attention_heads": [2, 2, 2], "depths": [1, 1, 1], "key_dim": [8, 8, 8]},
        **{"attention_ratio": [2, 2, 2], "mlp_ratio": [2, 2, 2], "image_size": 64, "patch_size": 16},
    },
    "mobilenet_v1": {"depth_multiplier": 0.25, "min_depth": 4},
    "mobilenet_v2": {"depth_multiplier": 0.35},
    "mobilevit": {
        **{"hidden_sizes": [8, 16, 16], "neck_hidden_sizes": [8] * 7, "num_attention_heads": 2, "patch_size": 2},
    },
    "perceiver": {
        **{"num_latents": 8, "d_latents": 16, "num_blocks": 1, "num_self_attends_per_block": 1},
        **{"num_self_attention_heads": 2, "num_cross_attention_heads": 1},
    },
    "poolformer": {"num_encoder_blocks": 2, "patch_sizes": [7, 3], "strides": [4, 2], "padding": [2, 1], **_TWO},
    "pvt": {**_STEPS, "sequence_reduction_ratios": [2, 1], "patch_sizes": [4, 2]},
    "pvt_v2": {
        **{"depths": [1] * 4, "hidden_sizes": [8, 8, 16, 16], "num_attention_heads": [1, 1, 2, 2]},
        **{"mlp_ratios": [2] * 4},
    },
    "regnet": {"embedding_size": 8, "groups_width": 4, **_TWO},
    "resnet": {"embedding_size": 8, "hidden_sizes": [8, 16], "depths": [1, 2], "layer_type": "basic"},
    "segformer": {**_STEPS, "sr_ratios": [2, 1], "patch_sizes": [7, 3], "decoder_hidden_size": 16},
    "siglip": _TOWERS,
    "swiftformer": {"depths": [1, 1, 1, 1], "embed_dims": [8, 8, 16, 16]},
    "swin": _WINDOWS,
    "swinv2": _WINDOWS,
    "textnet": {
        **{"hidden_sizes": [8] * 5, "stem_out_channels": 8, "conv_layer_kernel_sizes": [[[3, 3]]] * 4},
        **{"conv_layer_strides": [[1], [2], [2], [2]]},
    },
}
_SMALL = _words("""
    mobileone_s1 cait_xxs24_224 coat_tiny convit_tiny convnext_zepto_rms cpubone_nano csatv2 cs3darknet_focus_s
    cspnext_tiny deit_tiny_patch16_224 densenet121 dla46_c dpn48b edgenext_xx_small efficientformerv2_s0
    mobilenetv2_050 efficientvim_m1 efficientvit_b0 efficientvit_m0 vit_tiny_patch16_dinov3_qkvb fasternet_t0
    fastvit_t8 gcvit_xxtiny ghostnet_050 hardcorenas_b hgnetv2_b0 hrnet_w18_small iformer_t inception_next_atto
    lcnetv2_small levit_128 lowformer_b0 mambaout_femto maxvit_pico_rw_256 poolformerv2_s12 gmlp_ti16_224
    lcnet_035 mobilevit_xxs nest_tiny nf_regnet_b0 pit_ti_224 pvt_v2_b0 regnetx_002 repghostnet_050 repvit_m1
    resnest14d resnet10t resnetv2_18 rexnet_100 legacy_seresnet18 shvit_s1 skresnet18 starnet_s050 swiftformer_xs
    tiny_vit_5m_224 visformer_tiny vit_tiny_patch16_224 vit_tiny_r_s16_p8_224 test_vit_relpos
    ese_vovnet19b_slim_dw xcit_nano_12_p8_224
""")
#: a small model of each family of timm, most of them with the smallest supported images
TIMM: dict[str, int] = {
    **dict.fromkeys(_SMALL, 64),
    "crossvit_tiny_240": 240,
    "efficientformer_l1": 224,
}
#: families whose networks compute no softmax of products over positions
WITHOUT_ATTENTION = _words("""
    falcon_mamba fnet mamba rwkv
    bit convnext convnextv2 focalnet hgnet_v2 mobilenet_v1 mobilenet_v2 poolformer regnet resnet swiftformer textnet
    mobileone_s1 convnext_zepto_rms cs3darknet_focus_s cspnext_tiny densenet121 dla46_c dpn48b mobilenetv2_050
    efficientvim_m1 efficientvit_b0 fasternet_t0 fastvit_t8 ghostnet_050 hardcorenas_b hgnetv2_b0 hrnet_w18_small
    inception_next_atto lcnetv2_small mambaout_femto poolformerv2_s12 gmlp_ti16_224 lcnet_035 nf_regnet_b0 regnetx_002
    repghostnet_050 repvit_m1 resnest14d resnet10t resnetv2_18 rexnet_100 legacy_seresnet18 skresnet18 starnet_s050
    swiftformer_xs ese_vovnet19b_slim_dw
""")
#: families whose attention is not detected: special kernels instead of the softmax, or (csatv2) attention over the
#: batch
UNSEEN_ATTENTION = _words("mra yoso csatv2")
#: families whose own code cannot be trained, because it overwrites values that their gradient needs
UNTRAINABLE = ("rwkv",)


@dataclass(frozen=True)
class Family:
    """A family of networks.

    Attributes:
        package: "transformers" or "timm".
        name: name of the model type, or of the model.
        task: "classify", "next word", "translate" or "images".
    """

    package: str
    name: str
    task: str

    @property
    def key(self) -> str:
        """A text that identifies the family, such as ``transformers:bert:classify``."""
        return f"{self.package}:{self.name}:{self.task}"


FAMILIES = {
    family.key: family
    for family in (
        *(Family("transformers", name, "classify") for name in CLASSIFIERS),
        *(Family("transformers", name, "next word") for name in DECODERS),
        *(Family("transformers", name, "translate") for name in TRANSLATORS),
        *(Family("transformers", name, "images") for name in IMAGES),
        *(Family("timm", name, "images") for name in TIMM),
    )
}


def built(family: Family, samples: int = 6) -> tuple[nn.Module, dict[str, Tensor] | Tensor, Tensor]:
    """Return network, inputs and targets, all drawn from fixed seeds."""
    import torch

    generator = torch.Generator().manual_seed(0)
    torch.manual_seed(0)
    with torchvision_importable():
        if family.package == "timm":
            side = TIMM[family.name]
            return _of_timm(family.name, side), _images(samples, side, generator), torch.arange(samples) % 3
        network = _of_transformers(family)
    if family.task == "images":
        side = 64 if family.name == "levit" else 32
        return network, {"pixel_values": _images(samples, side, generator)}, torch.arange(samples) % 3
    words = torch.randint(3, 50, (samples, 10), generator=generator)
    if family.task == "translate":
        return network, {"input_ids": words, "decoder_input_ids": words.flip(1)}, words
    return network, {"input_ids": words}, words if family.task == "next word" else torch.arange(samples) % 3


def _images(samples: int, side: int, generator: Any) -> Tensor:
    import torch

    return torch.randn(samples, 3, side, side, generator=generator)


def _of_timm(name: str, side: int) -> nn.Module:
    import timm

    try:
        network: nn.Module = timm.create_model(name, num_classes=3, img_size=side)
    except TypeError:  # it takes images of any size, and has no argument for it
        network = timm.create_model(name, num_classes=3)
    return network


def _of_transformers(family: Family) -> nn.Module:
    import transformers
    from transformers.models.auto import modeling_auto as heads
    from transformers.models.auto.configuration_auto import CONFIG_MAPPING

    transformers.logging.set_verbosity_error()
    names = {
        "classify": heads.MODEL_FOR_SEQUENCE_CLASSIFICATION_MAPPING_NAMES,
        "next word": heads.MODEL_FOR_CAUSAL_LM_MAPPING_NAMES,
        "translate": heads.MODEL_FOR_SEQ_TO_SEQ_CAUSAL_LM_MAPPING_NAMES,
        "images": heads.MODEL_FOR_IMAGE_CLASSIFICATION_MAPPING_NAMES,
    }[family.task][family.name]
    config = CONFIG_MAPPING[family.name]
    network: nn.Module = getattr(transformers, names if isinstance(names, str) else names[-1])(
        config(**_sizes(config) | {"num_labels": 3} | IMAGES.get(family.name, {}))
    )
    return network


def _sizes(config: type) -> dict[str, object]:
    """Return the small settings that a class of configurations has names for."""
    known: set[str] = set()
    for parent in config.__mro__:
        known |= set(getattr(parent, "__annotations__", {}))
        if "__init__" in vars(parent):
            known |= set(inspect.signature(parent.__init__).parameters)  # type: ignore[misc]
    same = getattr(config, "attribute_map", {})  # names for other names
    return {name: size for name, size in TINY.items() if name in known and same.get(name) not in known}
