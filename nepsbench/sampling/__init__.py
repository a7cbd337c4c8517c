"""Bit-streams and the sampling profile: which trials a campaign runs."""
