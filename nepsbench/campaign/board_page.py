"""The page of all campaigns: stages, trials, CPU hours, and loss curves as they come."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path

import numpy as np

from nepsbench.campaign.board import Standing
from nepsbench.pages.page import Cell, Html, page, table
from nepsbench.pages.plots import Line, line_plot
from nepsbench.warehouse import open_warehouse

#: Seconds after which a page with an open campaign loads itself again.
REFRESH = 30
_HEAD = ("campaign", "stages", "done", "running", "failed", "left", "trials", "CPU h", "predicted")
#: What the curves show of the trials at each epoch.
_SHARES = {"best tenth": 0.1, "best quarter": 0.25, "median": 0.5}
_MARKS = {
    "done": "\N{CHECK MARK}",
    "running": "\N{BLACK RIGHT-POINTING TRIANGLE}",
    "waiting": "\N{MIDDLE DOT}",
}


@dataclass(frozen=True)
class Link:
    """Where to go from a campaign.

    Attributes:
        address: Of the page there.
        in_frame: Whether it is one of these pages, which may stand in a frame of another's.
    """

    address: str
    in_frame: bool = False


#: Links of a campaign by what stands there, like ``DAG run``.
Links = Mapping[str, Link]


def board_page(standings: Sequence[Standing], links: Callable[[str], Links]) -> str:
    """Return the page of all campaigns.

    Args:
        standings: How each stands, in the page's order.
        links: From a campaign's name to where to go from it.
    """
    if not standings:
        body = Html(
            "<p>No campaign yet. Trigger the DAG <code>regenerate_benchmark</code>, or run "
            "<code>nepsbench campaign run</code>.</p>"
        )
        return page("Benchmarks", "Benchmarks", body)
    rows = [_row(each, links(each.campaign.name)) for each in standings]
    again = _reload() if any(each.is_open for each in standings) else Html("")
    return page("Benchmarks", "Benchmarks", Html(again + table(_HEAD, rows, digits=3)))


def campaign_page(standing: Standing, home: Path, links: Links) -> str:
    """Return the page of one campaign, with its curves."""
    campaign = standing.campaign
    told = (
        f"{campaign.benchmark}: {standing.trials} trials of space {campaign.space} on "
        f"{campaign.dataset}, by recipe {campaign.recipe}, on cluster {campaign.cluster}."
    )
    parts = [
        _reload() if standing.is_open else "",
        f"<p>{escape(told)}</p>",
        table(_HEAD[1:], [_row(standing, {})[1:]], digits=3),
        "<h2>Stages</h2>",
        table(
            ("stage", "state", "detail"),
            [(each.name, each.state, each.detail) for each in standing.stages],
        ),
        "<h2>Loss</h2>",
        loss_plot(campaign.name, home),
        "<h2>Where to go</h2>",
        _list(links),
    ]
    return page(campaign.name, campaign.name, Html("".join(parts)))


def loss_plot(profile: str, home: Path) -> Html:
    """Return the validation losses of a profile's trials by epoch, of those that are trained."""
    shares = ", ".join(
        f"quantile_cont(valid_loss, {share}) as q{place}"
        for place, share in enumerate(_SHARES.values())
    )
    rows = open_warehouse(home).query(
        f"select epoch, {shares} from epochs where profile = $profile and isfinite(valid_loss) "
        "group by epoch order by epoch",
        profile=profile,
    )
    if not rows.num_rows:
        return Html("<p>None yet: losses come with each wave that is collected.</p>")
    epochs = np.asarray(rows["epoch"], dtype=np.float64)
    lines = [
        Line(label, epochs, np.asarray(rows[f"q{place}"], dtype=np.float64))
        for place, label in enumerate(_SHARES)
    ]
    return line_plot(lines, x="epoch", y="validation loss")


def _row(standing: Standing, links: Links) -> list[Cell]:
    name = standing.campaign.name
    own, *others = [*links.items()] or [("", Link(""))]
    named = _anchor(own[1], name) if links else escape(name)
    more = "".join(f" {_anchor(link, label)}" for label, link in others)
    stages = " ".join(
        f'<span title="{escape(each.state)} {escape(each.detail)}">{_MARKS[each.state]}'
        f"&nbsp;{escape(each.name)}</span>"
        for each in standing.stages
    )
    return [
        Html(f'{named}<br><span class="dim">{more}</span>'),
        Html(stages),
        standing.done,
        standing.running,
        standing.failed,
        standing.left,
        standing.trials,
        standing.hours,
        standing.predicted,
    ]


def _anchor(link: Link, label: str) -> Html:
    frame = "" if link.in_frame else ' target="_top"'
    return Html(f'<a href="{escape(link.address)}"{frame}>{escape(label)}</a>')


def _list(links: Links) -> Html:
    if not links:
        return Html("<p>Nothing yet.</p>")
    items = "".join(f"<li>{_anchor(link, label)}</li>" for label, link in links.items())
    return Html(f"<ul>{items}</ul>")


def _reload() -> Html:
    return Html(f'<meta http-equiv="refresh" content="{REFRESH}">')
