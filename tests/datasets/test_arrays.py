"""Arrays of a cache: what they state is compared with what they have, and nothing is run."""

import io
import struct
import zipfile

import numpy as np
import pytest

from zcbench.datasets import Table
from zcbench.datasets._table import load_table, save_table
from zcbench.errors import DataCorruptError
from zcbench.types import Target

pytestmark = pytest.mark.usefixtures("nothing_kept")


def saved(path):
    target = Target("quality", "cifar10", True, "anything")
    table = Table(["a", "b"], (target,), {"quality": np.ones((2, 1))}, facts={"size": np.ones(2)}, source="here")
    save_table(table, path)
    with zipfile.ZipFile(path) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def head_of(shape, kind):
    """The head of a .npy file."""
    text = f"{{'descr': '{kind}', 'fortran_order': False, 'shape': {shape}, }}"
    text += " " * (63 - (10 + len(text)) % 64) + "\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(text)) + text.encode()


@pytest.mark.parametrize(
    ("member", "shape", "kind", "reason"),
    [
        ("facts/size", "(1099511627776,)", "<f8", "has another size than its header|columns of different lengths"),
        ("values/quality", "(2, 1099511627776)", "<f8", "has another size than its header"),
        ("values/quality", "(2, 1)", "|O", "not of plain numbers"),
        ("values/quality", "(2, -1)", "<f8", "cannot be read"),
        ("values/quality", "(2, True)", "<f8", "cannot be read"),
        ("values/quality", "(2, 1)", "<U2", "not of numbers"),
        ("architectures", "(1099511627776,)", "|u1", "has another size than its header"),
        ("head", "(1099511627776,)", "|u1", "has another size than its header"),
    ],
)
def test_what_the_cache_states_is_compared_with_its_size(member, shape, kind, reason, tmp_path):
    path = tmp_path / "x.npz"
    members = saved(path)
    content = members[f"{member}.npy"]
    start = 10 + struct.unpack("<H", content[8:10])[0]
    members[f"{member}.npy"] = head_of(shape, kind) + content[start:]
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    with pytest.raises(DataCorruptError, match=f"({reason}).*: delete it and get the benchmark again"):
        load_table(path)


def test_a_cache_of_pickles_runs_nothing(tmp_path):
    class Evil:
        def __reduce__(self):
            return (tmp_path / "evil").touch, ()

    path = tmp_path / "x.npz"
    arrays = saved(path)
    file = io.BytesIO()
    np.lib.format.write_array(file, np.array([Evil(), Evil()]), allow_pickle=True)
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in {**arrays, "facts/size.npy": file.getvalue()}.items():
            archive.writestr(name, data)
    with pytest.raises(DataCorruptError, match="not of plain numbers"):
        load_table(path)
    assert not (tmp_path / "evil").exists()
