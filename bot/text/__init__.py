"""Text that people type and read: invisible characters, times of a recording."""
