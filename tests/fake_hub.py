"""A hub on the loopback interface that speaks the part of the real protocol that downloads use, faults included."""

from __future__ import annotations

import hashlib
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import unquote

GUARD_SECONDS = 60
BLOCK = 1 << 14
RESOLVE_CACHE = "/api/resolve-cache/models"


@dataclass(frozen=True)
class Call:
    """One request as the server saw it: host is "hub" or "cdn"."""

    host: str
    method: str
    path: str
    range: str | None
    token: bool


@dataclass
class FakeHub:
    """Serves `files` of one repository at one commit, as the real hub does: weights by redirect to a second host,
    other files by redirect within the first.

    fault: None or "unauthorized", "gated", "no_repo", "no_file", "busy", "busy_once", "error", "silent" (no answer to
    the first request), "stall" (no bytes after the first half), "broken" (connection closed after the first half of
    what was asked for), "broken_once", "short" (half a file, announced as such by the storage host), "wrong_bytes",
    "wrong_resume" (wrong bytes when resumed), "no_range", "portal" (a page that is not the hub's), "other_commit",
    "other_etag".
    halfway is set when half a file has been sent before a stall, disconnected when the client closes during one.
    """

    repo: str
    revision: str
    files: dict[str, bytes]
    fault: str | None = None
    calls: list[Call] = field(default_factory=list)
    sent: int = 0
    halfway: threading.Event = field(default_factory=threading.Event)
    disconnected: threading.Event = field(default_factory=threading.Event)

    def __enter__(self) -> FakeHub:
        self.servers = {name: ThreadingHTTPServer(("127.0.0.1", 0), _handler(self, name)) for name in ("hub", "cdn")}
        for server in self.servers.values():
            server.daemon_threads = True
            threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        for server in self.servers.values():
            server.shutdown()
            server.server_close()

    def url(self, host: str = "hub") -> str:
        return f"http://127.0.0.1:{self.servers[host].server_address[1]}"

    def requests(self, method: str) -> list[Call]:
        return [call for call in self.calls if call.method == method]


def _handler(hub: FakeHub, host: str) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        timeout = GUARD_SECONDS

        def log_message(self, format: str, *args: object) -> None:
            pass

        def do_HEAD(self) -> None:
            self.answer()

        def do_GET(self) -> None:
            self.answer()

        def answer(self) -> None:
            token = "Authorization" in self.headers
            hub.calls.append(Call(host, self.command, self.path, self.headers.get("Range"), token))
            if hub.fault == "silent":
                self.wait_for_client()
            elif host == "cdn":
                self.send_file(unquote(self.path).removeprefix("/cdn/"))
            elif not self.refused():
                self.resolve()

        def refused(self) -> bool:
            errors = {
                "unauthorized": (401, {"X-Error-Code": "RepoNotFound"}),
                "gated": (403, {"X-Error-Code": "GatedRepo", "X-Error-Message": "Access is restricted."}),
                "no_repo": (404, {"X-Error-Code": "RepoNotFound"}),
                "no_file": (404, {"X-Error-Code": "EntryNotFound"}),
                "busy": (429, {"Retry-After": "30"}),
                "busy_once": (429, {"Retry-After": "0"}),
                "error": (500, {"Retry-After": "0"}),
                "portal": (200, {"Content-Type": "text/html"}),
            }
            if hub.fault not in errors:
                return False
            status, headers = errors[hub.fault]
            if hub.fault.endswith("_once"):
                hub.fault = None
            self.reply(status, headers | {"Content-Length": "0"})
            return True

        def resolve(self) -> None:
            cached = self.path.startswith(RESOLVE_CACHE)
            path = unquote(self.path.removeprefix(RESOLVE_CACHE)).lstrip("/")
            head, _, rest = path.partition("/resolve/")
            revision, _, name = rest.partition("/")
            if (head, revision) != (hub.repo, hub.revision) or name not in hub.files:
                self.reply(404, {"X-Error-Code": "EntryNotFound", "Content-Length": "0"})
                return
            content = hub.files[name]
            if hub.fault == "other_commit":
                revision = revision[::-1]
            if name.endswith(".safetensors"):
                linked = {
                    "X-Linked-Size": str(len(content)),
                    "X-Linked-Etag": f'"{hashlib.sha256(content).hexdigest()}"',
                }
                if hub.fault == "other_etag":
                    linked["X-Linked-Etag"] = '"0123456789abcdef"'
                target = {"Location": f"{hub.url('cdn')}/cdn/{name}", "Content-Length": "0"}
                self.reply(302, {"X-Repo-Commit": revision, "ETag": '"of-the-pointer"'} | linked | target)
            elif not cached:
                self.reply(307, {"Location": RESOLVE_CACHE + self.path, "Content-Length": "0"})
            else:
                blob = hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()
                self.send_file(name, {"X-Repo-Commit": revision, "ETag": f'W/"{blob}"'})

        def send_file(self, name: str, headers: dict[str, str] | None = None) -> None:
            content, headers = hub.files[name], dict(headers or {})
            start, asked = 0, self.headers.get("Range")
            if asked and hub.fault != "no_range":
                start = int(asked.removeprefix("bytes=").removesuffix("-"))
                headers["Content-Range"] = f"bytes {start}-{len(content) - 1}/{len(content)}"
            if hub.fault == "wrong_bytes" or (hub.fault == "wrong_resume" and start):
                content = content[:-1] + bytes([content[-1] ^ 1])
            body = content[start:]
            if host == "cdn" and hub.fault == "short":
                body = body[: len(body) // 2]
            self.reply(206 if "Content-Range" in headers else 200, headers | {"Content-Length": str(len(body))})
            if self.command == "HEAD":
                return
            fault = hub.fault if host == "cdn" else None
            if fault in ("stall", "broken", "broken_once"):
                self.send(body[: len(body) // 2])
                hub.halfway.set()
                if fault == "stall":
                    self.wait_for_client()
                elif fault == "broken_once":
                    hub.fault = None
                self.close_connection = True
            else:
                self.send(body)

        def send(self, body: bytes) -> None:
            for i in range(0, len(body), BLOCK):
                try:
                    self.wfile.write(body[i : i + BLOCK])
                except ConnectionError:
                    self.close_connection = True
                    return
                hub.sent += len(body[i : i + BLOCK])

        def reply(self, status: int, headers: dict[str, str]) -> None:
            self.send_response(status)
            for key, value in headers.items():
                self.send_header(key, value)
            self.end_headers()

        def wait_for_client(self) -> None:
            try:
                gone = not self.connection.recv(1)
            except ConnectionError:
                gone = True
            except TimeoutError:
                gone = False
            if gone:
                hub.disconnected.set()
            self.close_connection = True

    return Handler
