"""Multiply-adds by hand, operation by operation; what nobody can count is no silent zero."""

import math

import numpy as np
import pytest
import torch
from by_hand import value
from networks import Twice, convnet, images
from torch import nn
from torch.nn import functional as F

import zcbench
from zcbench.proxies import _flops
from zcbench.testing._checks import _REFERENCES
from zcbench.testing._zoo import specimens

BATCH = 3


def score(model: nn.Module, inputs, name: str = "flops"):
    return zcbench.score(model, inputs, None, [name])[name]


class Run(nn.Module):
    """A network that is a function of its inputs."""

    def __init__(self, function):
        super().__init__()
        self.function = function

    def forward(self, *inputs):
        return self.function(*inputs)


def multiply_adds(function, *inputs) -> float:
    return value("flops", Run(function), inputs if len(inputs) > 1 else inputs[0]) / 2


# -- by hand -----------------------------------------------------------------------------------


def test_flops_by_hand():
    multiply_accumulate = 64 * 9 * (3 * 6 + 6 * 4) + 16 * 5
    assert value("flops", convnet(), images()[0]) == 2 * multiply_accumulate
    assert value("flops", convnet(), images(batch=1)[0]) == 2 * multiply_accumulate
    assert value("flops", Twice(), images()[0]) == 2 * (64 * 9 * (3 * 4 + 2 * 4 * 4) + 4 * 5)


@pytest.mark.parametrize("specimen", specimens(), ids=lambda s: s.name)
def test_every_network_of_the_contract_by_hand(specimen):
    expected = _REFERENCES["flops"](specimen.make(), specimen.batch)
    assert value("flops", specimen.make(), specimen.batch.inputs) == expected
    assert value("az_complexity", specimen.make(), specimen.batch.inputs) == expected


def test_the_hand_count_refuses_what_it_does_not_know():
    with pytest.raises(NotImplementedError):
        _REFERENCES["flops"](nn.Bilinear(2, 3, 4), specimens()[0].batch)


X, Y = torch.randn(BATCH, 5, 8), torch.randn(BATCH, 5, 8)
SQUARE = torch.randn(8, 8)


