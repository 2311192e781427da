"""The delivery of a recording: request, decision, relay, share, take-back."""
