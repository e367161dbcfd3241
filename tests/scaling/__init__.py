"""Tests of the scaling against published fits, a second implementation, invariances and simulations."""
