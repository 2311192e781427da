"""Evidence packs: the audit events of a conversation or a period."""
