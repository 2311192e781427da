"""Requests for the right to hear raw: sent, reviewed, told, and carried along until they end."""
