"""Virtual patient and virtual scanner with known truth."""
