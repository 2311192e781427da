"""Fuzzing of the parsers that read bytes from outside, guided by coverage: ``make fuzz``."""
