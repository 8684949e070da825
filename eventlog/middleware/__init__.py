"""The middleware that records requests, and its rules."""

from .event_log_middleware import EventLogMiddleware

__all__ = ["EventLogMiddleware"]
