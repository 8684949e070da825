from eventlog import reporting
from eventlog.reporting import report


def test_a_storm_of_one_kind_is_one_line_a_minute(caplog, monkeypatch):
    now = [1000.0]
    monkeypatch.setattr(reporting.time, "monotonic", lambda: now[0])
    for _ in range(5):
        report("a", RuntimeError("x"))
    report("a", ValueError("another kind"))
    report("b", RuntimeError("another place"))
    assert len(caplog.records) == 3
    now[0] += reporting.EVERY
    report("a", RuntimeError("x"))
    assert "4 more of these" in caplog.text


def test_the_memory_of_what_was_said_is_bounded(monkeypatch):
    monkeypatch.setattr(reporting, "MOST_KINDS", 3)
    for number in range(10):
        report(str(number), RuntimeError())
    assert len(reporting._said) <= 3
