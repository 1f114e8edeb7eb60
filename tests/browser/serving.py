"""The page served for browser tests and screenshots, and the browser that opens it."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from weakref import WeakKeyDictionary

import httpx
from playwright.sync_api import Browser, Page, Playwright, Request

ROOT = Path(__file__).resolve().parents[2]
GUARD = 120  # seconds; a guard against hanging on a loaded machine, not a promise of speed
FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
LANGUAGES = {"pt": "pt-BR", "en": "en-US"}
# What tells that a tab is filled, where something other than its section "Try" does.
FILLED = {
    "open_set": ".os-verdict .os-bars",
    "text_to_image": "#ti-steps .ti-strip",
    "nerf": "#nf-ray svg",
    "masking": "#mk-attention .mk-says",
    "translation": "#tr-vary .tr-answers img",
}
# The element that a tab's screenshot starts with.
TRY = ".gl-{topic} .gl-try"
UNDER_WAY: WeakKeyDictionary[Page, set[Request]] = WeakKeyDictionary()


def free_port() -> int:
    """A loopback port that nothing listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@contextmanager
def served(log: Path, *command: str) -> Iterator[str]:
    """Run `python app.py` (or `python *command`) on a free port until the block ends; gives its address."""
    port = free_port()
    env = os.environ | {
        "GRADIO_SERVER_NAME": "127.0.0.1",
        "GRADIO_SERVER_PORT": str(port),
        "GRADIO_ANALYTICS_ENABLED": "False",
        "NO_PROXY": "127.0.0.1,localhost",
    }
    with log.open("w", encoding="utf-8") as out:
        server = subprocess.Popen(
            [sys.executable, *(command or ("app.py",))], cwd=ROOT, env=env, stdout=out, stderr=subprocess.STDOUT
        )
        try:
            address = f"http://127.0.0.1:{port}"
            _wait(server, address, log)
            yield address
        finally:
            server.terminate()
            try:
                server.wait(30)
            except subprocess.TimeoutExpired:
                server.kill()
                server.wait()


def _wait(server: subprocess.Popen[bytes], address: str, log: Path) -> None:
    deadline = time.monotonic() + GUARD
    while time.monotonic() < deadline:
        if server.poll() is not None:
            raise RuntimeError(f"the page ended with {server.returncode}:\n{log.read_text(encoding='utf-8')[-3000:]}")
        try:
            if httpx.get(address, timeout=GUARD, trust_env=False).status_code == 200:
                return
        except httpx.TransportError:
            time.sleep(0.2)
    raise RuntimeError(f"the page did not answer within {GUARD} s")


def chromium(playwright: Playwright) -> Browser:
    """The system's Chromium where there is one, else Playwright's own."""
    return playwright.chromium.launch(executable_path=shutil.which("chromium"), args=FLAGS)


def new_page(
    browser: Browser, lang: str, width: int = 1280, height: int = 720, dark: bool = False, touch: bool = False
) -> Page:
    """A page in a fresh profile; lang is "pt", "en" or any locale."""
    context = browser.new_context(
        locale=LANGUAGES.get(lang, lang),
        viewport={"width": width, "height": height},
        color_scheme="dark" if dark else "light",
        has_touch=touch,
        reduced_motion="reduce",
    )
    page = context.new_page()
    page.set_default_timeout(1000 * GUARD)
    under_way = UNDER_WAY[page] = set()
    page.on("request", lambda request: under_way.add(request) if _is_event(request.url) else None)
    for end in ("requestfinished", "requestfailed"):
        page.on(end, lambda request: under_way.discard(request))
    return page


def _is_event(url: str) -> bool:
    return "/gradio_api/queue/" in url or "/gradio_api/run/" in url


def settled(page: Page) -> None:
    """Wait until no event of the page has been under way for a moment."""
    deadline = time.monotonic() + GUARD
    quiet = 0
    while quiet < 4:
        page.wait_for_timeout(100)
        quiet = 0 if UNDER_WAY[page] else quiet + 1
        if time.monotonic() > deadline:
            raise RuntimeError(f"still under way: {[request.url for request in UNDER_WAY[page]]}")


def filled(page: Page, topic: str) -> None:
    """Wait until the open tab shows its first result."""
    page.locator(FILLED.get(topic, TRY.format(topic=topic))).first.wait_for()
    settled(page)
