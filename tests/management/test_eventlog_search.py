import csv
import json
import sys
from datetime import UTC, datetime, timedelta
from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from eventlog.models import Log
from eventlog.review import newest_pages, pagination

from ..events import write_request
from .streams import ClosedPipe, Pipe, Terminal

pytestmark = pytest.mark.django_db

MOMENT = datetime(2026, 1, 31, 9, 30, tzinfo=UTC)
FACTS = {"method": "POST", "path": "/pay/", "status": 302, "duration_ms": 45.2, "ip": "192.0.2.7"}


@pytest.fixture(autouse=True)
def _environment(monkeypatch):
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm-256color")


def event(minute, action="X", extra=None, **values):
    moment = MOMENT + timedelta(minutes=minute)
    return write_request({**(extra or {})}, action=action, timestamp=moment, **values)


def search(*args, stdout=None, **options):
    """Run the command, and return its output and its error output."""
    out, errors = stdout or StringIO(), StringIO()
    call_command("eventlog_search", *args, stdout=out, stderr=errors, **options)
    return out.getvalue(), errors.getvalue()


def actions(*args):
    return [json.loads(line)["action"] for line in search(*args, "--format=json")[0].splitlines()]


def test_the_newest_events_are_first():
    for minute in range(3):
        event(minute, f"A{minute}")
    assert actions() == ["A2", "A1", "A0"]
    assert actions("--limit=2") == ["A2", "A1"]


def test_the_same_events_can_be_printed_oldest_first():
    for minute in range(3):
        event(minute, f"A{minute}")
    assert actions("--limit=2", "--oldest-first") == ["A1", "A2"]


def test_a_limit_can_span_several_pages(monkeypatch):
    monkeypatch.setattr(newest_pages, "PAGE_EVENTS", 2)
    for minute in range(6):
        event(minute, f"A{minute}")
    assert actions("--limit=5") == ["A5", "A4", "A3", "A2", "A1"]
    assert actions("--limit=5", "--oldest-first") == ["A1", "A2", "A3", "A4", "A5"]


def test_only_events_that_the_search_finds_are_printed(anna):
    event(0, "PAID", {"status": 200}, user=anna)
    event(1, "PAID", {"status": 500})
    event(2, "SENT", {"status": 500}, user=anna)
    assert actions("user:anna OR status:500") == ["SENT", "PAID", "PAID"]
    assert actions("user:anna -status:500") == ["PAID"]


def test_a_line_has_time_user_action_object_request_and_address(anna):
    event(0, "PAID", FACTS, user=anna, user_repr="anna", object_id="7", object_repr="Order 7")
    assert search()[0] == (
        "2026-01-31 10:30:00  anna          PAID                      Order 7"
        "  POST /pay/ → 302 · 45 ms  192.0.2.7\n"
    )


def test_a_line_of_an_event_without_a_request_ends_after_its_object():
    Log.objects.create(action="SENT", timestamp=MOMENT)
    assert search()[0] == "2026-01-31 10:30:00                SENT\n"


def test_a_request_of_which_only_the_path_is_known_has_the_path():
    event(0, "X", {"path": "/pay/"})
    assert search()[0].endswith("  /pay/\n")


def test_long_texts_are_shortened():
    facts = {**FACTS, "path": "/" + "p" * 500}
    event(0, "A" * 200, facts, user_repr="u" * 200, object_id="7", object_repr="o" * 200)
    (line,) = search()[0].splitlines()
    assert len(line) < 320
    assert line.count("…") == 4


def test_columns_are_below_each_other():
    event(0, "A", user_repr="u" * 20, object_id="7", object_repr="Lamp")
    event(1, "LONG_" * 6, user_repr="bob", object_id="8", object_repr="Lamp")
    starts = {
        (line.index("A  ") if " A " in line else line.index("LONG"), line.index("Lamp"))
        for line in search()[0].splitlines()
    }
    assert len(starts) == 1


HOSTILE = "/\x1b[2J\r\n\x9b2J\u202e\u2028x"


@pytest.mark.parametrize("name", ["method", "path", "status", "duration_ms", "ip"])
@pytest.mark.parametrize("options", [{}, {"force_color": True}])
def test_control_characters_of_a_visitor_are_escaped_in_a_line(name, options):
    event(0, "PAID", {**FACTS, name: HOSTILE})
    output, _ = search(stdout=Terminal(), **options)
    assert "\\x1b[2J\\r\\n\\x9b2J\\u202e\\u2028x" in output
    assert output.count("\n") == 1
    assert not set("\r\x9b\u202e\u2028") & set(output)
    assert "\x1b[2J" not in output


def test_control_characters_in_columns_are_escaped_in_a_line():
    event(0, HOSTILE, user_repr=HOSTILE, object_id="7", object_repr=HOSTILE)
    output, _ = search()
    assert output.count("\\x1b[2J") == 3
    assert output[:-1].isprintable()


def test_json_escapes_control_characters_without_a_change_of_the_value():
    event(0, "PAID", {**FACTS, "path": HOSTILE + "\U000e0001"})
    output, _ = search("--format=json")
    assert output[:-1].isprintable()
    assert json.loads(output)["path"] == HOSTILE + "\U000e0001"


def test_csv_has_no_control_characters_on_a_terminal():
    event(0, "PAID", {**FACTS, "path": HOSTILE})
    output, _ = search("--format=csv", stdout=Terminal())
    assert output.replace("\n", "").isprintable()
    assert output.startswith("time,user,user_state,action,")


