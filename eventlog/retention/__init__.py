"""Deletion and anonymizing of old events by rules: ``EVENTLOG["RETENTION"]``."""
