"""The database: tables, transactions, due work and migrations."""
