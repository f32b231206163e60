"""A digest of user code, so that results of an edited formula are never mixed with older ones.

A version identifies a formula that zcbench itself registers. Users do not raise the version of a function at each edit,
so all other code has a digest in addition to its version. The digest covers

- the whole file that defines a function or class, including helpers in that file;
- other files of the same package and files that are not installed, as far as the code uses names from them;
- all such files that those files import, at the top or when a function is called, because constants, tables and objects
  do not know their file;
- for code without a file (a notebook, ``exec``) the source that Python keeps of it, else its bytecode, together with
  the helpers and constants that it uses;
- default values, closures, the function that a decorator wraps, the arguments of a ``functools.partial``, the
  attributes of a callable object.

Paths, names of modules made from paths, line numbers, line endings and hash seeds are not included: the same code has
the same digest in another folder, process or machine. Python, PyTorch, NumPy, SciPy, scikit-learn and zcbench are
included by name only, and so are other installed packages that the code only imports: the environment of a record
lists their versions.

The digest describes the code that was loaded. A file is read when its function is registered (when the digest is first
computed), so an edit during the process changes nothing; a module that is loaded again registers new functions, whose
file is read again. Where the file does not contain the running code, or no longer does, bytecode is included too.
"""

from __future__ import annotations

import functools
import hashlib
import os
import sys
import types
import weakref
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

from zcbench._code_text import (
    Text,
    all_code,
    digest_at,
    file_of,
    fingerprint,
    imported_by,
    imported_in,
    kept_source,
    text_at,
)

#: Prefix of digests if something that is called cannot be read: edits of it may remain unnoticed.
UNKNOWN = "unknown"

_PACKAGE = os.path.dirname(__file__) + os.sep  # noqa: PTH120  # a string, as in code objects
_LIBRARIES = sys.stdlib_module_names | {"torch", "numpy", "scipy", "sklearn"}
_LENGTH = 16
_MOST = 20_000  # objects that are examined
_PLAIN = (type(None), bool, int, float, complex, str, bytes, type(...), type(NotImplemented))
#: exceptions that user-defined objects may raise when they are examined; a real Ctrl-C is passed on
_RAISED = (Exception, SystemExit, GeneratorExit)
#: members that Python adds to classes, and members that depend on hash seeds or line numbers
_OF_CLASSES = frozenset(
    (
        *("__module__", "__qualname__", "__dict__", "__weakref__", "__doc__", "__annotations__", "__firstlineno__"),
        *("__static_attributes__", "__abstractmethods__", "_abc_impl", "__parameters__", "__orig_bases__", "__hash__"),
    )
)


def code_digest(thing: object, *declared: object) -> str:
    """Compute the digest of the code of a function, class, callable object or search space.

    Args:
        thing: the registered object.
        declared: declarations at registration that change results.

    Returns:
        "" for code of zcbench itself, otherwise 16 hexadecimal digits. If something that is called cannot be read
        (compiled code without a file), :data:`UNKNOWN` and a hyphen come before them; if nothing can be read, the
        result is :data:`UNKNOWN`.
    """
    walk = _Walk()
    try:
        walk.take(thing)
        if not walk.strange and _is_ours(thing):
            return ""
        walk.take(declared)
    except _RAISED:  # raised by a user-defined object that is examined
        return UNKNOWN
    return ("" if walk.whole else f"{UNKNOWN}-") + walk.digest


def called_digest(function: object) -> str:
    """Compute :func:`code_digest` for a function or class that a script defines and passes.

    Of the script that is run, only the code that the function uses counts; the rest may change without effect.
    """
    walk = _of_script()
    try:
        walk.take(function)
        if not walk.strange and _is_ours(function):
            return ""
    except _RAISED:
        return UNKNOWN
    return ("" if walk.whole else f"{UNKNOWN}-") + walk.digest


def files_called(function: object) -> dict[str, str]:
    """Return digests of the files in :func:`called_digest`, by name of the module, as far as modules have names."""
    walk = _of_script()
    with suppress(*_RAISED):
        walk.take(function)
    return walk.files


def edited(files: Mapping[str, str]) -> str:
    """Return the path of the first file that differs from its digest in :func:`files_called`, or "" if none does.

    Modules that are not loaded in this process are ignored.
    """
    for name, digest in files.items():
        file = getattr(sys.modules.get(name), "__file__", None)
        if isinstance(file, str) and digest_at(file) != digest:
            return file
    return ""


