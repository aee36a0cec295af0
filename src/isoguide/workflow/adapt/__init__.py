"""Correcting the beams for the anatomy of the day: the ladder, its report, its document, its files."""
