"""Requests for access, and the answers of admins."""
