"""New accounts, passwords and the flags of accounts, from the signals of the user model.

Django has no signal for a changed password, so the stored hash is compared before and after
``save()``. This takes one query, and only if the save writes the password or a flag.
"""

from collections.abc import Collection, Iterable
from typing import Any

from django.apps import apps
from django.contrib.auth import get_user_model
from django.contrib.auth.hashers import is_password_usable
from django.db.models.signals import post_save, pre_save

from .recording import actor, record, reporting_errors
from .watched_views import completes_reset

FLAGS = ("is_active", "is_staff", "is_superuser")
_BEFORE = "_eventlog_before"  # attribute of an account between pre_save and post_save


@reporting_errors
def before_save(
    instance: Any, raw: bool, using: str, update_fields: Collection[str] | None, **kwargs: Any
) -> None:
    vars(instance).pop(_BEFORE, None)  # of a save() that failed
    names = [name for name in _columns() if update_fields is None or name in update_fields]
    if raw or instance._state.adding or not names:
        return
    stored = get_user_model()._base_manager.using(using).filter(pk=instance.pk)
    vars(instance)[_BEFORE] = stored.values(*names).first()


@reporting_errors
def after_save(
    instance: Any, created: bool, raw: bool, update_fields: Collection[str] | None, **kwargs: Any
) -> None:
    before = vars(instance).pop(_BEFORE, None)
    if raw:  # a fixture
        return
    if created:
        flags = {name: True for name in FLAGS[1:] if getattr(instance, name, False)}
        record("account_created", user=actor(), obj=instance, extra=flags)
        return
    if before is None:
        return
    is_changed = "password" in before and before["password"] != instance.password
    if is_changed and not _is_rehash(instance, update_fields):
        _record_password(instance)
    flags = {
        name: bool(getattr(instance, name))
        for name in FLAGS
        if name in before and before[name] != getattr(instance, name)
    }
    if flags:
        record("permissions_changed", user=actor(), obj=instance, extra=flags)


def _record_password(account: Any) -> None:
    key = "password_reset_completed" if completes_reset() else "password_changed"
    usable = is_password_usable(account.password)
    record(key, user=actor(), obj=account, extra={} if usable else {"usable": False})


def _is_rehash(account: Any, update_fields: Collection[str] | None) -> bool:
    """Return whether a login stores the same password with a newer hasher.

    ``_password`` is private. Django clears it for a rehash, and keeps the new password there until
    ``save()`` ends.
    """
    return (
        update_fields is not None
        and set(update_fields) == {"password"}
        and getattr(account, "_password", None) is None
        and is_password_usable(account.password)
    )


def _columns() -> list[str]:
    """Return the names of the columns of the user model that are watched."""
    existing = {field.attname for field in get_user_model()._meta.concrete_fields}
    return [name for name in ("password", *FLAGS) if name in existing]


def receivers() -> Iterable[tuple[Any, Any, Any]]:
    """Return (signal, receiver, sender) of each connection."""
    # Signals of a proxy, or of a model that extends the user model, have that model as sender.
    for model in apps.get_models():
        if issubclass(model, get_user_model()):
            yield pre_save, before_save, model
            yield post_save, after_save, model
