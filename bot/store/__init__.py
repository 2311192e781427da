"""The SQLAlchemy store: tables and the way to a transaction."""
