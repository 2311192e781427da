"""The log, the metrics, and whether outside services answer."""
