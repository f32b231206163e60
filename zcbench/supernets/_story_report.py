"""The results of each step of the run on the digits, as a table."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from zcbench._display import NOTHING, brief, duration, fixed, many, significant
from zcbench.evaluation import Board

_TITLES = {
    "train": "train",
    "evaluate": "evaluate",
    "rank": "rank",
    "search": "search",
    "front": "front",
    "extract": "extract",
    "tune": "fine-tune",
    "export": "export",
}


@dataclass(frozen=True, eq=False, repr=False)
class DigitsStory(Board):
    """The result of :func:`zcbench.supernets.digits_story`.

    Printing it shows a table of each step's results; the JSON contains everything.

    Attributes:
        folder: folder of all files.
        plan: rule, steps, seed and all other settings.
        results: numbers of each step by name.
    """

    folder: str
    plan: Mapping[str, Any]
    results: Mapping[str, Mapping[str, Any]]

    def __repr__(self) -> str:
        return brief(f"<DigitsStory in {self.folder}: {self.headline()}>")

    def __str__(self) -> str:
        return self.to_text()

    def headline(self) -> str:
        """Return a sentence with the found subnet."""
        search, after = self.results["search"], self.results["tune"]["after"]
        return (
            f"A supernet of elastic-mobilenet, trained on the digits by {self.plan['rule']}: of "
            f"{many(self.results['evaluate']['space'], 'subnet')}, {search['found']} was found within "
            f"{search['limit']:,.0f} FLOPs; it reaches {_percent(after['test_accuracy'])} on test images."
        )

    def titles(self) -> list[tuple[str, bool]]:
        """Return the titles: step, time, result."""
        return [("step", False), ("time", True), ("result", False)]

    def cells(self) -> list[list[str]]:
        """Return a row for each fact; the first row of a step has its name and time."""
        found = []
        for step, title in _TITLES.items():
            for number, fact in enumerate(self.facts(step)):
                first = number == 0
                found.append([title if first else "", duration(self.results[step]["seconds"]) if first else "", fact])
        return found

    def rows(self) -> list[dict[str, Any]]:
        """Return a row for each fact, with the step in each row."""
        return [
            {"step": title, "seconds": self.results[step]["seconds"], "brought": fact}
            for step, title in _TITLES.items()
            for fact in self.facts(step)
        ]

    def content(self) -> dict[str, Any]:
        """Return everything."""
        return {
            "folder": self.folder,
            "plan": dict(self.plan),
            "headline": self.headline(),
            "rows": self.rows(),
            "results": {name: dict(one) for name, one in self.results.items()},
            "notes": self.footnotes(),
        }

    def facts(self, step: str) -> list[str]:
        """Return the results of a step, a line each."""
        lines: list[str] = getattr(self, f"_{step}")(self.results[step])
        return lines

    def footnotes(self) -> list[str]:
        """Return explanations of the numbers."""
        notes = [
            "Accuracies are of 297 validation images unless stated otherwise; no decision uses the 1,000 test images.",
            "Times are measured by the wall clock, and include the influence of other running programs.",
        ]
        if self.results["rank"]["n"]:
            notes.append(
                "tau: Kendall's, with the test loss of stand-alone trainings (mean over seeds), and its 95 % interval "
                "over subnets. Proxies score newly initialised subnets."
            )
        known = self.results["evaluate"]
        which = "the whole space" if len(known["subnets"]) == known["space"] else "all evaluated subnets"
        accuracy, flops = self.results["front"]["reference"]
        notes.append(f"Hypervolume is measured from the worst of {which}: {_percent(accuracy)} and {flops:,.0f} FLOPs.")
        if self.plan["quick"]:
            notes.append("This was the quick form: too short for meaningful numbers.")
        return notes

    # -- facts -------------------------------------------------------------------------------------

    def _train(self, one: Mapping[str, Any]) -> list[str]:
        lines = [
            f"{many(self.plan['steps'], 'step')} by {self.plan['rule']}, {many(one['learned'], 'subnet-step')}",
            f"largest subnet {_both(one['largest'])}",
            f"smallest subnet {_both(one['smallest'])}",
        ]
        return [*lines, f"{many(one['skipped'], 'step')} skipped, not finite"] if one["skipped"] else lines

    def _evaluate(self, one: Mapping[str, Any]) -> list[str]:
        accuracies, count = one["valid_accuracy"], len(one["subnets"])
        of = "" if count == one["space"] else f" of {one['space']:,}"
        return [
            f"{many(count, 'subnet')}{of}, {duration(one['seconds'] / count)} each",
            f"accuracies from {_percent(min(accuracies))} to {_percent(max(accuracies))}",
            f"front of accuracy and FLOPs: {many(len(one['front']), 'subnet')}",
        ]

    def _rank(self, one: Mapping[str, Any]) -> list[str]:
        if not one["n"]:
            return ["no table of stand-alone trainings to compare with"]
        lines = [f"{many(one['n'], 'subnet')} with stand-alone trainings"]
        for name, found in one["scorers"].items():
            without = f", {found['without']:,} without a score" if found["without"] else ""
            lines.append(f"{name}: tau {_interval(found['tau'])}, {duration(found['each'])} each{without}")
        return [*lines, f"another training: tau {_interval(one['ceiling'])}"]

    def _search(self, one: Mapping[str, Any]) -> list[str]:
        lines = [
            f"{many(one['evaluations'], 'evaluation')} within {one['limit']:,.0f} FLOPs",
            f"found {one['found']}",
            f"{one['flops']:,.0f} FLOPs, {one['params']:,.0f} parameters",
            f"inherits {_both(one)}",
        ]
        if one["best"] is not None:
            lines += [
                f"{one['better']:,} of {one['allowed']:,} allowed subnets have a lower loss",
                f"the best of these inherits {_both(one['best'])}",
            ]
        if one["alone"] is not None:
            alone = one["alone"]
            lines += [
                f"stand-alone (test): found {_percent(alone['found'])}, best {_percent(alone['best'])}",
                f"{alone['cheaper']:.0f} x cheaper than training these {alone['trainings']:,} once",
            ]
        return lines

    def _front(self, one: Mapping[str, Any]) -> list[str]:
        known = self.results["evaluate"]
        share = one["evaluations"] / known["space"]
        of = "the true front's" if len(known["subnets"]) == known["space"] else "the known front's"
        searcher = one["searcher"].partition("@")[0]
        return [
            f"{many(one['evaluations'], 'evaluation')}, {_percent(share)} of the space, by {searcher}",
            f"hypervolume {_percent(one['share'])} of {of}, {many(len(one['front']), 'subnet')}",
        ]

    def _extract(self, one: Mapping[str, Any]) -> list[str]:
        return [
            f"without statistics {_both(one['before'])}",
            f"calibrated {_both(one['after'])}",
            f"outputs differ from the supernet's by {significant(one['difference'], 2)}",
        ]

    def _tune(self, one: Mapping[str, Any]) -> list[str]:
        if not one["best"]:
            return [f"{many(one['steps'], 'step')}: none was better on validation images", _both(one["after"])]
        return [f"{many(one['steps'], 'step')}, the best after {one['best']:,}: {_both(one['after'])}"]

    def _export(self, one: Mapping[str, Any]) -> list[str]:
        lines = [
            f"{found['file']}: {found['bytes'] / 1e3:,.0f} kB, differs by {significant(found['difference'], 2)}"
            for found in one["files"].values()
        ]
        lines += [f"{kind}: not written; {one['card']} says why" for kind in one["failed"]]
        for name, latency in one["latency"].items():
            if isinstance(latency, str):
                lines.append(f"{name}: not measured; {one['card']} says why")
            else:
                median, low, high = (significant(latency[part], 3) for part in ("median", "low", "high"))
                lines.append(f"{name}: {median} ms an image [{low}, {high}]")
        return lines


def _percent(share: float) -> str:
    return f"{fixed(100 * share, 1)} %"


def _both(values: Mapping[str, Any]) -> str:
    return f"{_percent(values['valid_accuracy'])} (test {_percent(values['test_accuracy'])})"


def _interval(estimate: list[float | None]) -> str:
    value, low, high = (NOTHING if one is None else fixed(one) for one in estimate)
    return f"{value} [{low}, {high}]"
