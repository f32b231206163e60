"""torchvision is imported beside a torch that its library does not fit."""

import subprocess
import sys

import pytest

from zcbench._torchvision import torchvision_importable

#: a package that asks of torch what torchvision asks, and stands in its place
PACKAGE = """
import torch

@torch.library.register_fake("torchvision::nms")
def nms(dets, scores, iou_threshold):
    return dets

@torch.library.register_fake("torchvision::qnms")
def qnms(dets, scores, iou_threshold):
    return dets
"""
SCRIPT = """
import sys
import torch
from zcbench._torchvision import torchvision_importable

def declared():
    return bool(torch._C._jit_get_schemas_for_operator("torchvision::nms"))

finders = list(sys.meta_path)
with torchvision_importable():
    assert not declared()  # nothing was imported yet
    import torchvision
    during = declared()
assert sys.meta_path == finders
print(torchvision.__file__, during, declared())
"""


@pytest.fixture
def run(tmp_path, monkeypatch):
    def run(script, package=PACKAGE, library=None):
        (tmp_path / "torchvision").mkdir(exist_ok=True)
        (tmp_path / "torchvision" / "__init__.py").write_text(package)
        if library is not None:
            (tmp_path / "torchvision" / library).write_bytes(b"no library")
        monkeypatch.syspath_prepend(str(tmp_path))
        monkeypatch.setenv("PYTHONPATH", ":".join(sys.path))
        done = subprocess.run(
            [sys.executable, "-W", "error", "-c", script], capture_output=True, text=True, timeout=120
        )
        return done.returncode, done.stdout, done.stderr

    return run


@pytest.mark.parametrize("library", [None, "_C.so"])
def test_operators_are_declared_while_it_is_imported(run, library):
    code, out, errors = run(SCRIPT, library=library)
    assert (code, errors) == (0, "")
    assert out.split()[1:] == ["True", "False"]


def test_it_does_not_import_without():
    """What the declarations are for; if this fails, torch has changed."""
    code = "import torch\ntorch.library.register_fake('torchvision::nms')(print)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120)
    assert "operator torchvision::nms does not exist" in done.stderr


def test_operators_that_are_there_are_left_alone(run):
    """As if the library had been loaded."""
    real = """
import torch
library = torch.library.Library("torchvision", "DEF")
for name in ("nms", "qnms"):
    library.define(f"{name}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
library.impl("nms", lambda dets, scores, iou_threshold: dets + 1, "CPU")
from zcbench._torchvision import torchvision_importable
with torchvision_importable():
    import torchvision
    import importlib.util
    assert importlib.util.find_spec("torchvision")
print(torch.ops.torchvision.nms(torch.ones(1, 4), torch.ones(1), 0.5).sum().item())
"""
    assert run(real) == (0, "8.0\n", "")


def test_other_imports_cost_nothing():
    before = list(sys.meta_path)
    with torchvision_importable():
        import json  # noqa: F401
    assert sys.meta_path == before


def test_the_real_one(tmp_path):
    """In a fresh process, in which nothing else has prepared it: a user's file imports transformers, a space timm."""
    pytest.importorskip("timm", exc_type=ImportError)
    (tmp_path / "mine.py").write_text("from transformers import BertModel\n")
    code = f"""
from zcbench._imports import import_file
from zcbench.spaces import get_space
import_file({str(tmp_path / "mine.py")!r})
print(next(iter(get_space("timm"))))
"""
    done = subprocess.run([sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, timeout=120)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == "aimv2_1b_patch14_224\n"
