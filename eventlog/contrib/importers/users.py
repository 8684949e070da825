"""The users of imported events: keys and names, looked up for many rows at once."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any, NamedTuple

from django.contrib.auth import get_user_model
from django.db import router

from ...datetimes import aware
from ...records.user_state import ANONYMOUS, KNOWN, UNKNOWN

MAX_REMEMBERED = 20_000  # users
MAX_LOOKED_UP = 500  # in one query


class Who(NamedTuple):
    """The user of an event."""

    key: int | str | None
    name: str
    state: int | None


NO_ONE = Who(None, "", None)  # The event happened without a user, such as in a command.
STATES = {"anonymous": ANONYMOUS, "unknown": UNKNOWN}


def without_login(state: int) -> Who:
    """Return the user of a request whose row names no user."""
    return Who(None, "", state)


class AccountLookup:
    """The accounts of the site that rows refer to by key or by name."""

    def __init__(self) -> None:
        self._model: Any = get_user_model()
        self._names: dict[Any, str | None] = {}  # by key; None if the account does not exist
        self._accounts: dict[str, tuple[Any, datetime | None] | None] = {}  # by name

    def forget(self) -> None:
        """Forget what was looked up, because an account may have been deleted since."""
        self._names.clear()
        self._accounts.clear()

    def load(self, keys: Iterable[Any] = (), names: Iterable[str] = ()) -> None:
        """Look up the accounts with these keys and names."""
        if len(self._names) + len(self._accounts) > MAX_REMEMBERED:
            self.forget()
        for some in _slices({*keys} - {None} - self._names.keys()):
            found = self._all().in_bulk(some)
            self._names |= {key: _name(found[key]) if key in found else None for key in some}
        field = self._model.USERNAME_FIELD
        for some in _slices({*names} - {"", None} - self._accounts.keys()):
            accounts = {
                _name(account): (account.pk, getattr(account, "date_joined", None))
                for account in self._all().filter(**{f"{field}__in": some})
            }
            self._accounts |= {name: accounts.get(name) for name in some}

    def _all(self) -> Any:
        # The site's default manager may hide accounts.
        return self._model._base_manager.using(router.db_for_read(self._model))

    def is_deleted(self, key: Any) -> bool:
        """Return whether no account has the key. It must have been passed to ``load()``."""
        return key is not None and self._names.get(key) is None

    def by_key(self, key: Any, name: str = "") -> Who:
        """Return the user with this key, under the ``name`` of that time if it is known.

        A deleted account keeps its name, or else its key as text.
        """
        if key is None:
            return Who(None, name, KNOWN) if name else NO_ONE
        current = self._names.get(key)
        if current is None:
            return Who(None, name or f"user {key}", KNOWN)
        return Who(key if isinstance(key, int) else str(key), name or current, KNOWN)

    def by_name(self, name: str, moment: datetime) -> Who:
        """Return the user who had this name at ``moment``.

        An account that was created later is another person, who took over the name.
        """
        if not name:
            return NO_ONE
        key, joined = self._accounts.get(name) or (None, None)
        if key is None or (joined is not None and aware(joined) > aware(moment)):
            return Who(None, name, KNOWN)
        return Who(key if isinstance(key, int) else str(key), name, KNOWN)


def _name(account: Any) -> str:
    return str(getattr(account, "get_username", account.__str__)() or "")


def _slices(values: Iterable[Any]) -> Iterable[list[Any]]:
    every = list(values)
    for start in range(0, len(every), MAX_LOOKED_UP):
        yield every[start : start + MAX_LOOKED_UP]
