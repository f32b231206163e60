"""Proxies and networks that do what no author means to do; each may cost its own score and nothing else."""

from __future__ import annotations

from pathlib import Path

#: every hostile proxy's name begins with "h-"; the innocent ones stand beside them
SOURCE = r"""
import atexit, ctypes, fractions, gc, os, signal, sys, threading, time, warnings
import numpy as np
import torch, zcbench

print("imported: this line is printed by a stranger")
atexit.register(lambda: print("at exit: this line is printed by a stranger"))

def proxy(function):
    name = "h-" + function.__name__.replace("_", "-")
    zcbench.register_proxy(name, cost="static")(function)
    return function

# -- exceptions --------------------------------------------------------------------------------

@proxy
def str_raises(probe):
    class Odd(Exception):
        def __str__(self): raise RuntimeError("no text")
    raise Odd()

@proxy
def str_exits(probe):
    class Odd(Exception):
        def __str__(self): sys.exit(3)
    raise Odd()

@proxy
def str_is_none(probe):
    class Odd(Exception):
        def __str__(self): return None
    raise Odd()

@proxy
def str_is_a_subclass(probe):
    class Text(str):
        def splitlines(self, *a): raise RuntimeError
        def __getitem__(self, i): raise RuntimeError
        def encode(self, *a): raise RuntimeError
        def __format__(self, spec): raise RuntimeError
    class Odd(Exception):
        def __str__(self): return Text("a text of its own")
    raise Odd()

@proxy
def str_is_huge(probe):
    raise ValueError("x" * 10**8)

@proxy
def str_has_many_lines(probe):
    raise ValueError("\n" * 10**7 + "after")

@proxy
def repr_raises(probe):
    class Key:
        def __repr__(self): raise RuntimeError("no repr")
        __hash__ = object.__hash__
    return {}[Key()]

@proxy
def unsupported_and_hostile(probe):
    class Odd(zcbench.errors.UnsupportedModelError):
        def __str__(self): raise SystemExit(1)
    raise Odd("x")

@proxy
def nameless(probe):
    class Meta(type):
        @property
        def __name__(cls): raise RuntimeError("no name")
    class Odd(Exception, metaclass=Meta): pass
    raise Odd("text")

@proxy
def lies_about_its_class(probe):
    class Odd(Exception):
        @property
        def __class__(self): raise RuntimeError("no class")
    raise Odd("text")

@proxy
def pretends_to_be_unsupported(probe):
    class Odd(Exception):
        __class__ = zcbench.errors.UnsupportedModelError
    raise Odd("text")

@proxy
def exits(probe): sys.exit(0)

@proxy
def interrupts(probe): raise KeyboardInterrupt

@proxy
def generator_exit(probe): raise GeneratorExit

@proxy
def stop_iteration(probe): raise StopIteration("stop")

@proxy
def stops_in_a_generator(probe):
    return sum(next(iter(())) for _ in range(3))

@proxy
def recursion(probe): return recursion(probe)

@proxy
def memory(probe): return bytearray(2**62)

@proxy
def group(probe):
    raise BaseExceptionGroup("two", [KeyboardInterrupt(), SystemExit(2)])

@proxy
def base(probe):
    class Odd(BaseException): pass
    raise Odd("a base exception")

@proxy
def cannot_be_pickled(probe):
    class Odd(Exception):
        def __reduce__(self): raise RuntimeError("no pickle")
    raise Odd(threading.Lock())

@proxy
def dies_loudly(probe):
    class Loud:
        def __del__(self): raise SystemExit("in __del__")
    Loud()
    return 1.0

@proxy
def strict_warnings(probe):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warnings.warn("a warning")

@proxy
def surrogates(probe): raise ValueError("\udcff\ud800 \x00 \x1b[31m")

@proxy
def forks(probe):
    if os.fork() == 0:
        return 5.0
    os.wait()
    return 1.0

# -- results -----------------------------------------------------------------------------------

@proxy
def several(probe): return torch.ones(3)

@proxy
def complex_number(probe): return 1 + 2j

@proxy
def complex_numpy(probe): return np.complex128(1 + 2j)

@proxy
def complex_tensor(probe): return torch.tensor(1 + 2j)

@proxy
def text(probe): return "3"

@proxy
def octets(probe): return memoryview(b"3")

@proxy
def huge(probe): return 10**400

@proxy
def float_exits(probe):
    class Odd:
        def __float__(self): sys.exit(1)
    return Odd()

@proxy
def odd_tensor(probe):
    class Odd(torch.Tensor):
        @classmethod
        def __torch_function__(cls, *args, **kwargs): raise SystemExit(1)
        def detach(self): raise SystemExit(1)
        def __float__(self): raise SystemExit(1)
        def item(self): raise SystemExit(1)
    return torch.tensor([2.5]).as_subclass(Odd)

@proxy
def boolean(probe): return True

@proxy
def numpy_scalar(probe): return np.float32(2.5)

@proxy
def numpy_array(probe): return np.array([[2.5]])

@proxy
def fraction(probe): return fractions.Fraction(5, 2)

# -- noise -------------------------------------------------------------------------------------

@proxy
def prints(probe):
    print("printed by a stranger")
    sys.stdout.write("written by a stranger\n")
    sys.__stdout__.write("written by a stranger\n")
    os.write(1, b"written to 1 by a stranger\n")
    ctypes.CDLL(None).puts(b"put by a stranger")
    ctypes.CDLL(None).fflush(None)
    os.system("echo echoed by a stranger")
    return 1.0

# -- what is left behind -----------------------------------------------------------------------

@proxy
def closes_stdout(probe):
    sys.stdout.close()
    return 1.0

@proxy
def closes_stderr(probe):
    sys.stderr.close()
    return 1.0

@proxy
def no_streams(probe):
    sys.stdout = sys.stderr = None
    return 1.0

@proxy
def leaves_warnings(probe):
    warnings.simplefilter("error")
    return 1.0

@proxy
def leaves_no_room(probe):
    sys.setrecursionlimit(60)
    return 1.0

@proxy
def leaves_the_folder(probe):
    os.chdir("/")
    return 1.0

@proxy
def leaves_an_alarm(probe):
    signal.alarm(1)
    return 1.0

@proxy
def leaves_a_handler(probe):
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # which workers do themselves
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    return 1.0

@proxy
def warns(probe):
    warnings.warn("a warning: an error after leaves_warnings")
    deep = lambda n: n and deep(n - 1)
    assert deep(400) == 0
    print("printed by a stranger")
    return 1.0
"""

