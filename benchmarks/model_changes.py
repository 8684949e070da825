"""Saving objects of a tracked model, compared with other packages and with an untracked model.

Needs django-auditlog and django-simple-history, which record the same changes. Each operation is in
a transaction of its own, with the row of the package. The time is by the clock, and `--cpu` counts
the CPU time of this process instead, without the database server.
"""

import time
from datetime import date
from decimal import Decimal
from functools import partial

from benchmarks.common import (
    argument_parser,
    is_installed,
    print_table,
    ratio,
    require,
    require_rows,
    setup,
    take_turns,
    timed,
)

TABLES = {
    "untracked": None,
    "ours": "eventlog_log",
    "django-auditlog": "auditlog_logentry",
    "django-simple-history": "products_historicalhistorical",
}


def main():
    """Measure each operation and print a table for each."""
    parser = argument_parser(__doc__, database="postgresql")
    parser.add_argument("--objects", type=int, default=200, help="objects per round")
    parser.add_argument("--rounds", type=int, default=11)
    parser.add_argument("--cpu", action="store_true", help="CPU time of this process")
    args = parser.parse_args()
    for package in ("auditlog", "simple_history"):
        require(is_installed(package), f"{package} is not installed.")
    clock = time.process_time if args.cpu else time.perf_counter
    teardown = setup(args.database, "benchmarks.model_changes_settings")
    try:
        tables = measure(args.objects, args.rounds, clock)
    finally:
        teardown()
    kind = "CPU time" if args.cpu else "time by the clock"
    for operation, took in tables.items():
        print_table(
            f"{operation}: {args.database}, {kind}, ratio to the untracked model",
            ["", "ratio", "ratio to ours"],
            (
                [name, ratio(seconds, took["untracked"]), ratio(seconds, took["ours"])]
                for name, seconds in took.items()
            ),
        )


def measure(count, rounds, clock):
    """Return the seconds of each operation by name, for each package."""
    results = {}
    packages = models()
    for operation in (create, load, load_and_save, load_and_save_unchanged, delete):
        runs = {
            name: partial(measured, operation, name, model, count, clock)
            for name, model in packages.items()
        }
        results[operation.__doc__.rstrip(".")] = take_turns(runs, rounds)
    return results


def models():
    """Return the model of each package."""
    from benchmarks.products.models import Audited, Historical, Tracked, Untracked

    return dict(zip(TABLES, (Untracked, Tracked, Audited, Historical), strict=True))


def measured(operation, name, model, count, clock):
    """Return the seconds of an operation, after checking the number of recorded changes."""
    empty(model)
    if operation is not create:
        model._base_manager.bulk_create([model(**values(number)) for number in range(count)])
    keys = list(model._base_manager.values_list("pk", flat=True))
    seconds = timed(lambda: operation(model, keys, count), clock)
    is_recorded = name != "untracked" and operation not in (load, load_and_save_unchanged)
    if operation is not load_and_save_unchanged or name != "django-simple-history":
        require_rows(f"{name}: {operation.__name__}", recorded(), count if is_recorded else 0)
    return seconds


def values(number):
    """Return the values of an object."""
    return {
        "name": f"Lamp {number}",
        "sku": f"L-{number:06}",
        "description": f"A lamp with the number {number}. " + "It gives light. " * 40,
        "price": Decimal("9.50"),
        "stock": number,
        "weight": 1.5,
        "colour": "red",
        "released": date(2026, 1, 31),
    }


def create(model, keys, count):
    """Create."""
    from django.db import transaction

    for number in range(count):
        with transaction.atomic():
            model.objects.create(**values(number))


def load(model, keys, count):
    """Load all."""
    for _ in range(5):
        list(model.objects.all())


def load_and_save(model, keys, count):
    """Load, change two fields and save."""
    from django.db import transaction

    for key in keys:
        with transaction.atomic():
            found = model.objects.get(pk=key)
            found.stock += 1
            found.price = Decimal("12.00")
            found.save()


def load_and_save_unchanged(model, keys, count):
    """Load and save without a change."""
    from django.db import transaction

    for key in keys:
        with transaction.atomic():
            model.objects.get(pk=key).save()


def delete(model, keys, count):
    """Load and delete."""
    from django.db import transaction

    for key in keys:
        with transaction.atomic():
            model.objects.get(pk=key).delete()


def empty(model):
    """Delete all objects and all recorded changes."""
    from django.db import connection

    with connection.cursor() as cursor:
        for table in (model._meta.db_table, *filter(None, TABLES.values())):
            cursor.execute(f"DELETE FROM {table}")


def recorded():
    """Return the number of recorded changes."""
    from django.db import connection

    rows = 0
    with connection.cursor() as cursor:
        for table in filter(None, TABLES.values()):
            cursor.execute(f"SELECT COUNT(*) FROM {table}")
            rows += cursor.fetchone()[0]
    return rows


if __name__ == "__main__":
    main()
