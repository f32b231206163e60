"""The tangent kernel, beside the Jacobian."""

import torch
from samples import Tokens

from zcbench.probe import Probe
from zcbench.types import Batch


def test_a_tangent_kernel_counts_every_use_of_a_weight():
    model = Tokens(lambda network, x: network.layer(x) @ network.embedding.weight.T)
    tokens = torch.randint(9, (4, 6))
    rows = [torch.autograd.grad(sample.sum(), list(model.parameters()), retain_graph=True) for sample in model(tokens)]
    jacobian = torch.stack([torch.cat([part.flatten() for part in row]) for row in rows]).double()
    with Probe(model, Batch(tokens)) as probe:
        torch.testing.assert_close(probe.tangent_kernel(), jacobian @ jacobian.T, rtol=1e-5, atol=1e-6)
