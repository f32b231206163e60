"""A compacted file as Parquet: the same columns as a block's, for all rows.

Arrow may end the process if a file is damaged. Therefore a file's name has the SHA-256 of its content, which is
compared before the file is read. A file may not declare more rows and bytes than a file of its size can contain.
"""

from __future__ import annotations

import hashlib
import io
import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from zcbench.errors import MissingDependencyError
from zcbench.records import _blocks, _checks
from zcbench.records._blocks import Arrays, Texts
from zcbench.records._columns import Builder
from zcbench.records._kinds import Form, Kind
from zcbench.records._schema import SCHEMA, BadLineError, parsed

if TYPE_CHECKING:
    from collections.abc import Mapping

_GROUP = 1 << 17
#: maximum of unpacked bytes, and additional bytes for each byte of the file; a row takes about a hundred in memory
_FREE, _RATIO, _ROW = 32 << 20, 32, 100
_DIGEST = re.compile(r".+-(?P<digest>[0-9a-f]{16})")
_MARK = b"zcbench"
_DAMAGED = "it is damaged, or is not a Parquet file of zcbench"
_MOST_ENVIRONMENTS = 1 << 24


def available() -> bool:
    """Return whether pyarrow is installed."""
    from importlib.util import find_spec

    return find_spec("pyarrow") is not None


def encoded(arrays: Arrays, texts: Texts, kind: Kind[Any], environments: Mapping[str, Any]) -> bytes:
    """Encode columns as the content of a file.

    Raises:
        MissingDependencyError: pyarrow is not installed.
    """
    pa, pq = _arrow("writing a store as Parquet")
    head = json.dumps({"schema": SCHEMA, "block": kind.name, "environments": list(environments.values())})
    forms = {Form.TEXT: pa.dictionary(pa.int32(), pa.string()), Form.FLAG: pa.bool_(), Form.FLOAT: pa.float64()}
    fields = [pa.field(field.name, forms.get(field.form, pa.int64())) for field in kind.fields]
    schema = pa.schema(fields, {_MARK: head.encode()})
    out = io.BytesIO()
    total = len(arrays[kind.names[0]])
    packing = "zstd" if pa.Codec.is_available("zstd") else "snappy"
    with pq.ParquetWriter(out, schema, compression=packing, version="2.6", write_page_checksum=True) as writer:
        for start in range(0, total, _GROUP):
            columns = [_packed(arrays[f.name][start : start + _GROUP], texts.get(f.name), pa) for f in kind.fields]
            writer.write_table(pa.table(columns, schema=schema), row_group_size=_GROUP)
    return out.getvalue()


def _packed(values: NDArray[Any], texts: tuple[str, ...] | None, pa: Any) -> Any:
    if texts is not None:
        used, rows = np.unique(values, return_inverse=True)
        known = pa.array([texts[code] for code in used], pa.string())
        return pa.DictionaryArray.from_arrays(pa.array(rows.astype(np.int32)), known)
    if values.dtype == np.float64:
        return pa.array(values, mask=np.isnan(values))
    return pa.array(values if values.dtype == np.bool_ else values.astype(np.int64))


def stem_of(stem: str, content: bytes) -> str:
    """Return the name of a file with a content."""
    return f"{stem}-{hashlib.sha256(content).hexdigest()[:16]}"


def read(path: Path, stem: str, kind: Kind[Any], builder: Builder | None) -> tuple[int, dict[str, dict[str, Any]]]:
    """Add a file's rows to a builder, all or none.

    Args:
        path: the file.
        stem: its name without kind and format.
        kind: the required kind of the rows.
        builder: receives the rows; None to read only the environments.

    Returns:
        The number of rows, and descriptions of environments.

    Raises:
        BadLineError: it is damaged, or is not a file of zcbench.
        MissingDependencyError: pyarrow is not installed.
        OSError: it cannot be read.
    """
    pa, pq = _arrow(f"reading {path}")
    with path.open("rb") as stream:
        found = _DIGEST.fullmatch(stem)
        if found and hashlib.file_digest(stream, "sha256").hexdigest()[:16] != found["digest"]:
            raise BadLineError("it is damaged: its content differs from the content that was written")
        size = stream.seek(0, io.SEEK_END)
        stream.seek(0)
        try:
            return _read(pq.ParquetFile(stream, page_checksum_verification=True), size, kind, builder)
        except (pa.ArrowException, KeyError, TypeError, ValueError, OverflowError, RecursionError) as error:
            if isinstance(error, BadLineError):
                raise
            raise BadLineError(_DAMAGED) from None
        except OSError as error:
            if error.errno is None:  # arrow's error for content that it cannot unpack
                raise BadLineError(_DAMAGED) from None
            raise


