"""Expected JSON values: ``extra`` and changes, in whole or in part."""

import json
from collections.abc import Callable, Iterator
from operator import eq
from typing import Any, NamedTuple

from ..backends.capture import CapturedEvent
from ..changes import checked_changes
from ..records.encoding import encode
from ..records.plain import plain_value

MISSING = object()
"""Stands for the value of a key that is not there."""

Difference = tuple[str, Any, Any]  # place, expected value, logged value


class ExpectedDocument(NamedTuple):
    """One kind of expected JSON value."""

    place: str
    as_stored: Callable[[Any], Any]
    logged: Callable[[CapturedEvent], Any]
    is_part: bool  # whether the logged value may have further keys
    is_met: Callable[[Any, Any], bool]  # by a logged and an expected value without keys

    def differences(self, event: CapturedEvent, expected: Any) -> Iterator[Difference]:
        """Yield what differs between the event and the expected value as it is stored."""
        return self._differences(self.place, expected, self.logged(event))

    def _differences(self, place: str, expected: Any, logged: Any) -> Iterator[Difference]:
        if not (isinstance(expected, dict) and isinstance(logged, dict)):
            if not self.is_met(logged, expected):
                yield place, expected, logged
            return
        for key in expected if self.is_part else {**expected, **logged}:
            pair = expected.get(key, MISSING), logged.get(key, MISSING)
            yield from self._differences(f"{place}.{key}", *pair)


def own_extra(event: CapturedEvent) -> Any:
    """Return ``extra`` without the facts of the request."""
    extra, facts = event.row.extra, event.row.facts
    if not isinstance(extra, dict):
        return extra
    return {key: value for key, value in extra.items() if key not in facts}


def _as_stored(value: Any) -> Any:
    """Return ``value`` after its way through JSON, where a Decimal is text, for example."""
    return json.loads(encode(value))


def _changes_as_stored(value: Any) -> dict[str, list[Any]]:
    """Return expected changes as plain JSON; raise ``TypeError`` if they have another form."""
    checked_changes(value)
    return {name: [plain_value(old), plain_value(new)] for name, (old, new) in value.items()}


def _contains(value: Any, part: Any) -> bool:
    """Return whether ``part`` is in ``value``, at any depth, as in a lookup of a JSONField."""
    if isinstance(part, dict):
        return isinstance(value, dict) and all(
            key in value and _contains(value[key], each) for key, each in part.items()
        )
    if isinstance(part, list):
        return isinstance(value, list) and all(
            any(_contains(item, each) for item in value) for each in part
        )
    return bool(value == part)


def _extra(event: CapturedEvent) -> Any:
    return event.row.extra


def _changes(event: CapturedEvent) -> Any:
    return event.row.changes


DOCUMENTS = {
    "extra": ExpectedDocument("extra", _as_stored, own_extra, False, eq),
    "extra__contains": ExpectedDocument("extra", _as_stored, _extra, True, _contains),
    "changes": ExpectedDocument("changes", _changes_as_stored, _changes, False, eq),
    "changes__contains": ExpectedDocument("changes", _changes_as_stored, _changes, True, eq),
}
"""Each kind under the name of its condition."""
