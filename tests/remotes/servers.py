"""Real servers on loopback, each on free ports and in a folder of its own, ended by their process ids."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Callable
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

START_S = 45
KEY, SECRET = "test", "test-secret-of-loopback"
AZURITE_ACCOUNT = "devstoreaccount1"
# Azurite's own, published with it: it opens nothing but an emulator.
AZURITE_KEY = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="


class Absent(Exception):
    """A server can't be had here; says what is missing."""


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def answers(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), 1).close()
        return True
    except OSError:
        return False


def wait_for(done: Callable[[], object], what: str) -> None:
    until = time.monotonic() + START_S
    while not done():
        if time.monotonic() > until:
            raise Absent(f"{what} did not start in {START_S} s")
        time.sleep(0.1)


def found(name: str) -> str:
    """The program of that name."""
    path = shutil.which(name, path=f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin")
    if path is None:
        raise Absent(f"{name} is not installed")
    return path


class Processes:
    """Started one after the other, ended in turn."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        self._all: list[subprocess.Popen[bytes]] = []
        try:
            self.begin(folder)
        except BaseException:
            self.end()
            raise

    def begin(self, folder: Path) -> None:
        """Start what there is to start. Raises Absent."""

    def start(self, *command: str, **environ: str) -> subprocess.Popen[bytes]:
        with (self.folder / "log").open("ab") as log:
            process = subprocess.Popen(
                command,
                cwd=self.folder,
                env={**os.environ, **environ},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        self._all.append(process)
        return process

    def run(self, *command: str) -> str:
        done = subprocess.run(command, cwd=self.folder, capture_output=True, text=True, timeout=START_S)
        if done.returncode:
            raise Absent(f"{command[0]} failed: {done.stderr[-500:]}")
        return done.stdout

    def end(self) -> None:
        for process in reversed(self._all):
            process.terminate()
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait(20)


class Radosgw(Processes):
    """Ceph's S3: a monitor, a store in memory and the gateway, as Debian packages them."""

    def begin(self, folder: Path) -> None:
        for name in ("ceph", "ceph-mon", "ceph-osd", "radosgw", "radosgw-admin", "monmaptool"):
            found(name)
        first, second, self.port = free_port(), free_port(), free_port()
        fsid, osd = str(uuid.uuid4()), str(uuid.uuid4())
        address = f"[v2:127.0.0.1:{first},v1:127.0.0.1:{second}]"
        conf = str(folder / "ceph.conf")
        (folder / "ceph.conf").write_text(CEPH.format(fsid=fsid, address=address, folder=folder, port=self.port))
        self.run("monmaptool", "--create", "--addv", "a", address, "--fsid", fsid, str(folder / "monmap"))
        (folder / "mon").mkdir()
        (folder / "osd").mkdir()
        self.run("ceph-mon", "-c", conf, "--mkfs", "-i", "a", "--monmap", str(folder / "monmap"))
        self.start("ceph-mon", "-c", conf, "-f", "-i", "a")
        wait_for(lambda: answers(first), "ceph-mon")
        self.run("ceph", "-c", conf, "osd", "new", osd)
        self.run("ceph-osd", "-c", conf, "--mkfs", "-i", "0", "--osd-uuid", osd)
        self.start("ceph-osd", "-c", conf, "-f", "-i", "0")
        wait_for(lambda: "1 up" in self.run("ceph", "-c", conf, "osd", "stat"), "ceph-osd")
        self.run(
            "radosgw-admin", "-c", conf, "user", "create", "--uid", "test", "--display-name", "test",
            "--access-key", KEY, "--secret", SECRET,
        )  # fmt: skip
        self.start("radosgw", "-c", conf, "-f", "-n", "client.admin")
        wait_for(lambda: answers(self.port), "radosgw")


CEPH = """
[global]
fsid = {fsid}
mon host = {address}
mon initial members = a
auth cluster required = none
auth service required = none
auth client required = none
ms mon client mode = crc
keyring = {folder}/keyring
run dir = {folder}
admin socket = {folder}/$name.asok
log file = {folder}/$name.log
crash dir = {folder}
public addr = 127.0.0.1
mon data = {folder}/mon
mon allow pool size one = true
mon allow pool delete = true
osd data = {folder}/osd
osd objectstore = memstore
memstore device bytes = 2147483648
osd pool default size = 1
osd pool default min size = 1
osd pool default pg num = 1
osd pool default pgp num = 1
osd pool default pg autoscale mode = off
osd crush chooseleaf type = 0
[client.admin]
rgw frontends = beast endpoint=127.0.0.1:{port}
rgw thread pool size = 32
"""


class Moto(Processes):
    """An imitation of S3, where Ceph can't be had."""

    def begin(self, folder: Path) -> None:
        try:
            import moto.server  # noqa: F401
        except ImportError as error:
            raise Absent("neither radosgw nor moto[server] is installed") from error
        self.port = free_port()
        self.start(sys.executable, "-W", "ignore", "-m", "moto.server", "-H", "127.0.0.1", "-p", str(self.port))
        wait_for(lambda: answers(self.port), "moto")


class Azurite(Processes):
    """Microsoft's emulator of Azure's blobs."""

    def begin(self, folder: Path) -> None:
        program = os.environ.get("ANEW_AZURITE") or found("azurite-blob")
        self.port = free_port()
        self.start(
            program, "--blobHost", "127.0.0.1", "--blobPort", str(self.port), "--location", str(folder), "--silent",
            "--skipApiVersionCheck",
        )  # fmt: skip
        wait_for(lambda: answers(self.port), "azurite")


class Sshd(Processes):
    """OpenSSH's server for this user, with a host key and a user key that live as long as the test."""

    def begin(self, folder: Path) -> None:
        program = found("sshd")
        self.port = free_port()
        home = folder / "home"
        (home / ".ssh").mkdir(parents=True, mode=0o700)
        for name in (folder / "host", home / ".ssh" / "id_ed25519"):
            self.run(found("ssh-keygen"), "-q", "-t", "ed25519", "-N", "", "-f", str(name))
        shutil.copy(home / ".ssh" / "id_ed25519.pub", folder / "authorized")
        host = (folder / "host.pub").read_text().split()
        (home / ".ssh" / "known_hosts").write_text(f"[127.0.0.1]:{self.port} {host[0]} {host[1]}\n")
        (folder / "conf").write_text(
            f"Port {self.port}\nListenAddress 127.0.0.1\nHostKey {folder}/host\nPidFile {folder}/pid\n"
            f"AuthorizedKeysFile {folder}/authorized\nStrictModes no\nUsePAM no\nPasswordAuthentication no\n"
            "Subsystem sftp internal-sftp\n"
        )
        self.home = home
        command = [program, "-D", "-e", "-f", str(folder / "conf")]
        if os.geteuid() == 0 and not Path("/run/sshd").exists():
            # Run by root it wants that folder: it gets one of its own, that nobody else sees.
            inside = 'mount -t tmpfs none /run && mkdir /run/sshd && exec "$@"'
            command = [found("unshare"), "--mount", "sh", "-c", inside, "sh", *command]
        self.start(*command)
        wait_for(lambda: answers(self.port), "sshd")


class WebDav(Processes):
    """WsgiDAV behind cheroot, with a user and a password."""

    def begin(self, folder: Path) -> None:
        try:
            import cheroot  # noqa: F401
            import wsgidav  # noqa: F401
        except ImportError as error:
            raise Absent("wsgidav is not installed") from error
        self.port = free_port()
        (folder / "files").mkdir()
        (folder / "conf.yaml").write_text(
            f"host: 127.0.0.1\nport: {self.port}\nprovider_mapping:\n  '/': '{folder}/files'\n"
            f"simple_dc:\n  user_mapping:\n    '*':\n      '{KEY}': {{password: '{SECRET}'}}\n"
            "http_authenticator:\n  accept_basic: true\n  accept_digest: false\n  default_to_digest: false\n"
        )
        self.start(sys.executable, "-W", "ignore", "-m", "wsgidav.server.server_cli", "-c", str(folder / "conf.yaml"))
        wait_for(lambda: answers(self.port), "wsgidav")


class Static:
    """Plain files over HTTP, by the standard library; it knows no ranges. `takes`: PUT and POST write files."""

    def __init__(self, folder: Path, takes: bool = False) -> None:
        handler = partial(_Taking if takes else _Quiet, directory=str(folder))
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self.port = self._server.server_address[1]
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def end(self) -> None:
        self._server.shutdown()
        self._server.server_close()


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:
        pass


class _Taking(_Quiet):
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        path = Path(self.translate_path(self.path))
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(self._body())
        self.send_response(201)
        self.send_header("content-length", "0")
        self.end_headers()

    def do_PUT(self) -> None:
        self.do_POST()

    def _body(self) -> bytes:
        if "chunked" not in self.headers.get("transfer-encoding", ""):
            return self.rfile.read(int(self.headers["content-length"]))
        found = b""
        while size := int(self.rfile.readline(), 16):
            found += self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()
        return found

    def end_headers(self) -> None:
        path = Path(self.translate_path(self.path))
        if self.command in ("GET", "HEAD") and path.is_file():
            about = path.stat()
            self.send_header("etag", f'"{about.st_mtime_ns:x}-{about.st_size:x}"')
        super().end_headers()


def make_container(endpoint: str, name: str) -> None:
    """By Azure's REST API, signed with the account's key."""
    import base64
    import hashlib
    import hmac
    import urllib.request
    from email.utils import formatdate

    date, version = formatdate(usegmt=True), "2021-08-06"
    path = f"/{AZURITE_ACCOUNT}/{AZURITE_ACCOUNT}/{name}\nrestype:container"
    signed = "\n".join(["PUT", *[""] * 11, f"x-ms-date:{date}", f"x-ms-version:{version}", path])
    mac = hmac.new(base64.b64decode(AZURITE_KEY), signed.encode(), hashlib.sha256).digest()
    request = urllib.request.Request(
        f"{endpoint}/{name}?restype=container",
        method="PUT",
        headers={
            "x-ms-date": date,
            "x-ms-version": version,
            "authorization": f"SharedKey {AZURITE_ACCOUNT}:{base64.b64encode(mac).decode()}",
        },
    )
    urllib.request.urlopen(request, timeout=20).close()
