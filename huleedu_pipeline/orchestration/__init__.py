"""Orchestration: the jobs, the sensors and the decisions behind them, and the same logic for the command line."""
