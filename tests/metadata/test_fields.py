import json
import subprocess
import sys
from pathlib import Path

from eventlog.metadata.fields import FIELDS, export_columns, labels, personal_fields

ROOT = Path(__file__).parents[2]


def test_a_field_that_is_added_to_the_table_is_recorded_labelled_exported_and_erased():
    command = [sys.executable, "-m", "tests.metadata.added_field"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout.splitlines()[-1]) == {
        "recorded": "Sindarin",
        "labelled": True,
        "exported": ["csv", "jsonl", "parquet"],
        "after erasure": None,
    }


def test_every_field_has_a_label_on_the_page_of_its_event():
    shown = [*labels("event"), *labels("request"), *labels("client")]
    assert sorted(shown) == sorted(FIELDS)


def test_the_fields_that_tell_nothing_about_a_person_survive_erasure():
    assert {*FIELDS} - personal_fields() == {
        "method", "route", "view", "status", "duration_ms", "device_type", "exception",
        "acting_user", "acting_user_id", "reason", "command",
    }  # fmt: skip


def test_the_columns_of_exports_are_the_ones_that_earlier_files_have():
    assert list(export_columns()) == [
        "ip", "method", "path", "query", "status",
        "duration_ms", "browser", "os", "device_type", "request_id", "trace_id",
        "acting_user", "reason", "command",
    ]  # fmt: skip


def table_of_fields():
    """Return the table of request fields as Markdown."""
    rows = ["| key | value | characters, at most | personal |", "| --- | --- | --- | --- |"]
    for name, field in FIELDS.items():
        length = "" if field.max_length is None else f"{field.max_length:,}"
        personal = "yes" if field.is_personal else "no"
        rows.append(f"| `{name}` | {field.description} | {length} | {personal} |")
    return "\n".join(rows)


def test_the_documentation_has_the_table_of_fields():
    assert table_of_fields() in (ROOT / "docs" / "settings.md").read_text()
