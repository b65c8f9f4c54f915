"""What the study makes with a secret key: pseudonyms, completion codes, signed links, proofs.

Each use of the study's own key mixes a word of its own in, so that a code shown to somebody
proves nothing elsewhere. The pseudonyms of downloads have a key of this machine's, data/key.
"""

import base64
import hashlib
import hmac
import os
import re
import secrets
from functools import lru_cache
from pathlib import Path

# Crockford's base 32: no I, L, O and U, so that a code can be read out and typed again.
_READABLE = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_TO_READABLE = str.maketrans("ABCDEFGHIJKLMNOPQRSTUVWXYZ234567", _READABLE)
_MISREAD = str.maketrans("ILOU", "110V")


@lru_cache(maxsize=2048)  # a browser's cookie is verified with each of its requests
def proof(key: str, purpose: str, text: str) -> bytes:
    """32 bytes that only the holder of the key can make."""
    return hmac.digest(key.encode(), f"{purpose}\0{text}".encode(), hashlib.sha256)


def link_signature(key: str, *ids: str) -> str:
    """The signature of the ids in a link: 16 lower-case letters and digits (80 bits)."""
    return base64.b32encode(proof(key, "link", "\0".join(ids))[:10]).decode().lower()


def participant_code(key: str, uniqueid: str) -> str:
    """The code that a participant gets for a finished record, as XXXX-XXXX-XX (50 bits)."""
    text = base64.b32encode(proof(key, "code", uniqueid)).decode().translate(_TO_READABLE)
    return f"{text[:4]}-{text[4:8]}-{text[8:10]}"


def normalised_code(text: str) -> str:
    """A code as people type it, in the form of ``participant_code``; empty if it is none."""
    kept = re.sub(r"[^0-9A-Z]", "", text.upper()).translate(_MISREAD)
    return f"{kept[:4]}-{kept[4:8]}-{kept[8:]}" if len(kept) == 10 else ""


def worker_pseudonym(key: str, worker: str) -> str:
    """The name under which a recruiter's id stands in excluded.txt (32 hexadecimal digits).

    Whether letters are capitals makes no other person.
    """
    return proof(key, "worker", worker.lower()).hex()[:32]


def erasure_mark(key: str, browser: str, uniqueid: str) -> str:
    """What is kept of an erased record (64 hexadecimal digits).

    It takes the random id of the browser to make it again, and that browser alone still has it:
    whoever knows the person's ids and the key cannot tell whether they were here.
    """
    return proof(key, "erased", f"{browser}\0{uniqueid}").hex()


def pseudonym(pseudonym_key: bytes, identifier: str) -> str:
    """The name for an id in downloads: always the same, and untraceable without the key."""
    return hmac.digest(pseudonym_key, identifier.encode(), hashlib.sha256).hex()[:16]


def read_pseudonym_key(folder: Path) -> bytes:
    """The key of the study's pseudonyms; made on first use, then always the same."""
    path = folder / "data" / "key"
    if not path.exists():
        path.parent.mkdir(exist_ok=True)
        with open(path, "xb", opener=private) as file:
            file.write(secrets.token_hex(32).encode())
    return path.read_bytes()


def private(path: str, flags: int) -> int:
    """Open a file that no other user of this machine can read, as `open` expects it."""
    return os.open(path, flags, 0o600)
