"""People make requests during faults; at the end Slack's content is checked."""