def _of_script() -> _Walk:
    script = getattr(sys.modules.get("__main__"), "__file__", None)
    return _Walk(script=os.path.abspath(script) if isinstance(script, str) else "")  # noqa: PTH100


def value_digest(value: object) -> str:
    """Compute the digest of numbers, strings, arrays, containers and objects made of them: 16 hexadecimal digits."""
    walk = _Walk()
    walk.take(value)
    return walk.digest


def joined_codes(*codes: str) -> str:
    """Combine several digests of user code into one; "" if all are ""."""
    if len(found := [code for code in codes if code]) < 2:
        return "".join(found)
    digest = hashlib.sha256(repr(codes).encode()).hexdigest()[:_LENGTH]
    return f"{UNKNOWN}-{digest}" if any(code.startswith(UNKNOWN) for code in found) else digest


def _is_ours(thing: object) -> bool:
    if isinstance(thing, types.FunctionType):
        return thing.__code__.co_filename.startswith(_PACKAGE)
    if isinstance(thing, types.MethodType):
        return _is_ours(thing.__func__)
    if isinstance(thing, functools.partial):
        return False
    return _top((thing if isinstance(thing, type) else type(thing)).__module__) == "zcbench"


def _top(module: object) -> str:
    return str(module).partition(".")[0]


class _Own(NamedTuple):
    """The record of a function, class or object from its first use."""

    path: str
    text: Text | None
    values: tuple[str, bool, bool]


#: records of live functions, classes and objects, by identity and by whether the text of a script counts
_FIRST: dict[tuple[int, bool], tuple[weakref.ref[Any], _Own]] = {}


