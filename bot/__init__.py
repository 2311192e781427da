"""callaudio: PolyAI call recordings in Slack, raw only where every listener may hear raw."""
