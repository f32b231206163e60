"""A digest of what strangers' code computes, so that results of an edited formula never mix with the old ones.

A version says which formula zcbench itself registers. Nobody raises the version of a function that is edited ten times
in an afternoon, so the code of everything else has a digest beside its version. It is made of

- the file in which a function or class stands, all of it: a helper in that file counts as well;
- other files of the same package and files that are not installed, as far as the code names what stands in them;
- all such files that those files import, at their head or when a function is called: constants, tables and objects have
  no file of their own;
- for code without a file (a notebook, ``exec``) the source that Python keeps of it, else its bytecode, together with
  the helpers and constants that it names;
- default values, what a function closes over, the function that a decorator has wrapped, the arguments of a
  ``functools.partial``, the attributes of an object that is called.

Paths, names of modules made from paths, line numbers, line endings and hash seeds do not enter: the same code has the
same digest in another folder, process or machine. Python, PyTorch, NumPy, SciPy, scikit-learn and zcbench enter by
name, and so do other installed packages that the code only imports: the environment of a record says their versions.

What runs is what was loaded. A file is read when its function is registered (when the digest is asked for the first
time), so that an edit while the process lives changes nothing; a module that is loaded again registers new functions,
whose file is read again. Where the file does not, or no longer, hold what runs, bytecode enters too.
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

#: How digests begin where something that is called cannot be read: edits of it may go unnoticed.
UNKNOWN = "unknown"

_PACKAGE = os.path.dirname(__file__) + os.sep  # noqa: PTH120  # a text, as code objects have it
_LIBRARIES = sys.stdlib_module_names | {"torch", "numpy", "scipy", "sklearn"}
_LENGTH = 16
_MOST = 20_000  # objects that are looked into
_PLAIN = (type(None), bool, int, float, complex, str, bytes, type(...), type(NotImplemented))
#: what objects of strangers may raise where they are looked at; a real Ctrl-C goes on
_RAISED = (Exception, SystemExit, GeneratorExit)
#: what Python writes into classes, and what depends on hash seeds or line numbers
_OF_CLASSES = frozenset(
    (
        *("__module__", "__qualname__", "__dict__", "__weakref__", "__doc__", "__annotations__", "__firstlineno__"),
        *("__static_attributes__", "__abstractmethods__", "_abc_impl", "__parameters__", "__orig_bases__", "__hash__"),
    )
)


def code_digest(thing: object, *declared: object) -> str:
    """The digest of what a function, class, callable object or search space computes.

    Args:
        thing: what was registered.
        declared: what was said of it at registration that changes what is computed.

    Returns:
        "" if zcbench itself wrote it, 16 hexadecimal digits otherwise; :data:`UNKNOWN` and a hyphen before them where
        something that is called cannot be read (compiled code of no file), :data:`UNKNOWN` alone if nothing can.
    """
    walk = _Walk()
    try:
        walk.take(thing)
        if not walk.strange and _is_ours(thing):
            return ""
        walk.take(declared)
    except _RAISED:  # of a stranger's object, which raises where it is looked at
        return UNKNOWN
    return ("" if walk.whole else f"{UNKNOWN}-") + walk.digest


def called_digest(function: object) -> str:
    """As :func:`code_digest`, for a function or class that a script defines and hands over.

    Of the script that is run, what the function uses counts alone: the rest of it may say how often to call.
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
    """The modules whose files enter :func:`called_digest`, as far as they have names, and digests of the files."""
    walk = _of_script()
    with suppress(*_RAISED):
        walk.take(function)
    return walk.files