def test_csv_for_a_file_is_that_of_the_export_and_has_no_formula():
    event(0, "=1+1", {**FACTS, "path": HOSTILE})
    output, _ = search("--format=csv")
    header, row = csv.reader(StringIO(output.removeprefix("\ufeff"), newline=""))
    cells = dict(zip(header, row, strict=True))
    assert output.startswith("\ufeff")
    assert (cells["action"], cells["path"]) == ("'=1+1", HOSTILE)


def test_a_search_that_finds_nothing_says_so_on_standard_error():
    assert search("--format=json") == ("", "No event found.\n")
    event(0)
    assert search()[1] == ""


def test_csv_without_an_event_has_a_header():
    assert search("--format=csv")[0].startswith("\ufefftime,")


@pytest.mark.parametrize("kind", ["json", "csv"])
def test_data_has_all_of_a_large_extra(kind):
    event(0, extra={**FACTS, "text": "t" * 100_000})
    assert "t" * 100_000 in search(f"--format={kind}")[0]


def test_a_terminal_gets_colours():
    event(0, extra={**FACTS, "status": 500})
    output, _ = search(stdout=Terminal())
    assert "\x1b[1;31m500\x1b[0m" in output


@pytest.mark.parametrize("variable", ["NO_COLOR", None])
def test_no_color_is_obeyed(monkeypatch, variable):
    event(0, extra=FACTS)
    if variable:
        monkeypatch.setenv(variable, "1")
    output, _ = search(stdout=Terminal(), no_color=variable is None)
    assert "\x1b" not in output


def test_a_file_gets_no_colours_unless_they_are_forced():
    event(0, extra=FACTS)
    assert "\x1b" not in search()[0]
    assert "\x1b" in search(force_color=True)[0]


def test_without_rich_a_terminal_gets_the_same_text_without_colours(monkeypatch):
    event(0, extra=FACTS)
    plain, _ = search()
    monkeypatch.setitem(sys.modules, "rich.console", None)
    assert search(stdout=Terminal())[0] == plain


def test_square_brackets_and_emoji_codes_are_not_markup():
    event(0, extra={**FACTS, "path": "/[bold]:smile:[/bold]"})
    assert "/[bold]:smile:[/bold]" in search(stdout=Terminal())[0]


def test_a_pipe_gets_utf_8_whatever_the_encoding_of_the_terminal():
    event(0, extra={**FACTS, "path": "/é/"})
    out = Pipe(encoding="ascii")
    call_command("eventlog_search", stdout=out)
    assert "/é/ → 302" in out.buffer.getvalue().decode()


def test_a_terminal_without_an_arrow_gets_an_escape():
    event(0, extra=FACTS)
    out = Pipe(encoding="ascii", is_terminal=True)
    call_command("eventlog_search", stdout=out, no_color=True)
    out.flush()
    assert "/pay/ \\u2192 302" in out.buffer.getvalue().decode()


def test_an_invalid_search_prints_each_reason_and_the_suggestion():
    errors = StringIO()
    with pytest.raises(CommandError, match="'usr:anna is:hummn' is not valid"):
        call_command("eventlog_search", "usr:anna is:hummn", stderr=errors)
    first, second = errors.getvalue().splitlines()
    assert first.startswith("usr:anna: Unknown key 'usr'.")
    assert first.endswith("Did you mean: user:anna is:human")
    assert second.endswith("Did you mean: user:anna is:human")


def test_a_syntax_error_is_printed():
    errors = StringIO()
    with pytest.raises(CommandError):
        call_command("eventlog_search", "(a", stderr=errors)
    assert errors.getvalue().strip()


def test_hints_are_printed_with_an_empty_result():
    event(0, "POST_LOGIN")
    output, errors = search("action:POST_LOGN")
    assert output == ""
    assert errors == (
        "action:POST_LOGN: No event has the action 'POST_LOGN'. Did you mean: action:POST_LOGIN\n"
        "No event found.\n"
    )


@pytest.fixture
def _small_scans(monkeypatch):
    """Check two events for a page."""
    monkeypatch.setattr(pagination, "SCAN_CHUNK", 1)
    monkeypatch.setattr(newest_pages, "SCAN_LIMIT", 2)
    monkeypatch.setattr(newest_pages, "SCAN_LIMIT_FACTOR", 1)
    for minute in range(6):
        event(minute, "GET_A" if minute else "GET_B", {"n": minute % 6})


@pytest.mark.usefixtures("_small_scans")
def test_a_scan_that_stops_says_how_far_back_it_searched():
    output, errors = search("extra.n:0")
    assert output == ""
    assert errors == (
        "Searched back to 2026-01-31 10:32:00.000+01:00. Use --scan to search further back.\n"
    )


@pytest.mark.usefixtures("_small_scans")
def test_scan_continues_to_the_oldest_event():
    output, errors = search("extra.n:0", "--scan", "--format=json")
    assert json.loads(output)["action"] == "GET_B"
    assert errors == "Searched back to 2026-01-31 10:32:00.000+01:00. Continuing.\n"


@pytest.mark.usefixtures("_small_scans")
def test_scan_ends_when_enough_events_are_found():
    output, errors = search("extra.n:4", "--scan", "--limit=1", "--format=json")
    assert json.loads(output)["extra"]["n"] == 4
    assert errors == ""


@pytest.mark.parametrize("limit", ["0", "-1", "many", "²"])
def test_a_limit_below_1_is_refused(limit):
    with pytest.raises(CommandError, match="give 1 or more"):
        search(f"--limit={limit}")


def test_a_closed_pipe_ends_the_command_quietly():
    event(0)
    out = ClosedPipe()
    call_command("eventlog_search", stdout=out)
    assert out.attempts
