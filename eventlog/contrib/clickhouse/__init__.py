"""Events in ClickHouse: writing, searching and reading."""
