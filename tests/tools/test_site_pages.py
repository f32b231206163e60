"""Generated pages of the documentation site."""

import importlib
import pkgutil
from pathlib import Path

import pytest
import site_pages

import zcbench

ROOT = Path(__file__).parents[2]


def test_every_public_package_has_a_page():
    public = {info.name for info in pkgutil.iter_modules(zcbench.__path__) if not info.name.startswith("_")}
    assert public - set(site_pages.PACKAGES) == {"cli", "devices"}


@pytest.mark.parametrize("name", site_pages.PACKAGES)
def test_a_page_documents_every_public_name(name):
    page, module = site_pages.package_page(name), importlib.import_module(f"zcbench.{name}")
    for public in site_pages.public_names(module):
        value = getattr(module, public)
        if not isinstance(value, type(site_pages)):
            assert f"::: zcbench.{name}.{public}\n" in page or f"`{public}`" in page


def test_every_command_and_option_is_in_the_reference():
    page = site_pages.command_page()
    for name, parser, _ in site_pages.parsers():
        assert f"## zcbench {name}\n" in page
        for action in parser._actions:
            if action.option_strings and action.help != "==SUPPRESS==":
                assert f"| `{', '.join(action.option_strings)}" in page, (name, action.option_strings)


def test_every_registered_proxy_is_described():
    page = site_pages.registered_page()
    assert all(f"### {name}\n" in page for name in zcbench.list_proxies())
    assert "| `gp` |" in page and "| `evolution` |" in page


@pytest.mark.parametrize(
    ("source", "place", "link", "expected"),
    [
        ("docs/curves.md", "curves.md", "cards/timm.md", "cards/timm.md"),
        ("docs/cards/timm.md", "cards/timm.md", "../method.md#versions", "../method.md#versions"),
        ("docs/curves.md", "curves.md", "../CONTRIBUTING.md", "contributing.md"),
        ("docs/cards/timm.md", "cards/timm.md", "../../CONTRIBUTING.md", "../contributing.md"),
        ("CONTRIBUTING.md", "contributing.md", "docs/how-to/proxy.md", "how-to/proxy.md"),
        ("docs/supernets.md", "supernets.md", "../examples/own_supernet.py", "examples/own_supernet.md"),
        ("docs/curves.md", "curves.md", "https://example.org/a.md", "https://example.org/a.md"),
        ("docs/curves.md", "curves.md", "#tables", "#tables"),
        ("docs/curves.md", "curves.md", "no-such.md", "no-such.md"),
    ],
)
def test_links_to_files_of_the_repository_become_links_to_pages(source, place, link, expected):
    assert site_pages.with_links(f"see [it]({link}).", source, place) == f"see [it]({expected})."


def test_a_link_to_a_file_without_a_page_becomes_text_and_code_stays():
    text = "[priors](../zcbench/curves/priors.py)\n\n```\n[a](../CONTRIBUTING.md)\n```\n"
    changed = site_pages.with_links(text, "docs/curves.md", "curves.md")
    assert changed == "priors\n\n```\n[a](../CONTRIBUTING.md)\n```\n"


def test_links_of_the_readme_exist():
    for _, target in site_pages._LINK.findall((ROOT / "README.md").read_text(encoding="utf8")):
        assert target.startswith("http") or (ROOT / target.partition("#")[0]).exists(), target


def test_no_script_of_a_page_is_loaded_from_the_network():
    page = '<p>a</p><script>let x = 1</script><script type="module">import("https://cdnjs.org/x.js")</script><p>b</p>'
    assert site_pages.on_page_content(page) == "<p>a</p><script>let x = 1</script><p>b</p>"
