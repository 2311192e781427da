"""What happened, who did it, and why: insert-only events in ids."""
