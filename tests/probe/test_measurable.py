"""Doors of the instrument: each network and batch gives scores, or one sentence, and all is left as it was."""

import re
import warnings

import pytest
import torch
from as_found import same, state
from networks import convnet, images, mlp
from torch import nn
from torch.utils.checkpoint import checkpoint

import zcbench
from zcbench._training import train
from zcbench.errors import InvalidInputError
from zcbench.probe._measurable import measurable
from zcbench.testing._world import differs, world
from zcbench.types import Batch

with warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)  # theirs, at import
    from torch_geometric.data import Batch as GraphBatch
    from torch_geometric.data import Data
    from torch_geometric.nn import GCNConv, global_mean_pool


X = torch.randn(8, 4, generator=torch.Generator().manual_seed(0))
Y = torch.arange(8) % 3
NESTED = torch.nested.nested_tensor([torch.ones(2, 4), torch.ones(3, 4)], layout=torch.jagged)
SOME = ["params", "snip", "swap", "gradsign", "synflow", "jacov", "ntk_trace", "zico"]


def with_buffer(tensor):
    model = mlp()
    model.register_buffer("extra", tensor)
    return model


def sparse_weight():
    model = nn.Linear(4, 3)
    model.weight = nn.Parameter(model.weight.detach().to_sparse())
    return model


def of_inference():
    with torch.inference_mode():
        return mlp()


class FullyShardedDataParallel(nn.Module):
    """Stands for torch's own, which needs a process group."""

    def __init__(self):
        super().__init__()
        self.module = mlp()


def sharded_tensor():
    class DTensor(torch.Tensor):
        def __tensor_flatten__(self):
            return [], None

    return with_buffer(torch.ones(2).as_subclass(DTensor))


def quantised_layer():
    return torch.ao.quantization.quantize_dynamic(mlp(), {nn.Linear})


REFUSED = {
    "class": (lambda: nn.Linear, "the model is the class Linear: pass a torch.nn.Module instance of it."),
    "function": (lambda: torch.relu, "pass a torch.nn.Module instance."),
    "nothing": (lambda: None, "the model is a NoneType: pass a torch.nn.Module instance."),
    "scripted": (lambda: torch.jit.script(mlp()), "the network is scripted or traced"),
    "traced": (lambda: torch.jit.trace(mlp(), X), "the network is scripted or traced"),
    "scripted part": (lambda: nn.Sequential(torch.jit.script(nn.Linear(4, 3)), nn.ReLU()), "is scripted or traced"),
    "scripted function": (lambda: torch.jit.script(nn.functional.relu), "pass a torch.nn.Module instance."),
    "lazy": (lambda: nn.LazyLinear(3), "the network's 'weight' has no shape yet: call the network once on a batch"),
    "lazy buffer": (lambda: nn.Sequential(nn.Linear(4, 3), nn.LazyBatchNorm1d(affine=False)), "has no shape yet"),
    "meta": (lambda: mlp().to("meta"), "is on the meta device and has no values"),
    "meta buffer": (lambda: with_buffer(torch.ones(2, device="meta")), "'extra' is on the meta device"),
    "sparse buffer": (
        lambda: with_buffer(torch.eye(3).to_sparse()),
        "'extra' is sparse, but only",
    ),
    "compressed rows": (lambda: with_buffer(torch.eye(3).to_sparse_csr()), "'extra' is sparse"),
    "sparse weight": (sparse_weight, "'weight' is sparse"),
    "quantised": (quantised_layer, "the network has the quantised layer Linear"),
    "quantised buffer": (
        lambda: with_buffer(torch.quantize_per_tensor(torch.ones(3), 0.1, 0, torch.qint8)),
        "'extra' is quantised",
    ),
    "nested buffer": (lambda: with_buffer(NESTED), "'extra' is a nested tensor"),
    "sharded": (FullyShardedDataParallel, "the network is distributed over processes"),
    "sharded tensor": (sharded_tensor, "'extra' is a DTensor: pass plain tensors."),
    "made in inference mode": (of_inference, "was made in torch.inference_mode"),
}


