"""Durable work: the loop that runs what is due, and the workflows it runs."""
