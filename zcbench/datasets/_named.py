"""The few names that a pickle may use, and their permitted uses. None of them is looked up or called.

Each name is represented by :class:`Named`. A call (:func:`make`) gives plain data or a record of ``_inert``, and
setting the state of an object (:func:`build`) fills such a record.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, NamedTuple

from zcbench.datasets._inert import Array, DType, Named, RefusedError, Scalar

#: names that a pickle may use, by module, with their functions
NAMES: dict[tuple[str, str], Named] = {
    (module, name): Named(name)
    for name, modules in {
        "set": ("builtins", "__builtin__"),
        "frozenset": ("builtins", "__builtin__"),
        "bytes": ("builtins", "__builtin__"),
        "OrderedDict": ("collections",),
        "encode": ("_codecs",),
        "dtype": ("numpy",),
        "ndarray": ("numpy",),
        "_reconstruct": ("numpy.core.multiarray", "numpy._core.multiarray"),
        "scalar": ("numpy.core.multiarray", "numpy._core.multiarray"),
        "_frombuffer": ("numpy.core.numeric", "numpy._core.numeric"),
    }.items()
    for module in modules
}


def named(module: Any, name: Any) -> Named:
    """Return the record for a name.

    Raises:
        RefusedError: it is forbidden; the message names it.
    """
    if type(module) is not str or type(name) is not str:
        raise RefusedError("it names a class by a value that is not text")
    found = NAMES.get((module, name))
    if found is None:
        raise RefusedError(f"it requests {ascii(module[:100])[1:-1]}.{ascii(name[:100])[1:-1]}")
    return found


_CODE = re.compile(r"\?|b1|[iu][1248]|f[248]|c8|c16|[SU][0-9]{1,4}", re.ASCII)


class Bounds(NamedTuple):
    """The limits of the memory and the time that a pickle may need.

    Attributes:
        charge: called with the number of bytes that will be needed.
        keys: converts values to keys; RefusedError if they are invalid or too many.
    """

    charge: Callable[[int], None]
    keys: Callable[[list[Any]], list[Any]]


def make(function: Any, arguments: Any, bounds: Bounds) -> Any:
    """Return the result of calling a name with arguments.

    Raises:
        RefusedError: the call is forbidden.
    """
    if type(function) is not Named or type(arguments) is not tuple:
        raise RefusedError("it calls a value that is not a function")
    maker = _MAKERS.get(function.name)
    if maker is None:
        raise RefusedError(f"it calls {function.name}")
    try:
        return maker(bounds, *arguments)
    except (TypeError, ValueError):  # a wrong number or kind of arguments
        raise RefusedError(f"it calls {function.name} in a way that is not known") from None


def _made_set(kind: type) -> Callable[..., Any]:
    def maker(bounds: Bounds, items: Any = ()) -> Any:
        if type(items) not in (list, tuple):
            raise TypeError
        bounds.charge(100 * len(items))
        return kind(bounds.keys(list(items)))

    return maker


def _made_dict(bounds: Bounds, items: Any = ()) -> dict[Any, Any]:
    if type(items) not in (list, tuple):
        raise TypeError
    bounds.charge(100 * len(items) + 64)
    if any(type(item) not in (list, tuple) for item in items):
        raise TypeError
    pairs = [(name, value) for name, value in items]
    return dict(zip(bounds.keys([name for name, _ in pairs]), [value for _, value in pairs], strict=True))


def _made_bytes(bounds: Bounds) -> bytes:
    return b""


def _encoded(bounds: Bounds, text: Any, encoding: Any) -> bytes:
    """Read bytes of protocols up to 2: text, whose characters are the bytes."""
    if type(text) is not str or encoding not in ("latin1", "latin-1"):
        raise TypeError
    bounds.charge(len(text))
    return text.encode("latin1")


def _made_dtype(bounds: Bounds, code: Any, align: Any = False, copy: Any = True) -> DType:
    if type(code) is not str or not _CODE.fullmatch(code):
        kind = "objects" if code in ("O", "O8", "O4", "|O", "object") else ascii(code)[:40]
        raise RefusedError(f"it contains an array of {kind}")
    return DType("b1" if code == "?" else code)


def _made_array(bounds: Bounds, kind: Any, shape: Any, code: Any) -> Array:
    if type(kind) is not Named or kind.name != "ndarray":
        raise TypeError
    return Array()


def _made_scalar(bounds: Bounds, dtype: Any, raw: Any) -> Scalar:
    if type(dtype) is not DType:
        raise TypeError
    raw = _raw(raw, bounds.charge)
    bounds.charge(2 * len(raw))  # for the number or text that is made from it
    return Scalar(dtype, raw)


def _from_buffer(bounds: Bounds, raw: Any, dtype: Any, shape: Any, order: Any) -> Array:
    """Read an array of protocol 5."""
    array = Array()
    if order not in ("C", "F"):
        raise TypeError
    _fill(array, shape, dtype, order == "F", raw, bounds.charge)
    return array


_MAKERS: dict[str, Callable[..., Any]] = {
    "set": _made_set(set),
    "frozenset": _made_set(frozenset),
    "bytes": _made_bytes,
    "OrderedDict": _made_dict,
    "encode": _encoded,
    "dtype": _made_dtype,
    "_reconstruct": _made_array,
    "scalar": _made_scalar,
    "_frombuffer": _from_buffer,
}


def build(target: Any, state: Any, charge: Callable[[int], None]) -> None:
    """Set the state of a record, once.

    Raises:
        RefusedError: it is not a record, already has its state, or the state has another form.
    """
    if type(state) is not tuple:
        raise RefusedError("it changes an object in a way that is not known")
    if type(target) is DType and not target.order:
        # version, byte order, subtype, names, fields, bytes, alignment, flags, and in version 4 metadata
        if not 8 <= len(state) <= 9 or any(part is not None for part in (*state[2:5], *state[8:])):
            raise RefusedError("it contains an array of records")
        if state[1] not in ("<", ">", "|", "="):
            raise RefusedError("it contains an array of unknown byte order")
        target.order = state[1]
    elif type(target) is Array and target.shape is None and len(state) == 5:
        _fill(target, *state[1:], charge)
    else:
        raise RefusedError("it changes an object in a way that is not known")


_DIMENSIONS = 16


def _fill(array: Array, shape: Any, dtype: Any, fortran: Any, raw: Any, charge: Callable[[int], None]) -> None:
    if type(dtype) is not DType or type(shape) is not tuple or type(fortran) not in (bool, int):
        raise RefusedError("it contains an array of an unknown form")
    if len(shape) > _DIMENSIONS or any(type(n) is not int or not 0 <= n < 1 << 40 for n in shape):
        raise RefusedError("it contains an array of an impossible shape")
    array.raw = _raw(raw, charge)
    array.shape, array.dtype, array.fortran = shape, dtype, bool(fortran)


def _raw(content: Any, charge: Callable[[int], None]) -> bytes:
    if type(content) is str:  # a string of Python 2 that is valid UTF-8 by chance
        charge(4 * len(content))  # one copy for each array from the same text
        return content.encode()
    if type(content) is not bytes:
        raise RefusedError("it contains an array without bytes")
    return content
