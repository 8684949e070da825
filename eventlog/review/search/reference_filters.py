"""Users and objects that a search names."""

from collections.abc import Collection, Sequence
from typing import Any

from django.apps import apps
from django.contrib.auth import get_user_model
from django.contrib.contenttypes.models import ContentType
from django.core.exceptions import ValidationError
from django.db import connections, router
from django.db.models import CharField, F, Func, Q
from django.db.models.lookups import Exact, GreaterThan, In
from django.utils.translation import gettext as _

from ...models import Log, user_id
from ...models.expressions import Fact
from ...models.fields import LAST_CHARACTER
from ...records.user_state import UserState
from .condition import Condition, Hint, InvalidTermError, any_of, indexed, union
from .former_names import keys_with_former_name
from .name_sources import current_name_source
from .spelling import nearest_spelling
from .tree import Term

MAX_NAMESAKES = 10  # users, because a username need not be unique
MAX_COMPARED_NAMES = 50  # usernames that a misspelled name is compared with, for each prefix
ANONYMOUS = "anonymous"


def user(value: str) -> Condition:
    """Find the events of a user: by username, e-mail address, key, or the name of then."""
    if value.lower() == ANONYMOUS and not users_named(value):
        return Condition(Q(user_state=UserState.ANONYMOUS))
    keys = accounts_of(value)
    former = [key for key in keys_with_former_name(in_any_case(value)) if key not in keys]
    names = _names_without_account(value)
    found = [any_of("user", [*keys, *former])] if keys or former else []
    if names:
        found.append(union([indexed(without_account_condition(name)) for name in names]))
    if found:
        return union(found)._replace(hint=_namesakes(value, keys, former, bool(names)))
    if not has_partial_indexes():
        hint = Hint(_unknown_name(value), _nearest_user(value))
        return Condition(without_account_condition(value), hint=hint)
    raise InvalidTermError(
        _("Unknown user %(value)r. Use a username, an e-mail address or a user's primary key.")
        % {"value": value},
        _nearest_user(value),
    )


def _unknown_name(name: str) -> str:
    text = _("No account has the name %(name)r. The search compares the names in the events.")
    return text % {"name": name}


def _namesakes(
    name: str, keys: Sequence[Any], former: Sequence[Any], has_deleted: bool
) -> Hint | None:
    """Return the remark that several accounts had this name, or that its account was renamed."""
    parts = [_("user %(key)s") % {"key": key} for key in keys]
    parts += [_("user %(key)s, who was renamed") % {"key": key} for key in former]
    if has_deleted:
        parts.append(_("an account that no longer exists"))
    if len(parts) == 1 and not former:
        return None
    key = [*keys, *former][:1]
    text = _("Events with the name %(name)r are by: %(users)s.")
    text %= {"name": name, "users": "; ".join(parts)}
    return Hint(text, Term("user", str(key[0])) if key and len(parts) > 1 else None)


def acting_user(value: str) -> Condition:
    """Find what a person did on behalf of another user."""
    keys = accounts_of(value)
    name, by_key = Fact("acting_user"), Fact("acting_user_id")
    found = Q(In(name, in_any_case(value)))
    if keys:
        found |= Q(In(by_key, [str(key) for key in keys]))
        return Condition(found, value_count=len(keys))
    found |= Q(Exact(by_key, value))  # of an account that was deleted
    reason = _unknown_name(value)
    near = _nearest_user(value)
    return Condition(found, hint=Hint(reason, near._replace(key="acting_user") if near else None))


def known_user_condition() -> Q:
    """Return the condition that an event tells who did it."""
    return Q(user__isnull=False) | _has_name()


def _has_name() -> Q:
    # A constant in the SQL, because databases compare it with the condition of the index.
    empty: Any = Func(template="''", output_field=CharField())
    return Q(GreaterThan(F("user_repr"), empty))


def without_account_condition(*names: str) -> Q:
    """Return the condition that an event has one of these names, but no key of an account."""
    return Q(user__isnull=True) & _has_name() & Q(user_repr__in=names)


def has_partial_indexes() -> bool:
    """Return whether the database has the indexes that MariaDB and MySQL lack."""
    if current_name_source() is not None:
        return True
    return connections[router.db_for_read(Log)].features.supports_partial_indexes


def has_event(condition: Q) -> bool:
    """Return whether an event meets a condition on its user."""
    if (source := current_name_source()) is not None:
        return bool(source.values("user_repr", condition, 1))
    return Log.objects.filter(condition).exists()


