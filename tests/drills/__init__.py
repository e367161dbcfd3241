"""Drills: real processes, killed at every point where money is at stake, and both sides' books compared."""
