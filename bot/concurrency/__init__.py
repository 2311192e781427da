"""Work beside other work: what waits for what, and what goes first."""
