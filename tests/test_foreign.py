"""What foreign code raises ends its own call; what the user does ends the work."""

import contextlib
import signal
import threading
import time

import pytest
import torch
from toys import registry_as_it_was

import zcbench
from zcbench._foreign import Foreign, users_signals
from zcbench.errors import UnsupportedModelError

KINDS = [ValueError, SystemExit, KeyboardInterrupt, GeneratorExit, StopIteration, RecursionError, MemoryError]
MODEL = torch.nn.Linear(3, 2)
BATCH = torch.ones(4, 3), torch.zeros(4, dtype=torch.long)


class StopError(Exception):
    """What a user's own handler raises."""


@pytest.fixture
def handler():
    """Sets a signal handler for the length of the test."""
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGALRM, signal.SIGUSR1)}
    yield signal.signal
    for number, was in before.items():
        signal.signal(number, was)


def press(number=signal.SIGINT):
    signal.raise_signal(number)


@pytest.mark.parametrize("kind", KINDS)
def test_what_it_raises_is_a_reason(kind):
    with Foreign() as call:
        raise kind("why\nand more")
    assert (call.kind, call.message, call.reason) == (kind, "why", f"{kind.__name__}: why")
    assert call.is_a(kind)
    assert not call.is_a(UnsupportedModelError)


def test_nothing_raised():
    with Foreign() as call:
        pass
    assert (call.kind, call.reason, call.changed) == (None, "", [])
    assert not call.is_a(BaseException)


def test_an_exception_is_not_asked_what_it_is():
    class LiarError(Exception):
        __class__ = UnsupportedModelError

    with Foreign() as call:
        raise LiarError("I am ours")
    assert not call.is_a(UnsupportedModelError)


def test_control_c_goes_on():
    with pytest.raises(KeyboardInterrupt):
        with Foreign():
            press()


def test_control_c_goes_on_where_foreign_code_swallows_it():
    with pytest.raises(KeyboardInterrupt):
        with Foreign():
            with contextlib.suppress(BaseException):
                press()
    with Foreign() as call:  # and is not heard of again
        raise KeyboardInterrupt
    assert call.kind is KeyboardInterrupt


def test_control_c_goes_on_while_an_exception_is_asked_for_its_text():
    class SlowError(Exception):
        def __str__(self):
            press()
            return "never"

    with pytest.raises(KeyboardInterrupt):
        with Foreign():
            raise SlowError


def test_the_user_s_own_time_limit_ends_scores(handler):
    def limit(number, frame):
        raise StopError("time is up")

    handler(signal.SIGALRM, limit)

    def endless(probe):
        while True:
            try:
                time.sleep(0.01)
            except Exception:
                return 1.0

    with registry_as_it_was():
        zcbench.register_proxy("t-endless")(endless)
        signal.setitimer(signal.ITIMER_REAL, 0.2)
        with pytest.raises(StopError, match="time is up"):
            zcbench.score(MODEL, *BATCH, ["t-endless"])
    assert signal.getsignal(signal.SIGALRM) is limit


def test_handlers_are_the_user_s_afterwards(handler):
    heard = []
    handler(signal.SIGUSR1, lambda number, frame: heard.append(number))
    before = {number: signal.getsignal(number) for number in signal.valid_signals()}
    with users_signals():
        with Foreign() as call:
            press(signal.SIGUSR1)  # a handler that raises nothing ends nothing
    assert heard == [signal.SIGUSR1]
    assert call.kind is None
    assert {number: signal.getsignal(number) for number in signal.valid_signals()} == before


def test_a_handler_may_choose_another(handler):
    handler(signal.SIGUSR1, lambda number, frame: signal.signal(signal.SIGUSR1, signal.SIG_IGN))
    with Foreign():
        press(signal.SIGUSR1)
    assert signal.getsignal(signal.SIGUSR1) == signal.SIG_IGN


def test_a_handler_that_foreign_code_leaves_is_taken_away():
    before = signal.getsignal(signal.SIGINT)
    with Foreign():
        signal.signal(signal.SIGINT, signal.SIG_IGN)
    assert signal.getsignal(signal.SIGINT) is before


def test_in_a_thread_every_interrupt_is_foreign():
    found = []

    def work():
        with Foreign() as call:
            raise KeyboardInterrupt
        found.append(call.kind)

    before = signal.getsignal(signal.SIGINT)
    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert found == [KeyboardInterrupt]
    assert signal.getsignal(signal.SIGINT) is before


def test_what_a_call_leaves_behind_is_said():
    import sys

    limit = sys.getrecursionlimit()
    with Foreign(tidy=True) as call:
        sys.setrecursionlimit(limit + 1)
        raise ValueError("as well")
    assert call.changed == ["the recursion limit"]
    assert call.reason == "ValueError: as well"
    assert sys.getrecursionlimit() == limit
