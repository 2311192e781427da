"""WAV audio in memory: headers, samples, and spans of silence."""
