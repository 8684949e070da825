"""Inserting records as rows: one at a time, or a batch exactly once."""
