"""Indexes for what people search for in ``extra``, and the hourly counts of the overview.

Django does not know these indexes: a later migration that makes Django copy the table on SQLite
(AlterField of a column, say) has to make them again.
"""

from typing import Any

from django.db import migrations, models

# No address is longer; a text of thousands of characters has no place in an index of PostgreSQL.
# That JSON is valid is for the table's own constraint to say: its error is that of a row.
TEXT = "JSON_UNQUOTE(JSON_EXTRACT(IF(JSON_VALID(`extra`), `extra`, NULL), '{}'))"
# By address alone, each new event would go into another place of the index; by day, into today's.
INDEXES = {
    "postgresql": [
        """CREATE INDEX eventlog_day_ip
           ON eventlog_log ((("timestamp" AT TIME ZONE 'UTC')::date),
                            (LEFT(extra ->> 'ip', 45) COLLATE "C"), "timestamp")
           WHERE LEFT(extra ->> 'ip', 45) COLLATE "C" IS NOT NULL""",
        """CREATE INDEX eventlog_failed_time
           ON eventlog_log ((LEFT(extra ->> 'status', 1) COLLATE "C"), "timestamp")
           WHERE LEFT(extra ->> 'status', 1) COLLATE "C" >= '4'""",
    ],
    "sqlite": [
        """CREATE INDEX "eventlog_day_ip"
           ON "eventlog_log" (SUBSTR("timestamp", 1, 10), JSON_EXTRACT("extra", '$.ip'),
                              "timestamp")
           WHERE JSON_EXTRACT("extra", '$.ip') IS NOT NULL""",
        """CREATE INDEX "eventlog_failed_time"
           ON "eventlog_log" (SUBSTR(JSON_EXTRACT("extra", '$.status'), 1, 1), "timestamp")
           WHERE SUBSTR(JSON_EXTRACT("extra", '$.status'), 1, 1) >= '4'""",
    ],
    # Neither indexes an expression in a way that both understand; virtual columns take no room.
    # What does not fit is cut or left out: an odd ``extra`` must not make an INSERT fail.
    "mysql": [
        f"""ALTER TABLE `eventlog_log`
           ADD COLUMN `fact_day` date GENERATED ALWAYS AS (CAST(`timestamp` AS date)) VIRTUAL,
           ADD COLUMN `fact_ip` varchar(45) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin
           GENERATED ALWAYS AS (LEFT({TEXT.format("$.ip")}, 45)) VIRTUAL,
           ADD COLUMN `fact_status_class` varchar(1) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin
           GENERATED ALWAYS AS (LEFT({TEXT.format("$.status")}, 1)) VIRTUAL""",
        "CREATE INDEX `eventlog_day_ip` ON `eventlog_log` (`fact_day`, `fact_ip`, `timestamp`)",
        "CREATE INDEX `eventlog_failed_time` ON `eventlog_log` (`fact_status_class`, `timestamp`)",
    ],
}
WITHOUT = {
    "postgresql": ["DROP INDEX eventlog_day_ip", "DROP INDEX eventlog_failed_time"],
    "sqlite": ['DROP INDEX "eventlog_day_ip"', 'DROP INDEX "eventlog_failed_time"'],
    "mysql": [
        """ALTER TABLE `eventlog_log`
           DROP INDEX `eventlog_day_ip`, DROP INDEX `eventlog_failed_time`,
           DROP COLUMN `fact_day`, DROP COLUMN `fact_ip`, DROP COLUMN `fact_status_class`"""
    ],
}


def make_indexes(apps: Any, schema_editor: Any) -> None:
    for statement in INDEXES[schema_editor.connection.vendor]:
        schema_editor.execute(statement, params=None)


def drop_indexes(apps: Any, schema_editor: Any) -> None:
    for statement in WITHOUT[schema_editor.connection.vendor]:
        schema_editor.execute(statement, params=None)


class Migration(migrations.Migration):
    dependencies = [("eventlog", "0004_batch")]
    operations = [
        migrations.RunPython(make_indexes, drop_indexes, atomic=False),
        migrations.CreateModel(
            name="RolledHour",
            fields=[
                ("hour", models.DateTimeField(primary_key=True, serialize=False)),
                ("stale", models.BooleanField(default=True)),
            ],
        ),
        migrations.CreateModel(
            name="HourCount",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("dimension", models.CharField(max_length=16)),
                ("hour", models.DateTimeField()),
                ("value", models.CharField(max_length=255)),
                ("count", models.PositiveIntegerField()),
            ],
            options={
                "indexes": [
                    models.Index(
                        fields=["dimension", "hour", "value", "count"], name="eventlog_by_hour"
                    ),
                    models.Index(
                        fields=["dimension", "value", "hour", "count"], name="eventlog_by_value"
                    ),
                ],
            },
        ),
    ]
