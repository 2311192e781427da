"""Requests for the right to hear raw: submit, review, notify, expire."""