@pytest.mark.parametrize(
    ("function", "inputs", "expected"),
    [
        (lambda x: x @ SQUARE, (X,), 5 * 8 * 8),
        (lambda x: F.linear(x, SQUARE, SQUARE[0]), (X,), 5 * 8 * 8),
        (
            lambda x: F.linear(x, SQUARE),
            (X.transpose(1, 2)[:, :5, :].reshape(BATCH, 5, 5)[:, :, :1].expand(-1, -1, 8),),
            320,
        ),
        (lambda x, y: x @ y.mT, (X, Y), 5 * 5 * 8),
        (lambda x, y: torch.baddbmm(x, y @ SQUARE, SQUARE.expand(len(x), 8, 8)), (X, Y), 2 * 5 * 8 * 8),
        (lambda x, y: torch.einsum("bik,bjk->bij", x, y), (X, Y), 5 * 5 * 8),
        (lambda x: x @ SQUARE[0], (X,), 5 * 8),  # a matrix and a vector
        (lambda x: torch.stack([torch.mv(row, SQUARE[0]) for row in x]), (X,), 5 * 8),
        (lambda x: torch.stack([torch.addmv(SQUARE[0, :5], row, SQUARE[0]) for row in x]), (X,), 5 * 8),
        (lambda x: torch.stack([row[0] @ row[1] for row in x]), (X,), 8),  # two vectors
        (lambda x: torch.addbmm(SQUARE[:5, :5], x, x.mT).expand(len(x), 5, 5), (X,), 5 * 5 * 8),
        (lambda x: torch.stack([torch.mm(row, SQUARE, out=torch.empty(5, 8)) for row in x]), (X,), 5 * 8 * 8),
        (lambda x: torch.stack([row.clone().addmm_(row, SQUARE) for row in x]), (X,), 5 * 8 * 8),
        (lambda x: torch._C._nn.linear(x, SQUARE), (X.flatten(1)[:, :8],), 64),
        (lambda x: torch._addmm_activation(SQUARE[0], x, SQUARE), (X[:, 0],), 64),
        (lambda x: F.bilinear(x, x, torch.randn(3, 8, 8)), (X,), 5 * 3 * (64 + 8)),
        (lambda x: torch.tensordot(x, SQUARE, 1), (X,), 5 * 8 * 8),
        (lambda x: torch.view_as_real(torch.complex(x, x) @ torch.complex(SQUARE, SQUARE)), (X,), 4 * 5 * 8 * 8),
        (lambda x: F.conv1d(x, torch.randn(6, 5, 3)), (X,), 6 * 6 * 5 * 3),
        (lambda x: F.conv1d(x, torch.randn(10, 1, 3), padding=1, groups=5), (X,), 10 * 8 * 3),
        (lambda x: F.conv1d(x, torch.randn(6, 5, 3), stride=2, dilation=2, padding="valid"), (X,), 6 * 2 * 5 * 3),
        (lambda x: F.conv_transpose1d(x, torch.randn(5, 6, 3), stride=2), (X,), 8 * 5 * 6 * 3),
        (lambda x: F.conv_transpose2d(x[:, :4, None], torch.randn(4, 3, 1, 3), groups=2), (X,), 8 * 4 * 3 * 3),
        (lambda x: F.conv3d(x[:, :, None, None], torch.randn(2, 5, 1, 1, 3)), (X,), 2 * 6 * 5 * 3),
        (
            lambda x: torch.conv_tbc(x.permute(2, 0, 1).contiguous(), torch.randn(3, 5, 6), torch.zeros(6)).mean(0),
            (X,),
            6 * 3 * 5 * 6,
        ),
        (lambda x: x * x + x.softmax(1) - x.cumsum(1), (X,), 0),
        (lambda x: torch.cdist(x, x), (X,), 0),
        (lambda x: torch.fft.fft(x).abs(), (X,), 0),
        (lambda x: F.interpolate(x, 16, mode="linear"), (X,), 0),
        (lambda x: F.embedding_bag(x.long().abs().flatten(1), torch.randn(9, 4)), (X,), 0),
        (
            lambda x: torch.cond(x.sum() > math.inf, lambda x: x @ SQUARE @ SQUARE, lambda x: x @ SQUARE, (x,)),
            (X,),
            320,
        ),
    ],
)
def test_operations_by_hand(function, inputs, expected):
    assert multiply_adds(function, *inputs) == expected


@pytest.mark.parametrize("mode", [torch.inference_mode, torch.enable_grad, torch.autocast])
def test_modes_of_the_network_do_not_matter(mode):
    def run(x):
        with mode("cpu", torch.bfloat16) if mode is torch.autocast else mode():
            hidden = F.conv1d(
                F.scaled_dot_product_attention(x[:, None], x[:, None], x[:, None])[:, 0], torch.ones(4, 5, 3)
            )
            return F.linear(hidden, SQUARE[:, :6]) @ SQUARE

    assert multiply_adds(run, X) == 2 * 5 * 5 * 8 + 4 * 6 * 5 * 3 + 4 * 6 * 8 + 4 * 8 * 8


def test_a_gradient_that_the_network_takes_counts():
    def run(x):
        with torch.enable_grad():
            leaf = x.detach().requires_grad_()
            return torch.autograd.grad(F.conv1d(leaf @ SQUARE, torch.ones(4, 5, 3)).sum(), leaf)[0]

    assert multiply_adds(run, X) == 2 * (5 * 8 * 8 + 6 * 4 * 5 * 3)


def test_a_tensor_of_another_class_says_what_it_does():
    from torch.utils._pytree import tree_map

    class Doubled(torch.Tensor):
        @staticmethod
        def __new__(cls, tensor):
            return torch.Tensor._make_wrapper_subclass(cls, tensor.shape, dtype=tensor.dtype)

        def __init__(self, tensor):
            self.tensor = tensor

        @classmethod
        def __torch_dispatch__(cls, func, types, args=(), kwargs=None):
            plain = tree_map(lambda t: t.tensor @ t.tensor if isinstance(t, cls) else t, args)
            return func(*plain, **(kwargs or {}))

    assert multiply_adds(lambda x: torch.stack([row @ Doubled(SQUARE) for row in x]), X) == 5 * 8 * 8 + 8**3
    assert multiply_adds(lambda x: x.as_subclass(type("Plain", (torch.Tensor,), {})) @ SQUARE, X) == 5 * 8 * 8


