"""REINFORCE: a distribution for each choice, moved towards architectures that are better than average.

Every choice of an architecture has a separate softmax, and choices are independent. After each result the logits take a
step of Adam along (reward - baseline) · gradient of log p(architecture). The baseline is an exponential moving average
of rewards with bias correction.

Sources: R. J. Williams, "Simple Statistical Gradient-Following Algorithms for Connectionist Reinforcement Learning",
Machine Learning 8, 1992; policy, optimiser and baseline as in X. Dong, Y. Yang, "NAS-Bench-201", ICLR 2020,
arXiv:2001.00326, section 4. D. P. Kingma, J. Ba, "Adam", ICLR 2015, arXiv:1412.6980, algorithm 1.

Choices made here:

- A drawn architecture that is not allowed (not a row of the table, or outside the constraints) is drawn again, at most
  :data:`TRIES` times. After that, and after :data:`STALE` proposals in a row that equal evaluated architectures, a new
  random architecture replaces it, which does not change the policy.
- The reward of a failed network is the worst reward so far.
- With a warm-start scorer, it chooses the first :data:`WARM` architectures, which change the policy.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import numpy as np

from zcbench.errors import InvalidInputError
from zcbench.search._base import Answer, Floats, Proposal, Searcher
from zcbench.search._problem import Problem
from zcbench.search._register import register_searcher
from zcbench.spaces import ChoiceSpace
from zcbench.types import Architecture

#: draws after which the search for an allowed architecture stops
TRIES = 200
#: proposals in a row that equal evaluated architectures, after which a random architecture is proposed
STALE = 20
#: number of architectures that a warm-start scorer chooses
WARM = 10
#: Adam's decay of the mean and of the squares, and its small constant
_ADAM = 0.9, 0.999, 1e-8


@register_searcher(
    "reinforce",
    reference="R. J. Williams, 'Simple Statistical Gradient-Following Algorithms for Connectionist Reinforcement "
    "Learning', Machine Learning 8, 1992; as in X. Dong, Y. Yang, 'NAS-Bench-201', ICLR 2020, arXiv:2001.00326",
)
class Reinforce(Searcher):
    """REINFORCE: one softmax for each choice of an architecture, and a moving average as baseline.

    Args:
        rate: learning rate of Adam.
        momentum: momentum of the moving average of rewards.
    """

    featured = False
    ranges: ClassVar[Mapping[str, tuple[float, float]]] = {"rate": (1e-9, 1e3), "momentum": (0.01, 0.999999)}

    def __init__(self, rate: float = 0.1, momentum: float = 0.9) -> None:
        self.rate = rate
        self.momentum = momentum

    def begin(self, problem: Problem) -> None:
        """Receive the problem; the policy is uniform at first.

        Raises:
            InvalidInputError: architectures of the space do not have a fixed number of choices.
        """
        super().begin(problem)
        space = problem.domain.space
        if not isinstance(space, ChoiceSpace):
            raise InvalidInputError(
                f"reinforce needs a fixed number of choices, which architectures of {space.name} do not have: "
                "use another searcher, such as evolution."
            )
        self._space = space
        self._sizes = tuple(map(len, space.options))
        shape = (len(self._sizes), max(self._sizes, default=0))
        self._open = np.arange(shape[1]) < np.array(self._sizes)[:, None]  # options that exist
        self._logits, self._mean, self._square = np.zeros((3, *shape))
        self._steps = 0
        self._average = (0.0, 0.0)  # numerator and denominator
        self._worst: float | None = None
        self._stale = 0
        self._strays: list[str] = []  # keys that were not drawn from the policy
        self._warm: list[Architecture] | None = None

    @property
    def _policy(self) -> Floats:
        """Probabilities ``(choices, options)``."""
        with np.errstate(under="ignore"):
            weights = np.where(self._open, np.exp(self._logits - self._logits.max(1, where=self._open, initial=-np.inf,
                                                                               keepdims=True)), 0.0)  # fmt: skip
        return np.asarray(weights / weights.sum(1, keepdims=True))

    def ask(self, count: int) -> list[Proposal]:
        """Draw architectures from the policy."""
        if self._warm is None:
            self._warm = [] if self.problem.warm_start is None else self.problem.initial(WARM)
        if self._warm:
            found, self._warm = self._warm[:count], self._warm[count:]
            return [Proposal(one) for one in found]
        drawn = self._drawn(count) if self._stale < STALE else []
        if not drawn:
            problem = self.problem
            drawn = problem.domain.sample(problem.rng, 1, problem.history)
            self._strays += [one.key for one in drawn]
        return [Proposal(one) for one in drawn]

    def _drawn(self, count: int) -> list[Architecture]:
        """Draw allowed architectures from the policy; fewer if they are not found."""
        limits = self._policy.cumsum(1)
        limits /= limits[:, -1:]
        found: list[Architecture] = []
        for _ in range(TRIES):
            if len(found) == count:
                break
            points = self.problem.rng.random((count - len(found), len(self._sizes), 1))
            places = (points >= limits).sum(2)
            options = self._space.options
            found += self.problem.domain.allowed(
                self._space.from_choices([options[choice][place] for choice, place in enumerate(row)])
                for row in places.tolist()
            )
        return found

    def tell(self, answers: Sequence[Answer]) -> None:
        """Update the policy by one step for each result."""
        for answer in answers:
            self._stale = self._stale + 1 if answer.equal else 0
            reward = answer.good[0]
            if math.isfinite(reward):
                self._worst = reward if self._worst is None else min(self._worst, reward)
            elif self._worst is not None:
                reward = self._worst
            if answer.architecture.key in self._strays:
                self._strays.remove(answer.architecture.key)
            elif math.isfinite(reward):
                self._learn(answer.architecture, reward)

    def _learn(self, architecture: Architecture, reward: float) -> None:
        """Take one step of Adam that makes an architecture more likely if it is better than the baseline."""
        above, below = self._average
        above = self.momentum * above + (1 - self.momentum) * reward
        below = self.momentum * below + (1 - self.momentum)
        self._average = (above, below)
        chosen = np.zeros_like(self._logits)
        for choice, option in enumerate(self._space.choices(architecture)):
            chosen[choice, self._space.options[choice].index(option)] = 1.0
        slope = -(reward - above / below) * (chosen - self._policy) * self._open
        self._steps += 1
        first, second, small = _ADAM
        self._mean = first * self._mean + (1 - first) * slope
        self._square = second * self._square + (1 - second) * slope**2
        mean, square = self._mean / (1 - first**self._steps), self._square / (1 - second**self._steps)
        self._logits = self._logits - self.rate * mean / (np.sqrt(square) + small)

    def state(self) -> dict[str, Any]:
        """Return policy, optimiser and baseline."""
        return {
            "logits": self._logits.tolist(),
            "mean": self._mean.tolist(),
            "square": self._square.tolist(),
            "steps": self._steps,
            "average": list(self._average),
            "worst": self._worst,
            "stale": self._stale,
            "strays": self._strays,
            "warm": None if self._warm is None else [one.key for one in self._warm],
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Restore the state from :meth:`state`."""
        shape = self._logits.shape
        self._logits, self._mean, self._square = (
            np.array(state[name], np.float64).reshape(shape) for name in ("logits", "mean", "square")
        )
        self._steps, self._stale = int(state["steps"]), int(state["stale"])
        self._average = (float(state["average"][0]), float(state["average"][1]))
        self._worst = None if state["worst"] is None else float(state["worst"])
        self._strays = list(state["strays"])
        space = self._space.name
        self._warm = None if state["warm"] is None else [Architecture(space, key) for key in state["warm"]]
