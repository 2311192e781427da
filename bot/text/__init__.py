"""Text as people write and read it: invisible characters, moments of a recording."""
