"""How long events are kept, and what is removed from them: ``EVENTLOG["RETENTION"]``."""
