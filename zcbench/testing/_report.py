"""Results of named checks, and their report."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from zcbench._display import brief
from zcbench.errors import first_line


@dataclass(frozen=True, repr=False)
class Outcome:
    """The result of one check.

    Attributes:
        check: its name.
        status: "passed", "failed" or "skipped".
        detail: what was compared, what failed, or why it was skipped.
    """

    check: str
    status: str
    detail: str = ""

    def __repr__(self) -> str:
        return brief(f"<Outcome of {self.check}: {self.status}{f': {self.detail}' if self.detail else ''}>")


@dataclass(repr=False)
class Report:
    """The results of all checks of one proxy, predictor or searcher.

    Attributes:
        name: its label.
        outcomes: one per check.
    """

    name: str
    outcomes: list[Outcome] = field(default_factory=list)

    def count(self, status: str) -> int:
        """Count the checks with this status."""
        return sum(outcome.status == status for outcome in self.outcomes)

    @property
    def ok(self) -> bool:
        """Whether no check failed, and at least one passed."""
        return self.count("failed") == 0 and self.count("passed") > 0

    def __repr__(self) -> str:
        counts = ", ".join(f"{self.count(status)} {status}" for status in ("passed", "failed", "skipped"))
        return brief(f"<Report on {self.name}: {counts}>")

    def __str__(self) -> str:
        """Return one line per check and a summary."""
        width = max((len(o.check) for o in self.outcomes), default=0)
        lines = [f"  {o.status:7} {o.check:{width}}  {o.detail}".rstrip() for o in self.outcomes]
        verdict = "ok" if self.ok else "FAILED"
        counts = ", ".join(f"{self.count(s)} {s}" for s in ("passed", "failed", "skipped"))
        return "\n".join([f"{self.name}: {verdict}: {counts}", *lines])


class FailedError(AssertionError):
    """A failed check, in one sentence."""


class SkippedError(Exception):
    """A check that does not apply, in one sentence."""


def run_checks(name: str, checks: Mapping[str, Callable[[], str]]) -> Report:
    """Run all checks; each returns its observation, or raises. Every other exception is a failure too."""
    report = Report(name)
    for check, function in checks.items():
        try:
            detail = function()
        except SkippedError as skip:
            report.outcomes.append(Outcome(check, "skipped", str(skip)))
        except FailedError as failure:
            report.outcomes.append(Outcome(check, "failed", str(failure)))
        except Exception as error:  # the checked object raised where it must not
            report.outcomes.append(Outcome(check, "failed", first_line(error)))
        else:
            report.outcomes.append(Outcome(check, "passed", detail))
    return report
