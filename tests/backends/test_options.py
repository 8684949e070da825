import pytest

from eventlog.checks import check_settings

from .conftest import BUFFERED


@pytest.mark.parametrize(
    ("options", "named"),
    [
        ({"batch_size": 0}, "batch_size"),
        ({"batch_size": True}, "batch_size"),
        ({"batch_bytes": 0}, "batch_bytes"),
        ({"batch_bytes": "8MB"}, "batch_bytes"),
        ({"interval": 0}, "interval"),
        ({"interval": float("inf")}, "interval"),
        ({"on_full": "explode"}, "drop, inline, block"),
        ({"on_unwritable": "block"}, "inline, drop"),
        ({"flush_interval": 1}, "flush_interval"),
        ({"max_bytes": "1GB"}, "max_bytes"),
        ({"exit_timeout": None}, "exit_timeout"),
        ({"block_timeout": -1}, "block_timeout"),
    ],
)
def test_an_invalid_option_is_named(settings, options, named):
    settings.EVENTLOG = {"BACKEND": BUFFERED, "OPTIONS": options}
    (message,) = check_settings()
    assert message.id == "eventlog.E005"
    assert named in message.msg


@pytest.mark.parametrize(
    ("options", "named"), [({"resend_after": "600"}, "resend_after"), ({"alias": "x"}, "'x'")]
)
def test_an_invalid_option_of_a_task_queue_is_named(settings, tmp_path, options, named):
    settings.EVENTLOG = {
        "BACKEND": "eventlog.backends.tasks.TasksBackend",
        "OPTIONS": options | {"spool": tmp_path},
    }
    (message,) = check_settings()
    assert message.id == "eventlog.E005"
    assert named in message.msg
