"""The instrument: right signals on odd networks, computed once, nothing left behind."""

import pytest
import torch
from torch import nn

import zcbench
from zcbench.errors import UnsupportedModelError
from zcbench.probe import Probe
from zcbench.types import Batch


def test_own_loss():
    x = torch.randn(4, 3)
    with Probe(nn.Linear(3, 2), Batch(x, x), loss_fn=lambda output, target: output.sum() * target.sum()) as probe:
        torch.testing.assert_close(probe.loss, probe.outputs.sum() * x.sum())


def test_output_with_logits_attribute_and_without():
    class Answer:
        def __init__(self, logits):
            self.logits = logits

    class Wraps(nn.Module):
        def __init__(self, wrap):
            super().__init__()
            self.layer, self.wrap = nn.Linear(3, 2), wrap

        def forward(self, x):
            return self.wrap(self.layer(x))

    x = torch.randn(2, 3)
    for wrap in (Answer, lambda logits: {"logits": logits}, lambda logits: [logits], lambda logits: {"out": logits}):
        with Probe(Wraps(wrap), Batch(x)) as probe:
            assert probe.outputs.shape == (2, 2)
    for wrap in (lambda logits: None, lambda logits: [], lambda logits: 3, lambda logits: {"loss": logits.sum()}):
        with Probe(Wraps(wrap), Batch(x)) as probe:
            with pytest.raises(UnsupportedModelError, match="must return a tensor"):
                _ = probe.outputs


class NeverTrained(nn.Module):
    """Runs without gradients only: it writes to its own weight."""

    def __init__(self):
        super().__init__()
        self.body, self.scale = nn.Linear(6, 8), nn.Parameter(torch.ones(8))

    def forward(self, x):
        self.scale.clamp_(0, 2)
        return torch.relu(self.body(x)) * self.scale


@pytest.mark.parametrize("proxy", ["naswot", "swap", "naswot:activation=all"])
def test_a_signal_that_the_shared_pass_cannot_give_is_tried_alone(proxy):
    torch.manual_seed(0)
    model, inputs, targets = NeverTrained(), torch.randn(5, 6), torch.arange(5) % 3
    (alone,) = zcbench.score(model, inputs, targets, [proxy]).values()
    together = zcbench.score(model, inputs, targets, ["snip", "grad_norm", proxy, "jacov"])
    assert together["snip"].status == "failed"
    assert alone.status == "ok"
    assert together[proxy].value == alone.value


def test_an_attribute_error_inside_a_signal_is_told_as_it_is():
    class Broken(nn.Linear):
        def forward(self, x):
            return self.no_such_layer(x)

    with Probe(Broken(4, 2), Batch(torch.randn(3, 4))) as probe:
        for _ in range(2):
            with pytest.raises(AttributeError, match="no_such_layer"):
                _ = probe.outputs
            with pytest.raises(AttributeError, match="no_such_layer"):
                probe.signal("outputs")
