"""The tests, in folders like the packages they describe."""
