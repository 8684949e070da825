"""The page that a visitor came from, which may be a page of this site with a secret in its path."""

import re
from collections.abc import Set
from functools import lru_cache
from urllib.parse import quote, unquote

from django.conf import settings
from django.http import HttpRequest
from django.http.request import split_domain_port, validate_host

from ..records.redaction import mask_and_cut, redact_url
from ..text import MAX_EXAMINED_LENGTH, MAX_PATH_LENGTH, header_text
from .url_secrets import SecretPatterns, given_to_view, mask_values, secret_patterns

_HOST_AND_PATH = re.compile(r"//(?:[^/?#@]*@)?([^/?#]*)(/[^?#]*)")
_HOST_KEYS = ("HTTP_HOST", "HTTP_X_FORWARDED_HOST", "SERVER_NAME")


def referer(request: HttpRequest) -> str | None:
    """Return the page that the visitor came from, with its secrets masked."""
    sent: str | None = request.META.get("HTTP_REFERER")
    if not sent:
        return None
    text = mask_and_cut(redact_url, header_text(sent, MAX_EXAMINED_LENGTH + 1), MAX_PATH_LENGTH)
    script = request.META.get("SCRIPT_NAME") or ""
    given = given_to_view(request)
    host, masked = _host_and_masked_text(text, script, given, secret_patterns(request))
    # The host is compared last, because the comparison is slow and few referers have a secret.
    return masked[:MAX_PATH_LENGTH] if masked != text and _is_own_host(host, request) else text


@lru_cache(maxsize=1024)
def _host_and_masked_text(
    text: str, script: str, given: Set[str], patterns: SecretPatterns
) -> tuple[str, str]:
    """Return the host, and the text with the secrets masked that URLs of this site capture."""
    found = _HOST_AND_PATH.search(text)
    if found is None:
        return "", text
    path = unquote(found[2])
    masked = mask_values(given | patterns.captured_in(path.removeprefix(script)), path)
    if masked == path:
        return found[1], text
    return found[1], text[: found.start(2)] + quote(masked, safe="/*") + text[found.end(2) :]


def _is_own_host(host: str, request: HttpRequest) -> bool:
    """Return whether ``host`` is one of this site's names. Behind a proxy it has several."""
    name, _port = split_domain_port(host)
    if any(split_domain_port(request.META.get(key, ""))[0] == name for key in _HOST_KEYS):
        return True
    return validate_host(name, [allowed for allowed in settings.ALLOWED_HOSTS if allowed != "*"])
