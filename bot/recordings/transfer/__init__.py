"""The transfer of a recording from PolyAI to Slack, in bounded memory."""
