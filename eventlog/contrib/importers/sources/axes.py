"""django-axes: logins, logouts, failed logins and lockouts.

Attempts (``axes.AccessAttempt``) are not a log: django-axes changes and deletes them.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from django.db import models

from ...sign_ins.tried_names import masked_name
from ..actions import sign_in_action
from ..event import ImportedEvent
from ..package_table import Factory, PackageTable
from ..problems import Problems
from ..request_facts import address_of, facts_of, request_of
from ..table import ConversionContext, Row

UNKNOWN = "<unknown>"  # stands for a missing header

_FIELDS: Mapping[str, Factory] = {
    "attempt_time": models.DateTimeField,
    "username": models.TextField,
    "ip_address": models.GenericIPAddressField,
    "user_agent": models.TextField,
    "http_accept": models.TextField,
    "path_info": models.TextField,
}


class _AxesTable(PackageTable):
    timestamp = "attempt_time"

    def values(self, row: Row) -> tuple[Mapping[str, Any], dict[str, Any]]:
        """Return the facts of the request, and the values for ``extra``."""
        known = {
            name: "" if row[name] in (None, UNKNOWN) else row[name]
            for name in ("path_info", "user_agent", "http_accept")
        }
        request = request_of(known["path_info"], user_agent=known["user_agent"])
        address, extra = address_of(row["ip_address"])
        return {**address, **facts_of(request)}, {**extra, "http_accept": known["http_accept"]}


class AccessLogs(_AxesTable):
    """Logins. The logout is a second event, without the facts of its own request."""

    name = "axes.AccessLog"
    db_table = "axes_accesslog"
    # Without session_hash, because no event contains a session.
    fields: Mapping[str, Factory] = {**_FIELDS, "logout_time": models.DateTimeField}

    def prepare(self, rows: Sequence[Row], context: ConversionContext) -> None:
        context.users.load(names=(row["username"] or "" for row in rows))

    def events(
        self, row: Row, context: ConversionContext, problems: Problems
    ) -> Iterable[ImportedEvent]:
        facts, extra = self.values(row)
        who = context.users.by_name(row["username"] or "", row["attempt_time"])
        yield ImportedEvent(
            sign_in_action("logged_in"), row["attempt_time"], who, facts=facts, extra=extra
        )
        if row["logout_time"] is not None:
            action = sign_in_action("logged_out")
            yield ImportedEvent(action, row["logout_time"], who, part="logout")


class FailureLogs(_AxesTable):
    """Failed logins and lockouts, which the table has with ``AXES_ENABLE_ACCESS_FAILURE_LOG``."""

    name = "axes.AccessFailureLog"
    db_table = "axes_accessfailurelog"
    fields: Mapping[str, Factory] = {**_FIELDS, "locked_out": models.BooleanField}

    def events(
        self, row: Row, context: ConversionContext, problems: Problems
    ) -> Iterable[ImportedEvent]:
        facts, extra = self.values(row)
        if row["username"]:
            extra["username"] = masked_name(row["username"])
        key = "locked_out" if row["locked_out"] else "login_failed"
        yield ImportedEvent(sign_in_action(key), row["attempt_time"], facts=facts, extra=extra)


TABLES = (AccessLogs, FailureLogs)