class _Walk:
    """The contents of one digest, in an order that depends on the code alone."""

    def __init__(self, texts: Mapping[str, Text] | None = None, homes: Iterable[str] = (), script: str = "") -> None:
        self.script = script  # a file whose text does not count
        self.strange = False  # code that belongs neither to zcbench nor to a library
        self.whole = True
        self.files: dict[str, str] = {}  # digest of the file, by name of the module
        self._hash = hashlib.sha256()
        self._seen: dict[int, int] = {}
        self._kept: list[object] = []  # keeps objects alive, because identities of dead objects are reused
        self._texts = dict(texts or {})  # by path: one walk reads each file once
        self._named: deque[Any] = deque()
        self._homes = set(homes)  # packages that contain the digested code
        self._imports: set[str] = set()  # modules that were looked up

    @property
    def digest(self) -> str:
        return self._hash.hexdigest()[:_LENGTH]

    def is_script(self, file: str) -> bool:
        """Return whether a file is the script whose text does not count."""
        return self.script != "" and os.path.abspath(file) == self.script  # noqa: PTH100

    def _say(self, *words: object) -> None:
        self._hash.update(repr(words).encode("utf-8", "surrogatepass"))

    def take(self, thing: Any) -> None:
        """Add an object and all helpers and members that its code uses."""
        self.visit(thing)
        while self._named:  # a loop and not recursion, because chains of helpers may be long
            self.visit(self._named.popleft())

    def visit(self, thing: Any) -> None:
        """Add a value, or something that is called."""
        if type(thing) in _PLAIN:
            self._say(type(thing).__name__, thing)
            return
        if id(thing) in self._seen:
            self._say("again", self._seen[id(thing)])
            return
        if len(self._seen) >= _MOST:
            self.whole = False
            return
        self._seen[id(thing)] = len(self._seen)
        self._kept.append(thing)
        if isinstance(thing, types.FunctionType):
            self._function(thing)
        elif isinstance(thing, type):
            self._class(thing)
        elif isinstance(thing, types.ModuleType):
            self._module(thing)
        elif isinstance(thing, functools.partial):
            self._partial(thing)
        elif isinstance(thing, (types.MethodType, staticmethod, classmethod, property, functools.cached_property)):
            self._say(type(thing).__name__)
            for name in ("__self__", "__func__", "fget", "fset", "func"):
                if (part := getattr(thing, name, None)) is not None:
                    self.visit(part)
        elif type(thing) in (types.BuiltinFunctionType, types.WrapperDescriptorType, types.MethodDescriptorType):
            self._builtin(thing)
        else:
            self._value(thing)

    # -- callables -----------------------------------------------------------------------------

    def _function(self, function: types.FunctionType) -> None:
        code, home = function.__code__, function.__globals__.get("__name__", "")  # wraps() changes __module__
        own = _first(function, self)
        known = code.co_filename.startswith(_PACKAGE) or _top(home) in _LIBRARIES
        if known:
            self._say("known", home, code.co_qualname)
        else:
            self.strange = True
            self._homes.add(_top(home))
            self._say("function", code.co_qualname)
            self._code(own, fingerprint(code))
            if own.text is not None:
                self._found(home, own)
                self._imported(own.text, str(function.__globals__.get("__package__") or ""))
            elif self.is_script(code.co_filename):
                self._imported(Text("", frozenset(), frozenset(), imported_in(code)), "")
        self._say(own.values[0])
        self.strange, self.whole = self.strange or own.values[1], self.whole and own.values[2]
        for part in _parts(function):
            if callable(part):
                self.visit(part)
        if not known:
            self._names(code, function.__globals__, own.path == "")

    def _code(self, own: _Own, compiled: str) -> None:
        """Add the text that contains the code, and the bytecode if the text does not contain it."""
        text = self._texts.setdefault(own.path, own.text) if own.path and own.text else own.text
        if text is not None:
            self._say("text", text.digest)
        if text is None or compiled not in text.codes:
            self._say("bytecode", compiled)

    def _found(self, module: object, own: _Own) -> None:
        """Record the file from which a module was loaded."""
        if own.path and own.text is not None and isinstance(module, str) and module != "__main__":
            self.files.setdefault(module, own.text.digest)

    def _names(self, code: types.CodeType, known: Mapping[str, Any], values: bool) -> None:
        """Add helpers that code uses, from its own and other files, and their values where no file contains them."""
        names = sorted({name for part in all_code(code) for name in part.co_names})
        for name in names:
            found = known.get(name)
            if isinstance(found, types.ModuleType):
                if self._follows(found.__name__, getattr(found, "__file__", None)):
                    self.visit(found)
                    for other in names:
                        self._refer(vars(found).get(other))
            elif name in known:
                self._refer(found)
                if values and not callable(found) and _is_data(found):
                    self._say(name)
                    self.visit(found)

    def _refer(self, thing: Any) -> None:
        """Add a helper unless it belongs to a library."""
        inner: Any = thing
        home: object
        file: object
        while isinstance(inner, (functools.partial, types.MethodType)):
            inner = inner.func if isinstance(inner, functools.partial) else inner.__func__
        if isinstance(inner, types.FunctionType):
            home, file = inner.__globals__.get("__name__", ""), inner.__code__.co_filename
        elif isinstance(inner, type):
            home, file = inner.__module__, getattr(sys.modules.get(inner.__module__), "__file__", None)
        elif isinstance(wrapped := _wrapped(inner), types.FunctionType):
            home, file = wrapped.__globals__.get("__name__", ""), wrapped.__code__.co_filename
        else:
            return
        if self._follows(home, file):
            self._named.append(thing)

    def _follows(self, module: object, file: object) -> bool:
        if _top(module) in _LIBRARIES or _top(module) in ("zcbench", "builtins"):
            return False
        installed = isinstance(file, str) and {"site-packages", "dist-packages"} & set(Path(file).parts)
        return not installed or _top(module) in self._homes

    def _class(self, made: type) -> None:
        self._homes.add(_top(made.__module__))
        for parent in made.__mro__:
            file = getattr(sys.modules.get(parent.__module__), "__file__", None)
            if not self._follows(parent.__module__, file):
                self._say("known", parent.__module__, parent.__qualname__)
                continue
            self.strange = True
            own = _first(parent, self)
            self._say("class", parent.__qualname__)
            if own.text is not None:
                self._found(parent.__module__, own)
                self._say("text", self._texts.setdefault(own.path, own.text).digest)
                self._imported(own.text, str(getattr(sys.modules.get(parent.__module__), "__package__", None) or ""))
            self._say(own.values[0])
            for name, part in sorted(vars(parent).items()):
                if name not in _OF_CLASSES and (callable(part) or hasattr(part, "__get__")):
                    self._say(name)
                    if _is_foreign(part):
                        self._named.append(part)

    def _module(self, module: types.ModuleType) -> None:
        if not self._follows(module.__name__, getattr(module, "__file__", None)):
            self._say("known", module.__name__)
            return
        self.strange = True
        own = _first(module, self)
        text = own.text
        self._found(module.__name__, own)
        self._say("module", text.digest if text else vars(module).get("__doc__"))
        if text is not None:
            self._imported(text, str(module.__package__ or ""))

    def _imported(self, text: Text, package: str) -> None:
        """Add the files of the user that a file imports, and the files that these import, as a whole."""
        pending = [(text, package)]
        while pending:
            for name in imported_by(*pending.pop()):
                if name in self._imports or _top(name) in _LIBRARIES:
                    continue
                self._imports.add(name)
                module = sys.modules.get(name)
                if isinstance(module, types.ModuleType):
                    file, is_package = getattr(module, "__file__", None), hasattr(module, "__path__")
                else:
                    file, is_package = file_of(name) or (None, False)
                if not isinstance(file, str) or not self._follows(name, file):
                    continue
                found = _first(module, self).text if isinstance(module, types.ModuleType) else text_at(file)
                if found is None:
                    continue
                if len(self._imports) > _MOST:
                    self.whole = False
                    return
                self.strange = True
                self.files.setdefault(name, found.digest)
                self._say("imports", found.digest)
                pending.append((found, name if is_package else name.rpartition(".")[0]))

    def _partial(self, thing: functools.partial[Any]) -> None:
        self.strange = True
        self._say("partial")
        if isinstance(thing.func, types.FunctionType) and (text := text_at(thing.func.__code__.co_filename)):
            self._say("text", text.digest)  # also for code of zcbench, whose version is not in the name of this object
        for part in (thing.func, thing.args, sorted(thing.keywords.items())):
            self.visit(part)

    def _builtin(self, thing: Any) -> None:
        self._say("built in", getattr(thing, "__module__", None), thing.__qualname__)
        owner = getattr(thing, "__self__", None) or getattr(thing, "__objclass__", None)
        if owner is not None and not isinstance(owner, types.ModuleType):
            self.visit(owner)
            return
        module = sys.modules.get(str(getattr(thing, "__module__", None)))
        if _top(getattr(thing, "__module__", "")) in _LIBRARIES or module is None:
            return
        self._module(module)
        self.whole &= text_at(str(getattr(module, "__file__", None) or "")) is not None

    # -- values --------------------------------------------------------------------------------

    def _value(self, thing: Any) -> None:
        kind = type(thing)
        if _top(kind.__module__) == "zcbench":  # its contents are settings, but it may call user code
            self._say("known", kind.__module__, kind.__qualname__)
            for name, part in sorted(getattr(thing, "__dict__", {}).items()):
                if callable(part):
                    self._say(name)
                    self.visit(part)
        elif isinstance(thing, (tuple, list, dict, set, frozenset)):
            self._container(thing)
        elif (content := _content(thing)) is not None:
            self._say(kind.__qualname__, content)
        else:
            self.visit(kind)
            own = _first(thing, self)
            self._say(own.values[0])
            self.strange, self.whole = self.strange or own.values[1], self.whole and own.values[2]
            if callable(thing) and (wrapped := _wrapped(thing)) is not None:
                self.visit(wrapped)

    def _container(self, thing: Any) -> None:
        self._say(type(thing).__qualname__, len(thing))
        if isinstance(thing, dict):
            for key, value in thing.items():
                self.visit(key)
                self.visit(value)
        elif isinstance(thing, (set, frozenset)):
            self._say(sorted(_values_digest([part], self)[0] for part in thing))
        else:
            for part in thing:
                self.visit(part)

    def inside(self, thing: Any) -> None:
        """Add the contents of an object of a class, as pickle would."""
        cached = {
            n for k in type(thing).__mro__ for n, v in vars(k).items() if isinstance(v, functools.cached_property)
        }
        try:
            found = thing.__reduce_ex__(2)
        except _RAISED:  # for example a lock, a file, compiled code
            wrapped = _wrapped(thing)
            self.whole &= not (callable(thing) and wrapped is None and not hasattr(type(thing).__call__, "__code__"))
            return
        if isinstance(found, str):
            self._say(found)
            return
        for part in found:
            if isinstance(part, dict):
                part = {name: value for name, value in part.items() if name not in cached}
            self.visit(list(part) if isinstance(part, Iterator) else part)


