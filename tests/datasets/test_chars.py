"""The embedded tables of chars-rnn and chars-bert."""

import pytest

from zcbench.datasets import chars
from zcbench.errors import DataCorruptError


def test_a_damaged_table_is_said_to_be_one(monkeypatch, tmp_path):
    monkeypatch.setattr(chars, "files", lambda _: tmp_path)
    tmp_path.joinpath("data").mkdir()
    for content in (None, b"", b"text"):
        if content is not None:
            tmp_path.joinpath("data", "chars-rnn.npz").write_bytes(content)
        with pytest.raises(DataCorruptError, match="install zcbench again"):
            chars.load("rnn")
