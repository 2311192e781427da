"""Slack's Web API: calls, rate limits, errors, and lookups."""
