"""Samples are drawn at random, from what comes with zcbench and from what others register."""

import re

import numpy as np
import pytest
import torch
from toys import registry_as_it_was

import zcbench
from zcbench.batches import get_batch
from zcbench.errors import DataMissingError, InvalidInputError, UnknownNameError


def test_a_smaller_batch_begins_a_larger_and_seeds_differ():
    small, large, other = get_batch("digits", 8, 1), get_batch("digits", 64, 1), get_batch("digits", 8, 2)
    assert torch.equal(small.inputs, large.inputs[:8])
    assert not torch.equal(small.inputs, other.inputs)
    assert small.provenance == "digits/train/8 of 500/seed 1"


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        (("digit", 8), UnknownNameError, "did you mean 'digits'"),
        (("digits", 0), InvalidInputError, "a batch of 0 samples is impossible"),
        (("digits", 501), InvalidInputError, "a batch of 501 samples: digits has only 500 here"),
        (("cifar10", 8), DataMissingError, r"the images of cifar10 are not on this machine"),
    ],
)
def test_what_cannot_be_had(tmp_path, monkeypatch, arguments, error, message):
    monkeypatch.setenv("ZCBENCH_DATA", str(tmp_path))
    with pytest.raises(error, match=message):
        get_batch(*arguments)


# -- samples of others -------------------------------------------------------------------------


@pytest.fixture(autouse=True)
def as_found():
    with registry_as_it_was():
        yield


def stripes(n=12, side=8):
    rng = np.random.RandomState(0)
    return rng.standard_normal((n, 1, side, side)), np.arange(n) % 3


def test_samples_of_others_are_drawn_like_ours():
    inputs, targets = stripes()
    zcbench.register_batch("t-mine", classes=3)(lambda: (inputs, targets))
    order = np.random.RandomState(5).permutation(12)[:4]
    batch = get_batch("t-mine", 4, 5)
    assert (batch.inputs.dtype, batch.targets.dtype) == (torch.float32, torch.int64)
    np.testing.assert_array_equal(batch.inputs.numpy(), inputs[order].astype(np.float32))
    np.testing.assert_array_equal(batch.targets.numpy(), targets[order])
    assert len(get_batch("t-mine", None)) == 12
    with pytest.raises(InvalidInputError, match="a batch of 13 samples: t-mine has only 12 here"):
        get_batch("t-mine", 13)


def test_the_provenance_follows_the_samples():
    """Scores on other samples, another version or another resizing never share a key with these."""
    inputs, targets = stripes()
    seen = {}

    def provenance(what, text="t-mine", give=lambda: (inputs, targets), **declared):
        zcbench.register_batch("t-mine", **{"classes": 3, "override": True} | declared)(give)
        seen[what] = get_batch(text, 4).provenance
        return seen[what]

    assert re.fullmatch(r"t-mine/train/4 of 12/seed 0/1-[0-9a-f]{16}", provenance("these"))
    assert seen["these"] == get_batch("t-mine", 4).provenance
    assert seen["these"] == provenance("tensors", give=lambda: (torch.tensor(inputs), torch.tensor(targets)))
    assert seen["these"] == provenance("float32", give=lambda: (inputs.astype(np.float32), targets.astype(np.int32)))
    del seen["tensors"], seen["float32"]
    provenance("version", version=2)
    other = inputs.copy()
    last = np.random.RandomState(0).permutation(12)[-1]
    other[last] += 1  # which is not drawn; but what a proxy trains on may hold it
    provenance("another image", give=lambda: (other, targets))
    provenance("other labels", give=lambda: (inputs, (targets + 1) % 3))
    provenance("other order", give=lambda: (inputs[::-1], targets[::-1]))
    provenance("other shape", give=lambda: (inputs.reshape(12, 1, 4, 16), targets))
    provenance("resized", "t-mine@4", resizable=True)
    cropped = provenance("cropped", "t-mine@4", resizable=lambda x, y, side: (x[..., :side, :side], y))
    assert cropped.startswith("t-mine@4/train/4 of 12/seed 0/1-")
    provenance("cropped elsewhere", "t-mine@4", resizable=lambda x, y, side: (x[..., -side:, -side:], y))
    assert len(set(seen.values())) == len(seen)


