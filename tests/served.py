"""A server on this machine in the place of a real one; it may stop in the middle of a file, for a while or for good."""

import http.server
import threading
from contextlib import contextmanager


class Site(http.server.ThreadingHTTPServer):
    """Serves `files`, {name: bytes}. It waits half-way through each until `goes_on` is set, and ends there if `cut`."""

    def __init__(self, files):
        super().__init__(("127.0.0.1", 0), Handler)
        self.files, self.asked, self.cut = files, [], False
        self.halfway, self.goes_on = threading.Event(), threading.Event()
        self.goes_on.set()
        self.address = f"http://127.0.0.1:{self.server_port}/"


class Handler(http.server.BaseHTTPRequestHandler):
    def log_message(self, *_):
        pass

    def do_GET(self):
        name = self.path.strip("/")
        if name not in self.server.files:
            return self.send_error(404)
        content = self.server.files[name]
        self.server.asked.append(name)
        self.send_response(200)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        half = len(content) // 2
        try:
            self.wfile.write(content[:half])
            self.server.halfway.set()
            self.server.goes_on.wait(30)
            self.wfile.write(b"" if self.server.cut else content[half:])
        except OSError:  # the reader was killed
            pass


@contextmanager
def serving(files):
    """A Site that runs meanwhile."""
    site = Site(files)
    threading.Thread(target=site.serve_forever, args=(0.01,), daemon=True).start()
    try:
        yield site
    finally:
        site.goes_on.set()
        site.shutdown()
        site.server_close()
