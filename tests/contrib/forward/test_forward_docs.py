"""The page about streams names what the app has."""

import re
from inspect import signature
from pathlib import Path
from typing import Any

import pytest
from django.core.checks import run_checks

from eventlog.conf import FIELDS
from eventlog.contrib.forward import configured_targets
from eventlog.contrib.forward.fields import FIELD_NAMES
from eventlog.contrib.forward.matchers import REFUSED

PAGE = (Path(__file__).parents[3] / "docs" / "forward.md").read_text()
SETTINGS = {"OPTIONS": {}, "SEARCH": "", "MAX_BYTES": configured_targets.MAX_BYTES} | {
    "BATCH_SIZE": configured_targets.BATCH_SIZE,
    "INTERVAL": configured_targets.INTERVAL,
}


def test_the_table_of_fields_is_the_table_of_the_code():
    table = PAGE.partition("| field | OpenTelemetry | ECS |\n| --- | --- | --- |\n")[2]
    rows = [f"| `{name}` | `{otel}` | `{ecs}` |" for name, (otel, ecs) in FIELD_NAMES.items()]
    assert table.partition("\n\n")[0] == "\n".join(rows)


def test_each_field_of_a_request_has_a_name_in_other_systems():
    assert {*FIELDS} <= {*FIELD_NAMES}
    for names in zip(*FIELD_NAMES.values(), strict=True):
        assert len({*names}) == len(names)


def test_each_setting_of_a_target_has_its_default():
    assert {*configured_targets.KEYS} == {"TARGET", *SETTINGS}
    for name, default in SETTINGS.items():
        written = re.escape(f'"{default}"' if default == "" else str(default))
        assert re.search(rf"^\| `{name}` \| .* \| `{written}` \| ", PAGE, re.MULTILINE)


@pytest.mark.parametrize("name", configured_targets.SHORT_NAMES)
def test_each_option_of_a_target_has_its_default(name):
    path, extra = configured_targets.SHORT_NAMES[name]
    if extra:
        pytest.importorskip({"otlp": "opentelemetry.exporter"}.get(extra, extra))
    module, _, attribute = path.rpartition(".")
    target = getattr(__import__(module, fromlist=[attribute]), attribute)
    section = PAGE.partition(f"\n### `{name}`\n")[2].partition("\n#")[0]
    options = signature(target).parameters.values()
    expected = [
        (each.name, "required" if each.default is each.empty else f"`{each.default}`")
        for each in options
    ]
    assert re.findall(r"^\| `(\w+)` \| (.+?) \| ", section, re.MULTILINE) == expected


@pytest.mark.parametrize("example", re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)[:2])
def test_each_configuration_passes_the_checks(forwarding, settings, tmp_path, example):
    forwarding()
    named: dict[str, Any] = {}
    exec(example.replace("/var/lib/mysite/eventlog", str(tmp_path / "spool")), named)
    settings.EVENTLOG = named["EVENTLOG"]
    assert [message for message in run_checks() if message.id.startswith("eventlog")] == []


def test_each_refused_key_is_named():
    for key in REFUSED:
        assert not key or f"`{key}:`" in PAGE
