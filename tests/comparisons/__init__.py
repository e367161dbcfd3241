"""Tests of the pair designs and of the names of pairs."""
