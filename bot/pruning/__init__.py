"""Removes deliveries that ended long ago; audit events record which."""