@pytest.mark.parametrize("name", REFUSED)
@pytest.mark.parametrize("proxies", [["params", "snip"], ["snip:repeats=2"], ["snip:steps=1"]])
def test_networks_that_cannot_be_measured(name, proxies):
    make, message = REFUSED[name]
    with warnings.catch_warnings(action="ignore"):  # torch calls some of these deprecated
        model = make()
    before = world()
    for data in (Batch(X, Y), Batch(X)):
        with pytest.raises(InvalidInputError, match=re.escape(message)):
            zcbench.score(model, data.inputs, data.targets, proxies)
    assert not differs(before, world())


def test_what_is_measured_on_another_device_is_refused():
    with pytest.raises(InvalidInputError, match="the input is on the meta device"):
        zcbench.score(mlp(), X.to("meta"), Y)

    class Elsewhere(nn.Linear):  # a processor has one device with values: this one only says that it is elsewhere
        def parameters(self, recurse=True):
            return iter([torch.ones(1, device="meta")])

    with pytest.raises(InvalidInputError, match=r"the network is on meta and the batch on cpu: move one of them, "):
        measurable(Elsewhere(4, 3), Batch(X, Y))


class Takes(nn.Module):
    """A network with arguments beside its input."""

    def __init__(self):
        super().__init__()
        self.inner = mlp()

    def forward(self, x, flag=False, name="", nothing=None):
        assert (flag, name, nothing) == (False, "", None)
        return self.inner(x)


@pytest.mark.parametrize(
    ("inputs", "targets", "message"),
    [
        ((X, torch.ones(2, 30)), None, "(2, 8): each must be the number of samples. Shapes: the input number 1 (8, 4)"),
        ({"x": X, "flag": torch.tensor(1.0)}, Y, "the input 'flag' ()"),
        ((X, X.numpy()), Y, "the input number 2 is of the type ndarray"),
        (X.numpy(), Y, "the input is of the type ndarray"),
        ((X, [X]), Y, "the input number 2 is of the type list"),
        ((False,), Y, "the input number 1 is of the type bool"),
        ((False, 1), Y, "inputs must be a tensor"),
        ((), Y, "inputs must be a tensor"),
        ({}, Y, "inputs must be a tensor"),
        ({0: X}, Y, "the names of inputs in a mapping must be texts"),
        ("x", None, "the input is of the type str"),
        (None, None, "the input is of the type NoneType"),
        (NESTED, None, "the input is a nested tensor: pad it"),
        (X.to_sparse(), Y, "the input is sparse"),
        (X, Y.numpy(), "targets are a ndarray: pass a tensor."),
        (X, Y[:3], "different first dimensions (3, 8)"),
        (X, torch.eye(8).to_sparse(), "the targets' tensor is sparse"),
        (X, torch.ones(8, dtype=torch.complex64), "targets are complex"),
        (X[:0], Y[:0], "the batch is empty"),
    ],
)
def test_batches_that_cannot_be_measured(inputs, targets, message):
    model = Takes()
    before, around = state(model), world()
    with pytest.raises(InvalidInputError, match=re.escape(message)):
        zcbench.score(model, inputs, targets, SOME)
    with pytest.raises(InvalidInputError, match=re.escape(message)):
        zcbench.score(model, X, Y, ["snip:steps=1"], training_data=Batch(inputs, targets))
    assert same(before, state(model))
    assert not differs(around, world())


def values(model, inputs, targets=Y, proxies=SOME):
    before, around = state(model), world()
    found = {name: s.value for name, s in zcbench.score(model, inputs, targets, proxies).items()}
    assert same(before, state(model))
    assert not differs(around, world())
    return found


