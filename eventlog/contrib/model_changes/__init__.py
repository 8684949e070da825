"""Events for each change of the models that a site tracks, with old and new values.

The models of a site import this package, so it imports no models itself.
"""

from .managers import TrackedManager, TrackedQuerySet
from .registration import track, untrack

__all__ = ["TrackedManager", "TrackedQuerySet", "track", "untrack"]
