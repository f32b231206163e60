"""The papers that pages cite."""

import json

import list_papers

from zcbench.proxies import proxy_info


def test_the_file_is_that_of_the_registry():
    assert list_papers.FILE.read_text(encoding="utf-8") == list_papers.text(), "run  python tools/list_papers.py"


def test_baselines_have_no_paper():
    papers = json.loads(list_papers.text())
    assert papers["naswot"] == proxy_info("naswot").reference
    assert not {"params", "flops", "random"} & set(papers)
