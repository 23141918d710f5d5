"""Warm kernels, behind a door of their own."""
