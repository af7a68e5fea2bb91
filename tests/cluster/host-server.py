#!/usr/bin/env python3
"""host-server.py ADDRESS PORT   answers every GET with the caller's address, and prints address and path."""

import http.server
import sys


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"host sees " + self.client_address[0].encode())
        print(self.client_address[0], self.path, flush=True)

    def log_message(self, *_):
        pass


http.server.ThreadingHTTPServer((sys.argv[1], int(sys.argv[2])), Handler).serve_forever()
