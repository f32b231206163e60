"""Show one proxy, predictor (what it computes, settings, source) or benchmark (targets, source, noise) in full."""

from __future__ import annotations

import argparse
import inspect
import math
from typing import Any

from zcbench._display import SENTENCE, plain
from zcbench.cli._shared import add_imports, add_json, import_files, print_json, show

EXAMPLE = """examples:
  zcbench show naswot
  zcbench show gp
  zcbench show digits-201"""


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("name", metavar="NAME", help="a proxy, a predictor or a benchmark")
    add_imports(parser)
    add_json(parser)


def execute(options: argparse.Namespace) -> int:
    """Run the command."""
    from zcbench.datasets import list_benchmarks
    from zcbench.errors import UnknownNameError
    from zcbench.predictors import list_predictors
    from zcbench.proxies import list_proxies

    import_files(options.imports)
    if options.name in list_benchmarks():
        content = _benchmark(options.name)
    elif options.name in list_proxies():
        content = _proxy(options.name)
    elif options.name in list_predictors():
        content = _predictor(options.name)
    else:
        known = [*list_benchmarks(), *list_proxies(), *list_predictors()]
        raise UnknownNameError("proxy, predictor or benchmark", options.name, known)
    if options.json:
        print_json(content)
    else:
        for key, value in content.items():
            if isinstance(value, dict):
                show(f"{key}:")
                width = max((len(plain(name)) for name in value), default=0)
                for name, text in value.items():
                    show(f"  {plain(name):{width}}  {plain(text, SENTENCE)}")
            elif "\n" in str(value):
                show(f"\n{value}")
            else:
                show(f"{key}: {value}")
    return 0


def _proxy(name: str) -> dict[str, Any]:
    from zcbench.proxies import get_proxy
    from zcbench.types import COMMON_SETTINGS

    info = get_proxy(name)
    code = inspect.unwrap(info.function)
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
        "defined in": _place(code),
        "description": (inspect.getdoc(code) or "") + "\n",
    }


def _predictor(name: str) -> dict[str, Any]:
    from zcbench.predictors import predictor_info

    info = predictor_info(name)
    return {
        "predictor": info.name,
        "version": info.version,
        "takes encodings of the kind": info.kind,
        "predicts": "targets in their units" if info.make().calibrated else "scores that rank",
        "uncertainty": "predict_std" if info.uncertain else "none",
        "needs": f'pip install "zcbench[{info.extra}]"' if info.extra else "nothing more",
        "settings": {key: repr(value) for key, value in info.parameters.items()},
        "reference": info.reference,
        "defined in": _place(info.make),
        "description": (inspect.getdoc(info.make) or "") + "\n",
    }


def _place(code: Any) -> str:
    try:
        return f"{inspect.getsourcefile(code)}:{inspect.getsourcelines(code)[1]}"
    except (OSError, TypeError):
        return str(code.__module__)


def _benchmark(name: str) -> dict[str, Any]:
    from zcbench.datasets import benchmark_info, load_benchmark
    from zcbench.errors import DataMissingError, MissingDependencyError
    from zcbench.evaluation import interval

    info = benchmark_info(name)
    content: dict[str, Any] = {"benchmark": info.name, "summary": info.summary, "reference": info.reference}
    content["licence"] = info.licence
    if info.remotes:
        content["published at"] = ", ".join(remote.urls[0] for remote in info.remotes)
    if info.by_hand:
        content["published at"] = info.by_hand
    try:
        table = load_benchmark(name)
    except (DataMissingError, MissingDependencyError) as error:
        return {**content, "table": str(error)}
    ceiling = table.noise_ceiling()
    return {
        **content,
        "version": table.version,
        "search space": table.space.name,
        "architectures": f"{len(table):,}",
        "source": table.source,
        "default target": table.default_target,
        "noise ceiling": interval(ceiling) if math.isfinite(ceiling.value) else "unknown: no repeats",
        "facts": ", ".join(table.facts) or "none",
        "proxies see": table.batch_of() if table.space.domains else "nothing: no networks",
        "targets": {target.name: target.description for target in table.targets.values()},
    }
