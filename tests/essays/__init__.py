"""Tests of the intake: how a folder or a CSV file becomes a batch, and every way in which it can not."""
