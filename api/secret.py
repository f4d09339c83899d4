"""Passwords and tokens: how they are made, and the little that is kept of them."""

from __future__ import annotations

import hashlib
import secrets

from pwdlib import PasswordHash
from pwdlib.hashers.argon2 import Argon2Hasher

from api.errors import ServiceError

SHORTEST_PASSWORD, LONGEST_PASSWORD = 10, 200
KEY_PREFIX = "sak_"  # so that scanners for leaked secrets, and people, know one when they see it
_hasher = PasswordHash((Argon2Hasher(),))
# Checked where there is no account, so that the time of an answer does not tell whether there is one.
_NOBODY = _hasher.hash(secrets.token_urlsafe())


def hash_password(password: str) -> str:
    """Argon2id with its parameters; ServiceError weak_password."""
    if not SHORTEST_PASSWORD <= len(password) <= LONGEST_PASSWORD:
        raise ServiceError(
            "weak_password",
            f"A password has {SHORTEST_PASSWORD} to {LONGEST_PASSWORD} characters",
            "Four words that have nothing to do with each other are easy to keep and hard to guess.",
        )
    return _hasher.hash(password)


def password_fits(password: str, password_hash: str | None) -> bool:
    """Whether a password is the one of a hash; takes as long where there is none."""
    fits = _hasher.verify(password[:LONGEST_PASSWORD], password_hash or _NOBODY)
    return fits and password_hash is not None


def new_token(prefix: str = "") -> str:
    return prefix + secrets.token_urlsafe(32)


def hash_token(token: str) -> str:
    """256 random bits need no slow hash."""
    return hashlib.sha256(token.encode()).hexdigest()
