"""Concurrent work: waiting for several tasks, and priorities."""
