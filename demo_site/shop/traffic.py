"""Requests that go directly to Django's WSGI handler, without a network."""

import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from typing import Any

from django.core.handlers.wsgi import WSGIHandler
from django.http.response import HttpResponseBase

FORM = "application/x-www-form-urlencoded"


def make_environ(
    method: str,
    path: str,
    query: str,
    address: str,
    headers: dict[str, str | None],
    body: bytes = b"",
) -> dict[str, Any]:
    """Return a request as a server passes it on: text is bytes, decoded as Latin-1 (PEP 3333).

    ``path`` is percent-decoded. Headers that are None are left out.
    """
    sent = {
        "HTTP_" + name.upper().replace("-", "_"): value
        for name, value in headers.items()
        if value is not None
    }
    return {
        "REQUEST_METHOD": method,
        "SCRIPT_NAME": "",
        "PATH_INFO": path,
        "QUERY_STRING": query,
        "REMOTE_ADDR": address,
        "SERVER_NAME": "localhost",
        "SERVER_PORT": "80",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "HTTP_HOST": "localhost",
        "CONTENT_TYPE": FORM if body else "",
        "CONTENT_LENGTH": str(len(body)) if body else "",
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": "http",
        "wsgi.input": BytesIO(body),
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": False,
        "wsgi.multiprocess": False,
        "wsgi.run_once": False,
        **sent,
    }


def send(site: WSGIHandler, environ: dict[str, Any]) -> HttpResponseBase:
    """Return the response after reading it to its end and closing it, as a server does."""
    response = site(environ, lambda status, headers, exc_info=None: lambda data: None)
    try:
        for _ in response:
            pass
    finally:
        response.close()
    return response


@contextmanager
def silence_request_errors() -> Iterator[None]:
    """Turn off Django's log messages about failed requests, which are intended here."""
    loggers = [logging.getLogger(name) for name in ("django.request", "django.security")]
    levels = [logger.level for logger in loggers]
    try:
        for logger in loggers:
            logger.setLevel(logging.CRITICAL + 1)
        yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)
