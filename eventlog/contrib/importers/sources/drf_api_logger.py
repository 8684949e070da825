"""DRF-API-Logger: requests of an API with headers and bodies."""

from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import unquote, urlsplit

from django.db import models

from ....records.user_state import ANONYMOUS
from ..event import ImportedEvent
from ..package_table import Factory, PackageTable
from ..problems import Problems
from ..request_facts import action_of, address_of, facts_of, request_of
from ..stored_values import parsed_document
from ..table import ConversionContext, Row
from ..users import Who, without_login

UNAUTHORIZED = 401  # This status says that the site has examined the credentials.
NEVER_STORED = ("AUTHORIZATION", "COOKIE", "PROXY_AUTHORIZATION", "SET_COOKIE")
FACTS = ("USER_AGENT", "REFERER", "HOST")  # headers that are facts


class ApiLogs(PackageTable):
    """The requests, recorded when the response was ready. They have no user."""

    name = "drf_api_logger.APILogsModel"
    db_table = "drf_api_logs"
    timestamp = "added_on"
    fields: Mapping[str, Factory] = {
        "added_on": models.DateTimeField,
        "api": models.TextField,
        "headers": models.TextField,
        "body": models.TextField,
        "method": models.TextField,
        "client_ip_address": models.TextField,
        "response": models.TextField,
        "status_code": models.PositiveSmallIntegerField,
        "execution_time": lambda: models.DecimalField(max_digits=8, decimal_places=5),
        "profiling_data": models.TextField,
        "sql_query_count": models.PositiveIntegerField,
    }

    def events(
        self, row: Row, context: ConversionContext, problems: Problems
    ) -> Iterable[ImportedEvent]:
        found = parsed_document(row["headers"])
        headers = (
            {str(name).upper().replace("-", "_"): value for name, value in found.items()}
            if isinstance(found, dict)
            else {}
        )
        url = _split(row["api"])
        request = request_of(
            unquote(url.path),
            row["method"],
            query=url.query,
            user_agent=str(headers.get("USER_AGENT") or ""),
            referer=str(headers.get("REFERER") or ""),
            host=url.netloc or str(headers.get("HOST") or ""),
        )
        address, extra = address_of(row["client_ip_address"])
        outcome = {
            "status": row["status_code"],
            "duration_ms": round(float(row["execution_time"]) * 1000, 2),
        }
        yield ImportedEvent(
            action_of(request),
            row["added_on"],
            _who(row, headers, context),
            facts={**address, **facts_of(request), **outcome},
            extra={**extra, **_extra(row, headers, context)},
            is_request=True,
        )


def _split(api: str) -> Any:
    try:
        return urlsplit(api)
    except ValueError:  # such as an invalid IPv6 address in place of the host
        return urlsplit("")._replace(path=api)


def _who(row: Row, headers: Mapping[str, Any], context: ConversionContext) -> Who:
    """Return the state of the user, by the rule of the middleware."""
    has_credentials = not headers or "AUTHORIZATION" in headers or "COOKIE" in headers
    if row["status_code"] == UNAUTHORIZED or not has_credentials:
        return without_login(ANONYMOUS)
    return context.no_user


def _extra(row: Row, headers: Mapping[str, Any], context: ConversionContext) -> dict[str, Any]:
    extra: dict[str, Any] = {
        "headers": {
            name: value
            for name, value in headers.items()
            if name not in NEVER_STORED and name not in FACTS
        }
        or None,
        "profiling_data": parsed_document(row.get("profiling_data")),
        "sql_query_count": row.get("sql_query_count"),
    }
    if context.bodies:
        extra |= {
            "body": parsed_document(row["body"]),
            "response": parsed_document(row["response"]),
        }
    return extra


TABLES = (ApiLogs,)
