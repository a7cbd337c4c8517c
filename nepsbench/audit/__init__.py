"""Audits: a seeded sample of a benchmark's trials is trained again and compared, bit by bit."""
