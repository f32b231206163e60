"""How often do different networks get equal functional hashes, and equal networks different ones? And at what cost?

python benchmarks/functional_hashing.py digits-201 2000           # a random sample of strings
python benchmarks/functional_hashing.py nasbench101 60            # cells, each with its nodes renumbered, too

Strings are hashed without the space's canonical form, and hashes are compared with the space's classes. Rates are of
pairs: of those with equal hashes, the share that the space distinguishes; and the reverse.
"""

import itertools
import sys
import time
from collections import Counter, defaultdict
from typing import Any

import numpy as np

import zcbench
from zcbench.search import FunctionalHash
from zcbench.spaces import ChoiceSpace, NASBench101Space, NASBench201Space
from zcbench.spaces.nasbench101 import Cell
from zcbench.spaces.nasbench201 import EDGES


class AsWritten:
    """A space without a canonical form."""

    def __init__(self, space: Any) -> None:
        self._space = space

    def __getattr__(self, name: str) -> Any:
        return getattr(self._space, name)

    def canonical(self, architecture: Any) -> Any:
        return architecture


def trained_key(space: NASBench201Space, architecture: Any) -> tuple:
    """Return a key of NAS-Bench-201's networks that train equally: the function, and live convolutions' use."""
    edges = [
        (edge, operation)
        for edge, operation in zip(EDGES, space.choices(architecture), strict=True)
        if operation != "none"
    ]
    terms: dict[int, tuple[str, ...]] = {0: ("0",), 1: (), 2: (), 3: ()}
    convolutions = []
    for (source, target), operation in edges:
        inputs, added = terms[source], ()
        if operation == "skip_connect":
            added = inputs
        elif inputs or operation.startswith("nor_conv"):  # with zero inputs, a convolution gives its batch norm's shift
            added = (f"{operation}({'+'.join(inputs)})",)
        if operation.startswith("nor_conv"):
            convolutions.append((added[0], target))
        terms[target] = tuple(sorted(terms[target] + added))
    uses = {3: 1}
    for node in (2, 1):
        uses[node] = sum(uses[target] for (source, target), _ in edges if source == node)
    return terms[3], tuple(sorted((term, uses[target]) for term, target in convolutions if uses[target]))


def renumbered(space: NASBench101Space, architecture: Any, rng: np.random.Generator) -> Any:
    """Return the same cell with its inner vertices in another order."""
    cell = space.cell(architecture)
    inner = range(1, cell.vertices - 1)
    orders = [(0, *order, cell.vertices - 1) for order in itertools.permutations(inner)]
    good = [o for o in orders if all(o.index(a) < o.index(b) for a, b in cell.edges)]
    order = good[int(rng.integers(len(good)))]
    edges = tuple(sorted((order.index(a), order.index(b)) for a, b in cell.edges))
    return space.from_cell(Cell(edges, tuple(cell.operations[v - 1] for v in order[1:-1])))


def drawn(space: Any, count: int, rng: np.random.Generator) -> list[Any]:
    if isinstance(space, NASBench101Space):
        cells = list(dict.fromkeys(space.canonical(space.sample(rng)) for _ in range(count)))
        return list(dict.fromkeys([*cells, *(renumbered(space, cell, rng) for cell in cells)]))
    every = list(space)
    return [every[row] for row in rng.permutation(len(every))[:count]]


def references(space: Any) -> dict[str, tuple[bool, Any]]:
    """Return by name whether gradients count, and the space's classes."""
    if isinstance(space, NASBench201Space):
        return {
            "functional_key": (False, space.functional_key),
            "functional_key, without pooling": (False, space.functional_key),
            "living parameters": (True, lambda architecture: trained_key(space, architecture)),
            "living parameters, without pooling and what zeros feed": (
                True,
                lambda architecture: trained_key(space, architecture),
            ),
        }
    return {"canonical": (True, space.canonical), "canonical, outputs alone": (False, space.canonical)}


def pairs(counts: Any) -> int:
    return sum(n * (n - 1) // 2 for n in counts)


def main(name: str, count: int) -> None:
    space = zcbench.get_space(name)
    assert isinstance(space, ChoiceSpace | NASBench101Space)
    everyone = drawn(space, count, np.random.default_rng(0))
    print("| space | strings | classes by | classes | hashes | false matches | misses | ms per network, build alone |")
    print("|:---|---:|:---|---:|---:|---:|---:|---:|")
    for label, (gradients, known) in references(space).items():
        # Pools of sums are sums of pools, and any operation of zeros gives a shift: the classes do not contain either.
        some = [a for a in everyone if "without" not in label or "avg_pool" not in a.key]
        some = [a for a in some if "zeros" not in label or "()" not in str(known(a))]
        hashed = FunctionalHash(AsWritten(space), gradients=gradients)
        hashed(some[0])
        began = time.process_time()
        hashes = [hashed(architecture) for architecture in some]
        each = (time.process_time() - began) / len(some) * 1000
        began = time.process_time()
        for architecture in some[:50]:
            space.build(architecture)
        build = (time.process_time() - began) / len(some[:50]) * 1000
        classes = [known(architecture) for architecture in some]
        both = pairs(Counter(zip(classes, hashes, strict=True)).values())
        of_classes, of_hashes = pairs(Counter(classes).values()), pairs(Counter(hashes).values())
        print(
            f"| {name} | {len(some):,} | {label} | {len(set(classes)):,} | {len(set(hashes)):,} "
            f"| {of_hashes - both:,} of {of_hashes:,} | {of_classes - both:,} of {of_classes:,} "
            f"| {each:.1f}, {build:.1f} |",
            flush=True,
        )
        merged = defaultdict(set)
        for key, one, architecture in zip(hashes, classes, some, strict=True):
            merged[key].add((str(one), architecture.key))
        for found in [sorted(f) for f in merged.values() if len({one for one, _ in f}) > 1][:3]:
            print("  equal hashes:", *(f"\n    {one}   {key}" for one, key in found[:4]), file=sys.stderr)
        for note in hashed.notes():
            print("  ", note, file=sys.stderr)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
