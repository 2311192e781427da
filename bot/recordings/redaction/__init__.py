"""Checks that a redacted recording is the raw one with some moments muted, by comparing both."""
