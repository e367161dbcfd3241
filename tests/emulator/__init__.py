"""Tests of the emulator through the providers' own SDKs and over real sockets."""
