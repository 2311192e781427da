"""The one place that builds and closes everything with a lifetime."""
