"""Stage *draw*: the sampling profile of a campaign, once, with its streams reserved."""

from __future__ import annotations

from pathlib import Path

import yaml

from nepsbench.campaign.folder import CampaignFolder
from nepsbench.campaign.form import Campaign
from nepsbench.errors import CorruptedFileError
from nepsbench.files import write_text
from nepsbench.sampling import Profile, create_profile, read_profile
from nepsbench.warehouse import open_warehouse


def draw_profile(campaign: Campaign, home: Path) -> Profile:
    """Draw and store the campaign's profile; a second call finds it and draws nothing new.

    Raises:
        StreamReuseError: If another profile has used a piece of its bit-streams.
        CorruptedFileError: If the stored profile is not the one that was drawn.
    """
    folder = CampaignFolder(home, campaign.name)
    profile = create_profile(campaign.spec())
    open_warehouse(home).reserve_streams(
        profile.name, profile.stream_ranges(), profile_hash=profile.hash
    )
    folder.save(campaign)
    if folder.profile_file.exists():
        stored = read_profile(folder.profile_file)
        if stored.hash != profile.hash:
            raise CorruptedFileError(
                f"{folder.profile_file}: holds another profile than campaign {campaign.name} "
                "draws; delete it and draw again"
            )
        return stored
    write_text(folder.spec_file, spec_text(profile))
    profile.write(folder.profile_file)
    return profile


def spec_text(profile: Profile) -> str:
    """Return the profile's spec as YAML, as it is sent to the cluster."""
    return yaml.safe_dump(profile.spec.model_dump(), sort_keys=False)
