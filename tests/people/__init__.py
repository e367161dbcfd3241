"""Tests of matching essays to pupils, and of taking pupils' names out of texts."""
