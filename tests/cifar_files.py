"""CIFAR in the layouts of its authors, of torchvision, Keras and Hugging Face, made of random images."""

from __future__ import annotations

import gzip
import io
import pickle
import struct
import tarfile
import zlib

import numpy as np

COARSE = {"cifar10": None, "cifar100": 5}


def random_images(name, count=20, seed=0):
    """Images (n, 32, 32, 3) and labels."""
    rng = np.random.RandomState(seed)
    classes = 10 if name == "cifar10" else 100
    return rng.randint(256, size=(count, 32, 32, 3), dtype=np.uint8), rng.randint(classes, size=count).astype(np.uint8)


def records(name, images, labels):
    """The authors' binary version: label bytes, then the red, green and blue planes."""
    found = []
    for image, label in zip(images, labels, strict=True):
        head = [label] if name == "cifar10" else [label // 5, label]  # coarse, fine
        found.append(bytes(head) + b"".join(image[:, :, channel].tobytes() for channel in range(3)))
    return found


def halves(items):
    return items[: len(items) // 2], items[len(items) // 2 :]


def binary_files(name, images, labels):
    """Contents by name below the root."""
    rows = records(name, images, labels)
    if name == "cifar100":
        return {"cifar-100-binary/train.bin": b"".join(rows), "cifar-100-binary/test.bin": b"".join(rows[:1])}
    parts = np.array_split(np.arange(len(rows)), 5)
    found = {f"cifar-10-batches-bin/data_batch_{k}.bin": b"".join(rows[i] for i in p) for k, p in enumerate(parts, 1)}
    return found | {"cifar-10-batches-bin/test_batch.bin": b"".join(rows[:1])}


def python2(content):
    """A pickle as Python 2 wrote it, protocol 2: strings, and arrays whose bytes are strings."""
    out = io.BytesIO()
    out.write(b"\x80\x02")
    _write(out, content)
    out.write(b".")
    return out.getvalue()


def _string(raw):
    return b"U" + bytes([len(raw)]) + raw if len(raw) < 256 else b"T" + struct.pack("<i", len(raw)) + raw


def _write(out, value):
    if isinstance(value, dict):
        out.write(b"}(")
        for key, item in value.items():
            _write(out, key)
            _write(out, item)
        out.write(b"u")
    elif isinstance(value, str):
        out.write(_string(value.encode()))
    elif isinstance(value, bytes):
        out.write(_string(value))
    elif isinstance(value, np.ndarray):
        assert value.dtype == np.uint8
        out.write(b"cnumpy.core.multiarray\n_reconstruct\n")
        out.write(b"cnumpy\nndarray\nK\x00\x85" + _string(b"b") + b"\x87R")  # of shape (0,) and type "b", then filled
        out.write(b"(K\x01")
        out.write(b"(" + b"".join(b"M" + struct.pack("<H", n) for n in value.shape) + b"t")
        out.write(
            b"cnumpy\ndtype\n"
            + _string(b"u1")
            + b"K\x00K\x01\x87R(K\x03"
            + _string(b"|")
            + b"NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb"
        )
        out.write(b"\x89" + _string(value.tobytes()) + b"tb")
    elif isinstance(value, list):
        out.write(b"](" + b"".join(b"K" + bytes([int(one)]) for one in value) + b"e")
    else:
        raise AssertionError(value)


def pickled_files(name, images, labels, write=python2):
    """Contents by name below the root: torchvision's and Keras' layout."""
    planes = np.ascontiguousarray(images.transpose(0, 3, 1, 2)).reshape(len(images), -1)
    if name == "cifar100":
        content = {"data": planes, "fine_labels": labels.tolist(), "coarse_labels": (labels // 5).tolist()}
        return {"cifar-100-python/train": write(content), "cifar-100-python/meta": write({"x": "y"})}
    parts = np.array_split(np.arange(len(images)), 5)
    found = {
        f"cifar-10-batches-py/data_batch_{k}": write({"data": planes[p], "labels": labels[p].tolist()})
        for k, p in enumerate(parts, 1)
    }
    return found | {"cifar-10-batches-py/batches.meta": write({"x": "y"})}


def python3(content):
    return pickle.dumps({key.encode(): value for key, value in content.items()}, 4)


def put(root, files):
    for name, content in files.items():
        root.joinpath(name).parent.mkdir(parents=True, exist_ok=True)
        root.joinpath(name).write_bytes(content)
    return root


def archive(files, *, packed=True, reverse=True):
    """The bytes of a tar.gz; members in another order than their names."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as tar:
        folder = tarfile.TarInfo(next(iter(files)).split("/")[0])
        folder.type = tarfile.DIRTYPE
        tar.addfile(folder)
        for name, content in sorted(files.items(), reverse=reverse):
            member = tarfile.TarInfo(name)
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    return gzip.compress(out.getvalue(), 1) if packed else out.getvalue()


def png(image, filters=(0, 1, 2, 3, 4)):
    """A PNG of an image (h, w, 3); its rows take the filters in turn. Slow and obvious, by the specification."""
    height, width, _ = image.shape
    flat = image.reshape(height, -1).astype(int)
    raw = bytearray()
    for y in range(height):
        kind = filters[y % len(filters)]
        raw.append(kind)
        for x in range(3 * width):
            a = flat[y, x - 3] if x >= 3 else 0
            b = flat[y - 1, x] if y else 0
            c = flat[y - 1, x - 3] if y and x >= 3 else 0
            p = a + b - c
            paeth = min((a, b, c), key=lambda v, p=p: abs(p - v))
            raw.append((flat[y, x] - (0, a, b, (a + b) // 2, paeth)[kind]) % 256)
    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    chunks = ((b"IHDR", head), (b"tEXt", b"a\0b"), (b"IDAT", zlib.compress(bytes(raw))), (b"IEND", b""))
    body = b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data)) for kind, data in chunks
    )
    return b"\x89PNG\r\n\x1a\n" + body


def hub_table(name, images, labels):
    import pyarrow as pa

    cells = [{"bytes": png(image, (k % 5,)), "path": None} for k, image in enumerate(images)]
    column = pa.array(cells, pa.struct([("bytes", pa.binary()), ("path", pa.string())]))
    field = "label" if name == "cifar10" else "fine_label"
    return pa.table({"img": column, field: pa.array(labels.astype(np.int64))})


def hub_parquet(home, name, images, labels):
    """The cache of huggingface_hub."""
    import pyarrow.parquet as pq

    sub = "plain_text" if name == "cifar10" else "cifar100"
    path = home / "hub" / f"datasets--uoft-cs--{name}" / "snapshots" / "abc" / sub / "train-00000-of-00001.parquet"
    path.parent.mkdir(parents=True)
    pq.write_table(hub_table(name, images, labels), path)
    return path


def hub_arrow(home, name, images, labels):
    """The cache of the library ``datasets``."""
    import pyarrow as pa

    path = home / "datasets" / f"uoft-cs___{name}" / "plain_text" / "0.0.0" / "abc" / f"{name}-train.arrow"
    path.parent.mkdir(parents=True)
    table = hub_table(name, images, labels)
    with pa.OSFile(str(path), "wb") as file, pa.ipc.new_stream(file, table.schema) as writer:
        writer.write_table(table)
    return path
