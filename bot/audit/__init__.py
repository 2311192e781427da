"""The audit: insert-only events with ids and codes, chained by hashes."""
