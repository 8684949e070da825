"""django-request: requests with their status."""

from collections.abc import Iterable, Mapping

from django.conf import settings
from django.db import models

from ....records.user_state import ANONYMOUS
from ..event import ImportedEvent
from ..package_table import Factory, PackageTable, user_key_field
from ..problems import Problems
from ..request_facts import action_of, address_of, facts_of, request_of
from ..table import ConversionContext, Row
from ..users import without_login

DUMMY_ADDRESS = "1.1.1.1"  # that django-request stores if REQUEST_LOG_IP is False
UNAUTHORIZED = 401  # This status says that the site has examined the credentials.


class Requests(PackageTable):
    """The requests, recorded when the response was ready."""

    name = "request.Request"
    db_table = "request_request"
    timestamp = "time"
    user_column = "user_id"
    fields: Mapping[str, Factory] = {
        "time": models.DateTimeField,
        "response": models.SmallIntegerField,
        "method": models.TextField,
        "path": models.TextField,
        "is_secure": models.BooleanField,
        "is_ajax": models.BooleanField,
        "ip": models.GenericIPAddressField,
        "user_id": user_key_field,
        "referer": models.TextField,
        "user_agent": models.TextField,
        "language": models.TextField,
    }

    def events(
        self, row: Row, context: ConversionContext, problems: Problems
    ) -> Iterable[ImportedEvent]:
        request = request_of(
            row["path"],
            row["method"],
            user_agent=row["user_agent"] or "",
            referer=row["referer"] or "",
        )
        address, extra = address_of(_address(row["ip"]))
        names = ("is_secure", "is_ajax", "language")
        who = context.users.by_key(row["user_id"])
        if row["user_id"] is None:
            is_refused = row["response"] == UNAUTHORIZED
            who = without_login(ANONYMOUS) if is_refused else context.no_user
        yield ImportedEvent(
            action_of(request),
            row["time"],
            who,
            facts={**address, **facts_of(request), "status": row["response"]},
            extra={**extra, **{name: row[name] for name in names}},
            is_request=True,
        )


def _address(ip: str) -> str:
    is_dummy = not getattr(settings, "REQUEST_LOG_IP", True) and ip == getattr(
        settings, "REQUEST_IP_DUMMY", DUMMY_ADDRESS
    )
    return "" if is_dummy else ip


TABLES = (Requests,)
