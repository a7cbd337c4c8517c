"""Campaigns on diverse tasks, as NAS-Bench-360 compares: errors, budgets, ranks.

A campaign of searches counts with what it found, trained; one of NAS-Bench-360's baselines or of an
expert with its trials, the best of them on validation data if they are many configurations.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean
from typing import Any

import numpy as np

from nepsbench.campaign.folder import CampaignFolder
from nepsbench.campaign.form import Campaign
from nepsbench.campaign.initialize import require_initialized
from nepsbench.campaign.published360 import OF_SEARCHES, PUBLISHED
from nepsbench.campaign.searches import FINALS, last_epochs, list_found, trained_finals
from nepsbench.datasets import about
from nepsbench.errors import NepsbenchError, SpecError
from nepsbench.search.ranks import Ranking, ranking
from nepsbench.spaces.experts import EXPERTS
from nepsbench.spaces.parameters import FloatArray
from nepsbench.training.recipe import get_recipe

#: Rows of the table by the space that they are trained in.
_TRAINED = {
    "nasbench360_backbone": "backbone",
    "perceiver_io": "Perceiver IO",
    "xgboost": "XGBoost",
    **dict.fromkeys(EXPERTS.values(), "expert"),
}


@dataclass(frozen=True)
class Entry:
    """One method on one dataset.

    Attributes:
        method: A row of the table.
        dataset: Its name.
        errors: Of each seed on test data, as NAS-Bench-360 reports them: lower is better.
        metric: What is measured.
        seconds: Wall time of all that was trained, on one core.
        budget: What was trained, and by how much less than published.
        campaign: Where the numbers are from.
    """

    method: str
    dataset: str
    errors: tuple[float, ...]
    metric: str
    seconds: float
    budget: str
    campaign: str

    @property
    def mean(self) -> float:
        """Mean error of the seeds."""
        return fmean(self.errors)


def entries_of(name: str, home: Path) -> list[Entry]:
    """Return what a campaign has to say, an entry for each method.

    Raises:
        SpecError: If the campaign is neither of searches nor of a baseline or an expert.
        NepsbenchError: If what counts of it was not trained yet.
    """
    campaign = CampaignFolder(home, name).load()
    if campaign.searches:
        return _of_searches(campaign, home)
    if campaign.space in _TRAINED:
        return [_of_trials(campaign, home)]
    raise SpecError(
        f"campaign {name}: of space {campaign.space}; NAS-Bench-360's table compares searches "
        f"(spaces oneshot_...), experts (expert_...), nasbench360_backbone, perceiver_io, xgboost"
    )


def _of_searches(campaign: Campaign, home: Path) -> list[Entry]:
    found, trained = list_found(campaign.name, home), trained_finals(campaign, home)
    if len(trained) < len(found):
        raise NepsbenchError(
            f"campaign {campaign.name}: what it found is not trained yet; see nepsbench search "
            "finals"
        )
    finals = CampaignFolder(home, campaign.name + FINALS).load()
    entries = []
    for method in dict.fromkeys(each.method for each in found):
        own = [(each, trained[k]) for k, each in enumerate(found) if each.method == method]
        searched = sum(each.seconds for each, _ in own)
        entries.append(
            _entry(
                OF_SEARCHES.get(method, method),
                campaign,
                [row for _, row in own],
                searched + sum(row["runtime"] for _, row in own),
                f"searched {_share(campaign)}, trained {_share(finals)}; "
                f"{_size(campaign, home)}{_changes(finals)}",
            )
        )
    return entries


def _of_trials(campaign: Campaign, home: Path) -> Entry:
    rows = last_epochs(campaign.name, home)
    if not rows:
        raise NepsbenchError(f"campaign {campaign.name}: nothing of it is trained yet")
    spent = sum(row["runtime"] for row in rows)
    many = len({row["config_id"] for row in rows}) > 1
    budget = f"trained {_share(campaign)}; {_size(campaign, home)}"
    if not many:
        return _entry(_TRAINED[campaign.space], campaign, rows, spent, budget)
    metric = about(campaign.dataset).task.metric
    best = min(rows, key=lambda row: _error(row[f"valid_{metric}"], metric))
    share = "by halving, the last" if campaign.promote else "each"
    budget = f"the best of {len(rows)} configurations, {share} {budget}"
    return _entry(f"{_TRAINED[campaign.space]}, tuned", campaign, [best], spent, budget)


def _entry(
    method: str, campaign: Campaign, rows: Sequence[dict[str, Any]], seconds: float, budget: str
) -> Entry:
    metric = about(campaign.dataset).task.metric
    errors = tuple(_error(row[f"test_{metric}"], metric) for row in rows)
    measured = f"100 - test_{metric}" if metric == "acc" else f"test_{metric}"
    return Entry(method, campaign.dataset, errors, measured, seconds, budget, campaign.name)


def _error(value: float, metric: str) -> float:
    """Return what NAS-Bench-360 reports: of classes the percent that are wrong."""
    return 100 - value if metric == "acc" else value


def _share(campaign: Campaign) -> str:
    """Return the epochs of a campaign, and those of the published recipe."""
    recipe = get_recipe(campaign.recipe)
    return f"{campaign.waves[-1]} of {max(recipe.horizons)} epochs"


def _size(campaign: Campaign, home: Path) -> str:
    """Return how many examples there were, and how many the published dataset has."""
    here = require_initialized(campaign, home)
    version = str(here["dataset_version"])
    published = about(campaign.dataset).sizes
    return f"dataset {version}, published sizes {published}"


def _changes(finals: Campaign) -> str:
    """Return the size of the trained networks, where parameters say it."""
    first = finals.portfolio[0] if finals.portfolio else {}
    said = ", ".join(f"{name} {first[name]}" for name in ("Width", "Depth") if name in first)
    return f"; networks of {said}" if said else ""


@dataclass(frozen=True)
class Comparison:
    """Methods on tasks.

    Attributes:
        methods: Rows.
        tasks: Columns: datasets.
        errors: Shape (tasks, methods); NaN where there is none.
        ranking: Over the tasks that all methods have; None for fewer than two methods or no task.
    """

    methods: tuple[str, ...]
    tasks: tuple[str, ...]
    errors: FloatArray
    ranking: Ranking | None


def compare(entries: Sequence[Entry]) -> Comparison:
    """Return our entries as a table; of several entries for one place the last one counts."""
    return _comparison({(e.method, e.dataset): e.mean for e in entries})


def published_comparison() -> Comparison:
    """Return the published table."""
    return _comparison(
        {(method, task): v for method, row in PUBLISHED.items() for task, v in row.items()}
    )


def _comparison(values: dict[tuple[str, str], float]) -> Comparison:
    methods = tuple(dict.fromkeys(method for method, _ in values))
    tasks = tuple(dict.fromkeys(task for _, task in values))
    errors = np.array([[values.get((m, task), np.nan) for m in methods] for task in tasks])
    whole = errors[~np.isnan(errors).any(axis=1)]
    ranked = ranking(methods, whole) if len(methods) > 1 and len(whole) else None
    return Comparison(methods, tasks, errors, ranked)
