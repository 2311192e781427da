"""Asking for a recording, and the thread it is delivered into."""