#: what the hostile proxies have to end as
OUTCOMES = {
    "h-str-raises": "Odd: (its message cannot be read: RuntimeError)",
    "h-str-exits": "Odd: (its message cannot be read: SystemExit)",
    "h-str-is-none": "Odd: (its message cannot be read: TypeError)",
    "h-str-is-a-subclass": "Odd: a text of its own",
    "h-str-is-huge": "ValueError: xxx",
    "h-str-has-many-lines": "ValueError",
    "h-repr-raises": "KeyError: (its message cannot be read: RuntimeError)",
    "h-unsupported-and-hostile": "(its message cannot be read: SystemExit)",
    "h-nameless": "Odd: text",
    "h-lies-about-its-class": "Odd: text",
    "h-pretends-to-be-unsupported": "Odd: text",
    "h-exits": "SystemExit: 0",
    "h-interrupts": "KeyboardInterrupt",
    "h-generator-exit": "GeneratorExit",
    "h-stop-iteration": "StopIteration: stop",
    "h-stops-in-a-generator": "RuntimeError: generator raised StopIteration",
    "h-recursion": "RecursionError: maximum recursion depth exceeded",
    "h-memory": "MemoryError",
    "h-group": "BaseExceptionGroup: two (2 sub-exceptions)",
    "h-base": "Odd: a base exception",
    "h-cannot-be-pickled": "Odd: <unlocked _thread.lock object",
    "h-dies-loudly": 1.0,
    "h-strict-warnings": "UserWarning: a warning",
    "h-surrogates": "ValueError: \\udcff\\ud800 \x00 \x1b[31m",
    "h-forks": 1.0,
    "h-several": "TypeError: the proxy returned a float32 tensor of shape (3,): it must return one real number.",
    "h-complex-number": "TypeError: the proxy returned a complex: it must return one real number.",
    "h-complex-numpy": "TypeError: the proxy returned a complex128: it must return one real number.",
    "h-complex-tensor": "TypeError: the proxy returned a complex64 tensor of shape (): it must return one real number.",
    "h-text": "TypeError: the proxy returned a str: it must return one real number.",
    "h-octets": "TypeError: the proxy returned a memoryview: it must return one real number.",
    "h-huge": "OverflowError: int too large to convert to float",
    "h-float-exits": "SystemExit: 1",
    "h-odd-tensor": 2.5,
    "h-boolean": 1.0,
    "h-numpy-scalar": 2.5,
    "h-numpy-array": 2.5,
    "h-fraction": 2.5,
    "h-prints": 1.0,
    "h-closes-stdout": 1.0,
    "h-closes-stderr": 1.0,
    "h-no-streams": 1.0,
    "h-leaves-warnings": 1.0,
    "h-leaves-no-room": 1.0,
    "h-leaves-the-folder": 1.0,
    "h-leaves-an-alarm": 1.0,
    "h-leaves-a-handler": 1.0,
    "h-warns": 1.0,
}
#: what the notes of those that leave the interpreter changed say
CHANGES = {
    "h-closes-stdout": "standard streams",
    "h-closes-stderr": "standard streams",
    "h-no-streams": "standard streams",
    "h-leaves-no-room": "the recursion limit",
    "h-leaves-the-folder": "the current folder",
    "h-leaves-an-alarm": "signals",
    "h-leaves-a-handler": "signals",
}
#: those that end as "unsupported" rather than "failed"
UNSUPPORTED = {"h-unsupported-and-hostile"}


def write_hostile(folder: Path) -> str:
    """The file to give to ``--import``."""
    path = folder / "hostile.py"
    path.write_text(SOURCE)
    return str(path)
