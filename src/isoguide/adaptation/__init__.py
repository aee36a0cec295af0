"""Correcting the beams instead of the patient: couch, leaves, shape, weights, a new plan."""
