"""Durable work: the engine, what it runs, and the takeover of dead workers."""
