"""Commands run in this process, in an empty folder, with nothing of the user's around."""

from dataclasses import dataclass

import pytest
from toys import registry_as_it_was, write_plugin

from zcbench.cli import main


@dataclass
class Result:
    status: int
    out: str
    err: str

    @property
    def sentence(self):
        """The one line that says what is wrong."""
        assert self.status != 0
        assert self.out == ""
        assert "Traceback" not in self.err
        lines = [
            line for line in self.err.splitlines() if not line.startswith(("digits-201: ", "zcbench: track "))
        ]  # progress
        assert len(lines) == 1, self.err
        assert lines[0].startswith("zcbench")
        return lines[0]


@pytest.fixture(autouse=True)
def place(tmp_path, monkeypatch):
    """An empty current folder."""
    folder = tmp_path / "here"
    folder.mkdir()
    monkeypatch.chdir(folder)
    monkeypatch.setenv("ZCBENCH_CACHE", str(tmp_path / "cache"))
    for name in ("ZCBENCH_RUNS", "ZCBENCH_DATA"):
        monkeypatch.delenv(name, raising=False)
    return folder


@pytest.fixture
def cli(capsys):
    """Call the command line."""

    def call(*arguments):
        try:
            status = main([str(a) for a in arguments])
        except SystemExit as leave:
            status = leave.code
        out, err = capsys.readouterr()
        return Result(status, out, err)

    with registry_as_it_was():
        yield call


@pytest.fixture
def plugin(place):
    """Path of a file with odd proxies."""
    return write_plugin(place)
