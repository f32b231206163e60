"""The story of a supernet as a self-contained HTML file: no script, no network, no library, opens from ``file://``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from zcbench._display import SENTENCE, duration, fixed, plain, significant
from zcbench.evaluation import Board
from zcbench.evaluation._board import html_table
from zcbench.leaderboards._search_page import _EDGES, _SIZE, _Plot
from zcbench.metrics import pareto_front

if TYPE_CHECKING:
    from zcbench.supernets import DigitsStory


def story_to_html(story: DigitsStory) -> str:
    """Return the page of :func:`zcbench.supernets.digits_story`: fronts, rankings, and the result of each step."""
    known = story.results["evaluate"]
    which = "true" if len(known["subnets"]) == known["space"] else "known"
    return page(
        story,
        [_front(story), _hypervolume(story), _agreement(story), _ways(story)],
        title=f"zcbench supernet · {story.plan['rule']} · seed {story.plan['seed']}",
        heading=f"A supernet on the digits, by {story.plan['rule']}, seed {story.plan['seed']}",
        command="zcbench supernet digits",
        plots_title="Fronts and rankings",
        front=_front_rows(story),
        front_title=f"The {which} front of inherited accuracy",
    )


def page(
    board: Board,
    plots: Sequence[dict[str, Any] | None],
    *,
    title: str,
    heading: str,
    command: str,
    plots_title: str,
    front: Sequence[Mapping[str, str]] = (),
    front_title: str = "",
    kind: str = "found",
) -> str:
    """Return a page with a board's table and plots.

    Args:
        board: what the table shows.
        plots: from :func:`plot`; None is omitted.
        title: of the window.
        heading: of the page.
        command: that made it.
        plots_title: heading of the plots.
        front: rows of a second table.
        front_title: its heading.
        kind: class of the first table: "found" where empty cells continue the row above, else "found several".
    """
    import jinja2
    from markupsafe import Markup

    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("zcbench.leaderboards", "."),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        finalize=_shown,
    )
    return environment.get_template("supernet.html.j2").render(
        title=title,
        heading=heading,
        command=command,
        plots_title=plots_title,
        kind=kind,
        table=Markup(html_table(board)),
        plots=[one for one in plots if one is not None],
        size=_SIZE,
        edges=_EDGES,
        front=front,
        front_title=front_title,
    )


def _shown(value: object) -> object:
    """Return what the template writes: text without hidden characters, and our own markup unchanged."""
    return plain(value, 4 * SENTENCE) if isinstance(value, str) and not hasattr(value, "__html__") else value


def plot(place: _Plot, title: str, **parts: Any) -> dict[str, Any]:
    """Return the content of a plot for the template."""
    empty: dict[str, Any] = {
        "dots": [],
        "steps": "",
        "line": "",
        "level": "",
        "marks": [],
        "keys": [],
        "note": "",
        "words": [],
    }
    return {**place.axes(), "title": title, **empty, **parts}


def _front(story: DigitsStory) -> dict[str, Any]:
    """Plot all subnets, the true front, and the evaluations and results of the searches."""
    known, front, search = (story.results[name] for name in ("evaluate", "front", "search"))
    tuned = story.results["tune"]["after"]
    flops = np.array([*known["flops"], *front["flops"], search["flops"]])
    accuracies = np.array([*known["valid_accuracy"], *front["accuracy"], tuned["valid_accuracy"]])
    low = float(np.quantile(accuracies, 0.05))
    place = _Plot(
        (0.0, float(flops.max())), (low, min(1.0, float(accuracies.max()) + 0.01)), "FLOPs", "validation accuracy"
    )
    dots = dots_of(place, known["subnets"], known["flops"], known["valid_accuracy"], "FLOPs")
    points = np.column_stack([flops, accuracies])[:-1]
    rows = sorted(map(tuple, points[pareto_front(points, (False, True))].tolist()))
    found = [(front["flops"][k], front["accuracy"][k]) for k in _rows(front["subnets"], front["front"])]
    marks = [{"class": "front", "d": place.point(x, y)} for x, y in found if place.inside(x, y)]
    for kind, y in (("chosen", search["valid_accuracy"]), ("tuned", tuned["valid_accuracy"])):
        if place.inside(search["flops"], y):
            marks.append({"class": kind, "d": place.point(search["flops"], y)})
    (x, top), (_, bottom) = place.place(search["limit"], place.y[1]), place.place(search["limit"], place.y[0])
    whole = len(known["subnets"]) == known["space"]
    return {
        **plot(
            place,
            "inherited accuracy against FLOPs",
            dots=dots,
            steps=place.steps(np.array([x for x, _ in rows]), np.array([y for _, y in rows])),
            level=f"M{x:.1f} {top:.1f}V{bottom:.1f}" if search["limit"] <= place.x[1] else "",
            marks=marks,
            keys=[
                ("a subnet", "dot", "faint"),
                (f"the {'true' if whole else 'known'} front", "line", "mark"),
                (f"the front of {front['evaluations']} evaluations", "dot", "mark"),
                ("found within the bound", "dot", "other"),
                ("the same, fine-tuned", "ring", "other"),
                ("the bound", "dotted", "ink"),
            ],
            note="The plot excludes the worst 5 % of the subnets. Point at a subnet to show its values.",
        ),
        "right": f"{place.x[1]:,.0f}",
    }


def _hypervolume(story: DigitsStory) -> dict[str, Any]:
    """Plot the share of the front's hypervolume against evaluations."""
    front = story.results["front"]
    shares = np.array(front["shares"])
    place = _Plot((0.0, float(len(shares))), (0.0, 1.0), "evaluations", "share of the hypervolume")
    return plot(
        place,
        "search for the front",
        steps=place.steps(np.arange(1.0, len(shares) + 1), shares),
        level=place.level([1.0]),
        keys=[("found so far", "line", "mark"), ("the known front", "dotted", "ink")],
    )


