"""Deformable registration: how the tissue has moved within the patient, after the rigid match."""
