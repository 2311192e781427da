"""References to conversations: reading what people type, and the agent each one means."""
