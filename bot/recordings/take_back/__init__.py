"""Take-back: checks of visible files, and the deletion of those that must go."""
