"""The places of CIFAR's images on this machine, their layouts, and a reader of each layout.

The authors' layouts are ``cifar-10-batches-bin`` and ``cifar-100-binary`` (records of bytes), and
``cifar-10-batches-py`` and ``cifar-100-python`` (pickles, which are read without running code). Torchvision and Keras
keep the latter. Hugging Face keeps PNG images in Parquet or Arrow files.
"""

from __future__ import annotations

import functools
import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from zcbench.batches._png import decode
from zcbench.datasets._arrays import Arrays
from zcbench.datasets._download import Remote
from zcbench.datasets._limits import FREE, RATIO
from zcbench.datasets._paths import data_folder, known_cache
from zcbench.datasets._pickles import read_pickle
from zcbench.errors import DataCorruptError, DataMissingError, MissingDependencyError, ZcbenchError, first_line

SIDE = 32
#: bytes of an image: three planes of 32 x 32
PIXELS = 3 * SIDE * SIDE
Pixels = NDArray[np.uint8]


@dataclass(frozen=True)
class Layout:
    """Names of files and fields of one data set.

    Attributes:
        name: name of the data set.
        classes: number of classes.
        binary: files of the binary version, a pattern below a root.
        pickled: files of the Python version, a pattern below a root.
        fields: names of the labels in the Python version and at Hugging Face, in the order of the search.
        labels: number of label bytes before each image of the binary version; the last is the class.
        hub: names of the data set in folders of Hugging Face.
        remotes: the authors' archives.
    """

    name: str
    classes: int
    binary: str
    pickled: str
    fields: tuple[str, ...]
    labels: int
    hub: tuple[str, ...]
    remotes: tuple[Remote, ...]


_SITE = "https://www.cs.toronto.edu/~kriz/"
#: The SHA-256 are those of TensorFlow Datasets, tensorflow_datasets/url_checksums/cifar10.txt and cifar100.txt in
#: https://github.com/tensorflow/datasets at commit 333639b37af6c6fedf3610a4a2d42f1c6ef6f7d5.
LAYOUTS = {
    "cifar10": Layout(
        "cifar10",
        10,
        "cifar-10-batches-bin/data_batch_[1-5].bin",
        "cifar-10-batches-py/data_batch_[1-5]",
        ("labels", "label"),
        1,
        ("cifar10", "uoft-cs--cifar10", "uoft-cs___cifar10"),
        (
            Remote(
                "cifar-10-binary.tar.gz",
                (f"{_SITE}cifar-10-binary.tar.gz",),
                "c4a38c50a1bc5f3a1c5537f2155ab9d68f9f25eb1ed8d9ddda3db29a59bca1dd",
                170_052_171,
            ),
        ),
    ),
    "cifar100": Layout(
        "cifar100",
        100,
        "cifar-100-binary/train.bin",
        "cifar-100-python/train",
        ("fine_labels", "fine_label"),
        2,
        ("cifar100", "uoft-cs--cifar100", "uoft-cs___cifar100"),
        (
            Remote(
                "cifar-100-binary.tar.gz",
                (f"{_SITE}cifar-100-binary.tar.gz",),
                "58a81ae192c23a4be8b1804d68e518ed807d710a4eb253b1f2a199162a40d8ec",
                168_513_733,
            ),
        ),
    ),
}


@dataclass(frozen=True)
class Images:
    """The training images of a data set.

    Attributes:
        place: their place.
        labels: class of each, ``(n,)``.
        take: returns the pixels of rows, ``(k, 3, 32, 32)``.
        order: the order of the images if it is not the authors'; else empty.
    """

    place: str
    labels: NDArray[Any]
    take: Callable[[NDArray[Any]], Pixels]
    order: str = ""


def kept(name: str) -> Path | None:
    """Return the path of the images of ``zcbench data get`` and ``import``: records of one label byte and an image."""
    cache = known_cache()
    return None if cache is None else cache / "images" / f"{name}.bin"


