"""Import of the tables of other packages as events, by the command ``eventlog_import``."""
