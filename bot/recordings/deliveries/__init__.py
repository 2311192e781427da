"""Deliveries: the stored value, its store, its states and names, and the port to Slack."""