def edited(files: Mapping[str, str]) -> str:
    """Path of the first file, by name of its module, that is not what :func:`files_called` said of it; "" for none.

    Modules that are not loaded in this process do not count.
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
    """The digest of a value: numbers, texts, arrays, containers and objects made of them, 16 hexadecimal digits."""
    walk = _Walk()
    walk.take(value)
    return walk.digest


def joined_codes(*codes: str) -> str:
    """One digest for what several strangers wrote together; "" if all are ""."""
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
    """What is kept of a function, class or object from the first time on."""

    path: str
    text: Text | None
    values: tuple[str, bool, bool]


#: of functions, classes and objects that live, by identity and by whether a script's text counts
_FIRST: dict[tuple[int, bool], tuple[weakref.ref[Any], _Own]] = {}


class _Walk:
    """Everything that one thing's digest is made of, in an order that follows from the code alone."""

    def __init__(self, texts: Mapping[str, Text] | None = None, homes: Iterable[str] = (), script: str = "") -> None:
        self.script = script  # a file whose text does not count
        self.strange = False  # something that neither zcbench nor a library wrote
        self.whole = True
        self.files: dict[str, str] = {}  # by name of a module: the digest of its file
        self._hash = hashlib.sha256()
        self._seen: dict[int, int] = {}
        self._kept: list[object] = []  # identities are of living objects only
        self._texts = dict(texts or {})  # by path: one walk sees one state of a file
        self._named: deque[Any] = deque()
        self._homes = set(homes)  # packages that what is digested stands in
        self._imports: set[str] = set()  # modules that were looked for

    @property
    def digest(self) -> str:
        return self._hash.hexdigest()[:_LENGTH]

    def is_script(self, file: str) -> bool:
        """Whether a file is the one whose text does not count."""
        return self.script != "" and os.path.abspath(file) == self.script  # noqa: PTH100

    def _say(self, *words: object) -> None:
        self._hash.update(repr(words).encode("utf-8", "surrogatepass"))

    def take(self, thing: Any) -> None:
        """Take in a thing and all helpers and members that its code names."""
        self.visit(thing)
        while self._named:  # not one inside the other: chains of them may be long
            self.visit(self._named.popleft())

    def visit(self, thing: Any) -> None:
        """Take in a value, or something that is called."""
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

    # -- what is called ------------------------------------------------------------------------

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
        """The text that code stands in, and its bytecode if it does not stand there."""
        text = self._texts.setdefault(own.path, own.text) if own.path and own.text else own.text
        if text is not None:
            self._say("text", text.digest)
        if text is None or compiled not in text.codes:
            self._say("bytecode", compiled)

    def _found(self, module: object, own: _Own) -> None:
        """Take note of the file that a module was loaded from."""
        if own.path and own.text is not None and isinstance(module, str) and module != "__main__":
            self.files.setdefault(module, own.text.digest)

    def _names(self, code: types.CodeType, known: Mapping[str, Any], values: bool) -> None:
        """Helpers that code names, in its own and in other files; their values too where no file holds them."""
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
        """Take in a helper unless a library wrote it."""
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
        """Take in the files of one's own that a file imports, and those that they import, whole."""
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
            self._say("text", text.digest)  # also where zcbench wrote it: its version is not in the name of this
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
        if _top(kind.__module__) == "zcbench":  # what it is made of is settings; what it calls may be a stranger's
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
        """Take in what an object of a class is made of, as pickle would."""
        cached = {
            n for k in type(thing).__mro__ for n, v in vars(k).items() if isinstance(v, functools.cached_property)
        }
        try:
            found = thing.__reduce_ex__(2)
        except _RAISED:  # a lock, a file, compiled code
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


# -- what is kept from the first time on ----------------------------------------------------------


def _first(thing: Any, walk: _Walk) -> _Own:
    """File and values of a function, class, module or object as they were when it was first seen: caches fill up."""
    # A module that is loaded again stays the same object, and gets another spec.
    mark = thing.__spec__ or thing if isinstance(thing, types.ModuleType) else thing
    key = id(mark), walk.script == ""
    kept = _FIRST.get(key)
    if kept is not None and kept[0]() is mark:
        return kept[1]
    own = _read(thing, walk)
    try:
        reference = weakref.ref(mark, functools.partial(_forget, key))
    except TypeError:  # of a class that allows none
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
    """What belongs to a function besides its code."""
    yield from function.__defaults__ or ()
    yield from (value for _, value in sorted((function.__kwdefaults__ or {}).items()))
    for cell in function.__closure__ or ():
        try:
            yield cell.cell_contents
        except ValueError:  # empty yet
            yield "empty"
    if "__wrapped__" in vars(function):
        yield vars(function)["__wrapped__"]


def _wrapped(thing: Any) -> Any:
    try:
        return getattr(thing, "__wrapped__", None)
    except Exception:  # of a stranger's __getattr__
        return None


def _content(thing: Any) -> str | None:
    """Digest of an array's or tensor's numbers; None for anything else."""
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
    """Whether it is made of numbers, texts and arrays alone."""
    if isinstance(thing, dict):
        return all(map(_is_data, thing.keys())) and all(map(_is_data, thing.values()))
    if isinstance(thing, (tuple, list, set, frozenset)):
        return all(map(_is_data, thing))
    return type(thing) in _PLAIN or _top(type(thing).__module__) == "numpy"


def _is_foreign(part: Any) -> bool:
    """Whether a class's member is more than what its file says: anything but a type of a library."""
    return not isinstance(part, type) or _top(part.__module__) not in _LIBRARIES | {"builtins", "zcbench"}
