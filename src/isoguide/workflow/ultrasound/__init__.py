"""Ultrasound: tracked sweeps to volumes, probes calibrated."""
