"""Tests of the table contracts, the Parquet lake and the warehouse."""
