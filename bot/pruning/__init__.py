"""Forgets what ended long ago, in a way that the audit can prove."""
