"""What all tests share: small networks, batches, real data where it is at hand."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from hypothesis import settings
from toys import registry_as_it_was, write_plugin

from zcbench._kinds import KINDS
from zcbench._torchvision import torchvision_importable

# A machine may be busy: what a test takes says nothing of whether it passes.
settings.register_profile("zcbench", deadline=None)
settings.load_profile("zcbench")

# A shell starts what runs in the background with Ctrl-C ignored; tests that press it need Python's own handler.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_configure(config: pytest.Config) -> None:
    """Tests import timm and transformers as a user would, whatever torchvision is beside them."""
    importable = torchvision_importable()
    importable.__enter__()
    config.add_cleanup(lambda: importable.__exit__(None, None, None))


@pytest.fixture(scope="session")
def data_folder() -> Path:
    """The folder of real tables; the test is skipped where there is none."""
    name = os.environ.get("ZCBENCH_DATA", "")
    if not name or not Path(name).is_dir():
        pytest.skip("needs real tables: set ZCBENCH_DATA to their folder")
    return Path(name)


@pytest.fixture(scope="module", autouse=True)
def nothing_stays_registered() -> Iterator[None]:
    """What a module's tests register would be found by the contracts of everything registered."""
    before = _strangers()
    yield
    assert _strangers() - before == set()


def _strangers() -> set[str]:
    """What is registered, as far as registries are loaded, and is not zcbench's own."""
    entries = [kind.entries for kind in KINDS if kind.registry.partition(":")[0] in sys.modules]
    return {
        f"{e.kind} {name}" for e in entries for name in e._entries if not e._owners.get(name, "").startswith("zcbench.")
    }


@pytest.fixture(autouse=True)
def nothing_stays_imported() -> Iterator[None]:
    """Files that a test imports by their paths would be imported by the workers of the tests that follow."""
    before = set(sys.modules)
    yield
    for name in [name for name in sys.modules if name.startswith("zcbench_import_") and name not in before]:
        del sys.modules[name]


@pytest.fixture(autouse=True)
def one_thread() -> None:
    """Sums are rounded alike, and tests that run beside each other do not fight for cores."""
    torch.set_num_threads(1)


@pytest.fixture
def plugin(tmp_path):
    """Path of a file with odd proxies, imported."""
    from zcbench._imports import import_file

    with registry_as_it_was():
        path = write_plugin(tmp_path)
        import_file(path)
        yield path
