from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

from asgiref.sync import sync_to_async
from django.apps import apps
from django.conf import settings
from django.contrib.contenttypes.fields import GenericForeignKey
from django.contrib.contenttypes.models import ContentType
from django.core.checks import CheckMessage
from django.core.exceptions import ValidationError
from django.core.serializers.json import DjangoJSONEncoder
from django.db import models, router, transaction
from django.http import HttpRequest
from django.utils import timezone
from django.utils.functional import LazyObject
from django.utils.translation import gettext_lazy as _

from .conf import conf
from .context import current_origin, origin_of
from .fields import NameField
from .hours import RolledHour
from .moments import as_stored, aware
from .records import LONGEST, Record, key_of
from .redaction import redact
from .writing import Durability, awrite, write


class LogQuerySet(models.QuerySet["Log"]):
    """The questions that people ask of events; each narrows, and they chain."""

    def for_user(self, user: Any) -> "LogQuerySet":
        """What this user did; anonymous or None: what was done without a user.

        Of one who was deleted, as far as it is known by the key: nothing.
        """
        if user is None or getattr(user, "is_anonymous", False):
            return self.filter(user__isnull=True)
        # One who was deleted has no key any more: not all that is nobody's is theirs.
        return self.none() if user.pk is None else self.filter(user=user.pk)

    def for_object(self, obj: models.Model) -> "LogQuerySet":
        """What was done to this object, which may be deleted by now if it still has its pk."""
        return self.filter(
            content_type=ContentType.objects.get_for_model(obj),
            object_id=str(key_of(obj.pk, "obj")),
        )

    def action(self, *names: str) -> "LogQuerySet":
        """Events of any of these actions; ``LOGIN*`` stands for all that begin so."""
        return self.filter(_any_action(names))

    def not_action(self, *names: str) -> "LogQuerySet":
        """Events of none of these actions."""
        return self.exclude(_any_action(names))

    def since(self, when: datetime | timedelta) -> "LogQuerySet":
        """From this moment on, or of this last stretch of time."""
        moment = timezone.now() - when if isinstance(when, timedelta) else when
        return self.filter(timestamp__gte=moment)

    def until(self, when: datetime) -> "LogQuerySet":
        """Before this moment."""
        return self.filter(timestamp__lt=when)

    def between(self, start: datetime, end: datetime) -> "LogQuerySet":
        """From ``start`` on, before ``end``."""
        return self.since(start).until(end)

    # What changes events changes what was counted of them.

    def bulk_create(self, objs: Any, *args: Any, **kwargs: Any) -> "list[Log]":
        self._for_write = True  # before db is asked for, or a router names that for reading
        with transaction.atomic(using=self.db):
            rows = super().bulk_create(objs, *args, **kwargs)
            RolledHour.touch(map(_moment_of, rows), self.db)
        return rows

    bulk_create.alters_data = True  # type: ignore[attr-defined]

    def delete(self) -> tuple[int, dict[str, int]]:
        self._for_write = True
        with transaction.atomic(using=self.db):
            RolledHour.touch(self.order_by().values_list("timestamp", flat=True), self.db)
            return super().delete()

    delete.alters_data = True  # type: ignore[attr-defined]
    delete.queryset_only = True  # type: ignore[attr-defined]

    def for_request(self, request_id: str) -> "LogQuerySet":
        """All that one request left behind: its own event and those logged within it."""
        return self.filter(extra__request_id=request_id)


def _any_action(names: Iterable[str]) -> models.Q:
    wanted = models.Q(action__in=[name for name in names if not name.endswith("*")])
    for name in names:
        if name.endswith("*"):
            wanted |= models.Q(action__startswith=name[:-1])
    return wanted