@pytest.mark.filterwarnings("ignore:LSTM with projections")
def test_recurrent_layers():
    for kind, gates in ((nn.LSTM, 4), (nn.GRU, 3), (nn.RNN, 1)):
        for bidirectional in (False, True):
            for layers in (1, 2):
                core = kind(8, 6, layers, bidirectional=bidirectional, batch_first=True)
                ways = 1 + bidirectional
                expected = 5 * gates * 6 * ways * sum((8 if layer == 0 else 6 * ways) + 6 for layer in range(layers))
                assert multiply_adds(lambda x, core=core: core(x)[0], X) == expected
    core = nn.LSTM(8, 6, 2, proj_size=3, batch_first=True)
    assert multiply_adds(lambda x: core(x)[0], X) == 5 * sum(24 * (wide + 3) + 18 for wide in (8, 3))
    cell = nn.GRUCell(8, 6)
    assert multiply_adds(lambda x: cell(x[:, 0]), X) == 18 * (8 + 6)
    lstm = nn.LSTM(8, 6, batch_first=True)

    def packed(x):  # two sequences, of lengths 5 and 3
        return lstm(nn.utils.rnn.pack_padded_sequence(x[:2], [5, 3], batch_first=True))[0].data.sum().expand(len(x))

    assert multiply_adds(packed, X) == 8 * 24 * (8 + 6) / 2


# -- attention ---------------------------------------------------------------------------------


