"""The interface of targets."""

from abc import ABC, abstractmethod
from collections.abc import Sequence

from ...backends import options
from .event import Event


class Refused(Exception):  # noqa: N818 (the name of a state)
    """The target understood the events and will never accept one of them.

    The batch is sent again in halves until the refused events are found, which become dead letters.
    """


class PartlyRefused(Refused):
    """The target accepted some of the events, does not say which, and must not get them again.

    All of them become dead letters, which an operator can send again.
    """


class Unavailable(Exception):  # noqa: N818 (the name of a state)
    """The target does not accept events now. ``retry_after``: seconds that it asks to wait."""

    def __init__(self, message: str, retry_after: float = 0.0) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class Target(ABC):
    """Another system. Its options are the keyword arguments of ``__init__``."""

    @abstractmethod
    def send(self, events: Sequence[Event]) -> str:
        """Send the events, and return the answer once the target has accepted all of them.

        Raise ``Refused`` if the target will never accept one of the events. After another error,
        the same events are sent again later.
        """

    def close(self) -> None:  # noqa: B027 (most targets keep nothing open)
        """Close connections, because the process ends or the settings have changed."""


def is_seconds(value: object) -> bool:
    """Return whether an option is a number of seconds above 0 that a thread can wait."""
    return options.is_seconds(value) and value != 0


def checked_timeout(timeout: float) -> float:
    """Return the option ``timeout``. Raise ``ValueError`` if it is not valid."""
    if not is_seconds(timeout):
        raise ValueError(f"timeout is {timeout!r}; give a number of seconds above 0")
    return timeout
