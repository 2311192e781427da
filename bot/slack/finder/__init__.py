"""The modal in which a person finds a call and requests its recording."""
