"""The anatomy of the day: how target and organs moved and changed, and whether to believe it."""
