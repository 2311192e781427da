"""What one person looks up at once: calls, a preview, an explanation, a waveform."""
