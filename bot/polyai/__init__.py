"""PolyAI's API: client, payloads, and errors worded for people."""
