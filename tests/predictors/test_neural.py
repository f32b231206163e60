"""The training loop of neural predictors."""

import pytest
import torch


def test_what_is_trained_alone_is_clipped_alone():
    from zcbench.predictors._neural import train

    network = torch.nn.ModuleDict({"frozen": torch.nn.Linear(2, 2), "head": torch.nn.Linear(2, 1)})
    before = network["frozen"].weight.clone()
    norms = []
    real = torch.nn.utils.clip_grad_norm_
    x, y = torch.randn(8, 2), torch.randn(8)

    def loss(rows):
        return 1e3 * ((network["head"](network["frozen"](x[rows])).squeeze(-1) - y[rows]) ** 2).mean()

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(torch.nn.utils, "clip_grad_norm_", lambda p, m: norms.append(len(list(p))) or real(p, m))
        train(
            network, loss, 8, epochs=3, batch_size=4, learning_rate=0.1, parameters=list(network["head"].parameters())
        )
    assert set(norms) == {2}
    assert torch.equal(network["frozen"].weight, before)
