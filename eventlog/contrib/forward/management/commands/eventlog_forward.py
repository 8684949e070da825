"""``manage.py eventlog_forward``: test the targets, show what waits for them, and send it."""

import json
from argparse import ArgumentParser
from collections.abc import Sequence
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from eventlog.backends import get_backend
from eventlog.backends.buffered import BufferedBackend
from eventlog.conf import Misconfigured, conf
from eventlog.contrib.forward.event import Event
from eventlog.contrib.forward.forwarder import senders_of
from eventlog.contrib.forward.sender import Sender
from eventlog.contrib.forward.status import queue_facts, queue_problems
from eventlog.management.arguments import seconds
from eventlog.records.record import Record

TEST_ACTION = "EVENTLOG_FORWARD_TEST"


class Command(BaseCommand):
    help = "Test the targets of EVENTLOG['FORWARD'], show what waits for them, and send it."

    def add_arguments(self, parser: ArgumentParser) -> None:
        subcommands = parser.add_subparsers(dest="subcommand", required=True)
        test = subcommands.add_parser("test", help="send one event now, and print the answer")
        test.add_argument("target", help="the name of the target in the settings")
        status = subcommands.add_parser(
            "status", help="show what waits for each target, and the last error"
        )
        status.add_argument("--json", action="store_true", help="print one JSON object")
        status.add_argument(
            "--max-age",
            type=seconds,
            metavar="SECONDS",
            help="a health check: fail if an event has waited longer than this for a target, if "
            "events were dropped, or if there are dead letters",
        )
        run = subcommands.add_parser("run", help="send what waits now, for cron")
        run.add_argument(
            "targets", nargs="*", metavar="target", help="the names of targets; all by default"
        )
        retry = subcommands.add_parser("retry", help="send the dead letters of a target again")
        retry.add_argument("target", help="the name of the target in the settings")

    def handle(self, *args: Any, subcommand: str, **options: Any) -> None:
        backend = get_backend()
        if not isinstance(backend, BufferedBackend):
            raise CommandError(
                f"{type(backend).__name__} has no spool from which events are sent. Set "
                f"EVENTLOG['BACKEND'] to BufferedBackend, CeleryBackend, TasksBackend or "
                f"ClickHouseBackend."
            )
        senders = senders_of(conf.forward, backend.spool.directory)
        getattr(self, f"_{subcommand}")(senders, options)

    def _test(self, senders: Sequence[Sender], options: dict[str, Any]) -> None:
        sender = _named(senders, options["target"])
        facts = {"target": sender.name}
        event = Event(Record.build(None, TEST_ACTION, facts).to_json())
        try:
            target = sender.config.target
            answer = target.send([event])
            target.close()
        except Misconfigured as error:
            raise CommandError(str(error)) from error
        except Exception as error:
            raise CommandError(f"{sender.name}: {type(error).__name__}: {error}") from error
        self.stdout.write(f"{sender.name}: sent the event {event.id}; {answer}.")

    def _status(self, senders: Sequence[Sender], options: dict[str, Any]) -> None:
        all_facts = {sender.name: queue_facts(sender) for sender in senders}
        if options["json"]:
            self.stdout.write(json.dumps(all_facts))
        else:
            for name, facts in all_facts.items():
                self.stdout.write(name)
                for key, fact in facts.items():
                    shown = "-" if fact in (None, "") else fact
                    self.stdout.write(f"  {key.replace('_', ' '):18}{shown}")
        max_age = options["max_age"]
        problems = [
            f"{name}: {problem}"
            for name, facts in all_facts.items()
            for problem in queue_problems(facts, max_age)
        ]
        if max_age is not None and problems:
            raise CommandError(" ".join(problems))

    def _run(self, senders: Sequence[Sender], options: dict[str, Any]) -> None:
        chosen = [_named(senders, name) for name in options["targets"]] or senders
        failed = []
        for sender in chosen:
            before = sender.queue.read_state().sent
            is_complete = sender.run(force=True)
            state = sender.queue.read_state()
            self.stdout.write(f"{sender.name}: {_events(state.sent - before)} sent.")
            if not is_complete:
                reason = state.error or "Another process is sending."
                failed.append(f"{sender.name}: {reason}")
        if failed:
            raise CommandError(" ".join(failed))

    def _retry(self, senders: Sequence[Sender], options: dict[str, Any]) -> None:
        sender = _named(senders, options["target"])
        self.stdout.write(f"{_events(sender.queue.dead_letters.retry())} moved back.")
        self._run([sender], {"targets": []})


def _named(senders: Sequence[Sender], name: str) -> Sender:
    for sender in senders:
        if sender.name == name:
            return sender
    known = ", ".join(sender.name for sender in senders) or "none"
    raise CommandError(f"Unknown target {name!r}. EVENTLOG['FORWARD'] has: {known}.")


def _events(count: int) -> str:
    return "1 event" if count == 1 else f"{count} events"
