"""The steps of one delivery, from the decision to the visible file."""
