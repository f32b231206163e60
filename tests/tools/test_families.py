"""Networks of the families are what they say, and small."""

import pytest
import torch
from _families import FAMILIES, built


@pytest.mark.parametrize(
    ("key", "outputs"),
    [
        ("transformers:bert:classify", (6, 3)),
        ("transformers:llama:next word", (6, 10, 50)),
        ("transformers:bart:translate", (6, 10, 50)),
        ("transformers:resnet:images", (6, 3)),
        ("timm:resnet10t:images", (6, 3)),
    ],
)
def test_networks_take_what_is_made_for_them(key, outputs):
    pytest.importorskip(key.partition(":")[0], exc_type=ImportError)
    model, inputs, targets = built(FAMILIES[key])
    again, same, _ = built(FAMILIES[key])
    assert all(torch.equal(a, b) for a, b in zip(model.parameters(), again.parameters(), strict=True))
    with torch.no_grad():
        found = model.eval()(**inputs).logits if isinstance(inputs, dict) else model.eval()(inputs)
    assert found.shape == outputs
    assert len(targets) == 6
    assert sum(p.numel() for p in model.parameters()) < 10**7
    first = (lambda x: next(iter(x.values()))) if isinstance(inputs, dict) else (lambda x: x)
    assert torch.equal(first(inputs), first(same))
