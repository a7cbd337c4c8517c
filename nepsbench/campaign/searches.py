"""What a campaign of searches found: the campaign that trains it, and a page that shows both."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from html import escape
from pathlib import Path
from statistics import fmean
from typing import Any

from pydantic import Field, ValidationError

import nepsbench
from nepsbench.boundary import Section, first_problem
from nepsbench.campaign.folder import CampaignFolder
from nepsbench.campaign.form import Campaign, parse_campaign
from nepsbench.errors import NepsbenchError, SpecError
from nepsbench.files import write_text
from nepsbench.found import found_in
from nepsbench.pages.graphs import graph_plot
from nepsbench.pages.page import Cell, Html, page, table
from nepsbench.schema import METRICS_BY_NAME
from nepsbench.search.oneshot.standing import Standing, standing
from nepsbench.spaces import Configuration, Scalar, get_space
from nepsbench.spaces.architecture import architecture_id
from nepsbench.spaces.drawing import graphs_of
from nepsbench.spaces.oneshot import PREFIX
from nepsbench.warehouse import open_warehouse
from nepsbench.warehouse.streams import next_free_stream

#: Behind the name of a campaign of searches: the campaign that trains what they found.
FINALS = "-finals"
#: Random architectures that a found one is compared with in a table.
_DRAWN = 1000


class Finals(Section):
    """How what was found is trained.

    Attributes:
        waves: Epoch milestones, as of a campaign.
        recipe: Empty: that of the space.
        changes: Parameters of the found architectures that are set, such as Width and Depth.
    """

    waves: str = Field(min_length=1)
    recipe: str = ""
    changes: dict[str, Scalar] = Field(default_factory=dict)


@dataclass(frozen=True)
class Found:
    """One search and what it found.

    Attributes:
        method: Its name.
        taskid: Of the search.
        model_idx: Of the search.
        seed: Of the search.
        epochs: That were searched.
        seconds: Wall time of the search.
        space: Where the architecture lies.
        configuration: It.
    """

    method: str
    taskid: int
    model_idx: int
    seed: int
    epochs: int
    seconds: float
    space: str
    configuration: Configuration

    @property
    def architecture_id(self) -> str:
        """The id that names the architecture in every table."""
        return architecture_id(get_space(self.space), self.configuration)


def read_finals(values: Mapping[str, Any]) -> Finals:
    """Check what a form says of the final training.

    Raises:
        SpecError: With the first thing that is wrong, in one line.
    """
    try:
        return Finals.model_validate(values)
    except ValidationError as error:
        raise SpecError(f"finals: {first_problem(error, Finals)}") from None


def list_found(name: str, home: Path) -> list[Found]:
    """Return what the searches of a campaign found, by trial.

    Raises:
        NepsbenchError: If the warehouse has none of it.
    """
    rows = open_warehouse(home).query(
        "select t.*, (select max(runtime) from epochs e where e.profile = t.profile "
        "and e.taskid = t.taskid and e.model_idx = t.model_idx) as seconds from trials t "
        "where t.profile = $profile and t.found is not null order by t.taskid, t.model_idx",
        profile=name,
    )
    found = []
    for row in rows.to_pylist():
        space, configuration = found_in(row["found"])
        known = {key: row[key] for key in ("taskid", "model_idx", "seed", "epochs", "seconds")}
        found.append(Found(method=row["Method"], space=space, configuration=configuration, **known))
    if not found:
        raise NepsbenchError(
            f"campaign {name}: the warehouse has no search of it that came to its end; run it, "
            "or collect its last wave"
        )
    return found


def finals_form(campaign: Campaign, home: Path, finals: Finals) -> dict[str, Any]:
    """Return the form of the campaign that trains what the searches of another found.

    A trial for each search, in their order, even where two found the same.

    Raises:
        NepsbenchError: If nothing was found yet.
        SpecError: If the final training does not fit.
        InvalidConfigurationError: If a change is none of the space.
    """
    found = list_found(campaign.name, home)
    space = get_space(found[0].space)
    form = {
        "name": campaign.name + FINALS,
        "space": space.name,
        "dataset": campaign.dataset,
        "recipe": finals.recipe or space.name,
        "first_stream": _first_stream(campaign, home),
        "streams": 1,
        "samples": len(found),
        "waves": finals.waves,
        "cluster": campaign.cluster,
        "portfolio": [space.validate(each.configuration | finals.changes) for each in found],
    }
    parse_campaign(form).spec()
    return form


def check_finals(campaign: Campaign, finals: Finals) -> None:
    """Refuse a final training that cannot be made, whatever will be found.

    Raises:
        SpecError: If the campaign does not search, or the recipe does not fit.
        InvalidConfigurationError: If a change is none of the space.
    """
    if not campaign.searches:
        raise SpecError(
            f"campaign {campaign.name}: its trials are no searches, so there is nothing to train "
            "in the end; leave finals empty, or choose a space whose name begins with oneshot_"
        )
    space = get_space(campaign.space.removeprefix(PREFIX))
    form = {
        "space": space.name,
        "dataset": campaign.dataset,
        "recipe": finals.recipe or space.name,
        "waves": finals.waves,
    }
    space.validate(space.defaults | finals.changes)
    parse_campaign(form)


def searches_of(campaign: Campaign, home: Path) -> Campaign | None:
    """Return the campaign of searches that a campaign is or trains the findings of, if any."""
    if campaign.searches:
        return campaign
    base = CampaignFolder(home, campaign.name.removesuffix(FINALS))
    if not campaign.name.endswith(FINALS) or not base.campaign_file.exists():
        return None
    found = base.load()
    return found if found.searches else None


def _first_stream(campaign: Campaign, home: Path) -> int:
    """Return the stream of the finals: their own if they were drawn before, else a free one."""
    folder = CampaignFolder(home, campaign.name + FINALS)
    if folder.profile_file.exists():
        return folder.load().first_stream
    return next_free_stream(open_warehouse(home).commit.streams)


def write_searches(campaign: Campaign, home: Path, *, release: str | None = None) -> Path:
    """Write the page of a campaign of searches, and the same as JSON beside it.

    Args:
        campaign: The campaign.
        home: The data home.
        release: A table of the space that was searched, to judge what was found by.

    Raises:
        NepsbenchError: If nothing was found yet, or there is no such release.
    """
    found = list_found(campaign.name, home)
    trained = trained_finals(campaign, home)
    judged = _judged(found, release, home) if release else None
    folder = CampaignFolder(home, campaign.name).path
    rows = [_as_json(each, trained.get(place), judged) for place, each in enumerate(found)]
    write_text(folder / "searches.json", json.dumps({"searches": rows}, indent=1) + "\n")
    place = folder / "searches.html"
    body = _body(campaign, found, rows, judged)
    write_text(place, page(f"Searches: {campaign.name}", f"Searches: {campaign.name}", body))
    return place


def last_epochs(profile: str, home: Path) -> list[dict[str, Any]]:
    """Return the last epoch of each trial of a profile, with its ``config_id``, by trial."""
    rows = open_warehouse(home).query(
        "select e.*, t.config_id from epochs e join trials t using (profile, taskid, model_idx) "
        "where profile = $profile qualify row_number() over "
        "(partition by taskid, model_idx order by epoch desc) = 1 order by taskid, model_idx",
        profile=profile,
    )
    found: list[dict[str, Any]] = rows.to_pylist()
    return found


def trained_finals(campaign: Campaign, home: Path) -> dict[int, dict[str, Any]]:
    """Return the last epoch of each final training, by the place of its search in the list."""
    return {row["model_idx"] - 1: row for row in last_epochs(campaign.name + FINALS, home)}


@dataclass(frozen=True)
class _Judged:
    """How what was found stands in a table.

    Attributes:
        release: The table.
        standings: By architecture id.
        drawn: Of as many random architectures as there are searches, what the table says.
    """

    release: str
    standings: dict[str, Standing]
    drawn: list[float]


def _judged(found: Sequence[Found], release: str, home: Path) -> _Judged:
    bench = nepsbench.load(release, home=home)
    standings = {
        each.architecture_id: standing(bench, each.configuration, drawn=_DRAWN) for each in found
    }
    metric = next(iter(standings.values())).metric
    drawn = [float(bench(bench.sample(_DRAWN + k))[metric]) for k in range(len(found))]
    return _Judged(release, standings, drawn)


def _as_json(each: Found, trained: dict[str, Any] | None, judged: _Judged | None) -> dict[str, Any]:
    row = {
        "method": each.method,
        "taskid": each.taskid,
        "model_idx": each.model_idx,
        "seed": each.seed,
        "epochs": each.epochs,
        "cpu_hours": each.seconds / 3600,
        "space": each.space,
        "architecture_id": each.architecture_id,
        "configuration": each.configuration,
    }
    if judged is not None:
        row["table"] = asdict(judged.standings[each.architecture_id])
    if trained is not None:
        row["final"] = {
            name: value
            for name, value in trained.items()
            if value is not None and (name == "epoch" or _is_reproducible(name))
        }
    return row


def _is_reproducible(name: str) -> bool:
    return name in METRICS_BY_NAME and METRICS_BY_NAME[name].reproducible


def _body(
    campaign: Campaign,
    found: Sequence[Found],
    rows: Sequence[dict[str, Any]],
    judged: _Judged | None,
) -> Html:
    parts = [
        f"<p>{len(found)} searches on {escape(campaign.dataset)} by recipe "
        f"{escape(campaign.recipe)}, up to epoch {max(each.epochs for each in found)}.</p>",
        "<h2>By method</h2>",
        _by_method(rows, judged),
        "<h2>Each search</h2>",
        _each(rows),
    ]
    shown: set[str] = set()
    for each in found:
        if each.architecture_id not in shown:
            shown.add(each.architecture_id)
            parts.append(f"<h3>{escape(each.architecture_id)}, found by {escape(each.method)}</h3>")
            parts += map(graph_plot, graphs_of(each.space, each.configuration))
    return Html(f"<section>{''.join(parts)}</section>")


def _by_method(rows: Sequence[dict[str, Any]], judged: _Judged | None) -> Html:
    methods = list(dict.fromkeys(row["method"] for row in rows))
    head = ["method", "searches", "CPU hours a search"]
    if judged:
        head += [f"in {judged.release}: mean", "least", "most", "better than, of 1,000 random"]
    final = _metric_of_finals(rows)
    if final:
        head.append(f"trained: {METRICS_BY_NAME[final].label}")
    body: list[list[Cell]] = []
    for method in methods:
        own = [row for row in rows if row["method"] == method]
        cells: list[Cell] = [method, len(own), fmean(row["cpu_hours"] for row in own)]
        if judged:
            values = [row["table"]["value"] for row in own]
            beaten = fmean(row["table"]["beaten"] for row in own)
            cells += [fmean(values), min(values), max(values), f"{beaten:.0%}"]
        if final:
            known = [row["final"][final] for row in own if final in row.get("final", {})]
            cells.append(fmean(known) if known else None)
        body.append(cells)
    if judged:
        drawn, rest = judged.drawn, [None] * bool(final)
        body.append(
            ["random, as many", len(drawn), None, fmean(drawn), min(drawn), max(drawn), None, *rest]
        )
        mean = rows[0]["table"]["mean"]
        body.append(["random, 1,000", _DRAWN, None, mean, None, None, None, *rest])
    return table(head, body)


def _each(rows: Sequence[dict[str, Any]]) -> Html:
    final = _metric_of_finals(rows)
    judged = "table" in rows[0]
    head = ["trial", "method", "seed", "CPU hours", "architecture"]
    head += ["in the table"] * judged
    head += [f"trained: {METRICS_BY_NAME[final].label}"] if final else []
    body: list[list[Cell]] = [
        [
            f"{row['taskid']}/{row['model_idx']}",
            row["method"],
            str(row["seed"]),
            row["cpu_hours"],
            row["architecture_id"],
            *([row["table"]["value"]] if judged else []),
            *([row.get("final", {}).get(final)] if final else []),
        ]
        for row in rows
    ]
    return table(head, body)


def _metric_of_finals(rows: Sequence[dict[str, Any]]) -> str | None:
    """Return the test metric of the final trainings that is not a loss; None without them."""
    for row in rows:
        for name in row.get("final", {}):
            if name.startswith("test_") and not name.endswith("loss"):
                return str(name)
    return None
