"""``manage.py eventlog_person``: what is known of one person, written out or erased."""

import json
from typing import Any

from django.contrib.auth import get_user_model
from django.contrib.contenttypes.models import ContentType
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.core.serializers.json import DjangoJSONEncoder
from django.db import router, transaction
from django.db.models import Q

from eventlog.backends import get_backend
from eventlog.hours import RolledHour
from eventlog.metadata import KEYS
from eventlog.models import Log, LogQuerySet
from eventlog.review.export import chunks, values
from eventlog.review.nearest import Wanted

BATCH = 1000
# What was asked of the site stays, without who asked: neither the client nor what it sent along.
KEPT = {"method", "route", "view", "device_type"}
PERSONAL = KEYS - KEPT
CHANGED = ["user", "user_repr", "object_id", "object_repr", "extra"]


class Command(BaseCommand):
    help = (
        "Export what one person did, and what was done to their account, as JSON lines; or erase "
        "the person from it."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("what", choices=["export", "erase"])
        parser.add_argument("username", help="also of a user who was deleted")
        parser.add_argument(
            "--delete",
            action="store_true",
            help="erase: the events themselves; without it they stay, and nobody's",
        )

    def handle(self, **options: Any) -> None:
        if not get_backend().settle(30.0):
            raise CommandError("Events still wait to be written; see manage.py eventlog_spool.")
        person = Person(options["username"])
        if person.pk is None and not person.events().exists():
            self.stderr.write(f"Nobody is called {person.username!r}, nor does an event say so.")
        if options["what"] == "export":
            for chunk in chunks(person.events(), Wanted()):
                for event in chunk:
                    text = json.dumps(values(event), cls=DjangoJSONEncoder, ensure_ascii=False)
                    self.stdout.write(text)
            return
        count = self._erase(person, delete=options["delete"])
        if options["verbosity"]:
            self.stdout.write(f"{count} events {'deleted' if options['delete'] else 'erased'}.")

    def _erase(self, person: "Person", *, delete: bool) -> int:
        using = router.db_for_write(Log)
        pks = list(person.events().order_by().values_list("pk", flat=True))
        for start in range(0, len(pks), BATCH):
            some = Log.objects.using(using).filter(pk__in=pks[start : start + BATCH])
            with transaction.atomic(using=using):
                rows = list(some)
                if delete:
                    some._raw_delete(using)
                else:
                    for row in rows:
                        person.leave(row)
                    some.bulk_update(rows, CHANGED)
                RolledHour.touch((row.timestamp for row in rows), using)
        return len(pks)


class Person:
    """Whoever has, or had, this username."""

    def __init__(self, username: str) -> None:
        users = get_user_model()
        self.username = username
        self.kind = ContentType.objects.get_for_model(users)
        found = users._default_manager.filter(**{users.USERNAME_FIELD: username}).first()
        self.pk = None if found is None else found.pk

    def events(self) -> LogQuerySet:
        # Of a user who is gone, the name is left.
        theirs = Q(user_repr=self.username, user=None)
        about = Q(content_type=self.kind, object_repr=self.username)
        if self.pk is not None:
            theirs |= Q(user=self.pk)
            about |= Q(content_type=self.kind, object_id=str(self.pk))
        return Log.objects.using(router.db_for_write(Log)).filter(theirs | about)

    def leave(self, event: Log) -> None:
        """Take the person out of an event that they did, or that was about them."""
        if event.content_type_id == self.kind.pk and (
            event.object_repr == self.username or event.object_id == str(self.pk)
        ):
            event.object_id, event.object_repr = None, ""
        if (event.user_id is not None and event.user_id == self.pk) or (
            event.user_id is None and event.user_repr == self.username
        ):
            event.user_id, event.user_repr = None, ""
            if isinstance(event.extra, dict):
                event.extra = {k: v for k, v in event.extra.items() if k not in PERSONAL}
