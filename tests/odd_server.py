"""A server on loopback that may answer anything."""

from __future__ import annotations

import contextlib
import hashlib
import http.server

from zcbench.datasets._download import Remote

CONTENT = bytes(range(256)) * 20_000  # 5 MB


SHA = hashlib.sha256(CONTENT).hexdigest()


class Handler(http.server.BaseHTTPRequestHandler):
    """Paths say what happens: /whole, /breaks (half of what is left, each time), /norange, /page, /sneaky, /404 …

    Those of ODD write every byte of their answer themselves.
    """

    def do_GET(self):
        self.server.asked.append((self.path, self.headers.get("Range", "")))
        if odd := ODD.get(self.path):
            with contextlib.suppress(OSError):  # who asked has gone
                odd(self)
            self.close_connection = True
            return
        start = 0
        if (wanted := self.headers.get("Range")) and self.path != "/norange":
            start = int(wanted.removeprefix("bytes=").removesuffix("-"))
        if self.path == "/404":
            self.send_error(404)
        elif self.path == "/page":
            self.answer(b"<!DOCTYPE html><html>Quota exceeded</html>", kind="text/html; charset=utf-8")
        elif self.path == "/sneaky":
            self.answer(b"<html>Quota exceeded</html>")
        elif start >= len(CONTENT):
            self.send_response(416)
            self.send_header("Content-Range", f"bytes */{len(CONTENT)}")
            self.end_headers()
        else:
            rest = CONTENT[start:]
            if self.path == "/other":
                rest = b"x" * len(rest)
            self.answer(rest, status=206 if start else 200, cut=len(rest) // 2 if self.path == "/breaks" else None)

    def answer(self, body, kind="application/octet-stream", status=200, cut=None):
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body[:cut])

    def log_message(self, *_):
        """Quiet."""


#: by path, what writes every byte of the answer
ODD = {}


def odd(path):
    """A decorator: who asks for the path gets what the function writes."""

    def add(function):
        ODD[path] = function
        return function

    return add


def head(handler, status=200, **fields):
    """Write a status line and headers."""
    lines = [f"HTTP/1.1 {status} Odd", *(f"{name.replace('_', '-')}: {value}" for name, value in fields.items())]
    handler.wfile.write("\r\n".join([*lines, "", ""]).encode())


def chunk(data):
    return b"%x\r\n%s\r\n" % (len(data), data)


class Server(http.server.ThreadingHTTPServer):
    def handle_error(self, *_):
        """Quiet: who asked may go away at any moment."""


def remote(server, *paths, sha256=SHA):
    return Remote("file.bin", tuple(f"http://127.0.0.1:{server.server_port}/{path}" for path in paths), sha256)


def left(folder):
    """Names of the files in a folder but for locks."""
    return sorted(p.name for p in folder.iterdir() if p.suffix != ".lock")
