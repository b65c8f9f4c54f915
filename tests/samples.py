"""Images, sounds and films that a browser can show, made on the spot."""

import base64
import io
import random
import struct
import wave
import zlib
from functools import cache

from playwright.sync_api import Page

RATE = 8000  # of sounds, in samples a second
# A film of one colour, recorded by the browser itself.
RECORD = """
async ({ seconds, colour, type }) => {
  const canvas = Object.assign(document.createElement("canvas"), { width: 64, height: 48 });
  const pen = canvas.getContext("2d");
  const paint = () => { pen.fillStyle = colour; pen.fillRect(0, 0, 64, 48); };
  paint();
  const painting = setInterval(paint, 30);
  const recorder = new MediaRecorder(canvas.captureStream(30), { mimeType: type });
  const pieces = [];
  recorder.ondataavailable = ({ data }) => pieces.push(data);
  recorder.start();
  await new Promise((resolve) => setTimeout(resolve, seconds * 1000));
  await new Promise((resolve) => { recorder.onstop = resolve; recorder.stop(); });
  clearInterval(painting);
  const bytes = new Uint8Array(await new Blob(pieces).arrayBuffer());
  return btoa(Array.from(bytes, (byte) => String.fromCharCode(byte)).join(""));
}
"""


def make_image(size: int, seed: int = 0) -> bytes:
    """A PNG of noise with about so many bytes."""
    side = max(1, int((size / 3) ** 0.5))
    noise = random.Random(seed)
    rows = b"".join(b"\0" + noise.randbytes(3 * side) for _ in range(side))
    header = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    parts = ((b"IHDR", header), (b"IDAT", zlib.compress(rows, 0)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
        for name, data in parts
    )


def make_sound(seconds: float, seed: int = 0) -> bytes:
    """A WAV of noise, from its first sample on."""
    file = io.BytesIO()
    with wave.open(file, "wb") as sound:
        sound.setnchannels(1)
        sound.setsampwidth(2)
        sound.setframerate(RATE)
        noise = random.Random(seed)
        samples = [noise.choice((-12000, 12000)) for _ in range(int(seconds * RATE))]
        sound.writeframes(struct.pack(f"<{len(samples)}h", *samples))
    return file.getvalue()


@cache
def make_film(
    page: Page, seconds: float = 1, colour: str = "#cc1421", type: str = "video/webm"
) -> bytes:
    """A film in one colour, without sound."""
    wanted = {"seconds": seconds, "colour": colour, "type": type}
    return base64.b64decode(page.evaluate(RECORD, wanted))


def lengthen(film: bytes, size: int, seed: int = 0) -> bytes:
    """The same film with so many bytes: the rest is a Void element, which players skip."""
    rest = size - len(film) - 9
    void = b"\xec" + (1 << 56 | rest).to_bytes(8, "big")
    return film + void + random.Random(seed).randbytes(rest)
