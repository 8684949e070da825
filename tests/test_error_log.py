from eventlog import error_log
from eventlog.error_log import report


def test_errors_of_one_kind_are_reported_once_a_minute(caplog, monkeypatch):
    now = [1000.0]
    monkeypatch.setattr(error_log.time, "monotonic", lambda: now[0])
    for _ in range(5):
        report("a", RuntimeError("x"))
    report("a", ValueError("another kind"))
    report("b", RuntimeError("another place"))
    assert len(caplog.records) == 3
    now[0] += error_log.REPORT_INTERVAL
    report("a", RuntimeError("x"))
    assert "4 more of these" in caplog.text


def test_only_the_newest_kinds_are_remembered(caplog, monkeypatch):
    monkeypatch.setattr(error_log, "MAX_KINDS", 3)
    for activity in ("a", "b", "c", "c", "d", "a"):
        report(activity, RuntimeError())
    reported = [record.args[0] for record in caplog.records]
    assert reported == ["a", "b", "c", "d", "a"]
