"""Renders the workspace's messages and views as HTML, like Slack's client."""
