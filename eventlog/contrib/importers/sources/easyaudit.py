"""django-easy-audit: requests, sign-ins, and changes of models."""

import re
from collections.abc import Iterable, Mapping, Sequence

from django.db import models

from ...sign_ins.tried_names import masked_name
from ..actions import sign_in_action
from ..event import ImportedEvent
from ..package_table import Factory, PackageTable, user_key_field
from ..problems import Problems, SkipRow
from ..request_facts import action_of, address_of, facts_of, request_of
from ..table import ConversionContext, Row, SourceTable
from ..users import NO_ONE
from .easyaudit_crud import CrudEvents

LOGIN, LOGOUT, FAILED = range(3)
SIGN_INS = {LOGIN: "logged_in", LOGOUT: "logged_out", FAILED: "login_failed"}

# Under ASGI, django-easy-audit stores the bytes of the query string as Python writes them.
_BYTES = re.compile(r"b(['\"])(.*)\1", re.DOTALL)


class RequestEvents(PackageTable):
    """Requests, recorded when they arrived, so without a status."""

    name = "easyaudit.RequestEvent"
    db_table = "easyaudit_requestevent"
    timestamp = "datetime"
    user_column = "user_id"
    fields: Mapping[str, Factory] = {
        "datetime": models.DateTimeField,
        "url": models.TextField,
        "method": models.TextField,
        "query_string": models.TextField,
        "user_id": user_key_field,
        "remote_ip": models.TextField,
    }

    def events(
        self, row: Row, context: ConversionContext, problems: Problems
    ) -> Iterable[ImportedEvent]:
        as_bytes = _BYTES.fullmatch(row["query_string"] or "")
        query = as_bytes[2] if as_bytes else row["query_string"] or ""
        request = request_of(row["url"], row["method"], query=query)
        address, extra = address_of(row["remote_ip"])
        has_user = row["user_id"] is not None
        yield ImportedEvent(
            action_of(request),
            row["datetime"],
            context.users.by_key(row["user_id"]) if has_user else context.no_user,
            facts={**address, **facts_of(request)},
            extra=extra,
            is_request=True,
        )


class LoginEvents(PackageTable):
    """Logins, logouts and failed logins."""

    name = "easyaudit.LoginEvent"
    db_table = "easyaudit_loginevent"
    timestamp = "datetime"
    user_column = "user_id"
    fields: Mapping[str, Factory] = {
        "datetime": models.DateTimeField,
        "login_type": models.SmallIntegerField,
        "username": models.TextField,
        "user_id": user_key_field,
        "remote_ip": models.TextField,
    }

    def events(
        self, row: Row, context: ConversionContext, problems: Problems
    ) -> Iterable[ImportedEvent]:
        key = SIGN_INS.get(row["login_type"])
        if key is None:
            raise SkipRow(f"login_type is {row['login_type']}, which is not known")
        facts, extra = address_of(row["remote_ip"])
        who, username = NO_ONE, row["username"] or ""
        if row["login_type"] != FAILED:
            who = context.users.by_key(row["user_id"], username)
        elif username:
            extra = {**extra, "username": masked_name(username)}
        yield ImportedEvent(sign_in_action(key), row["datetime"], who, facts=facts, extra=extra)


TABLES: Sequence[type[SourceTable]] = (RequestEvents, LoginEvents, CrudEvents)