def written_out(q, k, v, mask=None, *, causal=False):
    """Scores, mask, weights, values; keys and values repeated where heads share them."""
    k, v = (t.repeat_interleave(q.shape[1] // t.shape[1], 1) for t in (k, v))
    scores = q @ k.mT / math.sqrt(q.shape[-1])
    if causal:
        mask = torch.ones(scores.shape[-2:], dtype=torch.bool).tril()
    if mask is not None:
        scores = scores.masked_fill(~mask, -math.inf) if mask.dtype == torch.bool else scores + mask
    return scores.softmax(-1) @ v


ATTENTION = {
    "plain": ((4, 7, 8), (4, 7, 8), (4, 7, 8), {}),
    "one head": ((1, 7, 5), (1, 7, 5), (1, 7, 5), {}),
    "one query": ((4, 1, 8), (4, 7, 8), (4, 7, 8), {}),
    "cross": ((4, 3, 8), (4, 9, 8), (4, 9, 8), {}),
    "wide values": ((4, 7, 8), (4, 7, 8), (4, 7, 12), {}),
    "odd width": ((4, 7, 5), (4, 7, 5), (4, 7, 5), {}),
    "causal": ((4, 7, 8), (4, 7, 8), (4, 7, 8), {"is_causal": True}),
    "mask": ((4, 7, 8), (4, 7, 8), (4, 7, 8), {"attn_mask": torch.ones(7, 7, dtype=torch.bool).tril()}),
    "bias": ((4, 7, 8), (4, 7, 8), (4, 7, 8), {"attn_mask": torch.randn(7, 7)}),
    "grouped": ((4, 7, 8), (2, 7, 8), (2, 7, 8), {"enable_gqa": True}),
    "one key for all": ((4, 7, 8), (1, 7, 8), (1, 7, 8), {"enable_gqa": True, "is_causal": True}),
    "dropout": ((4, 7, 8), (4, 7, 8), (4, 7, 8), {"dropout_p": 0.5}),
}


@pytest.mark.parametrize("backend", ["default", "MATH"])
@pytest.mark.parametrize("name", ATTENTION)
def test_fused_attention_counts_what_its_written_out_form_does(name, backend):
    from torch.nn.attention import SDPBackend, sdpa_kernel

    *shapes, options = ATTENTION[name]
    q, k, v = (torch.randn(BATCH, *shape) for shape in shapes)
    (heads, n, d), m, wide = q.shape[1:], k.shape[2], v.shape[3]

    def fused(q, k, v):
        if backend == "default":
            return F.scaled_dot_product_attention(q, k, v, **options)
        with sdpa_kernel(getattr(SDPBackend, backend)):
            return F.scaled_dot_product_attention(q, k, v, **options)

    def plain(q, k, v):
        return written_out(q, k, v, options.get("attn_mask"), causal=options.get("is_causal", False))

    if "dropout_p" not in options:
        torch.testing.assert_close(fused(q, k, v), plain(q, k, v))
    assert multiply_adds(fused, q, k, v) == multiply_adds(plain, q, k, v) == heads * n * m * (d + wide)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU")
@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16])
@pytest.mark.parametrize("name", ATTENTION)
def test_attention_on_a_gpu(name, dtype):
    *shapes, options = ATTENTION[name]
    q, k, v = (torch.randn(BATCH, *shape, device="cuda", dtype=dtype) for shape in shapes)
    if torch.is_tensor(mask := options.get("attn_mask")):
        options = {"attn_mask": mask.cuda() if mask.dtype == torch.bool else mask.to("cuda", dtype)}
    expected = q.shape[1] * q.shape[2] * k.shape[2] * (q.shape[3] + v.shape[3])
    assert multiply_adds(lambda *x: F.scaled_dot_product_attention(*x, **options), q, k, v) == expected


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU")
@pytest.mark.parametrize("specimen", specimens(), ids=lambda s: s.name)
def test_every_network_of_the_contract_on_a_gpu(specimen):
    expected = _REFERENCES["flops"](specimen.make(), specimen.batch)
    for dtype in (torch.float32, torch.float16):
        inputs = specimen.batch.inputs.cuda()
        inputs = inputs.to(dtype) if inputs.is_floating_point() else inputs
        assert value("flops", specimen.make().cuda().to(dtype), inputs) == expected


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU")
def test_heads_of_odd_width_in_a_module_on_a_gpu():
    attention = nn.MultiheadAttention(15, 3, batch_first=True).cuda().half()
    x = torch.randn(BATCH, 6, 15, device="cuda", dtype=torch.float16)
    for need_weights in (False, True):
        run = multiply_adds(lambda x, w=need_weights: attention(x, x, x, need_weights=w)[0], x)
        assert run == 4 * 6 * 15**2 + 2 * 6 * 6 * 15
    lstm = nn.LSTM(8, 6, 2, bidirectional=True, proj_size=3, batch_first=True).cuda()
    assert multiply_adds(lambda x: lstm(x)[0], X.cuda()) == 5 * 2 * sum(24 * (wide + 3) + 18 for wide in (8, 6))


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore:flex_attention called without")
@pytest.mark.parametrize("name", ["plain", "cross", "grouped", "odd width", "causal"])
def test_flex_attention(name):
    from torch.nn.attention.flex_attention import create_block_mask, flex_attention

    *shapes, options = ATTENTION[name]
    q, k, v = (torch.randn(BATCH, *shape) for shape in shapes)
    block = None
    if name == "causal":
        block = create_block_mask(lambda b, h, i, j: i >= j, None, None, q.shape[2], k.shape[2], device="cpu")

    def fused(q, k, v):
        return flex_attention(q, k, v, block_mask=block, enable_gqa="enable_gqa" in options)

    assert multiply_adds(fused, q, k, v) == q.shape[1] * q.shape[2] * k.shape[2] * (q.shape[3] + v.shape[3])
    compiled = torch.compile(fused)
    assert multiply_adds(compiled, q, k, v) == multiply_adds(fused, q, k, v)


WIDTH, HEADS, LENGTH = 8, 2, 5


def encoder_layer(length=LENGTH, wide=12):
    return length * (4 * WIDTH**2 + 2 * WIDTH * wide) + 2 * length**2 * WIDTH


