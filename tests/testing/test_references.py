"""Somebody's slow version decides."""

import torch
from torch.nn import functional as F
from toys import registry_as_it_was

import zcbench
from zcbench.testing import check_proxy, naive_reference


def forward(probe):
    """Runs the network."""
    with probe.forward_pass(), torch.no_grad():
        return float(probe.call(probe.batch.inputs).double().norm())


def test_references_decide(capsys):
    def loss(model, batch):
        model.eval()
        for module in model.modules():
            if isinstance(module, torch.nn.modules.batchnorm._BatchNorm):
                module.train()
        return F.cross_entropy(model(batch.inputs).flatten(0, -2), batch.targets.flatten())

    def ours(probe):
        """The loss."""
        return float(probe.loss.detach())

    def images_only(model, batch):
        if not batch.inputs.is_floating_point():
            raise NotImplementedError
        return loss(model, batch)

    with registry_as_it_was():
        zcbench.register_proxy("t-loss", cost="forward", needs_labels=True, reference="baseline")(ours)
        results = {
            reference: {o.check: o for o in check_proxy("t-loss", reference=reference).outcomes}["reference"]
            for reference in (images_only, lambda model, batch: 1.01 * images_only(model, batch))
        }
        (right, wrong) = results.values()
        assert (right.status, wrong.status) == ("passed", "failed")
        assert right.detail.startswith("agrees on ")
        assert "the reference says" in wrong.detail
        naive_reference("t-loss")(images_only)
        declared = {o.check: o for o in check_proxy("t-loss").outcomes}["reference"]
        assert declared == right
