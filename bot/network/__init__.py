"""Calls to the services outside: connections, retries, pages, and why no answer came."""
