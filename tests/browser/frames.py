"""Frames a second of the viewpoint tab's viewer at 400x400, into the bake's card: `python tests/browser/frames.py`."""

from __future__ import annotations

import logging
import sys
import tempfile
from pathlib import Path

from playwright.sync_api import sync_playwright

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from genmodels import weights
from tests.browser import serving

SIDE = 400
SOFTWARE = ("swiftshader", "llvmpipe", "software")  # in the name of a renderer that is the processor
log = logging.getLogger("frames")


def main() -> None:
    """Turn the first scene once around in the browser, as fast as it goes."""
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    with tempfile.TemporaryDirectory() as folder, serving.served(Path(folder) / "server.log") as address:
        with sync_playwright() as playwright:
            browser = serving.chromium(playwright)
            page = serving.new_page(browser, "en")
            page.goto(f"{address}/?tab=nerf")
            serving.filled(page, "nerf")
            page.locator(".nv-stage[data-volume]").wait_for()
            found = page.evaluate(f"() => genlabNerf.measure({SIDE})")
            browser.close()
    kind = "software" if any(word in found["renderer"].lower() for word in SOFTWARE) else "gpu"
    figures = {"frames_per_second": round(found["fps"], 1), "side": SIDE, "renderer": found["renderer"], "kind": kind}
    weights.write_card("nerf-tea-baked", browser=figures)
    log.info("%s", figures)


if __name__ == "__main__":
    main()
