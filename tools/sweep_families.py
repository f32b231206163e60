"""Score small networks of many families with every proxy, and write the results to docs/families.md.

    python tools/sweep_families.py --out docs/families.md            # all families, in about 25 minutes on one core
    python tools/sweep_families.py 'transformers:*' --alone          # each proxy also alone; prints what is wrong

Every family is scored twice with one seed, in a worker process, with a time limit for each score.
"""

from __future__ import annotations

import argparse
import fnmatch
import math
import re
import sys
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))  # if it is run from another folder

from _families import FAMILIES, UNSEEN_ATTENTION, UNTRAINABLE, WITHOUT_ATTENTION, built

from zcbench._files import write_text
from zcbench._workers import Begin, in_parallel
from zcbench.proxies import resolve
from zcbench.types import Batch, Score, Status

#: how a family is scored: all proxies in one call, the same again, and each proxy in a separate call
TOGETHER, AGAIN, ALONE = "together", "again", "alone"
#: entry among the proxies for the number of trainable parameters, counted here
COUNTED = "counted here"
#: appearance of a Python or torch error in place of a sentence
_RAW = re.compile(r"^\w*(Error|Exception)\b")


@dataclass(frozen=True)
class Sweep:
    """The work of the worker process: a task is "how family"."""

    imports: tuple[str, ...] = ()

    def prepare(self) -> None:
        """Use one thread, as for all compared values."""
        import torch

        torch.set_num_threads(1)

    def lost(self, status: Status, reason: str, seconds: float) -> Score:
        """Return the score of a proxy whose process died or exceeded the time limit."""
        return Score(None, status, seconds, reason)

    def results(self, key: str, parts: Sequence[str], begin: Begin = str) -> Iterator[tuple[str, Score]]:
        """Yield (proxy, score)."""
        from zcbench.proxies._score import score_with

        begin("")
        how, _, family = key.partition(" ")
        network, inputs, targets = built(FAMILIES[family])
        batch = Batch(inputs, targets)
        counted = sum(p.numel() for p in network.parameters() if p.requires_grad)
        if COUNTED in parts:
            yield COUNTED, Score(float(counted), Status.OK, 0.0)
        proxies = [part for part in parts if part != COUNTED]
        for group in [[part] for part in proxies] if how == ALONE else [proxies]:
            for info, score in score_with(resolve(group), network, batch, seed=0, begin=begin):
                yield info.label, score


@dataclass
class Found:
    """Scores of one family.

    Attributes:
        key: key of the family.
        scores: by the way of scoring, then by proxy.
    """

    key: str
    scores: dict[str, dict[str, Score]] = field(default_factory=lambda: defaultdict(dict))

    @property
    def counts(self) -> Counter[str]:
        """Number of scores by status."""
        return Counter(str(score.status) for label, score in self.scores[TOGETHER].items() if label != COUNTED)

    @property
    def problems(self) -> list[str]:
        """Describe what is wrong, each problem in one line."""
        first, found = self.scores[TOGETHER], []
        name = self.key.split(":")[1]
        for label, score in first.items():
            known = name in UNTRAINABLE and score.status is Status.FAILED
            if score.status not in (Status.OK, Status.UNSUPPORTED, Status.NON_FINITE) and not known:
                found.append(f"{label}: {score.status}: {score.detail}")
            elif _RAW.match(score.detail) and not known:
                found.append(f"{label}: no sentence: {score.detail}")
            for how in (AGAIN, ALONE):
                other = self.scores[how].get(label, score)
                if not _equal(score, other, exactly=how == AGAIN):
                    found.append(
                        f"{label}: {score.value} {score.status} together, {other.value} {other.status} {how} "
                        f"({score.detail or other.detail})"
                    )
        if "params" in first and first["params"].value != first[COUNTED].value:
            found.append(f"params: {first['params'].value}, but {first[COUNTED].value} numbers can be trained")
        if "head_confidence" in first and name not in UNSEEN_ATTENTION:
            attends = first["head_confidence"].value is not None
            if attends == (name in WITHOUT_ATTENTION):
                found.append(f"head_confidence: {'' if attends else 'no '}attention was found")
        return found


def _equal(a: Score, b: Score, *, exactly: bool) -> bool:
    """Return whether two scores are equal.

    With a single proxy, torch may choose a kernel without gradients, with different last digits; az_progressivity is a
    difference of such numbers.
    """
    if a.value is None or b.value is None or exactly:
        return (a.value, a.status) == (b.value, b.status)
    return math.isclose(a.value, b.value, rel_tol=1e-4)


