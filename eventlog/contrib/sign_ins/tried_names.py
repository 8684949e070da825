"""The name that a visitor tried to log in with, which may be a password by mistake."""

import re
from collections.abc import Mapping
from typing import Any

from django.contrib.auth import get_user_model

from ...records.redaction import MASK, looks_random
from ...text import cut

MAX_NAME_LENGTH = 150  # characters, as in Django's user model
MIN_PASSWORD_LENGTH = 8  # of a text that is masked only for its mixture of characters
MAX_NAME_WORDS = 3  # a text with more words is a passphrase

_EMAIL = re.compile(r"[\w.+'-]+@(?:[\w-]+\.)+[A-Za-z]{2,}")
_NOT_IN_NAMES = re.compile(r"""[!"#$%&*(),:;<=>?[\]^`{|}~§€£]""")


def tried_name(credentials: Mapping[str, Any]) -> str | None:
    """Return the name among the credentials of a login, masked if it looks like a password."""
    for key in (get_user_model().USERNAME_FIELD, "username", "email", "login", "phone"):
        value = credentials.get(key)
        if value is not None and value != "":
            return masked_name(str(value))
    return None


def masked_name(name: str) -> str:
    """Return ``name``, cut to a username's length, or the mask if it looks like a password."""
    if looks_like_password(name[:MAX_NAME_LENGTH]):
        return MASK
    return cut(name, MAX_NAME_LENGTH)


def looks_like_password(text: str) -> bool:
    """Return whether ``text`` has characters or a mixture of characters that names do not have."""
    if _EMAIL.fullmatch(text):
        return False
    if _NOT_IN_NAMES.search(text) or "@" in text.strip("@"):
        return True
    if len(text.split()) > MAX_NAME_WORDS or looks_random(text):
        return True
    kinds = (str.isupper, str.islower, str.isdigit)
    return len(text) >= MIN_PASSWORD_LENGTH and all(any(map(kind, text)) for kind in kinds)
