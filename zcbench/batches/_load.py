"""Batches of the data that the benchmarks' networks were trained on."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import numpy as np

from zcbench import _arguments as rules
from zcbench.datasets._arrays import Arrays
from zcbench.datasets._digits import load_digits
from zcbench.datasets._limits import open_packed
from zcbench.datasets._paths import data_folder
from zcbench.datasets._read import explained
from zcbench.datasets._text import load_text
from zcbench.errors import DataCorruptError, DataMissingError, InvalidInputError, UnknownNameError, first_line
from zcbench.types import Batch

_CIFAR_BINARY = {
    "cifar10": "cifar-10-batches-bin/data_batch_*.bin",
    "cifar100": "cifar-100-binary/train.bin",
}
# Mean and standard deviation of the full training sets, per channel, in units of one.
_CIFAR_STATISTICS = {
    "cifar10": ((0.4914, 0.4822, 0.4465), (0.2470, 0.2435, 0.2616)),
    "cifar100": ((0.5071, 0.4865, 0.4409), (0.2673, 0.2564, 0.2762)),
}


#: side in pixels that images are scaled to at most
_LARGEST_SIDE = 1024
#: words of a text in a batch, and the part of them that a masked language model has to predict
_LENGTH, _HIDDEN = 64, 0.15
#: target of a word that is not to be predicted: what torch's cross-entropy ignores
_IGNORED = -100
#: id of BERT's [MASK]
_BERT_MASK = 103


def load_batch(dataset: str, size: int | None, seed: int = 0) -> Batch:
    """Draw training samples at random.

    Args:
        dataset: one of

            - "digits", "cifar10", "cifar100": images. CIFAR images come from the folder ``ZCBENCH_DATA``: a sample in
              ``images``, else the official binary version. "cifar100@224" scales them to 224 pixels (bilinear).
            - "noise@64": standard normal images of 64 pixels with labels of nine classes.
            - "pydoc", "pydoc-masked": characters of Python's help texts; the next one, or hidden ones, are the target.
            - "wikitext2", "wikitext2-masked": words of WikiText-2's validation text in ``ZCBENCH_DATA``, numbered by
              frequency; the next one, or hidden ones, are the target. "wikitext2@10000" has a vocabulary of 10,000: all
              rarer words are one.
        size: number of samples; None for all, in random order.
        seed: decides which. A smaller batch is the beginning of a larger one.

    Returns:
        Inputs ``(size, channels, height, width)`` float32, normalised, and class indices ``(size,)``; of texts ids
        ``(size, 64)`` (characters: 32) and target ids of the same shape, -100 where nothing is to be predicted.

    Raises:
        UnknownNameError: no batches of that data set are known.
        DataMissingError: the samples are not on this machine.
        InvalidInputError: the data set has fewer samples than ``size``, or an argument is out of range.
    """
    import torch

    name, at, side = rules.text("the name of a data set", dataset).partition("@")
    if name not in _LOADERS or (at and (not re.fullmatch("[0-9]{1,9}", side) or name not in _RESIZED)):
        raise UnknownNameError("data set with batches", dataset, _LOADERS)
    if at:
        rules.whole(f"the number in {dataset!r},", int(side), 1, 10**6 if name == "wikitext2" else _LARGEST_SIDE)
    if size is not None:
        size = rules.whole("the size of a batch", size)
        if size < 1:
            raise InvalidInputError(f"a batch of {size} samples is impossible: the size must be at least 1.")
    seed = rules.seed("the seed", seed)
    inputs, targets = _LOADERS[name](name)
    size = len(targets) if size is None else size
    if size > len(targets):
        raise InvalidInputError(f"a batch of {size} samples: {dataset} has only {len(targets)} here.")
    rows = np.random.RandomState(seed).permutation(len(targets))[:size]
    tensor = torch.from_numpy(np.ascontiguousarray(inputs[rows]))
    labels = torch.from_numpy(targets[rows])
    if at and name == "wikitext2":
        tensor, labels = tensor.clamp(max=int(side) - 1), labels.clamp(max=int(side) - 1)
    elif at:
        scaled = torch.nn.functional.interpolate(
            tensor, size=(int(side), int(side)), mode="bilinear", antialias=True, align_corners=False
        )
        tensor = scaled.contiguous()
    return Batch(tensor, labels, provenance=f"{dataset}/train/{size} of {len(targets)}/seed {seed}")


def _noise(_: str) -> tuple[np.ndarray, np.ndarray]:
    """As many images as CIFAR's sample has; their size is that of the smallest, 32 pixels."""
    random = np.random.RandomState(0)
    return random.standard_normal((512, 3, 32, 32)).astype(np.float32), random.randint(9, size=512)


