"""A department's day: courses, fractions and their records, each step one call."""
