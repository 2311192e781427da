"""The stand-in workspace as a web page on loopback, beside the requests and audit behind it."""