def find_images(name: str, path: Path | None = None) -> Images:
    """Return the training images of a data set, from the first place that has them.

    Args:
        name: "cifar10" or "cifar100".
        path: the file that ``zcbench data get`` or ``import`` kept, instead of a search.

    Raises:
        DataMissingError: no place has them; the message lists the places.
        DataCorruptError: a file is damaged.
        MissingDependencyError: they are in a cache that needs ``pyarrow``.
    """
    layout = LAYOUTS[name]
    if path is not None:
        return read_binary(path, 1, layout.classes)
    for look in (_samples, _records, _roots, _hub):
        if (found := look(layout)) is not None:
            return found
    places = "; ".join(searched(name))
    raise DataMissingError(
        f"the images of {name} are not on this machine: run  zcbench data get {name}  (170 MB), or, with an archive "
        f"that you have,  zcbench data import {name} FILE. Searched: {places}."
    )


def searched(name: str) -> list[str]:
    """List the places of the search, in order, each with the names of its files."""
    layout = LAYOUTS[name]
    data = os.environ.get("ZCBENCH_DATA")
    folders = [layout.binary.split("/")[0], layout.pickled.split("/")[0]]
    first = f"ZCBENCH_DATA ({data})" if data else "ZCBENCH_DATA (not set)"
    usual = ["this folder" if folder == Path() else str(folder) for folder in _folders()]
    hub = [str(folder) for folder in (*_hub_folders(), *_arrow_folders())]
    return [
        f"{first}: images/{name}_sample.npz, {' or '.join(folders)}",
        f"the cache ({kept(name) or 'no home folder'})",
        f"{' or '.join(folders)} in {', '.join(usual)}",
        f"Hugging Face's caches in {', '.join(hub) or 'no home folder'}",
    ]


# -- layouts -----------------------------------------------------------------------------------


def read_layout(root: Path, layout: Layout) -> Images | None:
    """Read the images below a root in one of the authors' layouts; None if there are none."""
    if paths := sorted(root.glob(layout.binary)):
        return joined([read_binary(path, layout.labels, layout.classes) for path in paths], str(paths[0].parent))
    if paths := sorted(root.glob(layout.pickled)):
        return joined([_pickled(path, _stamp(path), layout) for path in paths], str(paths[0].parent))
    return None


def joined(parts: Sequence[Images], place: str) -> Images:
    """Join the images of several files."""
    labels = np.concatenate([part.labels for part in parts])
    starts = np.cumsum([0, *(len(part.labels) for part in parts)])

    def take(rows: NDArray[Any]) -> Pixels:
        found = np.empty((len(rows), 3, SIDE, SIDE), np.uint8)
        for start, part in zip(starts, parts, strict=False):
            mine = (rows >= start) & (rows < start + len(part.labels))
            found[mine] = part.take(rows[mine] - start)
        return found

    return Images(place, labels, take)


def read_binary(path: Path, labels: int, classes: int) -> Images:
    """Read records of label bytes and an image.

    Args:
        path: the file.
        labels: label bytes of a record; the last is the class.
        classes: number of classes.

    Raises:
        DataCorruptError: it is not a whole number of records, or a label is out of range.
    """
    length = labels + PIXELS
    size = path.stat().st_size
    if size == 0 or size % length:
        raise DataCorruptError(f"{path} is not a whole number of records of {length} bytes: copy it again.")
    records = np.memmap(path, np.uint8, "r").reshape(-1, length)
    found = np.array(records[:, labels - 1])
    _check_labels(path, found, classes)
    return Images(str(path), found, lambda rows: np.array(records[rows, labels:]).reshape(-1, 3, SIDE, SIDE))


