"""Where a network comes from: a file, a module, a search space, a configuration of Hugging Face, or an object."""

from __future__ import annotations

import difflib
import importlib
import inspect
import sys
from collections.abc import Callable
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from zcbench._display import plain
from zcbench._foreign import Foreign
from zcbench._imports import import_file
from zcbench._torchvision import torchvision_importable
from zcbench.comparison._takes import Takes
from zcbench.errors import InvalidInputError
from zcbench.spaces import get_space, list_spaces

if TYPE_CHECKING:
    from torch import nn

    from zcbench.comparison._hugging_face import Head
    from zcbench.types import Architecture, SearchSpace

#: names that a message lists
_LISTED = 6
WRITE = "write file.py:function, package.module:Class, timm:NAME or hf:config.json"


class Source:
    """A text or object that denotes a network.

    Attributes:
        text: its name in messages.
    """

    def __init__(self, text: str) -> None:
        self.text = text

    def __reduce__(self) -> Any:
        return source_of, (self.text,)  # a worker process reads the text again

    def takes(self) -> Takes:
        """Return the inputs that the network takes; an empty :class:`Takes` if they are not known before it runs."""
        return Takes()

    def check(self) -> None:
        """Check everything that can be checked before a network is built.

        Raises:
            ZcbenchError: something is wrong.
        """

    def note(self) -> str:
        """Return a remark on the network, a sentence; empty for none."""
        return ""

    def build(self, seed: int, classes: int | None) -> nn.Module:
        """Build the network with weights drawn from a seed.

        Args:
            seed: decides the weights. Global random numbers of torch are set.
            classes: number of classes, for sources that can choose it; None for their own.

        Raises:
            InvalidInputError: there is no network.
        """
        import torch

        factory = self.factory(classes)
        torch.manual_seed(seed)  # after imports, which may draw numbers
        return self._called(factory)

    def factory(self, classes: int | None) -> Any:
        """Return a function that builds the network without arguments, or the network."""
        raise NotImplementedError

    def _called(self, factory: Any) -> nn.Module:
        from torch import nn

        model, is_module = None, False
        with Foreign() as call:
            model = factory if isinstance(factory, nn.Module) else factory()
            is_module = isinstance(model, nn.Module)
        if call.kind is not None:
            raise InvalidInputError(f"{self.text} raised {call.said}{_about_arguments(factory, call.message)}")
        if not is_module:
            raise InvalidInputError(
                f"{self.text} returned {type(model).__name__}, not a network: it must return a torch.nn.Module."
            )
        found: nn.Module = model  # type: ignore[assignment]
        return found


class Code(Source):
    """An object in a Python file or module, ``file.py:function`` or ``package.module:Class``."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.place, _, self.name = text.rpartition(":")

    def check(self) -> None:
        """Import the file and look for the object."""
        self.factory(None)

    def factory(self, classes: int | None) -> Any:
        """Return the object of that name in its file or module."""
        return found_in(self.text)


class OfSpace(Source):
    """An architecture of a search space, ``nasbench201:…`` or ``timm:resnet10t``."""

    def __init__(self, text: str, space: SearchSpace, key: str) -> None:
        super().__init__(text)
        self._space, self._key = space, key

    @cached_property
    def _architecture(self) -> Architecture:
        return self._space.parse(self._key)

    def check(self) -> None:
        """Read the architecture and what its network takes."""
        if len(self._space.input_shape) != 3:  # nothing says how long texts are
            takes = "takes tokens" if self._space.domains else "builds no networks"
            raise InvalidInputError(
                f"{self.text} cannot be scored: {self._space.name} {takes}, and this command scores networks of images "
                "of a search space. Score a benchmark of the space with  zcbench run  or write  zcbench score "
                "FILE.py:FUNCTION"
            )
        _ = self._architecture
        self.takes()

    def takes(self) -> Takes:
        """Return the shape of the images that networks of the space, or this one, were made for."""
        shape_of = getattr(self._space, "input_shape_of", None)
        shape = self._space.input_shape if shape_of is None else shape_of(self._architecture)
        return Takes(shape=tuple(shape))

    def factory(self, classes: int | None) -> Any:
        """Return a function that builds the architecture's network."""
        chosen = {} if classes is None else {"num_classes": classes}
        return lambda: self._space.build(self._architecture, **chosen)


