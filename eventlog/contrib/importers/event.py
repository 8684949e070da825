"""One row of another package as the values of an event, and the record that is made of them."""

from collections.abc import Mapping
from datetime import UTC, datetime
from functools import cache
from hashlib import blake2b
from typing import Any, NamedTuple

from django.apps import apps
from django.conf import settings

from ...changes import KEY as CHANGES
from ...changes import Changes
from ...conf import conf
from ...datetimes import aware
from ...metadata import only_enabled
from ...records.arguments import MAX_TEXT_LENGTH, checked_action, checked_datetime
from ...records.encoding import NESTING_ERROR, encode, encode_within
from ...records.record import Record, own_keys
from ...records.redaction import redact
from ...text import sanitize
from .problems import Problems
from .users import NO_ONE, Who

IMPORTED = "imported"  # the key of ``extra`` that names the row an event was imported from
MAX_STATUS = 1 << 15  # of the column
TOO_LARGE = "the largest values were left out, because extra exceeds MAX_EXTRA_BYTES"
TOO_DEEP = "a document that is nested too deeply was kept as text"

_MAX_HIGH_BITS, _MAX_LOW_BITS = (1 << 12) - 1, (1 << 62) - 1


class Origin(NamedTuple):
    """The row that an event comes from."""

    table: str  # such as "easyaudit.RequestEvent"
    key: Any  # the primary key of the row


class ImportedObject(NamedTuple):
    """The object of an event."""

    model: str | None = None  # as "app_label.modelname"
    key: int | str | None = None
    name: str = ""


NO_OBJECT = ImportedObject()


class ImportedEvent(NamedTuple):
    """The values of an event. ``extra`` is masked later, ``facts`` and ``changes`` are masked."""

    action: str
    timestamp: datetime
    who: Who = NO_ONE
    obj: ImportedObject = NO_OBJECT
    facts: Mapping[str, Any] = {}
    extra: Mapping[str, Any] = {}
    changes: Changes | None = None
    is_request: bool = False
    part: str = ""  # tells the events of one row apart


def record_of(event: ImportedEvent, origin: Origin, problems: Problems) -> Record:
    """Return the record of an event. Raise ``ValueError`` for a value that no event can have."""
    facts = only_enabled({**event.facts})
    own = {name: value for name, value in event.extra.items() if value is not None and value != ""}
    own = _masked(own, origin, problems)
    if event.obj.model is not None and _is_removed(event.obj.model):
        own["model"] = event.obj.model  # because the event cannot have a content type
    if event.changes:
        own[CHANGES] = event.changes
    own[IMPORTED] = {"from": origin.table, "pk": _plain_key(origin.key)}
    extra = encode({**facts, **own})
    if len(extra) > conf.max_extra_bytes:
        extra = encode_within({**facts, **own}, conf.max_extra_bytes)
        problems.note(TOO_LARGE, origin.key)
    timestamp = _in_utc(checked_datetime(event.timestamp))
    status = facts.get("status")
    key = event.obj.key
    return Record(
        checked_action(event.action[:MAX_TEXT_LENGTH]),
        timestamp,
        event.who.key,
        sanitize(event.who.name, MAX_TEXT_LENGTH),
        event.who.state,
        event.obj.model,
        sanitize(key, MAX_TEXT_LENGTH) if isinstance(key, str) else key,
        sanitize(event.obj.name, MAX_TEXT_LENGTH),
        is_request=event.is_request,
        ip=facts.get("ip"),
        status=status if status is not None and 0 <= status < MAX_STATUS else None,
        own_keys=own_keys(own),
        uid=uid_of(origin, event.part, timestamp),
        is_announced=False,
        extra=extra,
    )


def uid_of(origin: Origin, part: str, timestamp: datetime) -> str:
    """Return a UUID of version 8 (RFC 9562), the same at each import of the row.

    Like the UUIDs of other events, it begins with the time in milliseconds.
    """
    text = "\n".join((origin.table, str(origin.key), part))
    bits = int.from_bytes(blake2b(text.encode(), digest_size=16).digest())
    milliseconds = max(0, int(aware(timestamp).timestamp() * 1000))
    high, low = bits >> 116 & _MAX_HIGH_BITS, bits & _MAX_LOW_BITS
    # The last bit of the byte is always set, because MariaDB refuses version 8 with the byte 80.
    # Checked with MariaDB 10.11; see sql_type_uuid.h, which stores other versions in another order.
    byte = 0x81 << 56
    return f"{milliseconds << 80 | 8 << 76 | high << 64 | byte | low:032x}"


@cache
def _is_removed(model: str) -> bool:
    try:
        apps.get_model(model)
    except LookupError:
        return True
    return False


def _plain_key(key: Any) -> int | str:
    return key if isinstance(key, int) else str(key)


def _in_utc(moment: datetime) -> datetime:
    return moment.astimezone(UTC) if settings.USE_TZ else moment


def _masked(own: Mapping[str, Any], origin: Origin, problems: Problems) -> dict[str, Any]:
    """Return ``own`` with its secrets masked, and as JSON has it."""
    try:
        masked: dict[str, Any] = redact(own)
    except ValueError as error:
        if str(error) != NESTING_ERROR:
            raise
        problems.note(TOO_DEEP, origin.key)
        masked = redact({name: _as_text(value) for name, value in own.items()})
    return masked


def _as_text(value: Any) -> Any:
    return encode(value) if isinstance(value, dict | list) else value
