"""Tests of grade scales and of the projection of grades."""
