"""The network API of a cloud without networks: every collection is empty, quotas have no limit.

Nova asks for the ports of every server that it shows or moves, also of one without NICs, and answers 500 when nobody replies.
"""

import http.server
import json
import re

VERSION = {"id": "v2.0", "status": "CURRENT", "links": [{"rel": "self", "href": "http://controller:9696/v2.0/"}]}
NO_LIMIT = {name: -1 for name in ("network", "subnet", "port", "router", "floatingip", "security_group", "security_group_rule")}


def answer(method, path):
    path = path.split("?")[0].rstrip("/")
    if path == "":
        return 200, {"versions": [VERSION]}
    if path.startswith("/v2.0/quotas/"):
        return 200, {"quota": NO_LIMIT}
    collection = re.fullmatch(r"/v2\.0/([a-z-]+)", path)
    if collection and method == "GET":
        return 200, {collection[1].replace("-", "_"): []}
    return 404, {"NeutronError": {"type": "NotFound", "message": f"{method} {path}: this cloud has no networks", "detail": ""}}


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def reply(self):
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        status, body = answer(self.command, self.path)
        data = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    do_GET = do_POST = do_PUT = do_DELETE = reply


http.server.ThreadingHTTPServer(("0.0.0.0", 9696), Handler).serve_forever()
