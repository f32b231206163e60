"""Texts: the next or the hidden characters and words are the targets."""

import pytest
import torch

from zcbench.batches import get_batch
from zcbench.errors import DataCorruptError, DataMissingError


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv("ZCBENCH_DATA", str(tmp_path))
    return tmp_path


def test_characters():
    batch, hidden = get_batch("pydoc", 40, 3), get_batch("pydoc-masked", 40, 3)
    assert batch.inputs.shape == batch.targets.shape == (40, 32)
    assert torch.equal(batch.inputs[:, 1:], batch.targets[:, :-1])
    assert int(batch.inputs.min()) >= 0 and int(batch.inputs.max()) < 89
    covered = hidden.targets >= 0
    assert 0.1 < covered.float().mean() < 0.2
    assert (hidden.inputs[covered] == 89).all()
    assert (hidden.targets[~covered] == -100).all()
    assert torch.equal(torch.where(covered, hidden.targets, hidden.inputs), batch.inputs)


def test_words(data_folder, monkeypatch):
    monkeypatch.setenv("ZCBENCH_DATA", str(data_folder))
    batch, few, hidden = (get_batch(f"wikitext2{kind}", 5, 1) for kind in ("", "@100", "-masked"))
    assert batch.inputs.shape == (5, 64)
    assert torch.equal(batch.inputs[:, 1:], batch.targets[:, :-1])
    assert torch.equal(few.inputs, batch.inputs.clamp(max=99))
    assert torch.equal(few.targets, batch.targets.clamp(max=99))
    covered = hidden.targets >= 0
    assert (hidden.inputs[covered] == 103).all()
    assert torch.equal(torch.where(covered, hidden.targets, hidden.inputs) - 1000, batch.inputs)


def test_a_damaged_text(folder):
    with pytest.raises(DataMissingError, match="no text at"):
        get_batch("wikitext2", 2)
    folder.joinpath("text").mkdir()
    folder.joinpath("text", "wikitext2.valid.tokens.gz").write_bytes(b"not gzip")
    with pytest.raises(DataCorruptError, match=r"tokens\.gz cannot be read"):
        get_batch("wikitext2", 2)
