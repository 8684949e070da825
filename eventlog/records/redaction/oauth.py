"""OAuth responses, in which "code" and "state" are secrets."""

import re

PARAMETER = re.compile(r"(?<![^?&;#\s])=*+([^?&;#=\s]++)=")
PARAMETERS = frozenset(("code", "state"))
# Other parameters that occur in OAuth requests and responses.
SIGNS = frozenset(
    [
        "session_state",
        "iss",
        "id_token",
        "access_token",
        "code_verifier",
        "code_challenge",
        "redirect_uri",
        "client_id",
        "client_secret",
        "grant_type",
        "response_type",
        "authuser",
        "oauth_token",
        "oauth_verifier",
    ]
)
_PATH = re.compile(
    r"(?:^|[/_.-])(?:oauth2?|oidc|openid|sso|callback|authori[sz]e)(?:[/_.?-]|$)", re.IGNORECASE
)
_STATUS = re.compile(r"\d{1,3}")


def shows_response(query: str, path: str) -> bool:
    """Return whether "code" and "state" in ``query`` are secrets of OAuth."""
    if "code=" not in query and "state=" not in query:
        return False
    names = {found[1].lower() for found in PARAMETER.finditer(query)}
    return names >= PARAMETERS or not names.isdisjoint(SIGNS) or _PATH.search(path) is not None


def is_status(name: str, value: str) -> bool:
    """Return whether the parameter is a status code, as in ``code=200``."""
    return name in PARAMETERS and _STATUS.fullmatch(value) is not None