class Log(models.Model):
    """One event: who did what, to which object, when, and in ``extra`` from where."""

    id = models.BigAutoField(primary_key=True)
    # No index of its own for a column that begins one of the three below.
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        null=True,
        on_delete=models.SET_NULL,
        db_index=False,
        verbose_name=_("user"),
    )
    # Database defaults, so that processes of the release before can write while this one rolls out.
    user_repr = models.CharField(
        _("user's name then"), max_length=LONGEST, blank=True, default="", db_default=""
    )
    timestamp = models.DateTimeField(_("time"), default=timezone.now, db_index=True)
    action = NameField(_("action"), max_length=LONGEST)
    content_type = models.ForeignKey(
        ContentType,
        null=True,
        blank=True,
        on_delete=models.SET_NULL,
        db_index=False,
        verbose_name=_("kind of object"),
    )
    object_id = models.CharField(  # noqa: DJ001 (NULL is pinax-eventlog's "no object")
        _("object's key"), max_length=LONGEST, null=True, blank=True
    )
    object_repr = models.CharField(
        _("object's name then"), max_length=LONGEST, blank=True, default="", db_default=""
    )
    obj = GenericForeignKey("content_type", "object_id")
    extra = models.JSONField(_("extra"), encoder=DjangoJSONEncoder, blank=True, default=dict)

    objects = LogQuerySet.as_manager()

    class Meta:
        ordering = ["-timestamp", "-id"]
        verbose_name = _("event")
        verbose_name_plural = _("events")
        indexes = [
            # Most events have no object, many no user: they cost these indexes nothing.
            models.Index(
                fields=["user", "timestamp"],
                name="eventlog_user_time",
                condition=models.Q(user__isnull=False),
            ),
            models.Index(
                fields=["content_type", "object_id", "timestamp"],
                name="eventlog_object_time",
                condition=models.Q(object_id__isnull=False),
            ),
            models.Index(fields=["action", "timestamp"], name="eventlog_action_time"),
        ]

    def __str__(self) -> str:
        what = f" {self.object_name}" if self.object_name else ""
        when = timezone.localtime(self.timestamp) if settings.USE_TZ else self.timestamp
        return f"{self.user_name} {self.action}{what}, {when:%Y-%m-%d %H:%M}"

    def save(self, *args: Any, **kwargs: Any) -> None:
        super().save(*args, **kwargs)
        RolledHour.touch([_moment_of(self)], self._state.db or router.db_for_write(Log))

    def delete(self, *args: Any, **kwargs: Any) -> tuple[int, dict[str, int]]:
        using = self._state.db or router.db_for_write(Log)
        done = super().delete(*args, **kwargs)
        RolledHour.touch([_moment_of(self)], using)
        return done

    @classmethod
    def from_record(cls, record: Record, pk: int | None = None) -> "Log":
        """The row that ``record`` is, with its ``pk`` if it is written."""
        row = cls(
            id=pk,
            timestamp=record.timestamp,
            action=record.action,
            user_id=user_id(record.user_id),
            user_repr=record.user_repr,
            content_type_id=content_type_id(record.model) if record.model else None,
            object_id=record.object_id,
            object_repr=record.object_repr,
            extra=record.extra_value(),
        )
        if pk is not None:
            row._state.adding = False
            row._state.db = router.db_for_write(cls)
        return row

    @classmethod
    def check(cls, **kwargs: Any) -> list[CheckMessage]:
        # Where a database knows no condition, Django makes the index without it, which is fine.
        return [message for message in super().check(**kwargs) if message.id != "models.W037"]

    @property
    def template_fragment_name(self) -> str:
        """The template that draws events of this action."""
        return f"eventlog/{self.action.lower()}.html"

    @property
    def user_name(self) -> str:
        """What to call whoever did it, without a query."""
        if self.user_repr:
            return self.user_repr
        return "anonymous" if self.user_id is None else f"user {self.user_id}"

    @property
    def object_name(self) -> str:
        """What to call the object, without a query; empty if there was none."""
        if self.object_repr or self.object_id is None:
            return self.object_repr
        return f"object {self.object_id}"


