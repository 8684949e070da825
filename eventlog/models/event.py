"""The table of events."""

from datetime import datetime
from typing import Any
from uuid import UUID

from django.conf import settings
from django.contrib.contenttypes.models import ContentType
from django.core.checks import CheckMessage
from django.core.serializers.json import DjangoJSONEncoder
from django.db import models, router
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from ..changes import KEY as CHANGES
from ..conf import FIELDS
from ..datetimes import aware, local, to_db_timezone
from ..records.arguments import MAX_TEXT_LENGTH
from ..records.record import Record
from ..records.user_state import UserState
from ..text import LTR_ISOLATE, MAX_IP_LENGTH, POP_ISOLATE, isolated
from .fields import ExactField, NameField
from .hourly import CountedHour
from .keys import content_type_id, user_id
from .object_field import ObjectField
from .queryset import LogQuerySet
from .relations import LinkField

_NAMES_WITHOUT_USER: dict[int | None, str] = {
    UserState.KNOWN: "erased",
    UserState.ANONYMOUS: "anonymous",
    UserState.UNKNOWN: "not known",
}


class Log(models.Model):
    """One event: who did what, to which object, when, and in ``extra`` from where."""

    id = models.BigAutoField(primary_key=True)
    # These foreign keys have no index of their own, because each begins an index of Meta.
    user = LinkField(
        settings.AUTH_USER_MODEL,
        null=True,
        db_index=False,
        verbose_name=pgettext_lazy("eventlog", "user"),
    )
    # New columns have database defaults, so that processes of the previous release can still
    # write while the new release is rolled out.
    user_repr = ExactField(
        _("user's name then"), max_length=MAX_TEXT_LENGTH, blank=True, default="", db_default=""
    )
    user_state = models.PositiveSmallIntegerField(
        _("user's state"), choices=UserState, null=True, blank=True
    )
    timestamp = models.DateTimeField(_("time"), default=timezone.now, db_index=True)
    action = NameField(_("action"), max_length=MAX_TEXT_LENGTH)
    content_type = LinkField(
        ContentType,
        null=True,
        blank=True,
        db_index=False,
        verbose_name=_("kind of object"),
    )
    object_id = ExactField(  # NULL is pinax-eventlog's "no object"
        _("object's key"), max_length=MAX_TEXT_LENGTH, null=True, blank=True
    )
    object_repr = ExactField(
        _("object's name then"), max_length=MAX_TEXT_LENGTH, blank=True, default="", db_default=""
    )
    # Searches of requests use these columns, because an application may store other values under
    # the same keys of extra.
    is_request = models.BooleanField(_("request"), default=False, db_default=False)
    ip = NameField(_("address"), max_length=MAX_IP_LENGTH, null=True, blank=True)
    status = models.PositiveSmallIntegerField(_("status"), null=True, blank=True)
    # See records.own_keys(). NULL means that the application chose all of extra, as in the rows
    # of pinax-eventlog.
    own_keys = models.CharField(max_length=MAX_TEXT_LENGTH, null=True, blank=True)  # noqa: DJ001
    # The identifier of the event in other stores. NULL in rows of earlier releases.
    uid = models.UUIDField(null=True, blank=True, editable=False)
    obj = ObjectField("content_type", "object_id")
    extra = models.JSONField(_("extra"), encoder=DjangoJSONEncoder, blank=True, default=dict)

    objects = LogQuerySet.as_manager()

    class Meta:
        ordering = ["-timestamp", "-id"]
        # Django deletes and updates related events with this manager. Its querysets mark the hours
        # of these events as stale.
        base_manager_name = "objects"
        verbose_name = _("event")
        verbose_name_plural = _("events")
        indexes = [
            # Partial indexes, because most events have no object and many have no user.
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
            models.Index(
                fields=["ip", "timestamp"],
                name="eventlog_ip_time",
                condition=models.Q(ip__isnull=False),
            ),
            models.Index(
                fields=["status", "timestamp"],
                name="eventlog_failed_time",
                condition=models.Q(status__gte=400),
            ),
            # The last two are written as expressions, because MariaDB has no partial indexes and
            # skips indexes on expressions: all its rows would be indexed.
            models.Index(
                models.F("timestamp"),
                name="eventlog_event_time",
                condition=models.Q(is_request=False),
            ),
            # The names of deleted accounts.
            models.Index(
                "user_repr",
                "timestamp",
                name="eventlog_name_time",
                condition=models.Q(user__isnull=True, user_repr__gt=""),
            ),
        ]

    def __str__(self) -> str:
        parts = map(isolated, filter(None, [self.user_name, self.action, self.object_name]))
        when = local(self.timestamp)
        what, moment = " ".join(parts), f"{when:%Y-%m-%d %H:%M}"
        if POP_ISOLATE in what:  # the time too, because the page may be a right-to-left one
            moment = f"{LTR_ISOLATE}{moment}{POP_ISOLATE}"
        return f"{what}, {moment}"

    def save(self, *args: Any, **kwargs: Any) -> None:
        super().save(*args, **kwargs)
        CountedHour.mark_stale([self.stored_timestamp], self._state.db or router.db_for_write(Log))

    def delete(self, *args: Any, **kwargs: Any) -> tuple[int, dict[str, int]]:
        using = self._state.db or router.db_for_write(Log)
        deleted = super().delete(*args, **kwargs)
        CountedHour.mark_stale([self.stored_timestamp], using)
        return deleted

    @classmethod
    def from_record(cls, record: Record, pk: int | None = None) -> "Log":
        """Return the object of a record; ``pk`` is its primary key if it is stored."""
        row = cls(
            id=pk,
            timestamp=record.timestamp,
            action=record.action,
            user_id=user_id(record.user_id),
            user_repr=record.user_repr,
            user_state=record.user_state,
            content_type_id=content_type_id(record.model) if record.model else None,
            object_id=record.object_id,
            object_repr=record.object_repr,
            is_request=record.is_request,
            ip=record.ip,
            status=record.status,
            own_keys=record.own_keys,
            uid=UUID(record.uid) if record.uid else None,
            extra=record.extra_value(),
        )
        if pk is not None:
            row._state.adding = False
            row._state.db = router.db_for_write(cls)
        return row

    @classmethod
    def check(cls, **kwargs: Any) -> list[CheckMessage]:
        # Databases without conditional indexes get the same indexes without the condition (W037).
        # MariaDB goes without the index of names (W043).
        expected = ("models.W037", "models.W043")
        return [message for message in super().check(**kwargs) if message.id not in expected]

    @property
    def template_fragment_name(self) -> str:
        """The template that renders events of this action."""
        return f"eventlog/{self.action.lower()}.html"

    @property
    def facts(self) -> dict[str, Any]:
        """The request metadata in ``extra``, without the application's own values."""
        own = self.own_keys
        if own is None or not isinstance(self.extra, dict):
            return {}
        known = {key: self.extra[key] for key in FIELDS if key in self.extra}
        return {key: known[key] for key in known if f",{key}," not in own} if own else known

    @property
    def changes(self) -> dict[str, list[Any]]:
        """The changes that ``log(changes=...)`` has stored, as ``{"field": [old, new]}``."""
        found = self.extra.get(CHANGES) if isinstance(self.extra, dict) else None
        if not isinstance(found, dict):
            return {}
        # The application may have stored something else under the same key.
        is_valid = all(isinstance(pair, list) and len(pair) == 2 for pair in found.values())
        return found if is_valid else {}

    @property
    def user_name(self) -> str:
        """The name of the user as the event holds it, without a query.

        Without a name, it is "anonymous", "not known", "erased", or empty for an event that was
        logged without a user.
        """
        if self.user_repr:
            return str(self.user_repr)
        if self.user_id is not None:
            return f"user {self.user_id}"
        return _NAMES_WITHOUT_USER.get(self.user_state, "")

    @property
    def object_name(self) -> str:
        """The name of the object as the event holds it, without a query; empty without object."""
        if self.object_repr or self.object_id is None:
            return str(self.object_repr)
        return f"object {self.object_id}"

    @property
    def stored_timestamp(self) -> datetime:
        """The time of the event as its column holds it."""
        # Like Django, this accepts text and naive times as the value of the field.
        timestamp = Log._meta.get_field("timestamp").to_python(self.timestamp)
        return to_db_timezone(aware(timestamp))


def mark_raw(instance: Log, raw: bool, using: str, **_kwargs: Any) -> None:
    """Mark the hours of an event that ``loaddata`` saves, because it bypasses ``Log.save()``."""
    if raw:
        before = Log.objects.filter(pk=instance.pk).stored_timestamps(using)
        CountedHour.mark_stale([*before, instance.stored_timestamp], using)


# The signal is not post_save, because the backends build an object of each row for its receivers.
models.signals.pre_save.connect(mark_raw, sender=Log, dispatch_uid="eventlog.mark_raw")
