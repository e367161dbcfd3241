"""Tests of the assessment context."""
