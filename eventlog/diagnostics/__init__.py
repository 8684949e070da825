"""Diagnostics: checks of a running site, and the inventory of what it records."""