@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize("padded", [False, True])
def test_transformer_encoder(training, padded):
    layer = nn.TransformerEncoderLayer(WIDTH, HEADS, 12, batch_first=True)
    mask = torch.arange(LENGTH) >= torch.tensor([[5], [3], [2]]) if padded else None
    model = nn.TransformerEncoder(layer, 3)
    model.train(training)

    def run(x):
        return model(x, src_key_padding_mask=None if mask is None else mask[: len(x)])

    network = Run(run)
    network.model = model
    assert value("flops", network, X) == 2 * 3 * encoder_layer()
    assert value("flops", network.requires_grad_(False), X) == 2 * 3 * encoder_layer()


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_the_fast_path_counts_the_same():
    layer = nn.TransformerEncoderLayer(WIDTH, HEADS, 12, batch_first=True).eval()
    attention = nn.MultiheadAttention(WIDTH, HEADS, batch_first=True).eval()
    one = Run(lambda x: attention(x, x, x)[0])
    cases = ((layer, encoder_layer()), (one, encoder_layer(wide=0)), (torch.jit.script(layer), encoder_layer()))
    for model, expected in cases:
        with torch.no_grad(), _flops.counted_operations(gpu=False) as counter:
            model(X)
        assert counter.flops == 2 * BATCH * expected


@pytest.mark.parametrize("need_weights", [False, True])
@pytest.mark.parametrize("options", [{}, {"kdim": 6, "vdim": 7}, {"add_bias_kv": True}, {"add_zero_attn": True}])
def test_multihead_attention(options, need_weights):
    attention = nn.MultiheadAttention(WIDTH, HEADS, batch_first=True, **options)
    kdim, vdim = options.get("kdim", WIDTH), options.get("vdim", WIDTH)
    m = 4 + ("kdim" not in options and bool(options))
    q, k, v = torch.randn(BATCH, LENGTH, WIDTH), torch.randn(BATCH, 4, kdim), torch.randn(BATCH, 4, vdim)
    expected = WIDTH * (2 * LENGTH * WIDTH + 4 * kdim + 4 * vdim) + 2 * LENGTH * m * WIDTH
    assert multiply_adds(lambda *x: attention(*x, need_weights=need_weights)[0], q, k, v) == expected


def test_a_view_of_a_parameter_may_be_handed_to_a_module():
    class Pooled(nn.Module):
        def __init__(self):
            super().__init__()
            self.query = nn.Parameter(torch.randn(1, WIDTH))
            self.attention = nn.MultiheadAttention(WIDTH, HEADS, batch_first=True)

        def forward(self, x):
            return self.attention(self.query.expand(len(x), 1, WIDTH), x, x)[0][:, 0]

    expected = WIDTH**2 * (2 + 2 * LENGTH) + 2 * LENGTH * WIDTH
    assert value("flops", Pooled(), X) == 2 * expected


def test_the_data_of_a_parameter_may_be_taken():
    weight = nn.Parameter(torch.randn(WIDTH, 5))
    assert multiply_adds(lambda x: x @ weight.data + nn.Parameter(torch.ones(5)).data, X) == LENGTH * WIDTH * 5


def transformer(name: str, implementation: str) -> nn.Module:
    transformers = pytest.importorskip("transformers")
    small = {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 4, "intermediate_size": 20}
    torch.manual_seed(0)
    if name == "bert":
        config = transformers.BertConfig(vocab_size=30, max_position_embeddings=12, **small)
        return transformers.BertModel._from_config(config, attn_implementation=implementation)
    if name == "gpt2":
        config = transformers.GPT2Config(vocab_size=30, n_positions=12, n_embd=16, n_layer=2, n_head=4, n_inner=20)
        return transformers.GPT2LMHeadModel._from_config(config, attn_implementation=implementation)
    config = transformers.LlamaConfig(vocab_size=30, num_key_value_heads=2, **small)
    return transformers.LlamaForCausalLM._from_config(config, attn_implementation=implementation)


@pytest.mark.parametrize(
    ("name", "layer", "head"),
    [
        ("bert", 4 * 16 * 16 + 2 * 16 * 20, 16 * 16),  # the pooler, of one position
        ("gpt2", 4 * 16 * 16 + 2 * 16 * 20, 6 * 16 * 30),
        ("llama", 2 * 16 * 16 + 2 * 16 * 8 + 3 * 16 * 20, 6 * 16 * 30),  # two heads of keys for four; a gate
    ],
)
@pytest.mark.parametrize("masked", [False, True])
def test_hugging_face_models(name, layer, head, masked):
    inputs = {"input_ids": torch.randint(1, 30, (BATCH, 6))}
    if masked:
        inputs["attention_mask"] = (torch.arange(6) < torch.tensor([[6], [4], [2]])).long()
    expected = 2 * (2 * (6 * layer + 2 * 6 * 6 * 16) + head)
    for implementation in ("eager", "sdpa"):
        assert value("flops", transformer(name, implementation), inputs) == expected