# -- records from the first use ---------------------------------------------------------------------


def _first(thing: Any, walk: _Walk) -> _Own:
    """Return the file and values of a function, class, module or object at its first use, before caches change it."""
    # A module that is loaded again remains the same object, but has a new spec.
    mark = thing.__spec__ or thing if isinstance(thing, types.ModuleType) else thing
    key = id(mark), walk.script == ""
    kept = _FIRST.get(key)
    if kept is not None and kept[0]() is mark:
        return kept[1]
    own = _read(thing, walk)
    try:
        reference = weakref.ref(mark, functools.partial(_forget, key))
    except TypeError:  # the class does not allow weak references
        return own
    _FIRST[key] = (reference, own)
    return own


def _forget(key: tuple[int, bool], _: object) -> None:
    _FIRST.pop(key, None)


def _read(thing: Any, walk: _Walk) -> _Own:
    if isinstance(thing, types.FunctionType):
        code = thing.__code__
        values = _values_digest([part for part in _parts(thing) if not callable(part)], walk)
        if code.co_filename.startswith(_PACKAGE) or _top(thing.__globals__.get("__name__")) in _LIBRARIES:
            return _Own("known", None, values)
        if walk.is_script(code.co_filename):
            return _Own("", None, values)
        text = walk._texts.get(code.co_filename) or text_at(code.co_filename)
        if text is not None:
            return _Own(code.co_filename, text, values)
        return _Own("", kept_source(code), values)
    if isinstance(thing, types.ModuleType):
        file = str(getattr(thing, "__file__", None) or "")
        return _Own(file, text_at(file), ("", False, True))
    if isinstance(thing, type):
        file = str(getattr(sys.modules.get(thing.__module__), "__file__", None) or "")
        text = None if walk.is_script(file) else walk._texts.get(file) or text_at(file)
        if text is not None and thing.__qualname__ in text.names:
            return _Own(file, text, _values_digest([], walk))
        data = [part for name, part in sorted(vars(thing).items()) if name not in _OF_CLASSES and _is_data(part)]
        return _Own("", None, _values_digest(data, walk))
    inner = _Walk(walk._texts, walk._homes, walk.script)
    inner.inside(thing)
    return _Own("", None, (inner.digest, inner.strange, inner.whole))


