"""Brings a database to what the configuration says: reads, plans, applies, removes."""
