"""People ask while everything goes wrong; what Slack shows in the end is judged."""
