from .request import EventLogMiddleware

__all__ = ["EventLogMiddleware"]
