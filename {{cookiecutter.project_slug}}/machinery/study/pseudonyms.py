"""Pseudonyms in place of ids, and files that nobody else can read."""

import hashlib
import hmac
import os
import secrets
from pathlib import Path


def read_pseudonym_key(folder: Path) -> bytes:
    """The key of the study's pseudonyms; made on first use, then always the same."""
    path = folder / "data" / "key"
    if not path.exists():
        path.parent.mkdir(exist_ok=True)
        with open(path, "xb", opener=private) as file:
            file.write(secrets.token_hex(32).encode())
    return path.read_bytes()


def pseudonym(pseudonym_key: bytes, identifier: str) -> str:
    """A name for an id: always the same, and untraceable without the key."""
    return hmac.digest(pseudonym_key, identifier.encode(), hashlib.sha256).hex()[:16]


def private(path: str, flags: int) -> int:
    """Open a file that no other user of this machine can read, as `open` expects it."""
    return os.open(path, flags, 0o600)