def test_what_is_no_tensor_passes_through():
    expected = values(Takes(), X)
    assert None not in expected.values()
    for inputs in ([X], (X,), [X, False], (X, False, "", None), {"x": X, "flag": False, "nothing": None}):
        assert values(Takes(), inputs) == expected
    batch = Batch([X, False, X])
    assert isinstance(batch.inputs, tuple)
    assert len(batch) == 8
    part = batch[2:5]
    assert [type(one) for one in part.inputs] == [torch.Tensor, bool, torch.Tensor]
    assert [len(tensor) for tensor in part.tensors()] == [3, 3]
    assert Batch({"x": X, "flag": None}).map(lambda tensor: tensor * 0)["flag"] is None
    trained = Takes()
    assert train(trained, Batch({"x": X, "flag": False}, Y), steps=2, seed=1) == 2


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # torch's compiler makes them when it is imported
@pytest.mark.parametrize("how", ["compile", "compile in place", "part compiled", "DataParallel", "both"])
def test_wrappers_are_looked_into(how):
    model = mlp()
    expected = values(model, X)
    if how == "compile":
        wrapped = torch.compile(model)
    elif how == "compile in place":
        (wrapped := model).compile()
    elif how == "part compiled":
        wrapped = nn.Sequential(torch.compile(model[0]), *model[1:])
    elif how == "DataParallel":
        wrapped = nn.DataParallel(model)
    else:
        wrapped = nn.DataParallel(torch.compile(model))
    around = world()
    found = {name: s.value for name, s in zcbench.score(wrapped, X, Y, SOME).items()}
    assert found == expected
    trained = zcbench.score(wrapped, X, Y, ["snip:steps=2"])["snip:steps=2"].value
    assert not differs(around, world())
    assert trained == zcbench.score(mlp(), X, Y, ["snip:steps=2"])["snip:steps=2"].value


@pytest.mark.parametrize("reentrant", [False, True])
def test_checkpointed_parts_are_measured_like_others(reentrant):
    class Checkpointed(nn.Sequential):
        def forward(self, x):
            for layer in self[:-1]:
                x = checkpoint(layer, x, use_reentrant=reentrant)
            return self[-1](x)

    plain = convnet()
    inputs, labels = images()
    names = ["params", "flops", "grad_norm", "snip", "synflow", "jacov", "naswot", "gradsign", "zico"]
    expected = {name: score.value for name, score in zcbench.score(plain, inputs, labels, names).items()}
    assert None not in expected.values()
    assert {n: s.value for n, s in zcbench.score(Checkpointed(*plain), inputs, labels, names).items()} == expected
    x = torch.ones(2, 3, requires_grad=True)
    ran = []
    checkpoint(lambda y: ran.append(1) or y.exp(), x, use_reentrant=reentrant).sum().backward()
    assert len(ran) == 2  # outside of a probe it runs again, as ever


class Written(nn.Module):
    """Writes to its tokens before it reads them, or to a copy."""

    def __init__(self, *, copies):
        super().__init__()
        self.embedding, self.head, self.copies = nn.Embedding(9, 6), nn.Linear(6, 5), copies

    def forward(self, tokens):
        tokens = tokens.clone() if self.copies else tokens
        tokens[:, 0] = 1
        return self.head(self.embedding(tokens.remainder_(5)).mean(1))


@pytest.mark.parametrize("kind", ["images", "tokens"])
def test_a_network_may_write_to_its_inputs(kind):
    labels = torch.arange(8) % 5
    if kind == "images":
        inputs, labels = images()
        plain = nn.Sequential(nn.ReLU(), nn.PReLU(), convnet())
        writes = nn.Sequential(nn.ReLU(inplace=True), *plain[1:])
    else:
        inputs = torch.randint(9, (len(labels), 4), generator=torch.Generator().manual_seed(1))
        plain, writes = Written(copies=True), Written(copies=False)
        writes.load_state_dict(plain.state_dict())
    before = inputs.clone()
    assert values(writes, inputs, labels, "all") == values(plain, inputs, labels, "all")
    assert torch.equal(inputs, before)