def sweep(
    families: Iterable[str], proxies: Iterable[str] = ("all",), *, alone: bool = False, timeout: float = 60.0
) -> Iterator[Found]:
    """Score families one after another, in one process in addition to this one.

    Args:
        families: keys of ``FAMILIES``.
        proxies: names or patterns.
        alone: whether each proxy is also scored in a separate call.
        timeout: seconds for each score.
    """
    labels = tuple(info.label for info in resolve(proxies))
    hows = (TOGETHER, AGAIN, *([ALONE] if alone else []))
    tasks = [(f"{how} {family}", (COUNTED, *labels)) for family in families for how in hows]
    found: dict[str, Found] = {}
    left: Counter[str] = Counter()
    for key, label, score in in_parallel(Sweep(), tasks, 1, timeout):
        how, _, family = key.partition(" ")
        found.setdefault(family, Found(family)).scores[how][label] = score
        left[family] += 1
        if left[family] == len(hows) * (len(labels) + 1):
            yield found.pop(family)
    yield from found.values()


def page(results: Sequence[Found], command: str) -> str:
    """Return the page of the docs: counts by family, and unmeasured combinations with reasons."""
    total = sum((one.counts for one in results), Counter[str]())
    lines = [
        "# Families of networks",
        "",
        "This page counts the scores of every proxy on small networks of many families. Networks of transformers",
        f"are built from their configurations, networks of timm by their names. `{command}`",
        "makes the page. Each family was scored twice with one seed, with the same result. `non-finite` means that",
        "the formula has no value, such as the logarithm of zero.",
        "",
        f"{len(results)} families: {_counted(total)}.",
    ]
    for package in ("transformers", "timm"):
        rows = [one for one in results if one.key.startswith(f"{package}:")]
        if rows:
            lines += [
                "",
                f"## {package}",
                "",
                "| family | targets | ok | unsupported | other |",
                "|:---|:---|---:|---:|:---|",
            ]
            lines += [_row(one) for one in rows]
    if any(one.key.split(":")[1] in UNTRAINABLE for one in results):
        lines += ["", f"The failures: the code of {', '.join(UNTRAINABLE)} overwrites values that its gradient needs."]
    lines += ["", "## What is not measured", "", "| reason | proxies | families |", "|:---|:---|---:|"]
    reasons: dict[str, list[tuple[str, str]]] = defaultdict(list)
    for one in results:
        for label, score in one.scores[TOGETHER].items():
            if score.status is Status.UNSUPPORTED:
                reasons[re.sub(r"\d+", "N", score.detail).replace("|", r"\|")].append((label, one.key))
    for reason, cases in sorted(reasons.items(), key=lambda item: -len({key for _, key in item[1]})):
        labels = sorted({label for label, _ in cases})
        lines.append(f"| {reason} | {', '.join(f'`{label}`' for label in labels)} | {len({key for _, key in cases})} |")
    return "\n".join(lines) + "\n"


def _counted(counts: Counter[str]) -> str:
    return ", ".join(f"{number:,} {status}" for status, number in sorted(counts.items(), key=lambda item: -item[1]))


def _row(one: Found) -> str:
    _, name, task = one.key.split(":")
    others = Counter({s: n for s, n in one.counts.items() if s not in ("ok", "unsupported")})
    return f"| {name} | {task} | {one.counts['ok']} | {one.counts['unsupported']} | {_counted(others)} |"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "families", nargs="*", default=["*"], help="patterns of keys such as transformers:bert:classify"
    )
    parser.add_argument("--proxies", default="all")
    parser.add_argument("--alone", action="store_true", help="score each proxy also in a separate call")
    parser.add_argument("--timeout", type=float, default=60.0, metavar="SECONDS", help="for each score")
    parser.add_argument("--out", type=Path, help="file to write the page to")
    options = parser.parse_args()
    chosen = [key for key in FAMILIES if any(fnmatch.fnmatchcase(key, pattern) for pattern in options.families)]
    results = []
    for one in sweep(chosen, options.proxies.split(","), alone=options.alone, timeout=options.timeout):
        results.append(one)
        print(f"{one.key}: {_counted(one.counts)}", flush=True)
        for problem in one.problems:
            print(f"  {problem}", flush=True)
    if options.out:
        text = page(results, "python tools/sweep_families.py --out docs/families.md")
        write_text(options.out, text, "choose another --out")
    return 1 if any(one.problems for one in results) else 0


if __name__ == "__main__":
    sys.exit(main())
