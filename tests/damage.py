"""Lines as disks, kills and strangers leave them."""

import json
import math


def mutated(random, lines):
    """The lines, one of them spoilt, and which one."""
    where = random.randrange(len(lines))
    line = bytearray(lines[where][:-1])
    text = json.loads(lines[where])
    kind = random.randrange(6)
    if kind == 0:  # bytes
        for _ in range(random.randint(1, 8)):
            line[random.randrange(len(line))] = random.choice(b'\0\r"{}[]:,.-019eE\\ \xff\xc3')
    elif kind == 1:  # something cut out
        start = random.randrange(len(line))
        del line[start : start + random.randint(1, 40)]
    elif kind == 2:  # something said twice
        start = random.randrange(len(line))
        line[start:start] = line[start : start + random.randint(1, 60)]
    else:  # a field of another kind, or none
        odd = [None, True, -1, 1.5, 10**30, 10**400, math.nan, -math.inf, "", "x@9", "\ud800", [], {}, [[]], {"a": [1]}]
        name = random.choice([*text, "proxy", "new"])
        if kind == 3:
            text.pop(name, None)
        else:
            text[name] = random.choice(odd)
        line = bytearray(json.dumps(text).encode())
    return [*lines[:where], bytes(line).replace(b"\n", b" ") + b"\n", *lines[where + 1 :]], where
