"""Delivery of segments to their databases, in the background of a process."""
