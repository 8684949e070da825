"""Counts of events by hour, for the overview."""
