"""One event as plain values, checked at the call that logs it."""

import json
from collections.abc import Mapping
from datetime import datetime
from functools import cache
from typing import Any, NamedTuple

from django.db.models import Model
from django.utils.functional import Promise

from ..conf import FIELDS, conf
from .arguments import (
    checked_action,
    checked_datetime,
    encode_extra,
    object_parts,
    user_key_and_name,
)
from .columns import EVENT_KEY, EXTRA_KEY, Columns
from .uid import new_uid
from .user_state import state_of

NO_FACTS: Mapping[str, Any] = {}

_quoted = json.encoder.encode_basestring_ascii
_BOOL_JSON = ("false", "true")
_NULL, _EMPTY = "null", '""'


class Record(NamedTuple):
    """The event that a backend receives: immutable, and already encoded."""

    action: str  # name of what happened
    timestamp: datetime  # time of the event, aware
    user_id: int | str | None = None  # primary key of the user
    user_repr: str = ""  # name of the user at the time of the event
    user_state: int | None = None  # 1 known, 2 anonymous, 3 not known; None without a user
    model: str | None = None  # model of the object, as "app_label.modelname"
    object_id: int | str | None = None  # primary key of the object, as text unless it is a number
    object_repr: str = ""  # name of the object at the time of the event
    is_request: bool = False  # True for a request event
    ip: str | None = None  # address of the client; None if the application has set "ip" in extra
    status: int | None = None  # status of the response, for a request event
    own_keys: str = ""  # names of facts under which the application has set values: ",path,view,"
    uid: str = ""  # UUID of the event; empty only in records that other code made
    is_announced: bool = True  # whether event_logged is sent for the event
    extra: str = "{}"  # a JSON document

    @classmethod
    def build(
        cls,
        user: Any,
        action: str | Promise,
        extra: Any = None,
        obj: Model | None = None,
        dateof: datetime | None = None,
        facts: Mapping[str, Any] = NO_FACTS,
    ) -> "Record":
        """Make a record of the arguments of ``log()``.

        ``facts`` of the request are added to ``extra``, whose own keys take precedence. If an
        argument is not valid, raise ``TypeError`` or ``ValueError`` with its name.
        """
        user_id, user_repr = user_key_and_name(user)
        model, object_id, object_repr = object_parts(obj)
        own = extra if isinstance(extra, dict) else {}
        return cls(
            action=checked_action(action),
            timestamp=datetime.now(conf.time_zone) if dateof is None else checked_datetime(dateof),
            user_id=user_id,
            user_repr=user_repr,
            user_state=state_of(user, user_repr),
            model=model,
            object_id=object_id,
            object_repr=object_repr,
            ip=None if "ip" in own else facts.get("ip"),
            own_keys=own_keys(own),
            uid=new_uid(),
            extra=encode_extra({} if extra is None else extra, facts),
        )

    def with_user(self, key: int | str | None, name: str) -> "Record":
        """Return a copy with another user. For an anonymous user, ``name`` is empty."""
        return self._replace(user_id=key, user_repr=name, user_state=state_of(name, name))

    def extra_value(self) -> Any:
        """Return a copy of ``extra`` as Python values, as the database would return it."""
        return json.loads(self.extra)

    def to_json(self) -> str:
        """Return one line of JSON, which ``from_json()`` reads. ``extra`` comes last and unchanged.

        The line lists values without names. Names would take a quarter of the spool, and half of
        the time to read it.
        """
        # Spelt out, because each event is encoded, and a JSON encoder takes longer.
        (
            action,
            timestamp,
            user,
            user_repr,
            state,
            model,
            object_id,
            object_repr,
            is_request,
            ip,
            status,
            own,
            uid,
            is_announced,
            extra,
        ) = self
        return (
            f'{EVENT_KEY}[{_quoted(action)},"{timestamp.isoformat()}",'
            f"{_NULL if user is None else _key_json(user)},"
            f"{_quoted(user_repr) if user_repr else _EMPTY},"
            f"{_NULL if state is None else state},"
            f"{_NULL if model is None else _quoted(model)},"
            f"{_NULL if object_id is None else _key_json(object_id)},"
            f"{_quoted(object_repr) if object_repr else _EMPTY},"
            f"{_BOOL_JSON[is_request]},{_NULL if ip is None else _quoted(ip)},"
            f'{_NULL if status is None else status},"{own}","{uid}",'
            f"{_BOOL_JSON[is_announced]}]{EXTRA_KEY}{extra}}}"
        )

    @classmethod
    def from_json(cls, line: str) -> "Record":
        """Return the record that ``to_json()`` encoded. Raise ``ValueError`` for other text."""
        (row,) = Columns.from_json_lines([line]).rows()
        return cls._make(row)


def own_keys(extra: Mapping[str, Any]) -> str:
    """Return the names in ``extra`` that belong to request facts, as ``,path,view,``.

    The application chose these values, so searches and statistics must not take them for facts.
    """
    names = _fact_names().intersection(extra) if extra else ()
    return f",{','.join(sorted(names))}," if names else ""


@cache
def _fact_names() -> frozenset[str]:
    return frozenset(FIELDS)


def _key_json(key: int | str) -> str:
    return _quoted(key) if isinstance(key, str) else str(key)