def test_samples_that_change_from_call_to_call_are_refused():
    rng = np.random.RandomState(0)
    zcbench.register_batch("t-mine", classes=3)(lambda: (rng.standard_normal((6, 4)), np.arange(6) % 3))
    get_batch("t-mine", 2)
    with pytest.raises(InvalidInputError, match="'t-mine' gave different samples than before: seed random"):
        get_batch("t-mine", 2)
    zcbench.register_batch("t-mine", classes=3, override=True)(lambda: (np.ones((6, 4)), np.arange(6) % 3))
    assert len(get_batch("t-mine", 2)) == 2


def test_a_replaced_batch_of_ours_is_no_longer_ours():
    ours = get_batch("digits", 4).provenance
    inputs, targets = stripes(500)
    zcbench.register_batch("digits", classes=3, override=True)(lambda: (inputs, targets))
    assert get_batch("digits", 4).provenance.startswith(f"{ours}/1-")


def test_numbers_behind_a_name():
    inputs, targets = stripes()
    zcbench.register_batch("t-mine", classes=3, resizable=True, largest=32)(lambda: (inputs, targets))
    assert get_batch("t-mine@16", 2).inputs.shape == (2, 1, 16, 16)
    for text, message in {
        "t-mine@33": "the number in 't-mine@33', 33: choose at most 32",
        "t-mine@0": "choose at least 1",
        "t-mine@08": "'t-mine@08': write a whole number behind '@', as in t-mine@64",
        "t-mine@-8": "write a whole number behind '@'",
        "t-mine@8@8": "write a whole number behind '@'",
        "t-mine:side=8": "'t-mine:side=8': a batch takes no settings, write t-mine.",
        "t-mine(8)": "a batch takes no brackets",
        "digits@16": "'digits@16': no number can follow this name, write digits.",
        "": "a name is missing",
    }.items():
        with pytest.raises(InvalidInputError, match=re.escape(message)):
            get_batch(text, 2)


def test_ids_and_real_targets():
    ids = np.arange(24).reshape(6, 4)
    masked = np.where(ids % 3 == 0, ids, -100)
    zcbench.register_batch("t-ids", classes=24)(lambda: (ids, masked))
    batch = get_batch("t-ids", 6)
    assert (batch.inputs.dtype, batch.inputs.shape, batch.targets.shape) == (torch.int64, (6, 4), (6, 4))
    zcbench.register_batch("t-real")(lambda: (np.ones((5, 3)), np.linspace(0, 1, 5)))
    assert get_batch("t-real", 5).targets.dtype == torch.float32


IMAGES, LABELS = np.zeros((6, 1, 4, 4)), np.arange(6)
MISSING = IMAGES.copy()
MISSING[3, 0, 1, 1] = np.nan