def read_pickled(path: Path, layout: Layout) -> Images:
    """Read a file of the Python version; no code in it runs.

    Raises:
        DataCorruptError: it is not such a file.
    """
    content = read_pickle(path)
    named = {_text(key): value for key, value in content.items()} if isinstance(content, dict) else {}
    pixels: Any = named.get("data")
    labels = next((named[field] for field in layout.fields if field in named), None)
    whole = isinstance(pixels, np.ndarray) and pixels.dtype == np.uint8 and pixels.shape[1:] == (PIXELS,)
    if not whole or not isinstance(labels, list) or not all(type(one) is int for one in labels):
        raise DataCorruptError(
            f"{path} is not a file of {layout.name}'s Python version: it must contain data, uint8 (n, {PIXELS}), and "
            f"{layout.fields[0]}."
        )
    if len(labels) != len(pixels) or not labels:
        raise DataCorruptError(f"{path} has {len(pixels)} images and {len(labels)} labels: copy it again.")
    found = np.array(labels)
    _check_labels(path, found, layout.classes)
    return Images(str(path), found, lambda rows: pixels[rows].reshape(-1, 3, SIDE, SIDE))


@functools.lru_cache(maxsize=5)
def _pickled(path: Path, stamp: tuple[int, int], layout: Layout) -> Images:
    """Read a pickle as :func:`read_pickled`, cached until the file changes, because it takes a tenth of a second."""
    return read_pickled(path, layout)


def _stamp(path: Path) -> tuple[int, int]:
    state = path.stat()
    return state.st_mtime_ns, state.st_size


def _text(key: object) -> str:
    return key.decode("latin1") if isinstance(key, bytes) else str(key)


def _check_labels(path: Path, labels: NDArray[Any], classes: int) -> None:
    if int(labels.min()) < 0 or int(labels.max()) >= classes:
        raise DataCorruptError(f"{path} has a label {int(labels.max())}, beyond its {classes} classes: copy it again.")


# -- places ------------------------------------------------------------------------------------


def _folders() -> list[Path]:
    """List the usual folders of torchvision and Keras, without those of ``ZCBENCH_DATA``."""
    found = [Path("data"), Path()]
    try:
        home = Path.home()
    except RuntimeError:  # a user without a home folder
        return found
    return [*found, home / "data", home / ".cache" / "torchvision", home / ".keras" / "datasets"]


def _samples(layout: Layout) -> Images | None:
    """Find a sample, or a layout, in ``ZCBENCH_DATA``."""
    if not os.environ.get("ZCBENCH_DATA"):
        return None
    folder = data_folder()
    path = folder / "images" / f"{layout.name}_sample.npz"
    return read_sample(path, layout.classes) if path.is_file() else read_layout(folder, layout)


def read_sample(path: Path, classes: int) -> Images:
    """Read some of the images from a ``.npz`` file.

    Raises:
        DataCorruptError: it is damaged, or contains other arrays.
    """
    try:
        with Arrays(path) as data:
            images, labels = data.array("x_train"), data.array("y_train")
    except Exception as error:  # a damaged file can raise nearly anything
        raise DataCorruptError(f"{path} cannot be read ({first_line(error)}): copy it again.") from None
    whole = images.dtype == np.uint8 and np.issubdtype(labels.dtype, np.integer)
    if not whole or images.shape[1:] != (SIDE, SIDE, 3) or labels.shape != images.shape[:1] or not len(labels):
        raise DataCorruptError(f"{path} must hold x_train, uint8 (n, 32, 32, 3), and y_train, integers (n,).")
    _check_labels(path, labels, classes)
    return Images(str(path), labels, lambda rows: images[rows].transpose(0, 3, 1, 2))


def _records(layout: Layout) -> Images | None:
    """Find the images of ``zcbench data get`` or ``import``."""
    path = kept(layout.name)
    return read_binary(path, 1, layout.classes) if path is not None and path.is_file() else None


