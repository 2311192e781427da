"""Digests in Slack: their texts, their posts and their buttons."""
