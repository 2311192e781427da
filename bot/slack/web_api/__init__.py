"""Slack's Web API as the bot uses it: calls, their errors, and what is looked up."""
