"""Bit-streams and the sampling profile: which trials a campaign runs."""

from nepsbench.sampling.profile import (
    LegacyStreamsWarning,
    Profile,
    create_profile,
    read_profile,
)
from nepsbench.sampling.spec import ProfileSpec, parse_spec, read_spec

__all__ = [
    "LegacyStreamsWarning",
    "Profile",
    "ProfileSpec",
    "create_profile",
    "parse_spec",
    "read_profile",
    "read_spec",
]
