"""``manage.py eventlog_inventory``: list what is recorded, where, for how long, and for whom."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from eventlog.diagnostics import recording_entries, storage_entries
from eventlog.diagnostics.inventory import SECTIONS, Entry, inventory
from eventlog.management.terminal import until_closed


class Command(BaseCommand):
    help = (
        "List what is recorded, where it is stored, for how long it is kept, and who may read it, "
        "as a table in Markdown for an auditor."
    )
    requires_system_checks = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--json", action="store_true", help="print one JSON object")

    def handle(self, **options: Any) -> None:
        entries = inventory((*recording_entries.PARTS, *storage_entries.PARTS))
        with until_closed(self.stdout):
            self._write(entries, options)

    def _write(self, entries: Sequence[Entry], options: Mapping[str, Any]) -> None:
        if options["json"]:
            document = {
                section: [
                    {"subject": entry.subject, "detail": entry.detail}
                    for entry in entries
                    if entry.section == section
                ]
                for section in SECTIONS
            }
            self.stdout.write(json.dumps(document))
            return
        self.stdout.write("| section | subject | detail |\n| --- | --- | --- |")
        for entry in entries:
            self.stdout.write(_row(entry))


def _row(entry: Entry) -> str:
    cells = (" ".join(cell.split()).replace("|", "\\|") for cell in entry)
    return f"| {' | '.join(cells)} |"
