"""Sign-ins as events: logins, failures, passwords and permissions.

The settings may import this module, so nothing here reaches the models.
"""

from .actions import OWASP

__all__ = ["OWASP"]
