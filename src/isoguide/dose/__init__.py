"""Dose of the day: so far the density that a dose calculation needs."""
