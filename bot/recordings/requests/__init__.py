"""Requests: who may ask, and each request stored once before Slack is acknowledged."""
