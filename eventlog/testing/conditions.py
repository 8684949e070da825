"""The conditions that an assertion states about an event."""

from collections.abc import Callable, Mapping
from fnmatch import fnmatchcase
from typing import Any

from django.db.models import Model
from django.utils.functional import Promise

from ..backends.capture import CapturedEvent
from ..models.event import Log
from ..records.arguments import checked_action, object_key, object_parts, user_key_and_name
from .documents import DOCUMENTS, Difference

ROLLED_BACK = "rolled back"
_INTERNAL = frozenset(("id", "action", "content_type", "own_keys", "uid"))  # in no message

Condition = Callable[[CapturedEvent], bool]


class Conditions:
    """An action and other conditions, each under the name of its argument."""

    def __init__(self, action: str | Promise, conditions: Mapping[str, Any]) -> None:
        """Raise ``TypeError`` for an unknown condition."""
        self.action = checked_action(action)
        self._values = conditions
        self._documents = {
            name: DOCUMENTS[name].as_stored(value)
            for name, value in conditions.items()
            if name in DOCUMENTS
        }
        self._tests: dict[str, Condition] = {
            "action": lambda event: _is_action(self.action, event.record.action),
            **{
                name: _condition(name, value)
                for name, value in conditions.items()
                if name not in DOCUMENTS
            },
        }

    def unmet(self, event: CapturedEvent) -> list[str]:
        """Return the names of the conditions that the event does not meet."""
        unmet = [name for name, is_met in self._tests.items() if not is_met(event)]
        unmet += [name for name, found in self.differences(event).items() if found]
        return [*unmet, ROLLED_BACK] if event.is_rolled_back else unmet

    def differences(self, event: CapturedEvent) -> dict[str, list[Difference]]:
        """Return what differs in ``extra`` and the changes, by the name of the condition."""
        return {
            name: [*DOCUMENTS[name].differences(event, value)]
            for name, value in self._documents.items()
        }

    @property
    def advice(self) -> str:
        """A hint how to expect an object that was deleted; empty for other objects."""
        obj = self._values.get("obj")
        if not isinstance(obj, Model) or object_key(obj) is not None:
            return ""
        return (
            "The expected object was deleted and no longer has a key, so it was compared by its "
            f"name, which is now {object_parts(obj)[2]!r:.100}. If the name differs from the "
            "logged name, save the key before you delete the object, and expect "
            "object_id=str(key).\n"
        )

    def __str__(self) -> str:
        stated = [f"{name}={_shown(value)}" for name, value in self._values.items()]
        return f"{self.action} with {', '.join(stated)}" if stated else self.action


def _shown(value: Any) -> str:
    if not isinstance(value, Model):
        return repr(value)
    return f"{value} (deleted, so found by its name)" if object_key(value) is None else str(value)


def _is_action(pattern: str, action: str) -> bool:
    # Without a wildcard, brackets and question marks are characters like any others.
    return fnmatchcase(action, pattern) if "*" in pattern else action == pattern


def _condition(name: str, value: Any) -> Condition:
    if name in _MAKERS:
        return _MAKERS[name](value)
    fields = [field.name for field in Log._meta.concrete_fields]
    if name not in fields:
        others = sorted({*fields} - {*_MAKERS, *DOCUMENTS} - _INTERNAL)
        known = ", ".join([*_MAKERS, *DOCUMENTS, "count", *others])
        raise TypeError(f"Unknown condition {name!r}. Use one of: {known}.")
    return lambda event: bool(getattr(event.row, name) == value)


def _user(value: Any) -> Condition:
    if isinstance(value, str):
        return lambda event: event.record.user_repr == value
    key, name = user_key_and_name(value)

    def is_user(event: CapturedEvent) -> bool:
        record = event.record
        if key is None and name:  # deleted, maybe after the event
            return record.user_repr == name
        return (record.user_id, record.user_repr if key is None else name) == (key, name)

    return is_user


def _obj(value: Any) -> Condition:
    if isinstance(value, type) and issubclass(value, Model):
        label = (value._meta.concrete_model or value)._meta.label_lower
        return lambda event: event.record.model == label
    model, key, name = object_parts(value)

    def is_object(event: CapturedEvent) -> bool:
        record = event.record
        if key is None:  # deleted, maybe after the event
            return (record.model, record.object_repr) == (model, name)
        return (record.model, record.object_id) == (model, key)

    return is_object


_MAKERS: dict[str, Callable[[Any], Condition]] = {"user": _user, "obj": _obj}
