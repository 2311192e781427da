"""The waveform: computed during the transfer, drawn after it."""
