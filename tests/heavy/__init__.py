"""The heavy lane: whole runs with Dagster's daemon and the emulator as processes of their own. Not part of ``make test``."""