def _names_without_account(value: str) -> list[str]:
    if not has_partial_indexes():
        return []
    names = in_any_case(value)
    if (source := current_name_source()) is not None:
        return source.values("user_repr", without_account_condition(*names), len(names))
    return [name for name in names if has_event(without_account_condition(name))]


def in_any_case(value: str) -> list[str]:
    """Return the usual spellings of a name, because an index finds exact names only."""
    spellings = (value, value.lower(), value.upper(), value.capitalize(), value.title())
    return [*dict.fromkeys(spellings)]


def accounts_of(value: str) -> list[Any]:
    """Return the primary keys of users, by username, e-mail address or key."""
    return users_named(value) or _users_with_email(value) or _users_with_key(value)


def users_named(name: str) -> list[Any]:
    """Return the primary keys of the first users with this username, in any usual case."""
    return _users(get_user_model().USERNAME_FIELD, in_any_case(name))


def _users(field: str, values: Collection[str]) -> list[Any]:
    users = get_user_model()._base_manager
    try:
        found = users.filter(**{f"{field}__in": values})
    except (ValueError, TypeError, ValidationError):  # the field is not a text field
        return []
    return [pk for (pk,) in found.values_list("pk")[:MAX_NAMESAKES]]


def _users_with_email(value: str) -> list[Any]:
    users = get_user_model()
    field = getattr(users, "EMAIL_FIELD", "")
    if "@" not in value or field not in {each.name for each in users._meta.get_fields()}:
        return []
    return _users(field, in_any_case(value))


def _users_with_key(text: str) -> list[Any]:
    """Return the primary key, if a user has it or an event of a deleted user still does."""
    if (key := user_id(text)) is None:
        return []
    exists = get_user_model()._base_manager.filter(pk=key).exists()
    return [key] if exists or has_event(Q(user=key)) else []


def _nearest_user(name: str) -> Term | None:
    """Compare ``name`` with usernames that start alike, which the index of usernames finds."""
    users = get_user_model()
    field = users.USERNAME_FIELD
    start = name[:1]
    names: list[str] = []
    for prefix in {start, start.lower(), start.upper()}:
        try:
            alike = users._base_manager.filter(
                **{f"{field}__gte": prefix, f"{field}__lt": prefix + LAST_CHARACTER}
            )
        except (ValueError, TypeError, ValidationError):
            return None
        found = alike.order_by(field).values_list(field, flat=True)[:MAX_COMPARED_NAMES]
        names += [str(username) for username in found]
    near = nearest_spelling(name, names)
    return Term("user", near) if near else None


def obj(value: str) -> Condition:
    """Find the events of one object, or of all objects of a type."""
    label, _colon, key = value.partition(":")
    if (content_type := _content_type(label)) is None:
        near = _nearest_label(label)
        raise InvalidTermError(
            _("Unknown object type %(value)r. Use app.model:key, such as shop.order:7.")
            % {"value": label},
            Term("obj", f"{near}:{key}".rstrip(":")) if near else None,
        )
    of_type = Q(content_type=content_type)
    if not key:
        return Condition(of_type)
    return indexed(of_type & Q(object_id=key))._replace(hint=_no_key(content_type, label, key))


def _no_key(content_type: ContentType, label: str, text: str) -> Hint | None:
    """Return the remark that no object can have this key, such as a name instead of a number."""
    model = content_type.model_class()
    if model is None or len(model._meta.pk_fields) > 1:
        return None
    try:
        model._meta.pk.to_python(text)
    except ValidationError:
        named = users_named(text) if model is get_user_model() else []
        reason = _("%(value)r is not a key of %(label)s. Use the object's primary key, not a name.")
        suggestion = Term("obj", f"{label}:{named[0]}") if named else None
        return Hint(reason % {"value": text, "label": label}, suggestion)
    except Exception:  # noqa: BLE001 (a field of the site may raise any exception)
        return None
    return None


def _content_type(label: str) -> ContentType | None:
    try:
        return ContentType.objects.get_for_model(apps.get_model(label))
    except (LookupError, ValueError):  # a removed model leaves its content type
        app, _dot, model = label.lower().partition(".")
        return ContentType.objects.filter(app_label=app, model=model).first()


def _nearest_label(label: str) -> str:
    """Return the object type with this model name, else the one that is spelled most like it."""
    labels = [f"{app}.{model}" for app, model in _known_types()]
    same_model = [known for known in labels if known.endswith(f".{label.lower()}")]
    return same_model[0] if same_model else nearest_spelling(label, labels)


def _known_types() -> list[tuple[str, str]]:
    types = ContentType.objects.order_by("app_label", "model")
    return list(types.values_list("app_label", "model"))