class HuggingFace(Source):
    """A configuration of ``transformers``, ``hf:config.json`` or ``hf:FOLDER``."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self._path = text.partition(":")[2]

    @cached_property
    def _config(self) -> Any:
        from zcbench.comparison._hugging_face import configuration

        return configuration(self._path)

    @cached_property
    def _head(self) -> Head:
        from zcbench.comparison._hugging_face import head_of

        return head_of(self._path, self._config)

    def check(self) -> None:
        """Read the configuration and choose its head."""
        self.takes()

    def takes(self) -> Takes:
        """Return the inputs by the configuration."""
        from zcbench.comparison._hugging_face import takes

        return takes(self._config, self._head)

    def note(self) -> str:
        """Return why another head was built than the configuration names."""
        return self._head.why

    def factory(self, classes: int | None) -> Any:
        """Return a function that builds the head's class."""
        from zcbench.comparison._hugging_face import build

        return lambda: build(self._path, self._config, self._head, classes)

    def _called(self, factory: Any) -> nn.Module:
        found: nn.Module = factory()  # its errors name the file already
        return found


class Given(Source):
    """A network, or a function that builds one, of the caller's."""

    def __init__(self, text: str, thing: nn.Module | Callable[[], nn.Module]) -> None:
        super().__init__(text)
        self._thing = thing

    def factory(self, classes: int | None) -> Any:
        """Return the caller's object."""
        return self._thing


def source_of(text: str) -> Source:
    """Read a text that denotes a network.

    Raises:
        InvalidInputError: it denotes none.
    """
    name, colon, rest = text.partition(":")
    if name == "hf" and colon:
        if not rest:
            raise InvalidInputError(f"{text!r} names no configuration: write hf:config.json or hf:FOLDER.")
        return HuggingFace(text)
    if colon and name in list_spaces():
        return OfSpace(text, get_space(name), rest)
    if not text.rpartition(":")[0]:
        raise InvalidInputError(f"{text!r} names no object: {_advice(text)}")
    return Code(text)


def _advice(text: str) -> str:
    path = Path(text)
    if path.suffix == ".json" or (path.is_dir() and (path / "config.json").is_file()):
        return f"write hf:{text} for a configuration of Hugging Face."
    if path.suffix in (".pt", ".pth", ".bin", ".safetensors", ".onnx"):
        return "a file of weights holds no network. Write file.py:function or hf:config.json."
    if path.suffix == ".py" and path.is_file():
        names = _names(import_file(text))
        return "write file.py:function or package.module:Class." + (f" It has {names}." if names else "")
    return f"{WRITE}."


def found_in(text: str) -> Any:
    """Return the object that ``file.py:name`` or ``package.module:name`` denotes.

    Raises:
        InvalidInputError: there is no such file, module or name.
    """
    place, _, name = text.rpartition(":")
    if place.endswith(".py"):
        module: Any = import_file(place)
    else:
        sys.path.insert(0, str(Path.cwd()))
        with torchvision_importable(), Foreign() as call:
            module = importlib.import_module(place)
        if call.kind is not None:
            raise InvalidInputError(f"{place} could not be imported: {call.said}{_about_place(place, name)}")
    found = None
    with Foreign():  # a module may have its own __getattr__
        found = getattr(module, name, None)
    if found is None:
        names = _names(module)
        near = difflib.get_close_matches(name, _public(module), n=1, cutoff=0.5)
        if near:
            raise InvalidInputError(f"{place} has no {name!r}: did you mean {near[0]!r}? It has {names}.")
        has = f" It has {names}." if names else ""
        raise InvalidInputError(f"{place} has no {name!r}: write the name of a function or class in it.{has}")
    return found


def _about_place(place: str, name: str) -> str:
    """Suggest a file that was named without its ending."""
    file = f"{place}.py"
    return f". There is a file {file}: write {file}:{plain(name, 60)}" if Path(file).is_file() else ""


def _public(module: Any) -> list[str]:
    """Return the names of functions and classes that a module defines, in order."""
    found: list[str] = []
    with Foreign():
        own = getattr(module, "__name__", "")
        for name, value in vars(module).items():
            callable_here = (inspect.isfunction(value) or inspect.isclass(value)) and value.__module__ == own
            if not name.startswith("_") and callable_here:
                found.append(name)
    return found


def _names(module: Any) -> str:
    names = _public(module)
    return ", ".join(names[:_LISTED]) + (" …" if len(names) > _LISTED else "")


def _about_arguments(factory: Any, message: str) -> str:
    """Return advice on a function that needs arguments."""
    if "missing" not in message or "argument" not in message:
        return ""
    return ". It is called without arguments: write a function that gives them, def net(): return Net(…)"
