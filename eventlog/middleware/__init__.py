"""The middleware that records requests, and its rules."""

from .request import EventLogMiddleware

__all__ = ["EventLogMiddleware"]
