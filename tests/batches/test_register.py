"""Batches of one's own for benchmarks of one's own."""

import json
import re
import subprocess
import sys

import pytest
from toys import registry_as_it_was

import zcbench
from zcbench.errors import DuplicateNameError, InvalidInputError
from zcbench.records import Store


@pytest.fixture(autouse=True)
def as_found():
    with registry_as_it_was():
        yield


@pytest.mark.parametrize(
    ("name", "declared", "message"),
    [
        ("My images", {}, "cannot name a batch"),
        ("mine@64", {}, "cannot name a batch"),
        ("mine", {"classes": 0}, "classes 0: choose at least 1"),
        ("mine", {"classes": "ten"}, "classes 'ten': choose a whole number"),
        ("mine", {"resizable": "yes"}, "resizable must be a function, not 'yes'"),
        ("mine", {"resizable": lambda images: images}, "resizable is called with 3 arguments"),
        ("mine", {"largest": 0}, "largest 0: choose at least 1"),
        ("mine", {"version": 0}, "version must be a positive integer"),
        ("mine", {"reference": 5}, "reference must be text"),
        ("mine", {"override": 1}, "override must be True or False"),
    ],
)
def test_declarations_out_of_range(name, declared, message):
    before = zcbench.list_batches()
    with pytest.raises(InvalidInputError, match=re.escape(message)):
        zcbench.register_batch(name, **declared)(lambda: None)
    assert zcbench.list_batches() == before


@pytest.mark.parametrize("function", [5, lambda path: None])
def test_what_is_registered_is_called_without_arguments(function):
    with pytest.raises(InvalidInputError, match="function"):
        zcbench.register_batch("mine")(function)


def test_names_are_taken_once():
    with pytest.raises(DuplicateNameError, match="a batch named 'digits' exists already"):
        zcbench.register_batch("digits")(lambda: None)


def test_an_info_says_what_was_declared():
    @zcbench.register_batch("mine", classes=3, resizable=True, version=2, reference="my camera")
    def mine():
        """My photographs."""

    info = zcbench.batch_info("mine")
    assert (info.classes, info.resizable, info.version, info.reference) == (3, True, 2, "my camera")
    assert info.summary == "My photographs."
    assert mine() is None
    assert "mine" in zcbench.list_batches("m*")


IMAGES = '''
import numpy as np, zcbench
@zcbench.register_batch("t-mine", classes=3, resizable=True)
def mine():
    """My images."""
    return np.random.RandomState(SEED).standard_normal((40, 1, 12, 12)), np.arange(40) % 3
'''
NETWORKS = """
from torch import nn
def build(name):
    width = int(name.removeprefix("w"))
    return nn.Sequential(nn.Conv2d(1, width, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(width, 3))
"""


def test_the_command_line_scores_networks_of_one_s_own_on_images_of_one_s_own(tmp_path):
    """In a worker and without; scores on other images of the same name are measured anew."""
    tmp_path.joinpath("nets.py").write_text(NETWORKS)
    tmp_path.joinpath("my.csv").write_text("arch,acc\n" + "".join(f"w{i},{i / 9}\n" for i in range(2, 6)))
    words = ["run", "my.csv", "--target", "acc", "--factory", "nets.py:build", "--data", "t-mine@8", "--classes", "3"]
    words += ["--import", "my.py", "--proxies", "params,grad_norm", "--batch-size", "8", "--json"]
    batches, scores = [], []
    for seed, workers in ((0, "1"), (1, "0")):
        tmp_path.joinpath("my.py").write_text(IMAGES.replace("SEED", str(seed)))
        done = subprocess.run(
            [sys.executable, "-m", "zcbench", *words, "--workers", workers],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=120,
        )
        assert done.returncode == 0, done.stderr
        content = json.loads(done.stdout)
        batches.append(content["batch"])
        records = [r for r in Store(tmp_path / "runs").records("own-my") if r.batch == content["batch"]]
        scores.append({(r.architecture, r.proxy): r.score.value for r in records})
        assert len(scores[-1]) == 8
    assert re.fullmatch(r"t-mine@8/train/8 of 40/seed 0/1-[0-9a-f]{16}", batches[0])
    assert batches[0] != batches[1]
    assert scores[0] != scores[1]
    assert len(Store(tmp_path / "runs").records("own-my")) == 16
