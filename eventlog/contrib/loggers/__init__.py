"""Python's ``logging`` in both directions: log records become events, events become lines.

``LOGGING`` names the handler before Django loads apps, so nothing is imported here.
"""
