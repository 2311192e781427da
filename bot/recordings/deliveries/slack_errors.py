"""The answers of Slack that deliveries handle in a particular way, as errors of the port."""

from bot.errors import CallAudioError


class ConversationUnseen(CallAudioError):
    """The bot cannot see the conversation: it is private without the bot, or does not exist."""

    code = "conversation_unseen"
    what = "I cannot post there: I am not in that conversation."
    likely_cause = "It is a private channel or a group message that I have not been invited to."
    fix = (
        "Type `/invite @callaudio` in the channel and try again, or ask me in our direct messages."
    )


class ConversationArchived(CallAudioError):
    """The destination is archived."""

    code = "conversation_archived"
    what = "I cannot post there: the channel is archived."
    fix = "Choose another channel."


class ShareUnclear(CallAudioError):
    """Slack's answer to a share was lost: the file may be visible."""

    code = "share_unclear"
    what = "Slack did not say whether the recording was posted."
    likely_cause = "There is a problem at Slack, or in the network."
    fix = "Look at the thread in a few minutes before you ask again."


class FileUnseen(CallAudioError):
    """Slack does not find a file that may be there, unseen by this app."""

    code = "slack_file_unseen"
    what = "Slack does not show me that file, so I cannot tell whether it was deleted."
    likely_cause = "Another app posted it, or I am not in its conversation any more."
    fix = "Ask the callaudio operator to use the token of the app that posted it, or invite me."


class UploadGone(CallAudioError):
    """Slack has discarded the upload, and it was never visible: a new one is needed."""

    code = "upload_gone"
    what = "Slack discarded the upload before it could be posted."
    likely_cause = "It took too long between the upload and the post, or a scan refused the file."
    fix = "Try again."


class FileDeleted(UploadGone):
    """Slack says that the file was deleted, not only that it does not find it."""

    code = "file_deleted"
