"""The stand-in workspace as a page on loopback, with what goes on behind it beside it."""
