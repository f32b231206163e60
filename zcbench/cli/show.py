"""Show one proxy, predictor, benchmark or other registered object: definition, settings, source.

If several kinds have the same name, the first is shown and stderr lists the others. Choose one by KIND:NAME.
"""

from __future__ import annotations

import argparse
import inspect
import math
import sys
from collections.abc import Callable
from dataclasses import asdict
from typing import Any

from zcbench._display import SENTENCE, plain
from zcbench._kinds import KINDS, Kind
from zcbench.cli._cells import Cell, count, text, values
from zcbench.cli._shared import add_imports, add_json, filled, import_files, print_json, say, show, unmarked

EXAMPLE = """examples:
  zcbench show naswot
  zcbench show gp
  zcbench show digits-201
  zcbench show space:digits-201"""


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("name", metavar="[KIND:]NAME", help="a name from zcbench list")
    nouns = [kind.noun for kind in KINDS]
    parser.add_argument(
        "--kind",
        metavar="KIND",
        choices=nouns,
        help=f"kind of the name: one of {', '.join(nouns)} (default: the first kind that has the name)",
    )
    add_imports(parser)
    add_json(parser)


def execute(options: argparse.Namespace) -> int:
    """Run the command."""
    import_files(options.imports)
    kind, name = _found(options.name, options.kind)
    content = _CONTENTS.get(kind.noun, _usual)(kind, kind.info(name))
    if options.json:
        print_json(values(content))
    else:
        for key, value in content.items():
            if isinstance(value, dict):
                show(f"{key}:")
                width = max((len(plain(name)) for name in value), default=0)
                for name, entry in value.items():
                    shown = repr(entry) if kind.noun == "predictor" else entry
                    show(filled(f"  {plain(name):{width}}  {plain(shown, SENTENCE)}"))
            elif "\n" in str(value):
                show(filled(f"\n{str(value).rstrip()}"))
            elif value != "":
                show(filled(f"{key}: {text(value)}"))
    return 0


def _found(text: str, noun: str | None) -> tuple[Kind, str]:
    """Return the kind of a text, and its name in this kind."""
    from zcbench.errors import InvalidInputError, UnknownNameError

    first, colon, rest = text.partition(":")
    if noun is None and colon and (kind := next((k for k in KINDS if first in (k.noun, k.plural)), None)):
        kind.info(rest)
        return kind, rest
    if noun is not None:
        kind = next(kind for kind in KINDS if kind.noun == noun)
        kind.info(text)
        return kind, text
    # Kinds that do not need torch are searched first, because torch takes seconds to import.
    light = [kind for kind in KINDS if not kind.heavy]
    heavy = [kind for kind in KINDS if kind.heavy]
    found = [kind for kind in light if text in kind.names()]
    found += [kind for kind in heavy if (not found or kind.module in sys.modules) and text in kind.names()]
    if not found:
        from zcbench.spaces._register import ALIASES

        if text.lower() in ALIASES:
            return _found(ALIASES[text.lower()], None)
        known = [name for kind in KINDS for name in kind.names()]
        if colon and first in known:
            raise InvalidInputError(f"{text!r} is a name with settings: give the name alone,  zcbench show {first}")
        raise UnknownNameError("name", text, known, f"zcbench list has {', '.join(kind.plural for kind in KINDS)}.")
    others = [f"{kind.noun}:{text}" for kind in found[1:]]
    if found[0].noun == "benchmark" and found[0].info(text).space == text:
        others = [other for other in others if other != f"space:{text}"]  # the benchmark's page names its space
    if others:
        say(f"zcbench: this is the {found[0].noun}; there is also  zcbench show {'  and  '.join(others)}")
    return found[0], text


def _usual(kind: Kind, info: Any) -> dict[str, Any]:
    """Return the content for a kind without special fields."""
    code = next((getattr(info, name) for name in ("function", "make") if callable(getattr(info, name, None))), None)
    content: dict[str, Any] = {kind.noun: info.name}
    for name in ("version", "reference"):
        if hasattr(info, name):
            content[name] = getattr(info, name)
    return {**content, **_code(code, getattr(info, "summary", ""))}


def _code(code: Any, summary: str = "") -> dict[str, Any]:
    """Return where code is defined, and its docstring."""
    if code is None:
        return {"description": f"{unmarked(summary)}\n"}
    code = inspect.unwrap(code) if callable(code) else code
    return {"defined in": _place(code), "description": unmarked(inspect.getdoc(code) or summary) + "\n"}


