"""The loop of ``zcbench.search``: ask, score, evaluate, tell, and record everything in the ledger."""

from __future__ import annotations

import math
import time
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import asdict
from typing import Any

import numpy as np

from zcbench._display import many
from zcbench._foreign import users_signals
from zcbench.errors import InvalidInputError, first_line, shortened
from zcbench.scorers import Scorer
from zcbench.search._answered import Answered
from zcbench.search._base import Answer, Objective, Proposal
from zcbench.search._budget import Budget
from zcbench.search._clock import Clock
from zcbench.search._engine import Search
from zcbench.search._epochs import Epochs
from zcbench.search._evaluators import Evaluation, Evaluator
from zcbench.search._failures import Failures
from zcbench.search._ledger import Ledger
from zcbench.search._lines import Row
from zcbench.search._metered import Metered, read_numbers, written_as
from zcbench.search._pace import Pace
from zcbench.search._result import SearchResult
from zcbench.types import Architecture, Status


class Loop:
    """One search with everything that it needs.

    Args:
        make: from a function that meters scorers to the search.
        evaluator: the evaluator.
        objectives: the objectives.
        ledger: the ledger.
        batch: number of proposals requested at once. The result of a search depends on it.
        budget: the current budget, if the ledger began with another one; default the problem's.
        notes: sentences that a reader of the result needs to know.
        before: called once, before the first proposals are requested.
        progress: called after every batch with the clock and the number of proposals.
    """

    def __init__(
        self,
        make: Callable[[Callable[[Scorer], Scorer]], Search],
        evaluator: Evaluator,
        objectives: Sequence[Objective],
        ledger: Ledger,
        batch: int = 1,
        budget: Budget | None = None,
        notes: Sequence[str] = (),
        before: Callable[[], None] | None = None,
        progress: Callable[[Clock, int], object] | None = None,
    ) -> None:
        self.evaluator, self.objectives, self.ledger, self.batch = evaluator, tuple(objectives), ledger, batch
        self.clock = Clock(simulated=evaluator.simulated)
        self.notes, self._before, self._progress = tuple(notes), before, progress
        self._meters: dict[str, Metered] = {}
        self._unclaimed: dict[str, list[Row]] = {}  # scores of an earlier run whose scorer has not been used yet
        self.search = make(self._metered)
        self.trace = Answered(objective.name for objective in self.objectives)
        self._wanted = budget or self.search.problem.budget
        self._agreed = False  # whether the ledger contains a budget
        self._spent = False  # whether it was the budget that ended the search
        self._thought = 0.0  # seconds that are not in the ledger yet
        self._pending: deque[Proposal] = deque()  # proposals without a result
        self._late: Row | None = None  # the evaluation of the first of these, which ended after the budget's seconds
        self._epochs = Epochs(evaluator, self.search.problem.history)
        self._failures = Failures(ledger.path)
        self._saving = Pace()
        self._stateless = ""  # why no state is saved

    def _metered(self, scorer: Scorer) -> Scorer:
        """Return a metered scorer; there is one for each name, which caches scores."""
        if (name := written_as(scorer)) not in self._meters:
            self._meters[name] = Metered(scorer, self.ledger, self.clock)
            for row in self._unclaimed.pop(name, []):
                self._meters[name].remember(row)
        return self._meters[name]

    def run(self) -> SearchResult:
        """Search until the budget is spent or nothing is left.

        Raises:
            InvalidInputError: no evaluation returns a number, or the ledger belongs to a search that proceeded
                differently.
            StoreError: the ledger cannot be written; its content is kept.
        """
        with users_signals():
            try:
                if (kept := self.ledger.skip_to_state()) is not None:
                    self._restore(*kept)
                while True:
                    self._agree()
                    if self._before is not None and kept is None:
                        self._before()
                        self._before = None
                    if self.search.ended:
                        break
                    self._step()
                    if self.search.ended:
                        self._end()
                    self._save(self.search.ended != "")
                self.ledger.finished()
            finally:
                self.evaluator.close()
        return self._result()

    # -- the budget ----------------------------------------------------------------------------------

    def _agree(self) -> None:
        """Read the budget from the ledger at this point, or record the new one."""
        problem = self.search.problem
        if self.search.ended and not self._spent:
            return
        if (row := self.ledger.peek("budget")) is None:
            if self.ledger.reading or (self._agreed and problem.budget == self._wanted):
                return
            self._check_wanted()
            row = {"budget": asdict(self._wanted)}
        self._take_budget(self.ledger.append("budget", budget=row["budget"]))

    def _take_budget(self, row: Row) -> None:
        self.search.problem.budget = Budget(**row["budget"])
        self._agreed = True
        if self._spent:
            self.search.ended, self._spent = "", False

    def _check_wanted(self) -> None:
        """Raise InvalidInputError if the ledger contains more than the current budget."""
        wanted = self._wanted
        pending = len(self._pending) if self.evaluator.epochs is None else 0
        evaluations = math.ceil(self.clock.evaluations) + pending
        for what, spent, most in (
            (many(evaluations, "evaluation"), evaluations, wanted.evaluations),
            (f"{self.clock.total:,.10g} s", self.clock.total, wanted.seconds),
            (many(self.search.asks, "ask"), self.search.asks, wanted.asks),
        ):
            if most is not None and spent > most:
                raise InvalidInputError(
                    f"{self.ledger.path} contains {what}, more than the budget of {wanted}: give a larger budget, or "
                    "choose another ledger."
                )

    def _left(self) -> int:
        """Return how many proposals the budget allows at once; 0 ends the search."""
        budget, left = self.search.problem.budget, self.batch
        if budget.evaluations is not None:
            left = min(left, self._networks_left(budget.evaluations))
        if budget.asks is not None:
            left = min(left, budget.asks - self.search.asks)
        return 0 if self.clock.exceeds(budget) else max(0, left)

    def _networks_left(self, evaluations: int) -> int:
        if self._epochs.whole is None:
            return evaluations - int(self.clock.evaluations)
        return self._epochs.left(evaluations, self.search.searcher.epochs)

    def _spend(self) -> None:
        self.search.ended = f"the budget is spent: {self.search.problem.budget}."
        self._spent = True

    def _too_late(self, row: Row) -> bool:
        """Return whether an evaluation would end after the budget's seconds, or needs more epochs than are left."""
        budget = self.search.problem.budget
        further = 0 if self._epochs.whole is None else self._epochs.paid(self._key_of(row), row["epochs"])
        late = self._epochs.exceed(budget.evaluations, further)
        return late or self.clock.exceeds(budget, sum(row["seconds"].values()))

    def _key_of(self, row: Row) -> str:
        space = self.search.problem.domain.space.name
        return self.search.key(Proposal(Architecture(space, row["architecture"]), row["epochs"]))

    # -- one batch -----------------------------------------------------------------------------------

    def _step(self) -> None:
        if not self._pending:
            if not (left := self._left()):
                self._spend()
                return
            self._ask(left)
        answers: list[Answer] = []
        counted: set[str] = set()
        with closing(self._rows()) as rows:
            for row in rows:
                if self._too_late(row):
                    self._late = row
                    self._spend()
                    break
                answers.append(self._counted(self._pending.popleft(), row, counted))
        with self._thinking():
            self.search.tell(answers)
        if self._progress is not None:
            self._progress(self.clock, self.search.asks)

    def _ask(self, count: int) -> None:
        budget = self.search.problem.budget
        with self._thinking():
            most = None if budget.asks is None else budget.asks - self.search.asks
            self._pending.extend(self.search.ask(count, most))
        for answer in self.search.equal:
            self.ledger.append("equal", architecture=answer.architecture.key, epochs=answer.proposal.epochs)
        for scorer in self.search.problem.scored if self._pending else ():
            scorer.score([proposal.architecture for proposal in self._pending])  # before evaluations are charged

    @contextmanager
    def _thinking(self) -> Iterator[None]:
        began, aside = time.perf_counter(), self.clock.aside
        yield
        self._thought += max(0.0, time.perf_counter() - began - (self.clock.aside - aside))

    def _rows(self) -> Generator[Row]:
        """Yield the lines of the pending proposals in order, each as soon as it is available."""
        proposals = list(self._pending)
        place = 0
        if self._late is not None:
            late, self._late = self._late, None
            yield late
            place = 1
        while place < len(proposals):
            known = self.ledger.known("evaluated", **_names(proposals[place]))
            if known is None:
                break
            self.search.problem.domain.take_seconds()  # the line contains them
            if not self.clock.simulated:
                self._thought = 0.0
            yield known
            place += 1
        ready = {
            number: row
            for number, proposal in enumerate(proposals[place:], place)
            if (row := self.ledger.aside(**_names(proposal))) is not None
        }
        left = [number for number in range(place, len(proposals)) if number not in ready]
        with closing(self._evaluated(proposals, left)) as evaluated:
            while place < len(proposals):
                while place not in ready:
                    number, row = next(evaluated)
                    ready[number] = row
                    if number != place:
                        self.ledger.set_aside(**row)
                yield self._paid(ready.pop(place))
                place += 1

    def _evaluated(self, proposals: Sequence[Proposal], left: Sequence[int]) -> Generator[tuple[int, Row]]:
        """Yield positions and lines of the proposals to evaluate, each as soon as it is available."""
        found: Evaluation
        with closing(self.evaluator.each([proposals[number] for number in left])) as each:
            for number, found in each:
                row = {
                    **_names(proposals[left[number]]),
                    "values": {name: value if math.isfinite(value) else None for name, value in found.values.items()},
                    "seconds": self._epochs.rest(
                        self.search.key(proposals[left[number]]), proposals[left[number]].epochs, found.seconds
                    ),
                    "status": str(found.status),
                    "detail": shortened(found.detail),
                }
                yield left[number], row

    def _paid(self, row: Row) -> Row:
        """Record an evaluation, with the searcher's computing time before it."""
        seconds = {**row["seconds"], **self.search.problem.domain.take_seconds()}
        if not self.clock.simulated:
            seconds = {**seconds, "thinking": self._thought}
            self._thought = 0.0
        return self.ledger.append("evaluated", **{**row, "seconds": seconds})

    def _counted(self, proposal: Proposal, row: Row, counted: set[str]) -> Answer:
        """Return the answer in a line, and charge its cost."""
        values = {name: math.nan if value is None else float(value) for name, value in row["values"].items()}
        reasons = [row["detail"]] if row["detail"] else []
        scored = {scorer.label for scorer in self.search.problem.scored}
        if lacking := [o.name for o in self.objectives if o.name not in values and o.name not in scored]:
            raise self.ledger.damaged(f"it has no value of {lacking[0]}")
        for scorer in self.search.problem.scored:
            found = scorer.score([proposal.architecture])  # from the cache
            values[scorer.label] = float(found.values[0])
            reasons += [f"{scorer.label}: {why}" for why in found.reasons.values()]
        self.clock.spend(row["seconds"])
        key = self.search.key(proposal)
        if (whole := self._epochs.whole) is not None:
            self._epochs.trained += self._epochs.paid(key, proposal.epochs)
            self.clock.evaluations = self._epochs.trained / whole
        else:
            self.clock.evaluations += key not in counted and key not in self.search.problem.history
        counted.add(key)
        if self.evaluator.unnamed and not len(self.trace) and len(values) > 1 and math.isnan(values["value"]):
            self._ask_for_names(values)
        self.trace.add(proposal, values, self.clock.total)
        good = tuple(values[o.name] if o.higher_is_better else -values[o.name] for o in self.objectives)
        status = Status(row["status"])
        evaluated = [o.name for o in self.objectives if o.name in row["values"]]
        if status is Status.OK and not all(math.isfinite(values[name]) for name in evaluated):
            status = Status.NON_FINITE
        if not self.clock.simulated:  # a table may have gaps
            # Only the evaluator's failures count: a scorer without a score for some architectures is not one.
            ended = self._failures.take(status is Status.OK, row["detail"] or str(status), self.ledger.lines)
            self.search.ended = ended or self.search.ended
        if status is Status.OK and not all(map(math.isfinite, good)):
            status = Status.NON_FINITE
        return Answer(proposal, good, status, " ".join(reasons))

    def _ask_for_names(self, values: Mapping[str, float]) -> None:
        """Raise InvalidInputError because the first evaluation returns several names and no objective is specified."""
        names = [name for name in values if name != "value"]
        raise InvalidInputError(
            f"evaluate returns {', '.join(names[:10])} and no 'value': choose the objective with "
            f"objectives={names[0]!r} in Python or  --objective {names[0]}  on the command line, with a new ledger."
        )

    # -- the end of a search, and resuming it ---------------------------------------------------------

    def _end(self) -> None:
        known = self.ledger.reading
        row = self.ledger.append(
            "ended",
            reason=self.search.ended,
            seconds={"thinking": self._thought},
            asks=self.search.asks,
            equal=self.search.repeated,
        )
        self._thought = 0.0
        self.search.ended = row["reason"] if known else self.search.ended
        self.clock.spend(row["seconds"])

    def _save(self, now: bool) -> None:
        if self.ledger.path is not None and not self.ledger.reading and (now or self._saving.due()):
            with self._saving:
                try:
                    state = {"search": self.search.state(), "spent": self._spent, "thought": self._thought}
                    self.ledger.save_state(state)
                except (TypeError, ValueError, RecursionError) as error:
                    self._stateless = (
                        f"The state of {self.search.searcher!r} cannot be saved ({first_line(error)}): a resumed "
                        "search repeats every step from the ledger."
                    )

    def _restore(self, state: Mapping[str, Any], rows: Iterable[Row]) -> None:
        """Read the earlier lines, and restore the state after them."""
        late: Row | None = None
        for row in rows:
            kind = row["kind"]
            if kind == "scored":
                self._remember_scores(row)
            elif kind == "ended":
                self.clock.spend(row["seconds"])
            elif kind == "budget":
                self._take_budget(row)
                if late is not None and not self._too_late(late):
                    self._remember(late)
                    late = None
            elif kind == "evaluated" and self._too_late(row):
                late = row
            elif kind == "evaluated":
                self._remember(row)
        self.search.restore(state["search"])
        self._spent, self._thought, self._late = state["spent"], state["thought"], late
        self._pending = deque(self.search.waiting)

    def _remember_scores(self, row: Row) -> None:
        self.clock.score(read_numbers(row["seconds"]), row.get("stored", 0))
        if (meter := self._meters.get(row["scorer"])) is not None:
            meter.remember(row)
        else:
            self._unclaimed.setdefault(row["scorer"], []).append(row)

    def _remember(self, row: Row) -> None:
        proposal = Proposal(Architecture(self.search.problem.domain.space.name, row["architecture"]), row["epochs"])
        answer = self._counted(proposal, row, set())
        self.search.problem.history.add(self.search.key(proposal), answer)

    def _result(self) -> SearchResult:
        return SearchResult(
            searcher=str(self.ledger.head.get("searcher", "")),
            objectives=self.objectives,
            architectures=tuple(self.trace.architectures),
            epochs=np.array(self.trace.epochs, np.float64),
            values={name: np.array(column, np.float64) for name, column in self.trace.values.items()},
            seconds=np.array(self.trace.seconds, np.float64),
            spent=dict(self.clock.seconds),
            asks=self.search.asks,
            equal=self.search.repeated,
            scored=self.clock.scored,
            ended=self.search.ended,
            head=self.ledger.head,
            notes=self._all_notes(),
            stored=self.clock.stored,
        )

    def _all_notes(self) -> tuple[str, ...]:
        kept = [self._stateless] if self._stateless else []
        further = (*self.clock.notes(), *self.search.problem.domain.notes(), *kept)
        notes = (*self.notes, *self.evaluator.notes, *self.trace.notes, *further, *self._failures.notes())
        return tuple(dict.fromkeys(notes))


def began_with(ledger: Ledger, budget: Budget) -> Budget:
    """Return the budget with which a ledger began, because its search must begin with it again; else ``budget``."""
    row = ledger.peek("budget")
    return budget if row is None else Budget(**row["budget"])


def _names(proposal: Proposal) -> Row:
    """Return the fields that identify the line of an evaluation."""
    return {"architecture": proposal.architecture.key, "epochs": proposal.epochs}
