"""Builds and closes everything that has a lifetime."""
