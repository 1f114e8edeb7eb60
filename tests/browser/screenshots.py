"""Screenshots of every topic for README: `make screenshots`. Look at them before you commit them."""

from __future__ import annotations

import io
import logging
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from PIL import Image
from playwright.sync_api import Browser, sync_playwright

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from demos import topics
from tests.browser import serving

OUT = serving.ROOT / "assets" / "images" / "screenshots"
LIMIT = 300_000  # bytes of a file
log = logging.getLogger("screenshots")


@dataclass(frozen=True)
class Shot:
    """One view of a tab: its file is <topic>-<name>.png."""

    name: str
    lang: str
    width: int = 1280
    height: int = 720
    dark: bool = False
    present: bool = False


SHOTS = (
    Shot("pt", "pt"),
    Shot("en", "en", dark=True),
    Shot("present", "pt", present=True),
    Shot("phone", "pt", 360, 740),
)


def take(browser: Browser, address: str, topic: str, shot: Shot) -> bytes:
    """PNG of a tab with its section "Try" at the top; at most LIMIT bytes."""
    page = serving.new_page(browser, shot.lang, shot.width, shot.height, shot.dark)
    page.goto(f"{address}/?tab={topic}" + ("&present=1" if shot.present else ""))
    serving.filled(page, topic)
    page.locator(serving.TRY.format(topic=topic)).evaluate("part => part.scrollIntoView()")
    page.wait_for_timeout(300)
    data = page.screenshot()
    page.context.close()
    return small(data)


def small(data: bytes) -> bytes:
    """The same picture in at most LIMIT bytes, with fewer colours only where it takes more."""
    for colors in (None, 256, 128, 64):
        with Image.open(io.BytesIO(data)) as picture:
            plain = picture.convert("RGB")
        out = io.BytesIO()
        (plain.quantize(colors) if colors else plain).save(out, "PNG", optimize=True)
        if out.tell() <= LIMIT:
            return out.getvalue()
    raise ValueError(f"a screenshot takes {out.tell()} bytes even with 64 colours; the limit is {LIMIT}")


def main() -> None:
    """Serve the page and write every shot of every topic."""
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    OUT.mkdir(parents=True, exist_ok=True)
    with (
        tempfile.TemporaryDirectory() as folder,
        serving.served(Path(folder) / "log.txt") as address,
        sync_playwright() as playwright,
    ):
        browser = serving.chromium(playwright)
        for topic in (found.ID for found in topics()):
            for shot in SHOTS:
                path = OUT / f"{topic}-{shot.name}.png"
                path.write_bytes(take(browser, address, topic, shot))
                log.info("%s: %d bytes", path.relative_to(serving.ROOT), path.stat().st_size)
        browser.close()


if __name__ == "__main__":
    main()
