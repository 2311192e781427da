"""Random ids that people read out and look for in logs."""

import secrets
from string import ascii_lowercase


def new_id(prefix: str, length: int) -> str:
    """Make an id of ``length`` letters after the prefix.

    Letters alone: where nine digits stand in a row, logs would mask them as a phone number.
    """
    return prefix + "".join(secrets.choice(ascii_lowercase) for _ in range(length))
