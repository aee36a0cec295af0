"""The quality figures of a displacement field, each beside its limit."""
