"""Scheduled digests: when they are due, what they tell, and how they are posted once."""