def _read(file: Any, size: int, kind: Kind[Any], builder: Builder | None) -> tuple[int, dict[str, dict[str, Any]]]:
    rows, allowance = file.metadata.num_rows, _FREE + _RATIO * size
    groups = range(file.metadata.num_row_groups)
    if _ROW * rows > allowance or sum(file.metadata.row_group(i).total_byte_size for i in groups) > allowance:
        raise BadLineError("it declares more than a file of its size can contain")
    schema, environments = _environments((file.schema_arrow.metadata or {}).get(_MARK, b""), kind)
    written = [field for field in kind.fields if field.since <= schema]
    if file.schema_arrow.names != [field.name for field in written]:
        raise BadLineError("its columns differ")
    if builder is None:
        return rows, environments
    parts = []
    for number in groups:
        table = file.read_row_group(number)
        columns = {field.name: table.column(field.name) for field in written}
        arrays, texts = {}, {}
        for field in kind.fields:
            if field.since > schema:
                arrays[field.name], texts[field.name] = _blocks.unwritten(field, table.num_rows)
                continue
            column = columns[field.name].combine_chunks()
            if field.form is Form.TEXT:
                arrays[field.name], texts[field.name] = _texts(column)
            elif field.form is Form.FLOAT:
                arrays[field.name] = _plain(column, "double", np.float64, nulls=True)
            else:
                flag = field.form is Form.FLAG
                arrays[field.name] = _plain(column, "bool" if flag else "int64", np.bool_ if flag else np.int64)
        _checks.check(arrays, texts, kind)
        parts.append((arrays, texts))
    parts.reverse()
    while parts:  # a part is freed as soon as the builder has it
        _blocks.add(*parts.pop(), kind, builder)
    return rows, environments


def _texts(column: Any) -> tuple[NDArray[np.int32], list[str]]:
    if str(column.type) != "dictionary<values=string, indices=int32, ordered=0>" or column.null_count:
        raise BadLineError("a column has another type")
    chunks = column.chunks if hasattr(column, "chunks") else [column]
    codes: list[NDArray[Any]] = [np.empty(0, np.int32)]
    texts: list[str] = []
    for chunk in chunks:
        codes.append(chunk.indices.to_numpy() + len(texts))
        texts += chunk.dictionary.to_pylist()
    return np.concatenate(codes).astype(np.int32), texts


def _plain(column: Any, form: str, kind: Any, *, nulls: bool = False) -> NDArray[Any]:
    if str(column.type) != form or (column.null_count and not nulls):
        raise BadLineError("a column has another type")
    values: NDArray[Any] = column.to_numpy(zero_copy_only=False)
    return np.array(values, kind)


def _environments(text: bytes, kind: Kind[Any]) -> tuple[int, dict[str, dict[str, Any]]]:
    """Read the schema and the environments of a file's head.

    Raises:
        BadLineError: the file is not one of zcbench.
    """
    if len(text) > _MOST_ENVIRONMENTS:
        raise BadLineError("its head is too long")
    head = json.loads(text.decode())
    if type(head["schema"]) is not int or head["schema"] > SCHEMA:
        raise BadLineError("it is of a newer zcbench: upgrade")
    if head["block"] != kind.name:
        raise BadLineError("a file with other contents")
    lines = [parsed(json.dumps(line).encode(), kind.mark) for line in head["environments"]]
    return head["schema"], {line["environment"]: line for line in lines}


def _arrow(purpose: str) -> tuple[Any, Any]:
    try:
        import pyarrow as pa
        import pyarrow.parquet as pq
    except ImportError:
        raise MissingDependencyError("pyarrow", "parquet", purpose) from None
    return pa, pq