@pytest.mark.parametrize(
    ("found", "message"),
    [
        (None, "its function must return (inputs, targets), not None"),
        (IMAGES, "its function must return (inputs, targets), not array("),
        ((IMAGES, LABELS, 3), "its function must return (inputs, targets)"),
        ((IMAGES, LABELS[:5]), "has 6 inputs and 5 targets: give one target each"),
        ((IMAGES[:0], LABELS[:0]), "has no samples: inputs (0, 1, 4, 4), targets (0,)"),
        ((np.zeros((6, 0)), LABELS), "has no samples"),
        ((LABELS, LABELS), "has inputs (6,) and targets (6,): give inputs (n, …)"),
        ((IMAGES, 3), "and targets (): give inputs"),
        ((MISSING, LABELS), "its inputs are nan or infinite in sample 3"),
        ((np.full((6, 2), 1e300), LABELS), "its inputs are nan or infinite in sample 0"),
        ((IMAGES, LABELS - 1), "its targets contain -1, and it has 6 classes: indices go from 0 to 5"),
        ((IMAGES, LABELS + 1), "its targets contain 6, and it has 6 classes"),
        ((IMAGES, np.full(6, -100)), "all its targets are -100: there is no prediction target"),
        ((IMAGES, LABELS / 6), "has 6 classes, and its targets are floats: give class indices, integers"),
        ((IMAGES.astype(np.uint8), LABELS), "its inputs are uint8: give float32, images normalised"),
        ((IMAGES > 0, LABELS), "its inputs are bool"),
        ((IMAGES, LABELS > 2), "its targets are bool: give integers or floats"),
        ((IMAGES.astype(complex), LABELS), "its inputs are not an array of numbers (it is complex128)"),
        ((IMAGES.astype(object), LABELS), "its inputs are not an array of numbers (it is object)"),
        (([[1.0], [1.0, 2.0]], [0, 1]), "its inputs are not an array of numbers (ValueError"),
        ((["a.png", "b.png"], [0, 1]), "its inputs are not an array of numbers"),
        ((torch.zeros(6, 4).to_sparse(), LABELS), "its inputs are a tensor without plain numbers (float32)"),
        ((torch.zeros(6, 4, device="meta"), LABELS), "its inputs are a tensor without plain numbers"),
        ((np.ma.masked_equal(np.ones((6, 2)), 1), LABELS), "its inputs are masked in places"),
        ((IMAGES, LABELS.astype(np.uint64) + 2**63), "its targets contain 9223372036854775"),
    ],
    ids=lambda part: part if isinstance(part, str) else "",
)
def test_what_is_no_batch_is_refused_in_one_sentence(found, message):
    zcbench.register_batch("t-mine", classes=6)(lambda: found)
    with pytest.raises(InvalidInputError, match=re.escape(message)) as caught:
        get_batch("t-mine", 2)
    assert len(str(caught.value).splitlines()) == 1
    assert "'t-mine'" in str(caught.value)


@pytest.mark.parametrize("kind", [">i8", "<i4", "u1", "u2", "u4", "u8", "i1"])
def test_integers_of_any_kind_are_labels(kind):
    zcbench.register_batch("t-mine", classes=6)(lambda: (IMAGES.astype(">f4"), LABELS.astype(kind)[::-1]))
    batch = get_batch("t-mine", None)
    assert batch.targets.dtype == torch.int64
    assert sorted(batch.targets.tolist()) == list(range(6))
    zcbench.register_batch("t-other", classes=6)(lambda: (torch.nn.Parameter(torch.zeros(6, 2)), torch.arange(6)))
    assert not get_batch("t-other", 3).inputs.requires_grad


def test_integers_need_classes():
    zcbench.register_batch("t-mine")(lambda: (IMAGES, LABELS))
    with pytest.raises(InvalidInputError, match="targets that are integers: declare classes=N"):
        get_batch("t-mine", 2)


def test_only_images_are_scaled():
    zcbench.register_batch("t-mine", classes=6, resizable=True)(lambda: (np.zeros((6, 5)), LABELS))
    with pytest.raises(InvalidInputError, match=re.escape("has inputs (6, 5) of float32: only images")):
        get_batch("t-mine", 2)


def fails(error):
    def raises(*_):
        raise error

    return raises


@pytest.mark.parametrize("error", [OSError("no disk"), SystemExit(3), KeyboardInterrupt(), MemoryError()], ids=repr)
def test_what_the_function_raises_is_said(error):
    zcbench.register_batch("t-mine", classes=6)(fails(error))
    with pytest.raises(
        InvalidInputError, match=f"samples of the batch 't-mine' could not be loaded.*{type(error).__name__}"
    ):
        get_batch("t-mine", 2)
    zcbench.register_batch("t-other", classes=6, resizable=fails(error))(lambda: (IMAGES, LABELS))
    with pytest.raises(InvalidInputError, match="the samples of t-other@3 could not be resized"):
        get_batch("t-other@3", 2)


def test_resizing_keeps_the_samples():
    zcbench.register_batch("t-mine", classes=6, resizable=lambda x, y, number: (x[:number], y[:number]))(
        lambda: (IMAGES, LABELS)
    )
    with pytest.raises(InvalidInputError, match="t-mine@1: resizing made 1 samples of 4: keep all"):
        get_batch("t-mine@1", 4)


def test_what_is_drawn_shares_no_memory_with_the_samples():
    images = np.zeros((6, 1, 4, 4), np.float32)
    zcbench.register_batch("t-mine", classes=6)(lambda: (images, LABELS))
    get_batch("t-mine", None).inputs.add_(1)
    assert not images.any()
