"""The actions of imported sign-ins."""

from ...conf import conf


def sign_in_action(key: str) -> str:
    """Return the site's name for an action of ``eventlog.contrib.sign_ins``."""
    return conf.sign_ins.get(key) or key.upper()
