"""``zcbench.search``: ask, score, evaluate, tell, and write everything down."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from zcbench._foreign import users_signals
from zcbench.scorers import Scorer
from zcbench.search._base import Answer, Objective, Proposal
from zcbench.search._clock import Clock
from zcbench.search._engine import Search
from zcbench.search._evaluators import Evaluation, Evaluator
from zcbench.search._ledger import Ledger, Row
from zcbench.search._metered import Metered, read_numbers
from zcbench.search._result import SearchResult
from zcbench.types import Architecture, Status

#: lines of the ledger between two states
_EVERY = 200


class Loop:
    """One search with everything that it needs.

    Args:
        make: from a function that meters scorers to the search.
        evaluator: what evaluates.
        objectives: what is searched for.
        ledger: what is written down.
        batch: proposals that are asked for at once. What a search finds depends on it.
        notes: sentences that whoever reads the result has to know.
    """

    def __init__(
        self,
        make: Callable[[Callable[[Scorer], Scorer]], Search],
        evaluator: Evaluator,
        objectives: Sequence[Objective],
        ledger: Ledger,
        batch: int = 1,
        notes: Sequence[str] = (),
    ) -> None:
        self.evaluator, self.objectives, self.ledger, self.batch = evaluator, tuple(objectives), ledger, batch
        self.clock, self.notes = Clock(), tuple(notes)
        self._meters: dict[str, Metered] = {}
        self._unclaimed: dict[str, list[Row]] = {}  # scores of an earlier run whose scorer was not asked for yet
        self.search = make(self._metered)
        self.rows: list[tuple[Architecture, int | None, Mapping[str, float], float]] = []
        self._seen: set[str] = set()

    def _metered(self, scorer: Scorer) -> Scorer:
        """A scorer that is paid for; one for each label, which remembers."""
        if scorer.label not in self._meters:
            self._meters[scorer.label] = Metered(scorer, self.ledger, self.clock)
            for row in self._unclaimed.pop(scorer.label, []):
                self._meters[scorer.label].remember(row)
        return self._meters[scorer.label]

    def run(self) -> SearchResult:
        """Search until the budget is spent or nothing is left."""
        if (kept := self.ledger.skip_to_state()) is not None:
            self._restore(*kept)
        saved = self.ledger.lines
        with users_signals():
            while not self.search.ended:
                self._step()
                if self.ledger.lines - saved >= _EVERY:
                    saved = self.ledger.lines
                    self.ledger.save_state(self.search.state())
        self.ledger.append("ended", reason=self.search.ended)
        self.ledger.save_state(self.search.state())
        return self._result()

    def _restore(self, state: Mapping[str, Any], rows: Sequence[Row]) -> None:
        """Take what earlier lines tell, and the state that stands for them."""
        space = self.search.problem.domain.space.name
        for row in rows:
            if row["kind"] == "scored":
                self.clock.score(read_numbers(row["seconds"]))
                if (meter := self._meters.get(row["scorer"])) is not None:
                    meter.remember(row)
                else:
                    self._unclaimed.setdefault(row["scorer"], []).append(row)
            elif row["kind"] == "evaluated" and not self._too_late(row):
                answer = self._counted(Proposal(Architecture(space, row["architecture"]), row["epochs"]), row)
                self.search.problem.history.add(self.search.problem.domain.key(answer.architecture), answer)
        self.search.restore(state)

    def _left(self) -> int:
        """How many proposals the budget allows at once; 0 ends the search."""
        budget, left = self.search.problem.budget, self.batch
        if budget.evaluations is not None:
            left = min(left, budget.evaluations - self.clock.evaluations)
        if budget.asks is not None:
            left = min(left, budget.asks - self.search.asks)
        return 0 if self.clock.exceeds(budget) else max(0, left)

    def _step(self) -> None:
        if not (left := self._left()):
            self.search.ended = f"the budget is spent: {self.search.problem.budget}."
            return
        proposals = self.search.ask(left)
        for answer in self.search.equal:
            self.ledger.append("equal", architecture=answer.architecture.key, epochs=answer.proposal.epochs)
        for scorer in self.search.problem.scored if proposals else ():
            scorer.score([proposal.architecture for proposal in proposals])  # all at once, and before what they cost
        answers: list[Answer] = []
        for proposal in proposals:
            row = self._evaluated(proposal)
            if self._too_late(row):
                self.search.ended = f"the budget is spent: {self.search.problem.budget}."
                break
            answers.append(self._counted(proposal, row))
        self.search.tell(answers)

    def _too_late(self, row: Row) -> bool:
        """Whether an evaluation would end after the budget's seconds."""
        return self.clock.exceeds(self.search.problem.budget, sum(row["seconds"].values()))

    def _evaluated(self, proposal: Proposal) -> Row:
        names = {"architecture": proposal.architecture.key, "epochs": proposal.epochs}
        if (row := self.ledger.known("evaluated", **names)) is not None:
            return row
        found: Evaluation = self.evaluator.evaluate(proposal.architecture, proposal.epochs)
        return self.ledger.append(
            "evaluated",
            **names,
            values={name: value if math.isfinite(value) else None for name, value in found.values.items()},
            seconds=dict(found.seconds),
            status=str(found.status),
            detail=found.detail,
        )

    def _counted(self, proposal: Proposal, row: Row) -> Answer:
        """The answer that a line gives, which is paid for."""
        values = {name: math.nan if value is None else float(value) for name, value in row["values"].items()}
        reasons = [row["detail"]] if row["detail"] else []
        for scorer in self.search.problem.scored:
            found = scorer.score([proposal.architecture])  # remembered
            values[scorer.label] = float(found.values[0])
            reasons += [f"{scorer.label}: {why}" for why in found.reasons.values()]
        self.clock.spend(row["seconds"])
        key = self.search.problem.domain.key(proposal.architecture)
        self.clock.evaluations += key not in self._seen
        self._seen.add(key)
        self.rows.append((proposal.architecture, proposal.epochs, values, self.clock.total))
        good = tuple(values[o.name] if o.higher_is_better else -values[o.name] for o in self.objectives)
        status = Status(row["status"])
        if status is Status.OK and not all(map(math.isfinite, good)):
            status = Status.NON_FINITE
        return Answer(proposal, good, status, " ".join(reasons))

    def _result(self) -> SearchResult:
        names = list(dict.fromkeys(name for _, _, values, _ in self.rows for name in values))
        return SearchResult(
            searcher=str(self.ledger.head.get("searcher", "")),
            objectives=self.objectives,
            architectures=tuple(one for one, _, _, _ in self.rows),
            epochs=np.array([math.nan if epochs is None else float(epochs) for _, epochs, _, _ in self.rows]),
            values={n: np.array([values.get(n, math.nan) for _, _, values, _ in self.rows]) for n in names},
            seconds=np.array([seconds for _, _, _, seconds in self.rows]),
            spent=dict(self.clock.seconds),
            asks=self.search.asks,
            scored=self.clock.scored,
            ended=self.search.ended,
            head=self.ledger.head,
            notes=self.notes,
        )
