"""Copying of events between the stores, and archives in Parquet."""
