"""Digests in Slack: what they say, how they are posted, and the buttons in them."""
