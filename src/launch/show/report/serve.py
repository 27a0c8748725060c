"""`task=report watch=true`: the page on this machine only, and its content as it changes."""

from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

from launch.record.stopping import Stopped
from launch.show.report.content import content, encoded, panels
from launch.show.report.document import page
from launch.show.report.read import Reader

HOST, PORT = "127.0.0.1", 8765
OWN_NAMES = ("127.0.0.1", "localhost")


class Handler(BaseHTTPRequestHandler):
    """`/` is the page, `/content` what its table and curves show now, `/pictures` the panels.

    Requests for another host name are refused: a foreign page could otherwise read this one by a
    name that it points here.
    """

    server: "Server"
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        if urlsplit(f"//{self.headers.get('Host', '')}").hostname not in OWN_NAMES:
            return self.send_error(HTTPStatus.FORBIDDEN)
        found = content(self.server.pattern, self.server.reader)
        if self.path == "/":
            return self.send(page(found, panels(found), watch=True), "text/html")
        if self.path == "/content":
            return self.send(encoded(found), "application/json")
        if self.path == "/pictures":
            return self.send(encoded(panels(found)), "application/json")
        return self.send_error(HTTPStatus.NOT_FOUND)

    def send(self, text: str, kind: str) -> None:
        body = text.encode()
        self.send_response(HTTPStatus.OK)
        self.send_header("Content-Type", f"{kind}; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Cache-Control", "no-store")
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Requests are not news."""


class Server(ThreadingHTTPServer):
    """Serves the runs of one glob on the loopback interface."""

    daemon_threads = True

    def __init__(self, pattern: str, port: int = PORT) -> None:
        self.pattern, self.reader = pattern, Reader()
        try:
            super().__init__((HOST, port), Handler)
        except OSError:  # the port is taken; any other will do
            super().__init__((HOST, 0), Handler)


def serve(pattern: str) -> int:
    """Serve until interrupted."""
    with Server(pattern) as server:
        print(f"report: http://{HOST}:{server.server_port}/ follows {pattern}; Ctrl+C ends it")
        try:
            server.serve_forever()
        except (KeyboardInterrupt, Stopped):
            return 0
    return 0
