"""Outcomes of named checks, and their report."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from zcbench._display import brief
from zcbench.errors import first_line


@dataclass(frozen=True, repr=False)
class Outcome:
    """What became of one check.

    Attributes:
        check: its name.
        status: "passed", "failed" or "skipped".
        detail: what was compared, what went wrong, or why it was skipped.
    """

    check: str
    status: str
    detail: str = ""

    def __repr__(self) -> str:
        return brief(f"<Outcome of {self.check}: {self.status}{f': {self.detail}' if self.detail else ''}>")


@dataclass(repr=False)
class Report:
    """All checks of one proxy, predictor or searcher.

    Attributes:
        name: its label.
        outcomes: one per check.
    """

    name: str
    outcomes: list[Outcome] = field(default_factory=list)

    def count(self, status: str) -> int:
        """Number of checks with that status."""
        return sum(outcome.status == status for outcome in self.outcomes)

    @property
    def ok(self) -> bool:
        """Nothing failed, and something passed."""
        return self.count("failed") == 0 and self.count("passed") > 0

    def __repr__(self) -> str:
        counts = ", ".join(f"{self.count(status)} {status}" for status in ("passed", "failed", "skipped"))
        return brief(f"<Report on {self.name}: {counts}>")

    def __str__(self) -> str:
        """One line per check and a summary."""
        width = max((len(o.check) for o in self.outcomes), default=0)
        lines = [f"  {o.status:7} {o.check:{width}}  {o.detail}".rstrip() for o in self.outcomes]
        verdict = "ok" if self.ok else "FAILED"
        counts = ", ".join(f"{self.count(s)} {s}" for s in ("passed", "failed", "skipped"))
        return "\n".join([f"{self.name}: {verdict}: {counts}", *lines])


class FailedError(AssertionError):
    """A check that failed, in one sentence."""


class SkippedError(Exception):
    """A check that does not apply, in one sentence."""


def run_checks(name: str, checks: Mapping[str, Callable[[], str]]) -> Report:
    """Run all checks; each returns what it saw, or raises. Whatever else is raised is a failure too."""
    report = Report(name)
    for check, function in checks.items():
        try:
            detail = function()
        except SkippedError as skip:
            report.outcomes.append(Outcome(check, "skipped", str(skip)))
        except FailedError as failure:
            report.outcomes.append(Outcome(check, "failed", str(failure)))
        except Exception as error:  # what is checked raised where it must not
            report.outcomes.append(Outcome(check, "failed", first_line(error)))
        else:
            report.outcomes.append(Outcome(check, "passed", detail))
    return report
