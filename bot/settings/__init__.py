"""What operators set, read from the environment and checked."""
