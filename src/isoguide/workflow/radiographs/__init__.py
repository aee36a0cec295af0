"""Radiographs as input: what a user writes about them, read and checked."""
