"""Which campaign, and which wave of it, a task run is about."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from nepsbench.campaign.form import Campaign


def handed_on(context: Mapping[str, Any]) -> str | None:
    """Return the campaign that the stage before handed on, if it started this run."""
    key: str | None = context["dag_run"].partition_key
    return key


def chosen_campaign(context: Mapping[str, Any]) -> Campaign:
    """Return the campaign of this run: from the whole form, a stage's form, or the stage before.

    Raises:
        SpecError: If there is none of that name, or no name at all.
    """
    from nepsbench.campaign.folder import CampaignFolder
    from nepsbench.campaign.form import parse_campaign
    from nepsbench.errors import SpecError
    from nepsbench.home import data_home

    params = dict(context["params"])
    for field in ("hand_on", "finals", "judge"):  # of the run, and not of the campaign
        params.pop(field, None)
    if "space" in params:
        return parse_campaign(params)
    name = params.get("campaign") or handed_on(context)
    if not name:
        raise SpecError("no campaign given; trigger this DAG with the name of a campaign")
    return CampaignFolder(data_home(), name).load()


def chosen_wave(context: Mapping[str, Any], campaign: Campaign) -> int:
    """Return the milestone of this run's wave: as given, as handed on, or the first unfinished."""
    from nepsbench.campaign.wave import first_unfinished_wave
    from nepsbench.home import data_home

    events = context["triggering_asset_events"]
    told = [(event.extra or {}).get("epochs") for asset in events for event in events[asset]]
    given = context["params"].get("epochs") or (told[-1] if told else None)
    return int(given) if given else first_unfinished_wave(campaign, data_home())


def wants_to_hand_on(context: Mapping[str, Any]) -> bool:
    """Return whether the next stage should follow: asked for, or begun by the stage before."""
    return bool(context["params"].get("hand_on") or handed_on(context))