def _roots(layout: Layout) -> Images | None:
    """Find a layout in one of the usual folders."""
    for folder in _folders():
        nested = folder / f"{layout.pickled.split('/')[0]}-target"  # Keras 3
        for root in (folder, nested):
            if (found := read_layout(root, layout)) is not None:
                return found
    return None


def _cache() -> list[Path]:
    """List the cache folders of Hugging Face."""
    if home := os.environ.get("HF_HOME"):
        return [Path(home).expanduser()]
    if cache := os.environ.get("XDG_CACHE_HOME"):
        return [Path(cache) / "huggingface"]
    try:
        return [Path.home() / ".cache" / "huggingface"]
    except RuntimeError:
        return []


def _hub_folders() -> list[Path]:
    if hub := os.environ.get("HF_HUB_CACHE"):
        return [Path(hub).expanduser()]
    return [home / "hub" for home in _cache()]


def _arrow_folders() -> list[Path]:
    if arrow := os.environ.get("HF_DATASETS_CACHE"):
        return [Path(arrow).expanduser()]
    return [home / "datasets" for home in _cache()]


def _hub_files(layout: Layout) -> Iterator[list[Path]]:
    """Yield the files of the training part, of each copy in the caches."""
    for folder in _hub_folders():
        for name in layout.hub:
            for snapshot in sorted(folder.glob(f"datasets--{name}/snapshots/*")):
                yield sorted(snapshot.glob("*/train-*.parquet"))
    for folder in _arrow_folders():
        for name in layout.hub:
            for first in sorted(folder.glob(f"{name}/*/*/*")):
                yield sorted(first.glob(f"{layout.name}-train*.arrow"))


def _hub(layout: Layout) -> Images | None:
    for paths in _hub_files(layout):
        if paths:
            parts = [read_hub(path, layout) for path in paths]
            found = joined(parts, str(paths[0].parent))
            return Images(found.place, found.labels, found.take, "hugging-face")
    return None


def read_hub(path: Path, layout: Layout) -> Images:
    """Read PNG images in a Parquet or Arrow file of Hugging Face; only requested images are decoded.

    Raises:
        DataCorruptError: it is damaged, or has other columns.
        MissingDependencyError: ``pyarrow`` is not installed.
    """
    try:
        import pyarrow as pa
        import pyarrow.parquet as pq
    except ImportError:
        raise MissingDependencyError("pyarrow", "parquet", f"reading the images in {path}") from None
    try:
        if path.suffix == ".parquet":
            file = pq.ParquetFile(path)
            groups = range(file.metadata.num_row_groups)
            size = sum(file.metadata.row_group(k).total_byte_size for k in groups)
            if size > FREE + RATIO * path.stat().st_size:
                raise DataCorruptError(f"{path} unpacks to {size:,} bytes, far more than images: get it again.")
            table = file.read()
        else:
            table = pa.ipc.open_stream(pa.memory_map(str(path))).read_all()
        column = next(name for name in ("img", "image") if name in table.column_names)
        field = next(name for name in layout.fields if name in table.column_names)
        labels = table.column(field).to_numpy().astype(np.int64)
        images = table.column(column)
    except ZcbenchError:
        raise
    except Exception as error:  # a damaged file can raise nearly anything
        raise DataCorruptError(
            f"{path} cannot be read as {layout.name} of Hugging Face ({first_line(error)}): get it again, or remove it."
        ) from None
    if not len(labels):
        raise DataCorruptError(f"{path} has no images: get it again, or remove it.")
    _check_labels(path, labels, layout.classes)

    def take(rows: NDArray[Any]) -> Pixels:
        found = np.empty((len(rows), 3, SIDE, SIDE), np.uint8)
        for place, row in enumerate(rows.tolist()):
            try:
                found[place] = decode(images[row].as_py()["bytes"], SIDE)
            except Exception as error:
                raise DataCorruptError(f"{path}: image {row} cannot be read ({first_line(error)}).") from None
        return found

    return Images(str(path), labels, take)
