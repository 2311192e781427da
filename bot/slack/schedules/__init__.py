"""Scheduling digests: the admins' command, and the form in App Home."""