def _proxy(kind: Kind, info: Any) -> dict[str, Any]:
    from zcbench.types import COMMON_SETTINGS

    return {
        "proxy": info.name,
        "version": info.version,
        "better": "high" if info.higher_is_better else "low",
        "cost": str(info.cost),
        "needs labels": info.needs_labels,
        "stochastic": info.stochastic,
        "domains": ", ".join(info.domains),
        "batch norm": info.batch_norm,
        "invariant to": ", ".join(info.invariances) or "nothing declared",
        "settings": {**info.parameters, **COMMON_SETTINGS},
        "reference": info.reference,
        **_code(info.function),
    }


def _predictor(kind: Kind, info: Any) -> dict[str, Any]:
    return {
        "predictor": info.name,
        "version": info.version,
        "takes encodings of the kind": info.kind,
        "predicts": "targets in their units" if info.make().calibrated else "scores that rank",
        "uncertainty": "predict_std" if info.uncertain else "none",
        "needs": f'pip install "zcbench[{info.extra}]"' if info.extra else "nothing more",
        "settings": info.parameters,
        "reference": info.reference,
        **_code(info.make),
    }


def _place(code: Any) -> str:
    try:
        return f"{inspect.getsourcefile(code)}:{inspect.getsourcelines(code)[1]}"
    except (OSError, TypeError):
        return str(getattr(code, "__module__", "unknown"))


def _encoding(kind: Kind, info: Any) -> dict[str, Any]:
    content = _usual(kind, info)
    return {"encoding": content.pop("encoding"), "kind of rows": info.kind, **content}


def _ensemble(kind: Kind, info: Any) -> dict[str, Any]:
    content = _usual(kind, info)
    members = "+".join(info.members) or f"yours: {info.name}(naswot+2*synflow)"
    return {"ensemble": content.pop("ensemble"), "members": members, **content}


def _space(kind: Kind, info: Any) -> dict[str, Any]:
    return {
        "space": info.name,
        "architectures": count(info.size, "unlimited"),
        "networks": ", ".join(info.domains) or "none",
        "inputs": " x ".join(map(str, info.input_shape)) or "none",
        **_code(type(info.space)),
    }


def _batch(kind: Kind, info: Any) -> dict[str, Any]:
    number = "no"
    if info.resizable:
        meaning = "side in pixels" if info.resizable is True else (inspect.getdoc(info.resizable) or "").split("\n")[0]
        number = f"N up to {info.largest}: {meaning}"
    return {
        "batch": info.name,
        "version": info.version,
        "classes": count(info.classes or None, "none"),
        "NAME@N": number,
        "reference": info.reference,
        **_code(info.function),
    }


def _benchmark(kind: Kind, info: Any) -> dict[str, Any]:
    from zcbench.datasets import get_benchmark
    from zcbench.errors import DataMissingError, MissingDependencyError
    from zcbench.evaluation import interval

    content: dict[str, Any] = {"benchmark": info.name, "summary": info.summary, "reference": info.reference}
    content["licence"] = info.licence
    if info.remotes:
        content["published at"] = ", ".join(remote.urls[0] for remote in info.remotes)
    if info.by_hand:
        content["published at"] = info.by_hand
    try:
        table = get_benchmark(info.name)
    except (DataMissingError, MissingDependencyError) as error:
        return {**content, "table": str(error)}
    ceiling = table.noise_ceiling()
    return {
        **content,
        "version": table.version,
        "search space": table.space.name,
        "architectures": count(len(table)),
        "source": table.source,
        "default target": table.default_target,
        "noise ceiling": Cell(asdict(ceiling), interval(ceiling))
        if math.isfinite(ceiling.value)
        else Cell(None, "unknown: no repeats"),
        "facts": ", ".join(table.facts) or "none",
        "proxies see": table.batch_of() if table.space.domains else "nothing: no networks",
        "targets": {target.name: target.description for target in table.targets.values()},
    }


def _track(kind: Kind, info: Any) -> dict[str, Any]:
    content: dict[str, Any] = {"track": info.name, "version": info.version, "kind": info.kind}
    rest = info.fields()
    for name in ("name", "version", "summary", "kind"):
        rest.pop(name, None)
    rest.setdefault("benchmarks", "any: zcbench run BENCHMARK --track " + info.name)
    for name, value in rest.items():
        content[name.replace("_", " ")] = Cell(value, ", ".join(map(str, value))) if isinstance(value, list) else value
    return {**content, **_code(None, info.summary)}


_CONTENTS: dict[str, Callable[[Kind, Any], dict[str, Any]]] = {
    "proxy": _proxy,
    "predictor": _predictor,
    "encoding": _encoding,
    "ensemble": _ensemble,
    "space": _space,
    "batch": _batch,
    "benchmark": _benchmark,
    "track": _track,
}
