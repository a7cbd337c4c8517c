"""The next wave of a benchmark: where its surrogate is unsure, or near the best."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nepsbench.campaign.form import parse_campaign
from nepsbench.campaign.publish import benchmark_tables
from nepsbench.client.locate import list_releases
from nepsbench.errors import NepsbenchError
from nepsbench.release import info_of
from nepsbench.release.versions import next_free
from nepsbench.sampling.streams import draw_words
from nepsbench.spaces import get_space
from nepsbench.surrogate.extension import Proposal, propose
from nepsbench.surrogate.fitting import DEFAULT_SEED, training_data
from nepsbench.surrogate.targets import main_metric
from nepsbench.warehouse import open_warehouse
from nepsbench.warehouse.streams import next_free_stream

#: Candidates are draws behind all that a profile can use of a stream, so nothing is used up.
_BEHIND = 2**31


@dataclass(frozen=True)
class Extension:
    """A proposal, and the form of the campaign that trains it."""

    proposal: Proposal
    form: dict[str, Any]


def extend(
    benchmark: str,
    home: Path,
    *,
    streams: int = 4,
    samples: int = 16,
    pool: int = 20_000,
    metric: str | None = None,
    waves: str | None = None,
    cluster: str = "local",
    seed: int = DEFAULT_SEED,
    threads: int = 1,
) -> Extension:
    """Propose what to train next, as a campaign of its own from streams that are not used yet.

    Args:
        benchmark: Its name in the warehouse.
        home: The data home.
        streams: Bit-streams of the new campaign; they give its training seeds.
        samples: Configurations for each.
        pool: Configurations to choose from.
        metric: What counts; the main one without.
        waves: Epoch milestones; without, one wave to the last epoch that the benchmark has.
        cluster: Where the new campaign is to run.
        seed: Of the choice.
        threads: CPU threads.

    Raises:
        NepsbenchError: If the warehouse holds too little of the benchmark, or its trials are of
            several recipes.
        SpecError: If its trainings cannot be made here.
    """
    trials, epochs = benchmark_tables(benchmark, home)
    info = info_of(trials)
    if isinstance(info["recipe"], list):
        recipes = ", ".join(info["recipe"])
        raise NepsbenchError(f"{benchmark} has trials of several recipes ({recipes}); extend one")
    space = get_space(info["space"])
    data = training_data(trials, epochs, space)
    first = next_free_stream(open_warehouse(home).commit.streams)
    words = draw_words(
        "jump", [first], offset=_BEHIND, samples=pool, words_per_draw=space.words_per_draw
    )
    proposal = propose(
        data,
        space.draw(words),
        metric=metric or main_metric(data.metrics),
        count=streams * samples,
        seed=seed,
        threads=threads,
    )
    versions = list_releases(home).get(benchmark, [])
    form = {
        "space": space.name,
        "dataset": info["dataset"],
        "recipe": info["recipe"],
        "first_stream": first,
        "streams": streams,
        "samples": samples,
        "waves": waves or str(proposal.epoch),
        "cluster": cluster,
        "release": next_free(versions) if versions else "1.0.0",
        "portfolio": [space.decode(codes.tolist()) for codes in proposal.codes],
    }
    # What cannot be trained here is refused now, and not when someone triggers it.
    parse_campaign(form).spec()
    return Extension(proposal, form)
