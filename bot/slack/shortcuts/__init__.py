"""The shortcut on messages: get the recording of a call that the message names."""
