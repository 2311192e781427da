"""App Home as people see it."""
