"""The columns and indexes of the table of events in ClickHouse."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from ...counts.counting import LATENCY_BUCKETS, OVERFLOW

TEXT, NAME = "Nullable(String)", "LowCardinality(Nullable(String))"

# The facts of a request that have a column of their own, and its type. ClickHouse computes the
# column from ``extra``. It is NULL if the application has set a value under this name. The other
# facts are read from ``extra``.
FACTS: Mapping[str, str] = {
    "method": NAME,
    "path": TEXT,
    "query": TEXT,
    "route": NAME,
    "view": NAME,
    "duration_ms": "Nullable(Float64)",
    "browser": NAME,
    "os": NAME,
    "device_type": NAME,
    "referer": TEXT,
    "exception": NAME,
    "request_id": TEXT,
    "acting_user": NAME,
    "acting_user_id": NAME,
    "reason": TEXT,
    "command": NAME,
}
NUMBERS = ("duration_ms",)

# The columns that are written, in their order.
WRITTEN: Mapping[str, str] = {
    "id": "Int64",
    "uid": "UUID",
    "timestamp": "DateTime64(6, 'UTC')",
    "action": "LowCardinality(String)",
    "user_id": TEXT,
    "user_repr": "String",
    "user_state": "Nullable(UInt8)",
    "content_type_id": "Nullable(Int32)",
    "model": "LowCardinality(String)",
    "object_id": TEXT,
    "object_repr": "String",
    "is_request": "Bool",
    "ip": TEXT,
    "status": "Nullable(UInt16)",
    "own_keys": NAME,
    "batch": "LowCardinality(String)",
    "extra": "String",
}
CODECS: Mapping[str, str] = {"timestamp": "Delta, ZSTD(1)", "extra": "ZSTD(3)"}


class SkipIndex(NamedTuple):
    """A skip index, by which ClickHouse leaves out granules that do not have a value."""

    column: str
    kind: str = "bloom_filter(0.01)"

    @property
    def name(self) -> str:
        """The name in the table."""
        return f"by_{self.column}"

    @property
    def sql(self) -> str:
        """The definition in CREATE TABLE and ADD INDEX."""
        return f"INDEX {self.name} {self.column} TYPE {self.kind} GRANULARITY 1"


INDEXES = (
    *map(SkipIndex, ("user_id", "user_repr", "object_id", "ip", "fact_request_id", "id", "batch")),
    SkipIndex("action", "set(256)"),
    SkipIndex("status", "set(64)"),
    SkipIndex("stored_at", "minmax"),
)


QUARTER, HOUR, DAY = 900_000_000, 3_600_000_000, 86_400_000_000  # microseconds


def part_sql(length: int) -> str:
    """Return the SQL for the number of an event's part of the time; each has ``length`` µs."""
    return _rounded_down("toUnixTimestamp64Micro(timestamp)", length)


def longer_part_sql(number: int) -> str:
    """Return the SQL for the number of a longer part, which has so many of ``PART``."""
    return _rounded_down(PART, number)


def _rounded_down(value: str, divisor: int) -> str:
    """Return the SQL of a quotient rounded down; ``intDiv()`` rounds negative ones up.

    Without ``if()``, the same quotient as a sum made queries of projections five times as slow,
    because ClickHouse compared it with the order of the table.
    """
    below_0 = f"intDiv({value} - {divisor - 1:d}, {divisor:d})"
    return f"if({value} < 0, {below_0}, intDiv({value}, {divisor:d}))"


class Projection(NamedTuple):
    """Numbers of events by part of the time and by values, which ClickHouse keeps up to date.

    The number of groups limits how much a projection saves. Many values need long parts.
    """

    length: int  # of a part in microseconds
    values: Sequence[str] = ()
    counted: str = "count()"
    is_by_value: bool = False  # sorted by value first, for searches by value


