"""PolyAI's failures in words for people.

PolyAIError
├── PolyAIKeyRejected, PolyAIForbidden               the key
├── ConversationNotFound, AgentNotFound, WrongHost   the address
├── RecordingNotReady, RecordingMissing, RecordingDeleted
├── TranscriptNotReady, TranscriptMissing
├── PolyAIRequestInvalid, PolyAIServerError          not tried again
├── PolyAIRateLimited, PolyAIUnavailable             tried again
└── UnexpectedRedirect, UnexpectedEncoding, UnexpectedAnswer, AnswerTooLarge, NotAudio,
    RecordingCutShort

PolyAI's documentation has the texts and the meaning of the codes. No text contains a body, a URL, a
number or a key.
"""

from bot.errors import CallAudioError

_OPERATOR = "Ask the callaudio operator to"


class PolyAIError(CallAudioError):
    """PolyAI did not return what was requested."""

    code = "polyai_failed"
    what = "PolyAI did not give the recording."
    likely_cause = "A setting at PolyAI, or a change of its API that callaudio does not know."
    fix = "Try again in a minute; if it keeps failing, tell the callaudio operator the reference."


class PolyAIKeyRejected(PolyAIError):
    """401: the key is wrong, expired, empty or of another region."""

    code = "polyai_key_rejected"
    what = "PolyAI did not accept the API key."
    likely_cause = "It is the key of another region, or it is wrong, expired or empty."
    fix = f"{_OPERATOR} compare `POLYAI_REGION` with the region the key was made in, then the key."


class PolyAIForbidden(PolyAIError):
    """403: the key is known but may not read this."""

    code = "polyai_forbidden"
    what = "PolyAI does not let this API key read the conversation."
    likely_cause = "The key was made for other agents, lacks *Conversations data*, or was revoked."
    fix = f"{_OPERATOR} make a key in Agent Studio that covers this agent and conversations data."


class ConversationNotFound(PolyAIError):
    """404: the agent has no such conversation."""

    code = "conversation_not_found"
    what = "PolyAI knows no conversation with this id."
    likely_cause = "The id is mistyped, or the call belongs to another agent or region."
    fix = (
        "Copy the link from Agent Studio again; if another agent took the call, name that agent "
        "as in `sales:CA…`."
    )


class AgentNotFound(PolyAIError):
    """404: the configured agent or account does not exist there."""

    code = "agent_not_found"
    what = "PolyAI knows no agent with the configured id."
    likely_cause = "`POLYAI_AGENT_ID` is wrong, or the agent lives in another region."
    fix = f"{_OPERATOR} compare `POLYAI_AGENT_ID` and `POLYAI_REGION` with the agent's Studio link."


class WrongHost(PolyAIError):
    """404 in a form that PolyAI's API does not use."""

    code = "wrong_host"
    what = "The answer did not come from PolyAI's API."
    likely_cause = "The requests go to a wrong host."
    fix = f"{_OPERATOR} remove `POLYAI_API_URL` or correct it, and to check `POLYAI_REGION`."


class RecordingNotReady(PolyAIError):
    """The call is going on or has just ended: retried durably for some minutes."""

    code = "recording_not_ready"
    what = "The recording is not ready yet."
    likely_cause = "The call is still going on or ended a few minutes ago."
    fix = "I have tried for a while. Ask again in ten minutes."
    retryable = True


class RecordingMissing(PolyAIError):
    """404: the conversation exists and has no recording."""

    code = "recording_missing"
    what = "This conversation has no recording."
    likely_cause = "The agent discarded the recording, or it is past the retention period."
    fix = "Check in Agent Studio whether the recording can be played there."


class RecordingDeleted(PolyAIError):
    """410: there was a recording, and it was deleted for good."""

    code = "recording_gone"
    what = "The recording was deleted at PolyAI."
    likely_cause = "It is past the retention period of the contract."
    fix = "It cannot be restored. Fetch later calls sooner."


