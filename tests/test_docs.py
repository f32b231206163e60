"""Code blocks of the documentation run as printed, and commands that are too slow to run at least parse."""

from pathlib import Path

import pytest
from run_pages import blocks_of, commands_of, in_folder, run_page, same_output, wrong_use
from toys import registry_as_it_was

import zcbench

ROOT = Path(__file__).parents[1]
PAGES = sorted([*ROOT.glob("docs/**/*.md"), ROOT / "CONTRIBUTING.md", ROOT / "README.md"])
#: pages whose Python runs in tests/test_readme.py, with sizes of its own
ELSEWHERE = {"README.md", "docs/search.md", "docs/curves.md", "docs/supernets.md", "docs/devices.md"}


def name(page):
    return page.relative_to(ROOT).as_posix()


def runs(block):
    """Whether a block is run in the quick form."""
    code = block.language == "python" or block.is_shell
    return code and not block.title and not {"not run", "slow"} & set(block.comments)


RUN = [page for page in PAGES if name(page) not in ELSEWHERE and any(map(runs, blocks_of(page)))]
LONG = [page for page in RUN if any({"slow", "shorter"} & set(block.comments) for block in blocks_of(page))]


def check(page, folder, *, all_of_it=False):
    with registry_as_it_was(), in_folder(folder):
        outputs = run_page(page, all_of_it=all_of_it)
    for block, printed in outputs:
        assert same_output(block.text, printed), f"{block} shows another output than this:\n{printed}"


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
    """Every proxy, predictor, encoding, searcher and so on that is registered stands in the page of contents."""
    text = (ROOT / "docs" / "catalogue.md").read_text(encoding="utf8")
    for kind in ("proxies", "predictors", "encodings", "searchers", "scorers", "curve_predictors", "training_rules",
                 "benchmarks", "ensembles"):  # fmt: skip
        names = [entry.partition("(")[0] for entry in getattr(zcbench, f"list_{kind}")()]
        assert [entry for entry in names if f"`{entry}" not in text] == [], kind