# A quarter of an hour, because days and hours of every time zone consist of quarters.
PART = part_sql(QUARTER)
_BUCKETS = ", ".join(f"fact_duration_ms <= {bound}, {bound}" for bound in LATENCY_BUCKETS)
BUCKET = f"if(fact_duration_ms IS NULL, NULL, multiIf({_BUCKETS}, {OVERFLOW}))"
# Exact up to 1,000 addresses. Beyond, a rare address may be left out, and its count has an error.
TOP_ADDRESSES = "approx_top_count(1000, 1000)(ip)"
# The values that overviews and charts show.
PROJECTIONS: Mapping[str, Projection] = {
    "events_by_part": Projection(QUARTER),
    "actions_by_part": Projection(QUARTER, ["action"]),
    "statuses_by_part": Projection(QUARTER, ["is_request", "status"]),
    "clients_by_hour": Projection(HOUR, ["is_request", "fact_device_type", "fact_browser"]),
    "requests_by_hour": Projection(
        HOUR, ["is_request", "status", "fact_exception", "user_state", "fact_view"]
    ),
    "durations_by_hour": Projection(HOUR, ["is_request", "fact_view", BUCKET]),
    "users_by_day": Projection(DAY, ["user_repr", "user_id"], is_by_value=True),
    "addresses_by_day": Projection(DAY, counted=TOP_ADDRESSES),
}


def projection_sql(name: str) -> str:
    """Return the definition of a projection."""
    found = PROJECTIONS[name]
    part = part_sql(found.length)
    groups = ", ".join([*found.values, part] if found.is_by_value else [part, *found.values])
    return f"PROJECTION {name} (SELECT {groups}, {found.counted} GROUP BY {groups})"


def fact_column(key: str) -> str:
    """Return the name of the column of a fact."""
    return f"fact_{key}"


def is_fact_sql(key: str) -> str:
    """Return the condition that the application did not choose the value under ``key``.

    The condition is NULL for an event whose whole ``extra`` is the application's.
    """
    return f"position(own_keys, ',{key},') = 0"


def text_sql(*keys: str) -> str:
    """Return the value under nested quoted ``keys`` as text, NULL if it is missing or null."""
    path = "".join(f", {key}" for key in keys)
    kind, text = f"JSONType(extra{path})", f"JSONExtract(extra{path}, 'Nullable(String)')"
    # ClickHouse prints 1.0 as 1, the databases print it as 1.0.
    whole = f"{kind} = 'Double' AND match(assumeNotNull({text}), '^-?[0-9]+$')"
    return f"if({whole}, concat({text}, '.0'), {text})"


def number_sql(*keys: str) -> str:
    """Return the value under nested quoted ``keys`` if it is a JSON number, else NULL."""
    path = "".join(f", {key}" for key in keys)
    is_number = f"JSONType(extra{path}) IN ('Int64', 'UInt64', 'Double')"
    return f"if({is_number}, JSONExtract(extra{path}, 'Nullable(Float64)'), NULL)"


def has_any_key_sql(keys: str) -> str:
    """Return the condition that ``extra`` is an object with one of ``keys``."""
    return (
        "(JSONType(extra) = 'Object'"
        f" AND hasAny(JSONExtractKeys(extra), CAST({keys}, 'Array(String)')))"
    )


def fact_sql(key: str, *, as_number: bool) -> str:
    """Return the expression of a fact."""
    value = number_sql(f"'{key}'") if as_number else text_sql(f"'{key}'")
    return f"if({is_fact_sql(key)}, {value}, NULL)"


def column_definitions() -> dict[str, str]:
    """Return the definition of each column after its name."""
    found = {}
    for name, kind in WRITTEN.items():
        codec = f" CODEC({CODECS[name]})" if name in CODECS else ""
        found[name] = f"{kind}{codec}"
    # By the server's clock, because followers ask for what was stored since.
    found["stored_at"] = f"{WRITTEN['timestamp']} MATERIALIZED now64(6, 'UTC') CODEC(ZSTD(1))"
    for key, kind in FACTS.items():
        found[fact_column(key)] = f"{kind} MATERIALIZED {fact_sql(key, as_number=key in NUMBERS)}"
    return found
