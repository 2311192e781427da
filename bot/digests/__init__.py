"""Scheduled digests: when they are due, what they report, and how each is posted once."""
