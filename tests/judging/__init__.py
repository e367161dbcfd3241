"""Tests of who judges, what a judge reads and answers, and what that costs."""
