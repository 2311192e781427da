"""Requests for recordings, and the thread that each is delivered into."""
