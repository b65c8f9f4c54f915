"""Names in place of people's ids, from a key that stays with the researcher."""

import hashlib
import hmac
import secrets
from pathlib import Path

from study.export.files import private


def read_key(folder: Path) -> bytes:
    """The study's key for pseudonyms; made on first use, and then always the same."""
    path = folder / "data" / "key"
    if not path.exists():
        path.parent.mkdir(exist_ok=True)
        with open(path, "xb", opener=private) as file:
            file.write(secrets.token_hex(32).encode())
    return path.read_bytes()


def pseudonym(key: bytes, identifier: bytes) -> str:
    """A name that stays the same, and that nobody without the key can trace back."""
    return hmac.digest(key, identifier, hashlib.sha256).hex()[:16]
