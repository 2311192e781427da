"""How the job engine writes down what steps give: JSON of plain words, and errors by name alone."""

import json
from typing import Any

from dbos import Serializer


class LostError(Exception):
    """Stands for an error of an earlier run, of which only the type was kept."""


class PlainJson(Serializer):
    """Serializes words and numbers as JSON.

    Not the engine's default, pickle: that would run what it reads from the database, and would keep
    an exception's text, which may hold anything.
    """

    def serialize(self, data: Any) -> str:  # noqa: ANN401 - the engine's signature
        """Write plain data; an exception as its type's name."""
        if isinstance(data, BaseException):
            return json.dumps({"lost_error": type(data).__name__})
        return json.dumps(data)

    def deserialize(self, serialized_data: str) -> Any:  # noqa: ANN401 - the engine's signature
        """Read it back."""
        data = json.loads(serialized_data)
        if isinstance(data, dict) and set(data) == {"lost_error"}:
            return LostError(data["lost_error"])
        return data

    def name(self) -> str:
        """Name the format in the engine's tables."""
        return "callaudio_json"
