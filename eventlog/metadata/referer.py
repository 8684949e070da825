"""The page that a visitor came from, which may be one of this site with a secret in its path."""

import re
from collections.abc import Set
from functools import lru_cache
from urllib.parse import quote, unquote

from django.conf import settings
from django.http import HttpRequest
from django.http.request import split_domain_port, validate_host

from ..redaction import redact_url
from ..text import LONGEST_PATH, header_text
from .captured import SecretWays, given_to_view, secret_ways, without_secrets

_HOST_AND_PATH = re.compile(r"//(?:[^/?#@]*@)?([^/?#]*)(/[^?#]*)")
_HOSTS = ("HTTP_HOST", "HTTP_X_FORWARDED_HOST", "SERVER_NAME")


def referer(request: HttpRequest) -> str | None:
    """The page that the visitor came from, with its secrets masked."""
    sent: str | None = request.META.get("HTTP_REFERER")
    if not sent:
        return None
    text = redact_url(header_text(sent, LONGEST_PATH))
    script = request.META.get("SCRIPT_NAME") or ""
    host, masked = _of_this_site(text, script, given_to_view(request), secret_ways(request))
    # Whose it is takes longer to find out, and rarely matters.
    return masked if masked != text and _is_ours(host, request) else text


@lru_cache(maxsize=1024)
def _of_this_site(text: str, script: str, given: Set[str], ways: SecretWays) -> tuple[str, str]:
    """The host, and the text without the secrets of its path if that is one of ours."""
    found = _HOST_AND_PATH.search(text)
    if found is None:
        return "", text
    path = unquote(found[2])
    masked = without_secrets(given | ways.captured_in(path.removeprefix(script)), path)
    if masked == path:
        return found[1], text
    return found[1], text[: found.start(2)] + quote(masked, safe="/*") + text[found.end(2) :]


def _is_ours(host: str, request: HttpRequest) -> bool:
    """Whether this site is known by that name: behind a proxy it has more than one."""
    name, _port = split_domain_port(host)
    if any(split_domain_port(request.META.get(key, ""))[0] == name for key in _HOSTS):
        return True
    return validate_host(name, [allowed for allowed in settings.ALLOWED_HOSTS if allowed != "*"])
