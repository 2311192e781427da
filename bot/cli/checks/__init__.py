"""What `doctor` looks at, one part of the set-up a file; each check ends within seconds."""
