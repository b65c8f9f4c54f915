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
WIDTHS = {"wide": 640, "small": 300}  # px, by the end of the name


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
        width = min(WIDTHS[name.rpartition("-")[2]], picture.width)
        small = picture.resize((width, round(picture.height * width / picture.width)))
        small.save(GALLERY / f"{name}.webp", quality=75, method=6)


if __name__ == "__main__":
    main()
