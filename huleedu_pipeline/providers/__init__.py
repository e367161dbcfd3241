"""Providers: how requests reach OpenAI, Anthropic or the local emulator, and how answers come back, safely."""
