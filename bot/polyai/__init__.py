"""PolyAI at the edge: its client, its payloads and its errors in our words."""
