"""Where a campaign's files lie: here in the data home, and on the cluster."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from nepsbench.campaign.form import Campaign, read_campaign
from nepsbench.errors import SpecError
from nepsbench.files import write_text


@dataclass(frozen=True)
class CampaignFolder:
    """The campaign's folder in the data home."""

    home: Path
    name: str

    @property
    def path(self) -> Path:
        """The folder itself."""
        return self.home / "campaigns" / self.name

    @property
    def campaign_file(self) -> Path:
        """What was asked for."""
        return self.path / "campaign.json"

    @property
    def spec_file(self) -> Path:
        """The sampling spec, as sent to the cluster."""
        return self.path / "spec.yaml"

    @property
    def profile_file(self) -> Path:
        """The profile, as sent to the cluster."""
        return self.path / "profile.parquet"

    @property
    def environment_file(self) -> Path:
        """What the initialize job found on the cluster."""
        return self.path / "environment.json"

    def wave(self, epochs: int) -> Path:
        """Return the folder of the wave to ``epochs``."""
        return self.path / "waves" / f"{epochs:03d}"

    def save(self, campaign: Campaign) -> None:
        """Write what was asked for.

        Raises:
            SpecError: If a campaign of this name draws something else, or trains otherwise.
        """
        if self.campaign_file.exists():
            before = self.load()
            if before.spec() != campaign.spec():
                raise SpecError(
                    f"campaign {self.name} exists and draws something else; "
                    "choose another name, or leave the name empty"
                )
            if before.recipe != campaign.recipe:
                raise SpecError(
                    f"campaign {self.name} exists and trains by recipe {before.recipe}; "
                    "choose another name, or leave the name empty"
                )
        write_text(self.campaign_file, campaign.model_dump_json(indent=1))

    def load(self) -> Campaign:
        """Return what was asked for.

        Raises:
            SpecError: If there is no such campaign.
        """
        return read_campaign(self.campaign_file)


@dataclass(frozen=True)
class RemoteFolder:
    """The folder of a campaign, an audit or a search of settings on the cluster.

    As text: maybe another machine's path.
    """

    root: str
    name: str
    kind: Literal["campaigns", "audits", "tuning"] = "campaigns"

    @property
    def path(self) -> str:
        """The folder itself."""
        return f"{self.root}/{self.kind}/{self.name}"

    @property
    def datasets(self) -> str:
        """Prepared datasets, shared by all."""
        return f"{self.root}/datasets"

    def job(self, key: str) -> str:
        """Return the folder of a job."""
        return f"{self.path}/jobs/{key}"

    def checkpoint(self, taskid: int, model_idx: int) -> str:
        """Return a trial's checkpoint, where ``nepsbench.training.checkpoint`` puts it."""
        return f"{self.path}/checkpoints/{taskid}/{model_idx}.pt"
