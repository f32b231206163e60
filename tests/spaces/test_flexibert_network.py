"""Networks of FlexiBERT: parameters as published, equations written out."""

import json
import math

import pytest
import scipy.fft
import torch
from published import count, weightless
from torch import nn

from zcbench.probe import Probe
from zcbench.probe.roles import Role
from zcbench.spaces._flexibert_network import Convolution, Encoder, SelfAttention, Transform
from zcbench.types import Batch


def layer(kind="SA", parameter="SDP", heads=2, width=512, stack=1):
    return {
        "operation_type": kind,
        "operation_parameter": parameter,
        "num_operation_heads": heads,
        "feed_forward_dimension": width,
        "num_feed_forward": stack,
    }


def test_flexibert_s_published_parameters(data_folder):
    """They are those of networks 256 wide with stacks 1,024 wide, whatever the row says."""
    pq = pytest.importorskip("pyarrow.parquet")
    rows = pq.read_table(data_folder / "bert_nas" / "bert_benchmark_500.parquet").to_pylist()
    for row in rows[::25]:
        layers = [{**one, "feed_forward_dimension": 1024} for one in json.loads(row["layers"])]
        with weightless():
            encoder = Encoder(256, layers)
        assert count(encoder) == int(row["Number of Parameters"])


@pytest.mark.parametrize("weighted", [False, True])
def test_attention_by_loops(weighted):
    torch.manual_seed(0)
    module, x = SelfAttention(6, 2, weighted=weighted), torch.randn(2, 4, 6)
    q, k, v = module.query(x), module.between(module.key(x)), module.value(x)
    expected = torch.zeros(2, 4, 6)
    for n in range(2):
        for head in range(2):
            part = slice(3 * head, 3 * head + 3)
            for i in range(4):
                scores = torch.stack([q[n, i, part] @ k[n, j, part] / math.sqrt(3) for j in range(4)])
                expected[n, i, part] = sum(p * v[n, j, part] for j, p in enumerate(scores.softmax(0)))
    torch.testing.assert_close(module(x), expected)


def test_transforms():
    x = torch.randn(2, 5, 6, dtype=torch.float64)
    expected = scipy.fft.dctn(x.numpy(), axes=(1, 2), norm="ortho")
    torch.testing.assert_close(Transform("DCT")(x), torch.from_numpy(expected))
    torch.testing.assert_close(Transform("DFT")(x), torch.from_numpy(scipy.fft.fft2(x.numpy(), axes=(1, 2)).real))


def test_convolution_is_convbert_s():
    transformers = pytest.importorskip("transformers", reason="needs the extra zcbench[hf]")
    from transformers.models.convbert.modeling_convbert import ConvBertSelfAttention

    torch.manual_seed(0)
    config = transformers.ConvBertConfig(hidden_size=16, num_attention_heads=4, conv_kernel_size=5, head_ratio=2)
    theirs, ours = ConvBertSelfAttention(config).eval(), Convolution(16, 4, 5)
    with torch.no_grad():
        for a, b in (
            ("query", "query"),
            ("key", "key"),
            ("value", "value"),
            ("kernels", "conv_kernel_layer"),
            ("convolved", "conv_out_layer"),
        ):
            getattr(ours, a).load_state_dict(getattr(theirs, b).state_dict())
        separable = theirs.key_conv_attn_layer
        ours.depthwise.weight.copy_(separable.depthwise.weight)
        ours.pointwise.weight.copy_(separable.pointwise.weight)
        ours.pointwise.bias.copy_(separable.bias.flatten())
    x = torch.randn(3, 7, 16)
    torch.testing.assert_close(ours(x), theirs(x)[0], atol=1e-5, rtol=1e-4)


def test_roles_of_mixed_layers():
    layers = [layer("SA", "WMA", stack=3), layer("LT", "DFT"), layer("DSC", 5, heads=4, stack=3), layer("LT", "DCT")]
    model = nn.Sequential(Encoder(256, layers, words=30, places=8), nn.Linear(256, 3))
    with Probe(model, Batch(torch.randint(30, (3, 8)))) as probe:
        found = probe.roles
        hidden = probe.feed_forward
    for index, (stack, names) in enumerate(
        [(3, ("query", "key", "value", "between")), (1, ()), (3, ("query", "key", "value")), (1, ())]
    ):
        prefix = f"0.layers.{index}."
        assert {n for n in found if n.startswith(prefix + "mix")} >= {f"{prefix}mix.{n}.weight" for n in names}
        assert all(found[f"{prefix}mix.{name}.weight"] == Role.ATTENTION for name in names)
        assert all(found[f"{prefix}up.{i}.weight"] == Role.FFN_IN for i in range(stack))
        assert found[f"{prefix}down.weight"] == Role.FFN_OUT
        assert (found.get(f"{prefix}dense.weight") == Role.ATTENTION) == bool(names)
    assert [tuple(h.shape) for h in hidden] == [(3, 8, 512)] * 8


def test_gradients_of_the_last_hidden_state_s_sum_are_round_off():
    """Layer norm comes last: the sum of its outputs is the sum of its biases, whatever the network does."""
    tokens = torch.randint(30, (3, 8), generator=torch.Generator().manual_seed(0))
    sizes = []
    for dtype in (torch.float32, torch.float64):
        torch.manual_seed(0)
        model = Encoder(128, [layer()] * 2, words=30, places=8).to(dtype)
        with Probe(model, Batch(tokens)) as probe:
            sizes.append(max(float(g.abs().max()) for n, g in probe.output_gradients.items() if "norm2" not in n))
    assert sizes[1] < 1e-6 * sizes[0]
