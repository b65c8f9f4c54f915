"""The pictures of docs/gallery.md, from those that the tests take of every page.

    PICTURES=pictures uv run pytest tests/browser
    uv run python -m tests.gallery pictures

Which pictures there are, the page says: `images/gallery/NAME.webp` is made of NAME.png.
"""

import re
import sys
from pathlib import Path

from PIL import Image

DOCS = Path(__file__).parent.parent / "docs"
GALLERY = DOCS / "images" / "gallery"
# What is cut out (left, top, right, bottom) by the end of the name, without the bar of debug runs.
CUTS = {"wide": (190, 0, 1090, 750), "small": (0, 0, 360, 690)}
# What stands at the lower edge matters here.
WHOLE = {"line-unreachable-wide", "workshop-bar-wide", "workshop-mistake-wide"}
WIDTH = 640  # px, at most


def main() -> None:
    """Make them, smaller. A picture that the tests did not take is named, and the old one stays."""
    pictures = Path(sys.argv[1])
    GALLERY.mkdir(parents=True, exist_ok=True)
    page = (DOCS / "gallery.md").read_text(encoding="utf-8")
    for name in re.findall(r"images/gallery/([\w-]+)\.webp", page):
        if not (pictures / f"{name}.png").exists():
            print(f"{name}.png is missing in {pictures}")
            continue
        picture = Image.open(pictures / f"{name}.png").convert("RGB")
        cut = CUTS[name.rpartition("-")[2]]
        cut = (0, 0, *picture.size) if name in WHOLE else cut
        small = picture.crop(cut)
        small.thumbnail((WIDTH, WIDTH))
        small.save(GALLERY / f"{name}.webp", quality=75, method=6)


if __name__ == "__main__":
    main()
