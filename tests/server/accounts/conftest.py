"""Passwords of these tests cost little, but for those that are about what they cost."""

from tests.server.passwords import cheap_passwords, real_passwords  # noqa: F401 - fixtures
