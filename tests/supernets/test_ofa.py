"""A random state dictionary of the authors' names, and a slow forward pass of subnets from their definition."""

import pickle
from collections import OrderedDict

import pytest
import torch
from torch.nn import functional as F

from zcbench.errors import InvalidInputError
from zcbench.spaces import get_space
from zcbench.supernets import OFASupernet, shared_weights
from zcbench.testing import check_supernet

#: of the five stages: channels, stride, hard swish, squeeze and excitation (arXiv:1905.02244, table 1)
STAGES = ((24, 2, 0, 0), (40, 2, 0, 1), (80, 2, 1, 0), (112, 1, 1, 1), (160, 2, 1, 1))
CLASSES = 7


def official(elastic=True, width=1.0, seed=0):
    """Names and shapes of ``ofa_mbv3_d234_e346_k357``; elastic layers have ``conv.conv`` and ``bn.bn``."""
    generator, found = torch.Generator().manual_seed(seed), OrderedDict()

    def add(name, *shape):
        fan = max(1, int(torch.tensor(shape[1:]).prod())) if len(shape) > 1 else 1
        found[name] = torch.randn(shape, generator=generator) * (1.5 / fan) ** 0.5

    def norm(name, channels):
        found[f"{name}.weight"] = 0.5 + torch.rand(channels, generator=generator)
        found[f"{name}.bias"] = 0.3 * torch.randn(channels, generator=generator)
        found[f"{name}.running_mean"] = torch.randn(channels, generator=generator)
        found[f"{name}.running_var"] = 0.5 + torch.rand(channels, generator=generator)
        found[f"{name}.num_batches_tracked"] = torch.tensor(9)

    def by(value):
        return rounded(value * width)

    conv, bn = ("conv.conv", "bn.bn") if elastic else ("conv", "bn")
    c = by(16)
    add("first_conv.conv.weight", c, 3, 3, 3)
    norm("first_conv.bn", c)
    name = "blocks.0.mobile_inverted_conv"
    add(f"{name}.depth_conv.conv.weight", c, 1, 3, 3)
    norm(f"{name}.depth_conv.bn", c)
    add(f"{name}.point_linear.conv.weight", c, c, 1, 1)
    norm(f"{name}.point_linear.bn", c)
    number = 0
    for channels, _, _, squeeze in STAGES:
        for _ in range(4):
            number += 1
            name, out, inner = f"blocks.{number}.mobile_inverted_conv", by(channels), 6 * c
            add(f"{name}.inverted_bottleneck.{conv}.weight", inner, c, 1, 1)
            norm(f"{name}.inverted_bottleneck.{bn}", inner)
            add(f"{name}.depth_conv.{conv}.weight", inner, 1, 7, 7)
            found[f"{name}.depth_conv.conv.7to5_matrix"] = torch.eye(25) + 0.1 * torch.randn(
                25, 25, generator=generator
            )
            found[f"{name}.depth_conv.conv.5to3_matrix"] = torch.eye(9) + 0.1 * torch.randn(9, 9, generator=generator)
            norm(f"{name}.depth_conv.{bn}", inner)
            if squeeze:
                middle = rounded(inner // 4)
                add(f"{name}.depth_conv.se.fc.reduce.weight", middle, inner, 1, 1)
                add(f"{name}.depth_conv.se.fc.reduce.bias", middle)
                add(f"{name}.depth_conv.se.fc.expand.weight", inner, middle, 1, 1)
                add(f"{name}.depth_conv.se.fc.expand.bias", inner)
            add(f"{name}.point_linear.{conv}.weight", out, inner, 1, 1)
            norm(f"{name}.point_linear.{bn}", out)
            c = out
    add("final_expand_layer.conv.weight", by(960), c, 1, 1)
    norm("final_expand_layer.bn", by(960))
    add("feature_mix_layer.conv.weight", by(1280), by(960), 1, 1)
    add("classifier.linear.weight", CLASSES, by(1280))
    add("classifier.linear.bias", CLASSES)
    return found


def rounded(value):
    """The nearest multiple of eight, which is not below nine tenths."""
    nearest = max(8, int(value + 4) // 8 * 8)
    return nearest + 8 if nearest < 0.9 * value else nearest


def slow_kernel(weight, size, w, name):
    """From 7 x 7 over 5 x 5 to 3 x 3, entry by entry."""
    had = 7
    while had > size:
        has, matrix = had - 2, w[f"{name}.{had}to{had - 2}_matrix"]
        centre = [weight[:, 0, 1 + i, 1 + j] for i in range(has) for j in range(has)]
        made = [sum(matrix[row, k] * centre[k] for k in range(has**2)) for row in range(has**2)]
        weight, had = torch.stack(made, 1).view(-1, 1, has, has), has
    return weight


def slow(w, x, settings):
    """Logits of a subnet, with batch norms of the batch; settings are kernel and expansion of each layer by stage."""

    def normed(x, name):
        n = x.shape[1]
        mean, var = x.mean((0, 2, 3), keepdim=True), x.var((0, 2, 3), correction=0, keepdim=True)
        weight, bias = (w[f"{name}.{end}"][:n].view(1, n, 1, 1) for end in ("weight", "bias"))
        return (x - mean) / (var + 1e-5).sqrt() * weight + bias

    def swish(x):
        return x * F.relu6(x + 3) / 6

    x = swish(normed(F.conv2d(x, w["first_conv.conv.weight"], None, 2, 1), "first_conv.bn"))
    name = "blocks.0.mobile_inverted_conv"
    y = F.conv2d(x, w[f"{name}.depth_conv.conv.weight"], None, 1, 1, 1, x.shape[1])
    y = F.relu(normed(y, f"{name}.depth_conv.bn"))
    x = x + normed(F.conv2d(y, w[f"{name}.point_linear.conv.weight"]), f"{name}.point_linear.bn")
    for stage, ((_, stride, swishes, squeeze), layers) in enumerate(zip(STAGES, settings, strict=True)):
        for place, (kernel, expand) in enumerate(layers):
            name, act = f"blocks.{1 + 4 * stage + place}.mobile_inverted_conv", swish if swishes else F.relu
            inner = rounded(x.shape[1] * expand)
            y = F.conv2d(x, w[f"{name}.inverted_bottleneck.conv.conv.weight"][:inner, : x.shape[1]])
            y = act(normed(y, f"{name}.inverted_bottleneck.bn.bn"))
            filters = slow_kernel(
                w[f"{name}.depth_conv.conv.conv.weight"][:inner], kernel, w, f"{name}.depth_conv.conv"
            )
            y = F.conv2d(y, filters, None, stride if place == 0 else 1, kernel // 2, 1, inner)
            y = act(normed(y, f"{name}.depth_conv.bn.bn"))
            if squeeze:
                middle, fc = rounded(inner // 4), f"{name}.depth_conv.se.fc"
                z = y.mean((2, 3), keepdim=True)
                z = F.conv2d(z, w[f"{fc}.reduce.weight"][:middle, :inner], w[f"{fc}.reduce.bias"][:middle]).relu()
                z = F.conv2d(z, w[f"{fc}.expand.weight"][:inner, :middle], w[f"{fc}.expand.bias"][:inner])
                y = y * F.relu6(z + 3) / 6
            y = normed(F.conv2d(y, w[f"{name}.point_linear.conv.conv.weight"][:, :inner]), f"{name}.point_linear.bn.bn")
            x = x + y if place else y  # the first layer of each stage has other channels or another size
    x = swish(normed(F.conv2d(x, w["final_expand_layer.conv.weight"]), "final_expand_layer.bn"))
    x = swish(F.conv2d(x.mean((2, 3), keepdim=True), w["feature_mix_layer.conv.weight"])).flatten(1)
    return x @ w["classifier.linear.weight"].T + w["classifier.linear.bias"]


@pytest.fixture(scope="module")
def weights():
    return official()


def images(samples=3):
    return torch.randn(samples, 3, 64, 64, generator=torch.Generator().manual_seed(5))


@pytest.mark.parametrize(
    "text",
    [
        "|".join(["3x3,3x3"] * 5),
        "|".join(["7x6,7x6,7x6,7x6"] * 5),
        "3x3,5x4|7x3,3x3,5x6|3x4,3x3|5x6,5x4,5x3,5x3|3x3,7x6",
    ],
)
def test_subnets_against_a_slow_forward_pass(weights, text):
    supernet, x = OFASupernet({"state_dict": weights}).double(), images().double()
    architecture = supernet.space.parse(text)
    wanted = slow({name: value.double() for name, value in weights.items()}, x, supernet.space.stages(architecture))
    supernet.train().activate(architecture)
    out = supernet(x)
    assert out.shape == (3, CLASSES)
    assert torch.allclose(out, wanted, rtol=1e-6, atol=1e-8)
    assert torch.allclose(supernet.cut(architecture).train()(x), wanted, rtol=1e-6, atol=1e-8)
    out.square().sum().backward()
    matrices = dict(supernet.whole.named_parameters())
    learned = matrices["body.stage1_block0.conv.filter.7to5_matrix"].grad
    assert (learned is not None and bool(learned.any())) == (text.split("|")[1][0] in "35")


def test_weights_wider_by_a_fifth():
    wide = official(width=1.2)
    supernet, x = OFASupernet(wide, "ofa-mbv3-w1.2").double(), images().double()
    supernet.train().activate(supernet.smallest)
    stages = supernet.space.stages(supernet.smallest)
    wanted = slow({name: value.double() for name, value in wide.items()}, x, stages)
    assert torch.allclose(supernet(x), wanted, rtol=1e-6, atol=1e-8)
    with pytest.raises(
        InvalidInputError, match=r"first_conv.conv.weight has the shape \(24, 3, 3, 3\) and not \(16, 3"
    ):
        OFASupernet(wide)
    with pytest.raises(InvalidInputError, match="is not a space of once-for-all"):
        OFASupernet(wide, "nasbench201")


def test_files_and_names_of_other_versions(weights, tmp_path):
    from safetensors.torch import save_file

    torch.save({"state_dict": weights, "epoch": 3}, tmp_path / "ofa_mbv3_d234_e346_k357_w1.0")
    torch.save({f"module.{name}": value for name, value in weights.items()}, tmp_path / "parallel.pt")
    save_file(dict(weights), tmp_path / "own.bin")
    first = OFASupernet(weights).whole.state_dict()
    plain = {
        name.replace(".mobile_inverted_conv.", ".conv.")
        .replace("bn.bn.", "bn.")
        .replace(".conv.conv.weight", ".conv.weight"): value
        for name, value in weights.items()
        if "num_batches" not in name
    }
    for source in (*sorted(tmp_path.iterdir()), str(tmp_path / "own.bin"), plain):
        other = OFASupernet(source).whole.state_dict()
        names = [name for name in first if "num_batches" not in name]
        assert all(torch.equal(first[name], other[name]) for name in names)
    assert torch.equal(
        first["body.stage4_block3.conv.expand.weight"],
        weights["blocks.20.mobile_inverted_conv.inverted_bottleneck.conv.conv.weight"],
    )


def without(weights, ending):
    return {name: value for name, value in weights.items() if not name.endswith(ending)}


def test_weights_of_another_network(weights):
    last = "blocks.20.mobile_inverted_conv.depth_conv.bn.bn.weight"
    for wrong, said in (
        (without(weights, last), "has no blocks.20.mobile_inverted_conv.depth_conv.bn.weight, but ofa-mbv3 has"),
        (
            without(weights, "7to5_matrix"),
            "has no blocks.1.mobile_inverted_conv.depth_conv.conv.7to5_matrix and 19 more",
        ),
        ({**weights, "blocks.21.mobile_inverted_conv.depth_conv.conv.weight": weights[last]}, "has no 'blocks.21"),
        (
            {**weights, "blocks.1.mobile_inverted_conv.depth_conv.se.fc.reduce.bias": weights[last]},
            "has a blocks.1.mob",
        ),
        ({**weights, "backbone.0.weight": weights[last]}, "has no 'backbone.0.weight'"),
        ({**weights, last.replace("bn.bn", "bn"): weights[last]}, "twice, under two names"),
        ({**weights, last: weights[last][:-1]}, "depth_conv.bn.weight has the shape"),
        ({**weights, last: weights[last] * float("nan")}, "not finite numbers"),
        ({**weights, last: weights[last].long()}, "not finite numbers"),
        ({**weights, last: [1.0]}, "is not a tensor"),
        ({}, "is not a state dictionary"),
        ({"state_dict": {}}, "is not a state dictionary"),
        ({3: weights[last]}, "is not a state dictionary"),
        (without(weights, "classifier.linear.weight"), "has no classifier.linear.weight"),
    ):
        with pytest.raises(InvalidInputError, match=said) as caught:
            OFASupernet(wrong)
        assert "\n" not in str(caught.value)
        assert len(str(caught.value)) < 400


class Harmful:
    def __reduce__(self):
        return (exec, ("raise SystemExit('it ran')",))


def test_files_that_are_no_weights(weights, tmp_path):
    path = tmp_path / "weights"
    for wrong in (b"", b"nonsense", b"\x08\x00\x00\x00\x00\x00\x00\x00{}      ", pickle.dumps([1, 2])):
        path.write_bytes(wrong)
        with pytest.raises(InvalidInputError) as caught:
            OFASupernet(path)
        assert "\n" not in str(caught.value)
    torch.save({"state_dict": dict(list(weights.items())[:3]), "more": Harmful()}, path)
    with pytest.raises(InvalidInputError, match="could run code"):
        OFASupernet(path)
    for absent in (tmp_path / "absent", tmp_path):
        with pytest.raises(InvalidInputError, match="cannot be read as weights"):
            OFASupernet(absent)


def test_without_images_a_subnet_is_refused_and_cut_is_not(weights):
    supernet = OFASupernet(weights)
    with pytest.raises(InvalidInputError, match="calibration="):
        supernet.subnet(supernet.smallest)
    assert sum(value.numel() for value in supernet.cut(supernet.smallest).parameters()) == sum(
        value.numel() for value in get_space("ofa-mbv3").build(supernet.smallest, num_classes=CLASSES).parameters()
    )
    assert set(shared_weights(supernet.whole, supernet.whole)) == {
        name for name, _ in supernet.whole.named_parameters()
    }


@pytest.mark.slow
def test_the_contract(weights):
    supernet = OFASupernet(weights, calibration=[images(6)])
    report = check_supernet(supernet, images(6))
    assert report.ok, str(report)
