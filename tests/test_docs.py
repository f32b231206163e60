"""Code blocks of the documentation run as printed, and commands that are too slow to run at least parse."""

import json
import os
import tempfile
from pathlib import Path

import pytest
from run_pages import blocks_of, commands_of, in_folder, run_page, same_output, shows, wrong_use
from toys import registry_as_it_was

import zcbench

ROOT = Path(__file__).parents[1]
PAGES = sorted([*ROOT.glob("docs/**/*.md"), ROOT / "CONTRIBUTING.md", ROOT / "README.md"])


def name(page):
    return page.relative_to(ROOT).as_posix()


def runs(block):
    """Whether a block is run in the quick form."""
    code = block.language == "python" or block.is_shell
    return code and not block.title and not {"not run", "slow"} & set(block.comments)


RUN = [page for page in PAGES if any(map(runs, blocks_of(page)))]
LONG = [page for page in RUN if any({"slow", "shorter"} & set(block.comments) for block in blocks_of(page))]


def check(page, folder, *, all_of_it=False):
    with registry_as_it_was(), in_folder(folder):
        outputs = run_page(page, all_of_it=all_of_it)
    for block, printed in outputs:
        assert shows(block, printed), f"{block} shows another output than this:\n{printed}"


@pytest.mark.parametrize("page", RUN, ids=name)
def test_blocks_run_and_print_what_the_page_shows(page, tmp_path):
    check(page, tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("page", LONG, ids=name)
def test_the_same_with_slow_blocks_and_whole_sizes(page, tmp_path):
    check(page, tmp_path, all_of_it=True)


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_commands_that_are_not_run_parse(page):
    shells = [block for block in blocks_of(page) if block.is_shell and not block.title]
    commands = [(str(block), words) for block in shells for words in commands_of(block)]
    wrong = [(block, words, said) for block, words in commands if (said := wrong_use(words))]
    assert wrong == []


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_every_block_that_is_not_run_has_a_reason(page):
    for block in blocks_of(page):
        reason = block.comments.get("not run", block.comments.get("slow", "a reason"))
        assert len(reason.split()) > 1, f"{block}: say why it is not run"


def test_the_catalogue_names_everything():
    """Every proxy, predictor, encoding, searcher and so on that is registered is in the page of contents."""
    text = (ROOT / "docs" / "catalogue.md").read_text(encoding="utf8")
    for kind in ("proxies", "predictors", "encodings", "searchers", "scorers", "curve_predictors", "training_rules",
                 "benchmarks", "ensembles"):  # fmt: skip
        names = [entry.partition("(")[0] for entry in getattr(zcbench, f"list_{kind}")()]
        assert [entry for entry in names if f"`{entry}" not in text] == [], kind


NOTEBOOKS = sorted(ROOT.glob("docs/notebooks/*.ipynb"))


def printed(cell):
    return "".join("".join(output["text"]) for output in cell.get("outputs", []) if output["output_type"] == "stream")


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_notebooks_run_and_print_what_they_show(path, tmp_path, monkeypatch):
    nbformat, nbclient = pytest.importorskip("nbformat"), pytest.importorskip("nbclient")
    pytest.importorskip("ipykernel")
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")]))
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    book = nbformat.read(path, 4)
    shown = [printed(cell) for cell in book.cells]
    # Sockets of the kernel are files; their paths may have 107 characters.
    with tempfile.TemporaryDirectory(dir="/tmp") as sockets:
        monkeypatch.setenv("JUPYTER_RUNTIME_DIR", sockets)
        nbclient.NotebookClient(
            book, timeout=300, resources={"metadata": {"path": str(tmp_path)}}, coalesce_streams=True
        ).execute()
    for cell, before in zip(book.cells, shown, strict=True):
        assert "varies" in cell.metadata.get("tags", ()) or same_output(before, printed(cell)), (
            f"{path.stem} shows another output than this:\n{printed(cell)}"
        )


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_notebooks_are_small_and_name_no_machine(path):
    text = path.read_text(encoding="utf8")
    assert len(text) < 100_000
    assert not any(word in text for word in ("/home/", "/root/", "/work/", "site-packages", "stderr"))
    assert all(set(cell["metadata"]) <= {"tags"} for cell in json.loads(text)["cells"])
