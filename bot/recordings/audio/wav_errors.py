"""What a body can be instead of a whole recording, in words for people.

WavError
├── NotWav, HtmlInstead, JsonInstead, EmptyBody      it is something else
├── DamagedHeader, BodyTruncated                     it is not whole
└── TooLarge                                         it is more than callaudio may carry
"""

from bot.errors import CallAudioError

_AGAIN = "Try again; if it keeps failing, check whether the recording plays in Agent Studio."
_HOST = "Ask the callaudio operator to check `POLYAI_API_URL` and any gateway in between."


class WavError(CallAudioError):
    """A body that is not the recording it claims to be."""

    code = "wav_failed"
    what = "What PolyAI sent is not a usable recording."
    likely_cause = "The call was still being recorded, or the file was damaged on its way."
    fix = _AGAIN


class NotWav(WavError):
    """The body is neither WAV nor anything else recognised."""

    code = "not_wav"
    what = "What PolyAI sent is not a WAV recording."
    likely_cause = "PolyAI delivers another audio format than the documented one."


class HtmlInstead(WavError):
    """A web page or XML document arrived."""

    code = "html_instead"
    what = "A web page came instead of the recording."
    likely_cause = "The requests go to a wrong host, or a gateway answered instead of PolyAI."
    fix = _HOST


class JsonInstead(WavError):
    """A JSON document arrived."""

    code = "json_instead"
    what = "A message in JSON came instead of the recording."
    likely_cause = "PolyAI or a gateway reported a failure as if it were a success."
    fix = _HOST


class EmptyBody(WavError):
    """Nothing arrived, or a header without any audio."""

    code = "empty_body"
    what = "PolyAI sent an empty recording."
    likely_cause = "The recording is not ready yet, or nothing was recorded."
    retryable = True


class BodyTruncated(WavError):
    """Less arrived than the header or the connection announced."""

    code = "body_truncated"
    what = "The recording ends before its announced length."
    likely_cause = "The connection broke off, or the call was still being recorded."
    retryable = True


class DamagedHeader(WavError):
    """It is RIFF/WAVE, and its header contradicts itself or never reaches the audio."""

    code = "damaged_header"
    what = "The recording's header is damaged."
    likely_cause = "The file was written wrongly or changed on its way."


class TooLarge(WavError):
    """The recording exceeds the configured limit; nothing of it is posted."""

    code = "too_large"
    what = "The recording is larger than callaudio may fetch."
    likely_cause = "It is a very long call."
    fix = "Ask for one side, `user` or `agent`, or ask to raise `CALLAUDIO_MAX_RECORDING_MB`."
