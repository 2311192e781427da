"""Random ids that people read out and search for in logs."""

import secrets
from string import ascii_lowercase


def new_id(prefix: str, length: int) -> str:
    """Make an id of ``length`` letters after the prefix.

    Letters only, because logs mask nine digits in a row as a phone number.
    """
    return prefix + "".join(secrets.choice(ascii_lowercase) for _ in range(length))
