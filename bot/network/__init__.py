"""Calls to outside services: connections, retries, paging, and causes of failure."""
