"""The table of events in monthly partitions, on PostgreSQL."""
