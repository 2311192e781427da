"""Slack's Web API methods, one module per family, each a plain change of the workspace."""
