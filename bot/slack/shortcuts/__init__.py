"""The shortcut on messages: get the recording of the call a message speaks of."""