def _agreement(story: DigitsStory) -> dict[str, Any] | None:
    """Plot inherited against stand-alone losses."""
    rank = story.results["rank"]
    if not rank["n"]:
        return None
    inherited = -np.array(rank["scorers"]["inherited loss"]["values"], np.float64)
    alone = np.array(rank["truth"], np.float64)
    x, y = ((float(one.min()), float(np.quantile(one, 0.95))) for one in (inherited, alone))
    place = _Plot(x, y, "inherited loss (validation)", "stand-alone loss (test)")
    return plot(
        place,
        "subnets in the supernet and trained alone",
        dots=dots_of(place, rank["subnets"], inherited.tolist(), alone.tolist(), "inherited"),
        keys=[("a subnet", "dot", "faint")],
        note="The plot excludes the worst 5 % in each direction.",
    )


def _ways(story: DigitsStory) -> dict[str, Any] | None:
    """Plot Kendall's tau of each scorer with its interval."""
    rank = story.results["rank"]
    if not rank["n"]:
        return None
    bars = [(name, one["tau"], duration(one["each"])) for name, one in rank["scorers"].items()]
    bars.append(("another training", rank["ceiling"], ""))
    bars = [bar for bar in bars if None not in bar[1]]
    said = [(f"{name}: {fixed(tau[0])}" + (f", {each} a subnet" if each else ""), tau) for name, tau, each in bars]
    return intervals("who ranks subnets as stand-alone trainings do", "Kendall's tau, 95 % interval", said)


def intervals(title: str, across: str, bars: Sequence[tuple[str, Sequence[float]]], top: float = 1.0) -> dict[str, Any]:
    """Return a plot of values with intervals, one per line.

    Args:
        title: of the plot.
        across: what the values are.
        bars: words, and value, low and high.
        top: of the axis.
    """
    low = min([0.0, *(bar[1][1] for bar in bars)])
    place = _Plot((low, top), (0.0, float(len(bars) or 1)), across, "")
    marks, words = [], []
    for number, (said, (value, start, end)) in enumerate(reversed(bars)):
        (a, y), (b, _) = place.place(start, number + 0.35), place.place(end, number + 0.35)
        marks += [
            {"class": "interval", "d": f"M{a:.1f} {y:.1f}H{b:.1f}"},
            {"class": "front", "d": place.point(value, number + 0.35)},
        ]
        words.append({"x": f"{_EDGES[0] + 4}", "y": f"{y - 12:.1f}", "text": said})
    (x, top_of), (_, bottom) = place.place(0.0, place.y[1]), place.place(0.0, place.y[0])
    zero = f"M{x:.1f} {top_of:.1f}V{bottom:.1f}" if low < 0 else ""
    return {**plot(place, title, marks=marks, level=zero), "words": words, "high": "", "low": ""}


def _rows(names: Sequence[str], chosen: Sequence[str]) -> list[int]:
    place = {name: row for row, name in enumerate(names)}
    return [place[name] for name in chosen]


def dots_of(
    place: _Plot, names: Sequence[str], xs: Sequence[float], ys: Sequence[float], what: str
) -> list[dict[str, str]]:
    """Return named points within the axes; ``what`` is the quantity of the x axis."""
    return [
        {"d": place.point(x, y), "text": f"{name}: {place.up} {significant(y, 4)}, {what} {significant(x, 6)}"}
        for name, x, y in zip(names, xs, ys, strict=True)
        if place.inside(x, y)
    ]


def _front_rows(story: DigitsStory) -> list[Mapping[str, str]]:
    """Return the known front, sorted by FLOPs."""
    known = story.results["evaluate"]
    rows = sorted(_rows(known["subnets"], known["front"]), key=lambda row: float(known["flops"][row]))
    return [
        {
            "name": known["subnets"][row],
            "flops": f"{known['flops'][row]:,.0f}",
            "params": f"{known['params'][row]:,.0f}",
            "valid": f"{100 * known['valid_accuracy'][row]:.1f}",
            "test": f"{100 * known['test_accuracy'][row]:.1f}",
        }
        for row in rows
    ]
