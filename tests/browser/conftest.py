"""The page and a browser for each test; any error in the browser or request to another host fails the test."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, Page, Request, expect, sync_playwright

from tests.browser import serving

Visit = Callable[..., Page]
expect.set_options(timeout=1000 * serving.GUARD)


@pytest.fixture(scope="session")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of the page, served for all tests of the session."""
    with serving.served(tmp_path_factory.mktemp("page") / "log.txt") as found:
        yield found


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        found = serving.chromium(playwright)
        yield found
        found.close()


@pytest.fixture
def visit(address: str, browser: Browser) -> Iterator[Visit]:
    """visit(query, lang, width, height, dark, touch, topic) opens the page in a fresh profile and waits for its tab."""
    pages: list[Page] = []
    faults: list[str] = []

    def watch(request: Request) -> None:
        url = urlsplit(request.url)
        if url.scheme not in ("data", "blob") and f"{url.scheme}://{url.netloc}" != address:
            faults.append(f"a request left for {request.url[:200]}")

    def open_page(query: str = "", lang: str = "en", topic: str = "open_set", **options: object) -> Page:
        page = serving.new_page(browser, lang, **options)
        pages.append(page)
        page.on("request", watch)
        page.on("websocket", lambda socket: faults.append(f"a socket to {socket.url}"))
        page.on("console", lambda said: faults.append(f"console: {said.text}") if said.type == "error" else None)
        page.on("pageerror", lambda error: faults.append(f"page error: {error}"))
        asked = query if "tab=" in query else f"?tab={topic}&{query.removeprefix('?')}"
        page.goto(f"{address}/{asked}")
        serving.filled(page, topic)
        return page

    yield open_page
    for page in pages:
        page.context.close()
    assert not faults
