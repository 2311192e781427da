"""How long a test waits for what is to come, on a machine however busy, before it fails."""

PATIENCE_SECONDS = 60.0
