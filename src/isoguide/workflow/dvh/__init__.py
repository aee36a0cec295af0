"""Dose-volume histograms of a dose and a structure set: chart, table, goals, report."""