def test_a_part_in_inference_mode_is_no_matter_of_company():
    class Frozen(nn.Module):
        def __init__(self):
            super().__init__()
            self.stem, self.rest = nn.Conv2d(3, 3, 1), convnet()

        def forward(self, x):
            with torch.inference_mode():
                x = self.stem(x)
            return self.rest(x.clone())

    model, (inputs, labels) = Frozen(), images()
    together = values(model, inputs, labels, "all")
    assert together["grad_norm"] > 0
    for name in ("grad_norm", "fisher", "epe_nas", "az_expressivity"):
        assert values(model, inputs, labels, [name]) == {name: together[name]}


def test_no_gradient_is_taken_of_what_a_pass_wrote_to_a_buffer():
    class Counts(nn.Module):
        def __init__(self):
            super().__init__()
            self.layer = nn.Linear(4, 3)
            self.register_buffer("passes", torch.zeros(()))

        def forward(self, x):
            self.passes += 1
            return self.layer(x) * self.passes

    model = Counts()
    found = zcbench.score(model, X, Y, ["params", "grad_norm", "flops"])
    assert found["grad_norm"].status == "failed"  # 0 would be the gradient if the buffer were 0, as it is put back
    assert [found[name].status for name in ("params", "flops")] == ["ok", "ok"]
    assert float(model.passes) == 0


def test_inside_of_inference_mode():
    expected = values(mlp(), X)
    trained = zcbench.score(mlp(), X, Y, ["snip:steps=2"])["snip:steps=2"].value
    model = mlp()
    with torch.inference_mode():
        inputs, targets = X.clone(), Y.clone()
        assert values(model, inputs, targets) == expected
        assert torch.is_inference_mode_enabled()
        assert zcbench.score(model, inputs, targets, ["snip:steps=2"])["snip:steps=2"].value == trained
    assert values(model, inputs, targets) == expected


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64, torch.complex64])
def test_weights_of_every_type_give_a_status(dtype):
    with warnings.catch_warnings(action="ignore"):  # torch calls complex modules new
        model = mlp().to(dtype)
    before, around = state(model), world()
    for inputs in (X.to(dtype), X):
        scores = zcbench.score(model, inputs, Y, "all")
        assert all(score.value is not None or score.detail for score in scores.values())
        assert scores["params"].value == 67
    assert same(before, state(model))
    assert not differs(around, world())


LABELLED = [name for name in zcbench.list_proxies() if zcbench.get_proxy(name).needs_labels]


def test_class_targets_of_every_type_are_the_same():
    model, (inputs, labels) = convnet(), images()
    labelled = [*LABELLED, "snip:steps=2"]
    for classes, dtypes in (
        (labels, (torch.int8, torch.uint8, torch.int16, torch.int32, torch.uint16, torch.uint32, torch.uint64)),
        (labels % 2, (torch.bool, torch.uint8)),
    ):
        expected = zcbench.score(model, inputs, classes, labelled)
        assert sum(score.value is not None for score in expected.values()) >= 12
        for dtype in dtypes:
            found = zcbench.score(model, inputs, classes.to(dtype), labelled)
            for name in labelled:
                assert found[name].value == expected[name].value, (name, dtype)
                assert found[name].status == expected[name].status, (name, dtype, found[name].detail)


def test_ones_own_loss_sees_int64():
    seen = []

    def loss(outputs, targets):
        seen.append(targets.dtype)
        return nn.functional.cross_entropy(outputs, targets)

    zcbench.score(mlp(), X, Y.to(torch.uint8), ["snip", "snip:steps=1", "gradsign"], loss_fn=loss)
    assert set(seen) == {torch.int64}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda y: y - 3, "target class -3 is out of range: the network has 3 outputs."),
        (lambda y: torch.where(y == 0, -100, y - 5), "target class -4 is out of range"),
        (lambda y: y + 1, "target class 3 is out of range"),
        (lambda y: y.to(torch.uint8) + 250, "target class 252 is out of range"),
    ],
)
def test_classes_that_the_network_does_not_know(change, message):
    score = zcbench.score(mlp(), X, change(Y), ["snip"])["snip"]
    assert (score.status, score.detail.startswith(message)) == ("unsupported", True), score.detail


