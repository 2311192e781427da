"""Slack: its requests to the bot, and the messages, forms and views that people see."""
