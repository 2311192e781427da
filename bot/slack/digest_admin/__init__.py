"""Digest administration: the admins' command, and the form in App Home."""
