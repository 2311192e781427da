"""What Slack says to the bot, and what people see of it."""
