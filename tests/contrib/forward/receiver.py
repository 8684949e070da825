"""An HTTP server that fails, hangs and forgets answers."""

import ssl
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Receiver(ThreadingHTTPServer):
    """A server in a thread. ``behaviours``: what it does with each request, "accept" at the end."""

    daemon_threads = True

    def __init__(self, certificate=None):
        super().__init__(("127.0.0.1", 0), Handler)
        self.scheme = "http"
        if certificate is not None:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(certificate)
            self.socket = context.wrap_socket(self.socket, server_side=True)
            self.scheme = "https"
        self.behaviours = []
        self.requests = []  # headers and body of each request that was read
        self.stored = []  # bodies that the receiver has stored
        self.answer = b""
        self.released = threading.Event()
        self._thread = threading.Thread(target=self.serve_forever, args=(0.01,))

    @property
    def url(self):
        return f"{self.scheme}://127.0.0.1:{self.server_port}/v1/logs"

    def handle_error(self, request, client_address):
        """Ignore clients that hang up."""

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *args):
        self.released.set()
        self.shutdown()
        self.server_close()
        self._thread.join()


class Handler(BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        server = self.server
        server.requests.append((self.headers, body))
        behaviour = server.behaviours.pop(0) if server.behaviours else "accept"
        if behaviour == "hang":
            server.released.wait(30)
            return
        if behaviour in ("accept", "forget"):
            server.stored.append(body)
        if behaviour == "forget":
            return
        self.send_response({"accept": 200}.get(behaviour, behaviour))
        answer = server.answer if behaviour == "accept" else b"because"
        self.send_header("Content-Length", str(len(answer)))
        if behaviour == 301:
            self.send_header("Location", "/elsewhere")
        if behaviour == 429:
            self.send_header("Retry-After", "120")
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *args):
        pass
