"""Judging: who judges, what a judge reads, what it must answer, what it costs. Nothing here talks to a network."""
