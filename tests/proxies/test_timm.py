"""Models of timm, where it imports."""

import pytest
import torch

import zcbench


@pytest.mark.parametrize("name", ["resnet10t", "vit_tiny_patch16_224", "mobilenetv3_small_050", "convnext_atto"])
def test_models_get_a_score_or_a_reason(name):
    timm = pytest.importorskip(
        "timm",
        reason="timm needs torchvision, which has no build for the pinned CPU torch: pip install 'zcbench[timm]'",
        exc_type=ImportError,
    )
    torch.manual_seed(0)
    model = timm.create_model(name, num_classes=3)
    inputs, targets = torch.randn(6, 3, 224, 224), torch.arange(6) % 3
    for label, score in zcbench.score(model, inputs, targets, "all").items():
        assert score.status in ("ok", "unsupported", "non-finite"), f"{label}: {score.detail}"
        if "any" in zcbench.get_proxy(label).domains:
            assert score.status != "unsupported", f"{label}: {score.detail}"