class TranscriptNotReady(PolyAIError):
    """The call is still going on, so its transcript is incomplete."""

    code = "transcript_not_ready"
    what = "The transcript is not complete yet."
    likely_cause = "The call is still going on."
    fix = "Press *Transcript* again when it has ended."


class TranscriptMissing(PolyAIError):
    """The conversation has no transcript."""

    code = "transcript_missing"
    what = "PolyAI keeps no transcript of this conversation."
    likely_cause = "The project keeps none (*Conversation transcript* is off), or nobody spoke."
    fix = "Check in Agent Studio whether the conversation shows what was said."


class PolyAIRequestInvalid(PolyAIError):
    """400 and other refusals of the request itself."""

    code = "polyai_request_invalid"
    what = "PolyAI could not make sense of the request."
    likely_cause = "The conversation id has a form PolyAI does not use, or its API has changed."
    fix = "Copy the link from Agent Studio again; if that fails too, report the reference id."


class PolyAIRateLimited(PolyAIError):
    """429: too many requests."""

    code = "polyai_rate_limited"
    what = "PolyAI limits how fast I may ask."
    likely_cause = "Many recordings were asked for in a short time."
    fix = "Try again in a minute."
    retryable = True


class PolyAIUnavailable(PolyAIError):
    """408, 502, 503, 504, no connection, or a time-out."""

    code = "polyai_unavailable"
    what = "PolyAI cannot be reached at the moment."
    likely_cause = "There is a problem at PolyAI, or in the network."
    fix = "Try again in a few minutes; `callaudio doctor` shows whether PolyAI can be reached."
    retryable = True


class PolyAIServerError(PolyAIError):
    """500 and unknown 5xx: PolyAI failed on this very request."""

    code = "polyai_server_error"
    what = "PolyAI failed while handling the request."
    likely_cause = "An error inside PolyAI."
    fix = "Try again later; if it keeps failing, give PolyAI's support the correlation id."


class UnexpectedRedirect(PolyAIError):
    """3xx: never followed, because the key would be sent along."""

    code = "unexpected_redirect"
    what = "PolyAI sent the request elsewhere, and it was not followed."
    likely_cause = "The requests go to a wrong host, or through a gateway that asks for a login."
    fix = f"{_OPERATOR} check `POLYAI_API_URL` and `POLYAI_REGION`."


class UnexpectedEncoding(PolyAIError):
    """The body is compressed although the request excluded that."""

    code = "unexpected_encoding"
    what = "The answer came compressed, which was not asked for."
    likely_cause = "A gateway between callaudio and PolyAI compresses responses."
    fix = f"{_OPERATOR} switch off compression for PolyAI's hosts in the gateway."


class UnexpectedAnswer(PolyAIError):
    """200 with something other than the documented JSON."""

    code = "unexpected_answer"
    what = "PolyAI's answer about the conversation could not be read."
    likely_cause = "The requests go to a wrong host, or PolyAI's API has changed."
    fix = f"{_OPERATOR} check `POLYAI_API_URL`; if it is right, report the reference id."


class AnswerTooLarge(UnexpectedAnswer):
    """200 with a body above the size limit."""

    code = "answer_too_large"
    what = "PolyAI's answer was too large to be read."
    likely_cause = "The conversations are unusually large, or a wrong host answered."
    fix = f"{_OPERATOR} report the reference id."


class NotAudio(PolyAIError):
    """A successful answer that is not audio."""

    code = "not_audio"
    what = "PolyAI answered with something that is not a recording."
    likely_cause = "The requests go to a wrong host, or a gateway answered instead of PolyAI."
    fix = f"{_OPERATOR} check `POLYAI_API_URL` and any gateway between callaudio and PolyAI."


class RecordingCutShort(PolyAIError):
    """The connection ended before the announced length; starting over may help."""

    code = "recording_cut_short"
    what = "The recording stopped arriving before its end."
    likely_cause = "The connection to PolyAI broke off."
    fix = "Try again; nothing of the partial recording is shown."
    retryable = True
