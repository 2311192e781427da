"""The modal in which somebody finds a call and has its recording delivered."""
