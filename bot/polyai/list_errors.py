"""Failures of a list of conversations, worded for people."""

from collections.abc import Mapping
from typing import Final

from bot.polyai import errors

Words = Mapping[type[errors.PolyAIError], Mapping[str, str]]
"""The attributes of an error that are worded differently; the others keep their words."""


class ListUnreadable(errors.UnexpectedAnswer):
    """The answer is not a list, or its pages lead in a circle."""

    code = "list_unreadable"
    what = "PolyAI's list of conversations could not be read."


_OPERATOR: Final = "Ask the callaudio operator to"
OF_A_LIST: Final[Words] = {
    errors.PolyAIRateLimited: {"likely_cause": "Many conversations were listed in a short time."},
    errors.PolyAIForbidden: {
        "what": "PolyAI does not let this API key list the agent's conversations."
    },
    errors.PolyAIRequestInvalid: {
        "likely_cause": "PolyAI's list of conversations has changed.",
        "fix": f"{_OPERATOR} report the reference id.",
    },
}
OF_THE_PLATFORM: Final[Words] = {
    **OF_A_LIST,
    errors.PolyAIKeyRejected: {
        "what": "PolyAI did not accept the platform key.",
        "fix": f"{_OPERATOR} compare `POLYAI_REGION` with the region "
        "`POLYAI_PLATFORM_API_KEY` is of.",
    },
    errors.PolyAIForbidden: {
        "what": "PolyAI does not let the platform key list the agent's conversations.",
        "likely_cause": "`POLYAI_PLATFORM_API_KEY` was made for another agent, or was revoked.",
        "fix": f"{_OPERATOR} make a platform key that covers this agent, or to remove it.",
    },
    errors.AgentNotFound: {
        "what": "PolyAI knows no such agent in the configured account.",
        "likely_cause": "`POLYAI_ACCOUNT_ID` is wrong, or the agent belongs to another account "
        "or region.",
        "fix": f"{_OPERATOR} compare `POLYAI_ACCOUNT_ID`, `POLYAI_REGION` and the agent's id "
        "with Studio.",
    },
    errors.WrongHost: {
        "fix": f"{_OPERATOR} remove `POLYAI_PLATFORM_URL` or correct it, and to check "
        "`POLYAI_REGION`."
    },
    errors.UnexpectedRedirect: {"fix": f"{_OPERATOR} check `POLYAI_PLATFORM_URL`."},
    ListUnreadable: {
        "fix": f"{_OPERATOR} check `POLYAI_PLATFORM_URL`; if it is right, report the reference id."
    },
}
OF_A_LATER_PAGE: Final[Words] = {
    **OF_THE_PLATFORM,
    errors.PolyAIRequestInvalid: {
        "what": "PolyAI did not return the next page of its list of conversations.",
        "likely_cause": "The list was left open for too long, or PolyAI's list has changed.",
        "fix": "Open the list again; if that fails too, report the reference id.",
    },
}
"""A page after the first is asked for by its cursor, which PolyAI may let expire."""


def in_words(error: errors.PolyAIError, words: Words) -> errors.PolyAIError:
    """Reword an error about a recording as an error about a list, if there are words for it."""
    for name, text in words.get(type(error), {}).items():
        setattr(error, name, text)
    return error