def test_the_ignored_class_is_ignored():
    some = torch.where(Y == 0, -100, Y)
    expected = zcbench.score(mlp(), X[Y != 0], Y[Y != 0], ["snip"])["snip"].value
    assert zcbench.score(mlp(), X, some, ["snip"])["snip"].value == pytest.approx(expected, rel=1e-5)
    assert zcbench.score(mlp(), X, some.to(torch.int8), ["snip"])["snip"].value == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("seed", [-1, 1.5, "x", 2**63, 2**70, True, None, float("nan"), (1,)])
def test_seeds_out_of_range(seed):
    with pytest.raises(InvalidInputError, match=r"the seed .*: choose "):
        zcbench.score(mlp(), X, Y, ["snip"], seed=seed)
    with pytest.raises(InvalidInputError, match=r"the seed .*: choose "):
        zcbench.Probe(mlp(), Batch(X, Y), seed=seed)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"proxies": 5}, "proxies 5: give names"),
        ({"proxies": ["params", None]}, "None is not a name"),
        ({"loss_fn": 5}, "loss_fn is a int"),
        ({"recipe": 5}, "the recipe is a int"),
        ({"training_data": 5}, "the batch is a int: pass a zcbench.Batch."),
    ],
)
def test_other_arguments(settings, message):
    with pytest.raises(InvalidInputError, match=re.escape(message)):
        zcbench.score(mlp(), X, Y, **{"proxies": ["snip", "snip:steps=1"], **settings})


@pytest.mark.parametrize("kind", ["leaf", "computed"])
def test_inputs_that_want_gradients_are_measured_like_others(kind):
    names = ["gradsign", "ntk_norm", "ntk_trace", "jacov", "snip", "grasp", "fisher", "zico", "synflow"]
    inputs, labels = images()
    wanted = inputs.clone().requires_grad_()
    given = wanted if kind == "leaf" else wanted * 1
    expected = {name: score.value for name, score in zcbench.score(convnet(), inputs, labels, names).items()}
    assert None not in expected.values()
    found = zcbench.score(convnet(), given, labels, names)
    assert {name: score.value for name, score in found.items()} == expected
    assert given.requires_grad
    assert wanted.grad is None


# -- what counts no samples --------------------------------------------------------------------