def _moment_of(row: Log) -> datetime:
    """When it happened, as it was stored: Django takes text and naive times for a time, too."""
    timestamp = Log._meta.get_field("timestamp").to_python(row.timestamp)
    return as_stored(aware(timestamp))


class Batch(models.Model):
    """A batch of events that was written, so that it is not written again."""

    id = models.CharField(primary_key=True, max_length=100)
    count = models.PositiveIntegerField()
    written = models.DateTimeField(default=timezone.now, db_index=True)

    def __str__(self) -> str:
        return self.id


def user_key() -> "models.Field[Any, Any]":
    """The primary key of users: an integer, a UUID, whatever the site has."""
    field: models.Field[Any, Any] = Log._meta.get_field("user").target_field
    return field


def user_id(key: int | str | None) -> Any:
    """``key`` as the key of a user; None for that of a token or a service, which is no user's."""
    try:
        found = user_key().to_python(key)
    except ValidationError:
        return None
    return None if isinstance(found, int) and abs(found) >= 2**63 else found  # none is so large


def content_type_id(model: str, using: str | None = None) -> int | None:
    """That of ``model``; None if its app was removed while the event waited."""
    try:
        found = apps.get_model(model)
    except LookupError:
        return None
    using = using or router.db_for_write(Log)
    return ContentType.objects.db_manager(using).get_for_model(found).pk


def _record(
    user: Any,
    action: str,
    extra: Any,
    obj: models.Model | None,
    dateof: datetime | None,
    request: HttpRequest | None,
) -> Record:
    """What is said of the event, over what is known of the request it was logged in."""
    if request is not None and not hasattr(request, "META"):
        kind = type(request).__name__
        raise TypeError(f"request is {request!r:.100} ({kind}); give the request itself, or None")
    conf.follow()
    own = {} if extra is None else redact(extra)
    origin = current_origin.get() if request is None else origin_of(request)
    if origin is None or not (conf.enrich or request is not None):
        return Record.build(user, action, own, obj, dateof)
    if isinstance(own, dict):
        own = origin.facts() | own
    record = Record.build(user, action, own, obj, dateof)
    if user is None and origin.user is not None:
        user_id, user_repr = origin.user
        record = record._replace(user_id=user_id, user_repr=user_repr)
    return record


def log(
    user: Any,
    action: str,
    extra: Any = None,
    obj: models.Model | None = None,
    dateof: datetime | None = None,
    *,
    request: HttpRequest | None = None,
    durability: Durability = "transaction",
) -> Log | None:
    """Record that ``user`` did ``action``, to ``obj`` if given; return the row if written now.

    An anonymous user counts as none. ``extra`` is anything that JSON knows, copied at the call;
    values under secret names are masked. Where the event came from is added to it: from
    ``request``, or the one that EventLogMiddleware is answering. ``dateof`` is now by default.

    In a transaction, ``durability`` says what becomes of the event: ``"transaction"``, it is part
    of it, and rolled back with it; ``"commit"``, it is written once that is committed, and cannot
    make it fail; ``"always"``, it is written even if that is rolled back.

    Raises ``TypeError`` or ``ValueError`` for an argument that does not fit, naming it. What a
    backend raises is raised where the event is part of a transaction, which is then lost anyway;
    elsewhere it is reported on the ``eventlog`` logger.
    """
    record = _record(user, action, extra, obj, dateof, request)
    return write(record, durability, router.db_for_write(Log))


async def alog(
    user: Any,
    action: str,
    extra: Any = None,
    obj: models.Model | None = None,
    dateof: datetime | None = None,
    *,
    request: HttpRequest | None = None,
    durability: Durability = "transaction",
) -> Log | None:
    """See log(). The transaction is that of whoever called ``async_to_sync()``, if there is one."""
    if isinstance(user, LazyObject):  # request.user, which may have to ask the database
        await sync_to_async(bool)(user)
    record = _record(user, action, extra, obj, dateof, request)
    return await awrite(record, durability, router.db_for_write(Log))
