"""Tests of the ENG5 runner."""
