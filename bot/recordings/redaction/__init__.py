"""Whether a redacted recording is the raw one with moments muted: compared, never assumed."""
