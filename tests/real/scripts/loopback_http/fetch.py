"""Serves a folder to itself, and reads its data over HTTP."""
import http.server
import json
import threading
import urllib.request


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *args):
        pass


server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Quiet)
threading.Thread(target=server.serve_forever, daemon=True).start()
url = f"http://127.0.0.1:{server.server_address[1]}/points.json"
print("fetching", url)
with urllib.request.urlopen(url) as response:
    points = json.load(response)
    print(response.status, response.headers["Content-Type"])
print("points:", len(points), "mean:", sum(points) / len(points))
server.shutdown()
