"""Ids that join the events of a request to each other and to the records of other systems.

Anyone can send these headers, so ids are taken from trusted proxies only.
"""

import re
from collections.abc import Mapping, Sequence
from os import urandom
from typing import Any

from django.http import HttpRequest

from ..conf import conf, once_per_settings
from .client_ip import is_from_trusted_proxy, meta_keys

Facts = Mapping[str, Any]

MAX_REQUEST_ID_LENGTH = 128
TRACE_ID_LENGTH, SPAN_ID_LENGTH = 32, 16  # hexadecimal digits

_REQUEST_ID = re.compile(rf"[\w.:;/+=@-]{{1,{MAX_REQUEST_ID_LENGTH}}}", re.ASCII)
# https://www.w3.org/TR/trace-context/#versioning-of-traceparent: version 00 has 55 characters,
# higher versions may append fields, and ff is not a version.
_TRACEPARENT = re.compile(
    r"(?!ff|00.{54})[0-9a-f]{2}"
    rf"-(?!0{{{TRACE_ID_LENGTH}}})([0-9a-f]{{{TRACE_ID_LENGTH}}})"
    rf"-(?!0{{{SPAN_ID_LENGTH}}})([0-9a-f]{{{SPAN_ID_LENGTH}}})"
    r"-[0-9a-f]{2}(?:-|\Z)"
)


@once_per_settings
def _id_keys() -> Sequence[str]:
    return meta_keys(conf.request_id_headers)


def correlation_ids(request: HttpRequest) -> Facts:
    """Return the ids of the request, of its trace and of the span that sent it.

    The request id is the same at each call, and ``client_request_id`` is an untrusted one.
    """
    known: Facts | None = vars(request).get("_eventlog_ids")
    if known is None:
        known = request._eventlog_ids = _ids(request)  # type: ignore[attr-defined]
    return known


def _ids(request: HttpRequest) -> Facts:
    meta = request.META
    sent: str | None = None
    for key in _id_keys():
        if sent := meta.get(key):
            break
    traceparent = meta.get("HTTP_TRACEPARENT")
    if not sent and not traceparent:  # as in most requests
        # urandom, because a site may seed Python's generator, and a fork would repeat its numbers.
        return {"request_id": urandom(16).hex()}
    found: dict[str, str] = {}
    is_trusted = is_from_trusted_proxy(request)
    if sent and _REQUEST_ID.fullmatch(sent):
        found["request_id" if is_trusted else "client_request_id"] = sent
    if traceparent and is_trusted:
        found |= trace_ids(traceparent)
    if "request_id" not in found:
        found["request_id"] = urandom(16).hex()
    return found


def trace_ids(traceparent: str) -> Mapping[str, str]:
    """Return the ids of the trace and of the span in a ``traceparent``; nothing if invalid."""
    match = _TRACEPARENT.match(traceparent)
    return {} if match is None else {"trace_id": match[1], "span_id": match[2]}