class Edges(nn.Module):
    """Mixes features along the edges of a graph that all samples share."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.a, self.b = nn.Linear(5, 7), nn.Linear(7, 3)

    def forward(self, x, edges, scale=1.0):  # x: (batch, nodes, features)
        x = self.a(x)
        x = x.index_add(1, edges[1], x[:, edges[0]]).relu() * scale
        return self.b(x.mean(1))


class Inside(Edges):
    """The same with the edges inside."""

    def __init__(self, edges):
        super().__init__()
        self.register_buffer("edges", edges)

    def forward(self, x):
        return super().forward(x, self.edges)


def edges_and_samples():
    generator = torch.Generator().manual_seed(1)
    return (
        torch.randn(8, 6, 5, generator=generator),
        torch.randint(6, (2, 11), generator=generator),
        torch.arange(8) % 3,
    )


NAMES = ["snip", "fisher", "jacov", "naswot", "swap", "gradsign", "ntk_trace", "zico", "synflow", "flops", "params"]


@pytest.mark.parametrize("form", ["shared", "marked by targets", "by name"])
def test_inputs_that_count_no_samples_pass_through(form):
    x, edges, labels = edges_and_samples()
    inputs = {"shared": (x, zcbench.shared(edges)), "marked by targets": (x, edges)}.get(
        form, {"x": x, "edges": zcbench.shared(edges), "scale": 1.0}
    )
    found = zcbench.score(Edges(), inputs, labels, NAMES)
    for name, expected in zcbench.score(Inside(edges), x, labels, NAMES).items():
        assert (found[name].status, found[name].value) == (expected.status, expected.value), name
        assert ("passed on whole: (2, 11)" in found[name].detail) is (form == "marked by targets")
    assert sum(score.value is not None for score in found.values()) >= 9


def test_shared_inputs_stay_as_they_are():
    class Writes(Edges):
        def forward(self, x, edges):
            edges += 1
            edges %= 6
            return super().forward(x, edges)

    x, edges, labels = edges_and_samples()
    before = edges.clone()
    first = zcbench.score(Writes(), (x, zcbench.shared(edges)), labels, NAMES)
    assert torch.equal(edges, before)
    again = zcbench.score(Writes(), (x, zcbench.shared(edges)), labels, ["snip"])
    assert again["snip"].value == first["snip"].value


def test_without_targets_nobody_can_say_what_counts_samples():
    x, edges, _ = edges_and_samples()
    with pytest.raises(InvalidInputError, match=r"zcbench\.shared"):
        zcbench.score(Edges(), (x, edges), None, ["params"])
    with pytest.raises(InvalidInputError, match="first dimensions"):
        zcbench.score(Edges(), (x, edges), torch.arange(7), ["params"])


def test_shared_inputs_are_checked():
    x, edges, _ = edges_and_samples()
    with pytest.raises(InvalidInputError, match="sparse"):
        zcbench.score(Edges(), (x, zcbench.shared(edges.to_sparse())), None, ["params"])
    assert repr(Batch((x, zcbench.shared(edges)))) == "<Batch of 8×6×5, shared 2×11, no targets: unnamed>"


def graphs():
    torch.manual_seed(2)
    sizes = (4, 6, 5, 7, 8, 3)
    return [Data(x=torch.randn(n, 5), edge_index=torch.randint(n, (2, 3 * n)), y=torch.tensor([n % 3])) for n in sizes]


class Graphs(nn.Module):
    """Two graph convolutions, as PyTorch Geometric's tutorials write them."""

    def __init__(self, *, whole):
        super().__init__()
        torch.manual_seed(1)
        self.a, self.b, self.head, self.whole = GCNConv(5, 16), GCNConv(16, 16), nn.Linear(16, 3), whole

    def forward(self, *inputs):
        x, edges, of = (inputs[0].x, inputs[0].edge_index, inputs[0].batch) if self.whole else inputs
        x = self.b(self.a(x, edges).relu(), edges).relu()
        return self.head(global_mean_pool(x, of, int(of.max()) + 1))


def test_graphs_of_pytorch_geometric():
    batch = GraphBatch.from_data_list(graphs())
    apart = tuple(zcbench.shared(tensor) for tensor in (batch.x, batch.edge_index, batch.batch))
    of_graphs = zcbench.score(Graphs(whole=True), batch, batch.y, "all")
    of_tensors = zcbench.score(Graphs(whole=False), apart, batch.y, "all")
    for name in ("snip", "grad_norm", "grasp", "l2_norm", "num_layers", "params", "ntk_cond", "lga_classes", "plain"):
        assert of_graphs[name].value == of_tensors[name].value is not None, name
    assert of_graphs["num_layers"].value == 3
    assert not [score for score in (*of_graphs.values(), *of_tensors.values()) if score.status == "failed"]
    assert repr(Batch(batch, batch.y)) == "<Batch of 6 graphs, targets 6: unnamed>"


def test_gradients_of_graphs_are_those_of_each_alone():
    model, parts = Graphs(whole=True), graphs()
    batch = GraphBatch.from_data_list(parts)
    rows = []
    for one in parts:
        loss = nn.functional.cross_entropy(model(GraphBatch.from_data_list([one])), one.y)
        rows.append(torch.cat([g.flatten() for g in torch.autograd.grad(loss, list(model.parameters()))]))
    signs = torch.stack(rows).sign().sum(0).abs().sum()
    (score,) = zcbench.score(model, batch, batch.y, ["gradsign:zero=0"]).values()
    assert score.value == float(signs)
    assert "one at a time" in zcbench.score(model, batch, batch.y, ["gradsign"])["gradsign"].detail
