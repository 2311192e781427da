"""The checks of `doctor`, one file for each part of the set-up; each ends within seconds."""