@pytest.mark.parametrize("name", ["flexibert", "autoformer-tiny"])
def test_spaces_of_transformers(name):
    space = zcbench.get_space(name)
    model = space.build(space.sample(np.random.default_rng(0)))
    inputs = torch.ones(2, 8, dtype=torch.long) if name == "flexibert" else torch.randn(2, *space.input_shape)
    fused = value("flops", model, inputs)
    patch = pytest.MonkeyPatch()
    with patch.context() as context:
        context.setattr(F, "scaled_dot_product_attention", lambda q, k, v, *args, **kwargs: written_out(q, k, v))
        assert value("flops", model, inputs) == fused


# -- what nobody can count ---------------------------------------------------------------------


def test_a_custom_operation_is_no_silent_zero():
    library = torch.library.Library("zcbench_test", "DEF")
    library.define("twice(Tensor x) -> Tensor")
    library.impl("twice", lambda x: 2 * x, "CompositeExplicitAutograd")
    model = Run(lambda x: torch.ops.zcbench_test.twice(x) @ SQUARE)
    result = score(model, X)
    assert result.status == "unsupported"
    assert "zcbench_test::twice" in result.detail
    assert "register_flop_formula" in result.detail
    from torch.utils.flop_counter import flop_registry, register_flop_formula

    register_flop_formula(torch.ops.zcbench_test.twice)(lambda x_shape, out_shape=None: math.prod(x_shape))
    try:
        assert value("flops", model, X) == 5 * 8 + 2 * 5 * 8 * 8
    finally:
        del flop_registry[torch.ops.zcbench_test.twice]


@pytest.mark.filterwarnings("ignore:The PyTorch API of nested")
def test_nested_tensors_without_shapes_are_refused():
    def run(x):
        nested = torch.nested.nested_tensor([x[0], x[1, :3]])
        return F.linear(nested, SQUARE).to_padded_tensor(0.0)

    result = score(Run(run), X[:2])
    assert result.status == "unsupported"
    assert "nested" in result.detail


@pytest.mark.filterwarnings("ignore:The PyTorch API of nested")
def test_jagged_tensors():
    def run(x):
        nested = torch.nested.nested_tensor([x[0], x[1, :3]], layout=torch.jagged)
        return F.linear(nested, SQUARE).to_padded_tensor(0.0)

    assert multiply_adds(run, X[:2]) == (5 + 3) * 8 * 8 / 2


def test_every_operation_that_sounds_like_a_product_is_known_or_refused():
    """PyTorch's names: a new kernel is in the table, is made of others, or makes the score unsupported."""
    known = {schema.name for schema in torch._C._jit_get_all_schemas()}
    assert {name for name in _flops.FORMULAS if not name.startswith("torch_attn")} <= known
    for name in ("mm", "convolution", "_cslt_sparse_mm", "_triton_scaled_dot_attention", "mkldnn_rnn_layer_backward"):
        assert _flops._may_multiply("aten", f"aten::{name}")
    for name in ("gamma", "lgamma", "cummax", "igammac", "upsample_linear1d", "_thnn_fused_lstm_cell", "clamp", "sum"):
        assert not _flops._may_multiply("aten", f"aten::{name}")


@pytest.mark.filterwarnings("ignore::UserWarning")
def test_quantized_layers():
    if set(torch.backends.quantized.supported_engines) <= {"none"}:
        pytest.skip("no engine for quantized layers")
    packed = torch.ops.quantized.linear_prepack(torch.quantize_per_tensor(SQUARE, 0.1, 0, torch.qint8), None)
    assert multiply_adds(lambda x: torch.ops.quantized.linear_dynamic(x, packed), X) == 5 * 8 * 8
