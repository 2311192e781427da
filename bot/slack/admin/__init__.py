"""The admins' command."""
