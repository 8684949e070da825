"""Recording of an event, whose failure affects neither a login nor a transaction."""

from collections.abc import Callable
from functools import wraps
from typing import Any

from django.db import connections, models, router, transaction
from django.http import HttpRequest

from ...api import Durability, log
from ...error_log import report
from ...metadata.context import current_context
from ...metadata.current_user import current_user
from ...models import Log
from .actions import action_name

# A failed attempt must stay on record if the transaction of its request is rolled back.
FAILURES = frozenset(("locked_out", "login_failed", "mfa_failed"))


def record(
    key: str,
    *,
    user: Any = None,
    obj: models.Model | None = None,
    extra: dict[str, Any] | None = None,
    request: Any = None,
) -> None:
    """Record the event of ``key`` under the site's name for it. Errors are reported."""
    name = action_name(key)
    if name is None:
        return
    with_request = request if hasattr(request, "META") else None
    durability: Durability = "always" if key in FAILURES else "transaction"
    using = router.db_for_write(Log)

    def write() -> None:
        log(user, name, extra, obj, request=with_request, durability=durability)

    try:
        if durability == "transaction" and connections[using].in_atomic_block:
            with transaction.atomic(using=using):  # a savepoint, which a failure rolls back
                write()
        else:
            write()
    except Exception as error:  # noqa: BLE001 (a login must not fail because of its event)
        report(f"recording {name}", error)


def reporting_errors(receiver: Callable[..., None]) -> Callable[..., None]:
    """Decorate a receiver so that its errors are reported, not raised."""

    @wraps(receiver)
    def wrapper(*args: Any, **kwargs: Any) -> None:
        try:
            receiver(*args, **kwargs)
        except Exception as error:  # noqa: BLE001 (the site's user model may raise any error)
            report(f"the receiver {receiver.__module__}.{receiver.__name__}", error)

    return wrapper


def current_request() -> HttpRequest | None:
    """Return the request that EventLogMiddleware is handling, if there is one."""
    # The context of a task has no request, only its facts.
    return getattr(current_context.get(), "request", None)


def actor(request: Any = None) -> Any:
    """Return the user who makes a change, in ``request`` or in the current request."""
    return current_user(request if hasattr(request, "META") else None)
