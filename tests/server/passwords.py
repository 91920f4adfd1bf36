"""Passwords that cost little: a real one costs a sixth of a second on purpose, and the tests check hundreds."""

from __future__ import annotations

import argon2
import pytest
from argon2.profiles import CHEAPEST

from runlore.server.accounts import _argon2

REAL = _argon2._HASHER


def _use(patch, hasher):
    patch.setattr(_argon2, "_HASHER", hasher)
    _argon2._nobody.cache_clear()


@pytest.fixture(scope="session", autouse=True)
def cheap_passwords():
    with pytest.MonkeyPatch.context() as patch:
        _use(patch, argon2.PasswordHasher.from_parameters(CHEAPEST))
        yield
    _argon2._nobody.cache_clear()


@pytest.fixture
def real_passwords(monkeypatch, cheap_passwords):
    _use(monkeypatch, REAL)
    yield
    _argon2._nobody.cache_clear()
