"""The actions of this app: a key for each, and the names under which events are stored."""

from collections.abc import Mapping

from ...conf import conf

OWASP: Mapping[str, str] = {
    "logged_in": "authn_login_success",
    "logged_out": "session_expired",
    "login_failed": "authn_login_fail",
    "account_created": "user_created",
    "password_changed": "authn_password_change",
    "password_reset_requested": "authn_password_reset_request",  # not part of the vocabulary
    "password_reset_completed": "authn_password_change",
    "permissions_changed": "authz_change",
    "locked_out": "authn_login_lock",
    "email_added": "user_updated",
    "email_changed": "user_updated",
    "email_confirmed": "user_updated",
    "email_removed": "user_updated",
    "mfa_added": "user_updated",
    "mfa_failed": "authn_login_fail",
    "mfa_removed": "user_updated",
    "mfa_reset": "user_updated",
    "mfa_used": "authn_mfa_success",  # not part of the vocabulary
    "social_account_added": "user_updated",
    "social_account_removed": "user_updated",
    "hijack_started": "authz_admin",
    "hijack_ended": "authz_admin",
}
"""The names of OWASP's logging vocabulary, for ``EVENTLOG["SIGN_INS"]``.

https://cheatsheetseries.owasp.org/cheatsheets/Logging_Vocabulary_Cheat_Sheet.html
"""

KEYS = tuple(OWASP)


def action_name(key: str) -> str | None:
    """Return the action that is stored for ``key``, or None if the site leaves it out."""
    return conf.sign_ins.get(key, key.upper())
