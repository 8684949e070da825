"""``manage.py check`` names the wrong value of a target and the fix."""

import pytest
from django.core.checks import run_checks

MEMORY = "tests.contrib.forward.targets.MemoryTarget"


def problems():
    return [
        (message.id, f"{message.msg} {message.hint}")
        for message in run_checks()
        if "FORWARD" in message.msg
    ]


def test_targets_need_a_backend_with_a_spool(forwarding, settings):
    forwarding(siem={"TARGET": MEMORY})
    assert problems() == []
    settings.EVENTLOG = {"FORWARD": {"siem": {"TARGET": MEMORY}}}
    ((check_id, text),) = problems()
    assert check_id == "eventlog.E020"
    assert "DatabaseBackend has no spool" in text
    assert "eventlog.backends.buffered.BufferedBackend" in text


def test_a_wrong_backend_is_reported_once(forwarding, settings):
    forwarding()
    settings.EVENTLOG = {"BACKEND": "nothing", "FORWARD": {"siem": {"TARGET": MEMORY}}}
    assert [message.id for message in run_checks() if message.id.startswith("eventlog")] == [
        "eventlog.E004"
    ]
    settings.EVENTLOG = {}


def test_targets_that_are_not_a_dict_are_reported_once(forwarding, settings):
    forwarding()
    settings.EVENTLOG = {"FORWARD": ["siem"]}
    assert [check_id for check_id, _ in problems()] == ["eventlog.E002"]


def test_targets_need_the_app(settings):
    settings.EVENTLOG = {"FORWARD": {"siem": {"TARGET": MEMORY}}}
    assert [check_id for check_id, _ in problems()] == ["eventlog.W020"]


@pytest.mark.parametrize(
    ("name", "target", "check_id", "text"),
    [
        ("siem", {"TARGET": "nothing"}, "eventlog.E021", "Use one of: file"),
        ("siem", {"TARGET": "eventlog.models.Log"}, "eventlog.E021", "which is not a target"),
        ("siem", {"TARGET": "file", "OPTIONS": {"pth": 1}}, "eventlog.E021", "pth"),
        ("siem", {"TARGET": "file", "OPTIONS": {"path": 1}}, "eventlog.E021", "path is 1"),
        ("siem", {"TARGET": MEMORY, "SEARCH": "last:1h"}, "eventlog.E022", "last:1h: A target"),
        ("siem", {"TARGET": MEMORY, "SEARCH": 1}, "eventlog.E002", "Set it to a search"),
        ("siem", {"TARGET": MEMORY, "SERCH": ""}, "eventlog.E001", "Did you mean 'SEARCH'?"),
        ("siem", {"TARGET": MEMORY, "X": ""}, "eventlog.E001", "Use one of: TARGET"),
        ("siem", {"TARGET": MEMORY, "MAX_BYTES": 0}, "eventlog.E002", "above 0"),
        ("siem", {"TARGET": MEMORY, "INTERVAL": 0}, "eventlog.E002", "above 0"),
        ("siem", {"TARGET": MEMORY, "INTERVAL": float("inf")}, "eventlog.E002", "above 0"),
        ("siem", {"TARGET": "..targets.Target"}, "eventlog.E021", "cannot be imported"),
        (
            "siem",
            {"TARGET": "file", "OPTIONS": {"path": "x", "fsync": 0}},
            "eventlog.E021",
            "fsync",
        ),
        ("siem", {"TARGET": "syslog", "OPTIONS": {"app_name": 1}}, "eventlog.E021", "app_name"),
        ("siem", {"TARGET": MEMORY, "OPTIONS": 1}, "eventlog.E002", "keyword arguments"),
        ("siem", "file", "eventlog.E002", "Set it to a dict"),
        ("Big One/..", {"TARGET": MEMORY}, "eventlog.E002", "small letters"),
    ],
)
def test_a_wrong_value_is_named_with_the_fix(forwarding, name, target, check_id, text):
    forwarding(**{name: target})
    ((found_id, found),) = problems()
    assert found_id == check_id
    assert text in found


def test_a_message_has_no_secret(forwarding):
    forwarding(siem={"TARGET": "file", "OPTIONS": {"token": "hunter2"}})
    ((_, text),) = problems()
    assert "hunter2" not in text
