"""CloudEvents over HTTPS, in signed batches."""

import base64
import binascii
import hmac
import time
from collections.abc import Mapping, Sequence
from email.utils import parsedate_to_datetime
from hashlib import sha256
from http.client import HTTPMessage
from typing import IO, Any
from urllib.error import HTTPError
from urllib.parse import urlsplit
from urllib.request import HTTPRedirectHandler, HTTPSHandler, Request, build_opener
from uuid import NAMESPACE_OID, uuid5

from .cloudevents import BATCH_TYPE, SOURCE, checked_source, encoded
from .event import Event
from .target import Refused, Target, Unavailable, checked_timeout
from .tls import tls_context

REFUSED_STATUSES = (400, 413, 422)  # the content of the batch, not the state of the receiver
MAX_ANSWER_BYTES = 300  # of the body that an error quotes
LOCAL_HOSTS = ("localhost", "127.0.0.1", "::1")
SECRET_PREFIX = "whsec_"  # noqa: S105 (before a secret in Base64)


class HttpsTarget(Target):
    """Send batches of CloudEvents to a URL, signed as Standard Webhooks specifies.

    ``secret``: signs the time and the body; several secrets while you replace one. ``source``: the
    name of the site in each event. ``headers``: sent with each request. ``timeout``: seconds for
    each step of a request. ``ca_file``: certificates to trust in place of the system's.
    """

    def __init__(
        self,
        *,
        url: str,
        secret: str | Sequence[str] = (),
        source: str = SOURCE,
        headers: Mapping[str, str] | None = None,
        timeout: float = 10.0,
        ca_file: str | None = None,
    ) -> None:
        self._url = _checked_url(url)
        self._keys = [_key(each) for each in ([secret] if isinstance(secret, str) else secret)]
        self._source = checked_source(source)
        self._headers = {**(headers or {}), "Content-Type": BATCH_TYPE, "User-Agent": "eventlog"}
        self._timeout = checked_timeout(timeout)
        self._opener = build_opener(HTTPSHandler(context=tls_context(ca_file)), _NoRedirects())

    def send(self, events: Sequence[Event]) -> str:
        body = b"[" + b",".join(encoded(event, self._source) for event in events) + b"]"
        # The same id for the same batch, by which a receiver knows a batch that is sent again.
        batch_id = str(uuid5(NAMESPACE_OID, ",".join(event.id for event in events)))
        headers = {**self._headers, **self._signature(batch_id, int(time.time()), body)}
        request = Request(self._url, body, headers, method="POST")  # noqa: S310 (a checked URL)
        try:
            with self._opener.open(request, timeout=self._timeout) as response:
                return f"the receiver answered {response.status}"
        except HTTPError as error:
            with error:
                raise _failure(error) from None

    def _signature(self, batch_id: str, seconds: int, body: bytes) -> dict[str, str]:
        headers = {"webhook-id": batch_id, "webhook-timestamp": str(seconds)}
        if self._keys:
            content = f"{batch_id}.{seconds}.".encode() + body
            digests = [hmac.digest(key, content, sha256) for key in self._keys]
            signatures = [f"v1,{base64.b64encode(digest).decode()}" for digest in digests]
            headers["webhook-signature"] = " ".join(signatures)
        return headers


class _NoRedirects(HTTPRedirectHandler):
    """Follow no redirect, because events hold personal data and go to one stated URL only."""

    def redirect_request(
        self, req: Request, fp: IO[bytes], code: int, msg: str, headers: HTTPMessage, newurl: str
    ) -> None:
        return None


def _checked_url(url: Any) -> str:
    parts = urlsplit(url) if isinstance(url, str) else urlsplit("")
    is_local = parts.scheme == "http" and parts.hostname in LOCAL_HOSTS
    if not parts.hostname or not (parts.scheme == "https" or is_local):
        raise ValueError(
            f"url is {url!r}; give an address that begins with https://, or with http:// for this "
            f"machine"
        )
    return str(url)


def _key(secret: Any) -> bytes:
    """Return the key of a secret: text, or Base64 after ``whsec_``."""
    if not isinstance(secret, str) or not secret:
        raise ValueError("secret is empty or not a text; give a text, or a list of texts")
    if not secret.startswith(SECRET_PREFIX):
        return secret.encode()
    try:
        return base64.b64decode(secret.removeprefix(SECRET_PREFIX), validate=True)
    except binascii.Error as error:
        raise ValueError(f"secret is not Base64 after {SECRET_PREFIX}: {error}") from error


def _failure(error: HTTPError) -> Exception:
    answer = error.read(MAX_ANSWER_BYTES).decode(errors="replace").strip()
    message = f"the receiver answered {error.code} {error.reason}: {answer}".rstrip(": ")
    if error.code in REFUSED_STATUSES:
        return Refused(message)
    if error.headers.get("Location"):
        message += f". Redirects are not followed; the new address is {error.headers['Location']}"
    return Unavailable(message, retry_after(error.headers.get("Retry-After")))


def retry_after(value: str | None) -> float:
    """Return the seconds of a header ``Retry-After``, which may be a date."""
    if value is None:
        return 0.0
    if value.strip().isdecimal():
        return float(value)
    try:
        return max(0.0, parsedate_to_datetime(value).timestamp() - time.time())
    except ValueError:
        return 0.0
