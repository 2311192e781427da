"""The waveform: computed while the audio streams by, drawn once it is over."""
