"""One event as targets and their searches see it."""

from collections.abc import Mapping
from datetime import UTC, datetime
from functools import cached_property
from typing import Any
from uuid import NAMESPACE_OID, UUID, uuid5

from ...conf import FIELDS
from ...datetimes import to_utc
from ...records.record import Record


class Event:
    """An event of a segment. Its values are parsed on first use."""

    def __init__(self, line: str) -> None:
        """Parse a line of a segment. Raise ``ValueError`` for other text."""
        self.line = line
        self.record = Record.from_json(line)

    @property
    def id(self) -> str:
        """The id of the event: the same each time it is sent, and in the database."""
        uid = self.record.uid
        # A line never changes, so an event without a UUID has the same id each time.
        return str(UUID(uid) if uid else uuid5(NAMESPACE_OID, self.line))

    @property
    def moment(self) -> datetime:
        """The time of the event in UTC."""
        try:
            return to_utc(self.record.timestamp)
        except OverflowError:  # the first or last day that a datetime can have
            return self.record.timestamp.replace(tzinfo=UTC)

    @cached_property
    def extra(self) -> Any:
        """The value of ``extra``."""
        return self.record.extra_value()

    @cached_property
    def facts(self) -> Mapping[str, Any]:
        """The fields of the request, without values that the application chose."""
        if not isinstance(self.extra, dict):
            return {}
        own = self.record.own_keys
        return {
            name: self.extra[name]
            for name in FIELDS
            if self.extra.get(name) is not None and f",{name}," not in own
        }

    @cached_property
    def data(self) -> Any:
        """The values that the application chose."""
        if not isinstance(self.extra, dict):
            return self.extra
        return {name: value for name, value in self.extra.items() if name not in self.facts}

    @property
    def summary(self) -> str:
        """One line of text: who did what, to which object."""
        record = self.record
        return " ".join(filter(None, (record.user_repr, record.action, record.object_repr)))