def _values_digest(values: list[Any], walk: _Walk) -> tuple[str, bool, bool]:
    inner = _Walk(walk._texts, walk._homes, walk.script)
    inner.take(values)
    return inner.digest, inner.strange, inner.whole


def _parts(function: types.FunctionType) -> Iterator[Any]:
    """Yield the parts of a function other than its code."""
    yield from function.__defaults__ or ()
    yield from (value for _, value in sorted((function.__kwdefaults__ or {}).items()))
    for cell in function.__closure__ or ():
        try:
            yield cell.cell_contents
        except ValueError:  # still empty
            yield "empty"
    if "__wrapped__" in vars(function):
        yield vars(function)["__wrapped__"]


def _wrapped(thing: Any) -> Any:
    try:
        return getattr(thing, "__wrapped__", None)
    except Exception:  # raised by a user-defined __getattr__
        return None


def _content(thing: Any) -> str | None:
    """Return the digest of an array's or tensor's numbers; None for anything else."""
    if _top(type(thing).__module__) == "torch" and hasattr(thing, "untyped_storage"):
        thing = thing.detach().cpu().contiguous()
        shape, kind = tuple(thing.shape), str(thing.dtype)
        content = thing.reshape(-1).view(sys.modules["torch"].uint8).numpy().tobytes()
    elif _top(type(thing).__module__) == "numpy" and hasattr(thing, "tobytes") and not thing.dtype.hasobject:
        shape, kind, content = thing.shape, thing.dtype.str, thing.tobytes()
    else:
        return None
    return hashlib.sha256(repr((shape, kind)).encode() + content).hexdigest()


def _is_data(thing: Any) -> bool:
    """Return whether an object consists of numbers, strings and arrays only."""
    if isinstance(thing, dict):
        return all(map(_is_data, thing.keys())) and all(map(_is_data, thing.values()))
    if isinstance(thing, (tuple, list, set, frozenset)):
        return all(map(_is_data, thing))
    return type(thing) in _PLAIN or _top(type(thing).__module__) == "numpy"


def _is_foreign(part: Any) -> bool:
    """Return whether a class's member can differ from its file: anything but a type of a library."""
    return not isinstance(part, type) or _top(part.__module__) not in _LIBRARIES | {"builtins", "zcbench"}
