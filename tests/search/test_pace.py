"""What is due after some time, and later where it takes long; by a clock of its own."""

import itertools

from zcbench.search import _pace
from zcbench.search._pace import Pace


class Time:
    now = 100.0

    def monotonic(self):
        return self.now


def test_it_is_due_after_a_while_and_takes_a_fiftieth_of_the_time(monkeypatch):
    clock = Time()
    monkeypatch.setattr(_pace, "time", clock)
    pace, done = Pace(), []
    for _ in range(2_000):
        clock.now += 0.25
        if pace.due():
            with pace:
                clock.now += 0.01 if len(done) < 3 else 1.0
            done.append(clock.now)
    quick = [later - earlier for earlier, later in itertools.pairwise(done[:3])]
    assert all(2 <= gap <= 2.3 for gap in quick) and done[0] == 102.01
    slow = [later - earlier for earlier, later in itertools.pairwise(done[3:])]
    assert len(slow) > 3 and all(50 <= gap <= 51.5 for gap in slow)
