"""Downloads of the participants' data, and the pseudonyms in them.

download     the files of `study data`, from the database to the report
filters      which participants are taken
records      what a participant's record holds, as rows
csv_format   tables as CSV and Parquet, and what their columns hold
codebook     what the files, columns and values mean
"""

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