def _characters(name: str) -> tuple[np.ndarray, np.ndarray]:
    text = load_text()
    windows = text.parts["train"][:, : 127 * 32 + 1]
    inputs = windows[:, :-1].reshape(-1, 32)
    if name == "pydoc":
        return inputs, windows[:, 1:].reshape(-1, 32)
    return _masked(inputs, text.mask)


def _words(name: str) -> tuple[np.ndarray, np.ndarray]:
    path = data_folder() / "text" / "wikitext2.valid.tokens.gz"
    if not path.is_file():
        raise DataMissingError(f"no text at {path}: put WikiText-2's validation tokens there, compressed by gzip.")
    with explained(path), open_packed(path) as file:
        words = file.read().decode().split()
    rank = {word: i for i, (word, _) in enumerate(Counter(words).most_common())}
    ids = np.asarray([rank[word] for word in words], np.int64)
    count = (len(ids) - 1) // _LENGTH
    inputs, following = (ids[start : start + count * _LENGTH].reshape(count, _LENGTH) for start in (0, 1))
    if name == "wikitext2":
        return inputs, following
    # BERT's first thousand ids are not words.
    return _masked(inputs + 1000, _BERT_MASK)


def _masked(ids: np.ndarray, mask: int) -> tuple[np.ndarray, np.ndarray]:
    hidden = np.random.RandomState(0).random_sample(ids.shape) < _HIDDEN
    return np.where(hidden, mask, ids), np.where(hidden, ids, _IGNORED)


def _digits(_: str) -> tuple[np.ndarray, np.ndarray]:
    train = load_digits()["train"]
    return train.inputs, train.targets


def _cifar(name: str) -> tuple[np.ndarray, np.ndarray]:
    folder = data_folder()
    sample = folder / "images" / f"{name}_sample.npz"
    binary = sorted(folder.glob(_CIFAR_BINARY[name]))
    if sample.is_file():
        images, labels = _read_sample(sample)
    elif binary:
        parts = [_read_binary(path, labels_per_record=1 if name == "cifar10" else 2) for path in binary]
        images, labels = (np.concatenate(arrays) for arrays in zip(*parts, strict=True))
    else:
        raise DataMissingError(
            f"no {name} images in {folder}: put the official binary version there ({_CIFAR_BINARY[name]}), or "
            f"images/{sample.name} with the arrays x_train, uint8 (n, 32, 32, 3), and y_train."
        )
    mean, std = (np.asarray(v, np.float32)[:, None, None] for v in _CIFAR_STATISTICS[name])
    inputs = (images.transpose(0, 3, 1, 2).astype(np.float32) / 255 - mean) / std
    return inputs, labels.astype(np.int64)


def _read_sample(path: Path) -> tuple[np.ndarray, np.ndarray]:
    try:
        with Arrays(path) as data:
            images, labels = data.array("x_train"), data.array("y_train")
    except Exception as error:  # a damaged file can raise nearly anything
        raise DataCorruptError(f"{path} cannot be read ({first_line(error)}): copy it again.") from None
    whole = images.dtype == np.uint8 and np.issubdtype(labels.dtype, np.integer)
    if not whole or images.shape[1:] != (32, 32, 3) or labels.shape != images.shape[:1]:
        raise DataCorruptError(f"{path} must hold x_train, uint8 (n, 32, 32, 3), and y_train, integers (n,).")
    return images, labels


def _read_binary(path: Path, labels_per_record: int) -> tuple[np.ndarray, np.ndarray]:
    """Records of the official binary version: label bytes (the last is the fine one), then 3 x 32 x 32 pixels."""
    content = np.fromfile(path, np.uint8)
    length = labels_per_record + 3 * 32 * 32
    if len(content) == 0 or len(content) % length:
        raise DataCorruptError(f"{path} is not a whole number of records of {length} bytes: copy it again.")
    records = content.reshape(-1, length)
    images = records[:, labels_per_record:].reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1)
    return images, records[:, labels_per_record - 1]


_LOADERS: dict[str, Callable[[str], tuple[np.ndarray, np.ndarray]]] = {
    "digits": _digits,
    "cifar10": _cifar,
    "cifar100": _cifar,
    "noise": _noise,
    "pydoc": _characters,
    "pydoc-masked": _characters,
    "wikitext2": _words,
    "wikitext2-masked": _words,
}
_RESIZED = ("cifar10", "cifar100", "noise", "wikitext2")
