"""The anatomy of the day: how target and organs moved and changed their size and shape, and whether to believe it."""
