"""What DVC's remotes can lie on beside folders: a real server each, and the options that lead a project to it."""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from anew.protocols.dvc.places import open_url
from anew.remotes.place import Place
from protocols.dvc_twins import Side
from remotes import servers

PLUGINS = {"s3": "dvc_s3", "azure": "dvc_azure", "ssh": "dvc_ssh", "webdav": "dvc_webdav", "http": "dvc_http"}


@dataclass
class Kind:
    """One scheme. `options` are DVC's for a remote; a name below `url` is a remote of its own."""

    name: str
    url: str
    options: dict[str, str]
    server: Any
    secret: set[str] = field(default_factory=set)  # options that belong into config.local

    @property
    def plugin(self) -> str:
        """Of dvc's, without which it can't speak to that."""
        return PLUGINS[self.name]

    def configure(self, side: Side, below: str, remote: str = "r") -> None:
        """Make a remote of it in a project, as `remote add -d` and `remote modify` would."""
        configobj = pytest.importorskip("configobj")
        open_ = {name: value for name, value in self.options.items() if name not in self.secret}
        hidden = {name: self.options[name] for name in self.options if name in self.secret}
        for file, values in (("config", {"url": f"{self.url}/{below}", **open_}), ("config.local", hidden)):
            found = configobj.ConfigObj(str(side.root / ".dvc" / file))
            if "url" in values:
                found.setdefault("core", {})["remote"] = remote
            found[f'remote "{remote}"'] = values
            found.write()

    def place(self, below: str) -> Place:
        return open_url({"url": f"{self.url}/{below}", **self.options})


def start(name: str, folder: Path) -> Kind:
    """Raises servers.Absent."""
    return {"s3": _s3, "azure": _azure, "ssh": _ssh, "webdav": _webdav, "http": _http}[name](folder)


def _s3(folder: Path) -> Kind:
    try:
        import boto3
        import obstore  # noqa: F401
    except ImportError as error:
        raise servers.Absent(str(error)) from error
    try:
        server: servers.Radosgw | servers.Moto = servers.Radosgw(folder / "ceph")
    except servers.Absent:
        server = servers.Moto(folder / "moto")
    endpoint = f"http://127.0.0.1:{server.port}"
    keys = {"aws_access_key_id": servers.KEY, "aws_secret_access_key": servers.SECRET}
    client = boto3.client("s3", endpoint_url=endpoint, region_name="us-east-1", **keys)
    for bucket in ("bucket", "versions"):
        client.create_bucket(Bucket=bucket)
    client.put_bucket_versioning(Bucket="versions", VersioningConfiguration={"Status": "Enabled"})
    options = {"endpointurl": endpoint, "region": "us-east-1", "access_key_id": servers.KEY,
               "secret_access_key": servers.SECRET}  # fmt: skip
    return Kind("s3", "s3://bucket", options, server, {"access_key_id", "secret_access_key"})


def _azure(folder: Path) -> Kind:
    try:
        import obstore  # noqa: F401
    except ImportError as error:
        raise servers.Absent(str(error)) from error
    server = servers.Azurite(folder)
    endpoint = f"http://127.0.0.1:{server.port}/{servers.AZURITE_ACCOUNT}"
    servers.make_container(endpoint, "container")
    said = f"DefaultEndpointsProtocol=http;AccountName={servers.AZURITE_ACCOUNT};AccountKey={servers.AZURITE_KEY};"
    options = {"connection_string": f"{said}BlobEndpoint={endpoint};"}
    return Kind("azure", "azure://container", options, server, {"connection_string"})


def _ssh(folder: Path) -> Kind:
    try:
        import asyncssh  # noqa: F401
    except ImportError as error:
        raise servers.Absent(str(error)) from error
    server = servers.Sshd(folder)
    (folder / "files").mkdir()
    options = {"port": str(server.port), "keyfile": str(server.home / ".ssh" / "id_ed25519")}
    return Kind("ssh", f"ssh://127.0.0.1{folder}/files", options, server)


def _webdav(folder: Path) -> Kind:
    try:
        import webdav4  # noqa: F401
    except ImportError as error:
        raise servers.Absent(str(error)) from error
    server = servers.WebDav(folder)
    options = {"user": servers.KEY, "password": servers.SECRET}
    return Kind("webdav", f"webdav://127.0.0.1:{server.port}", options, server, {"password"})


def _http(folder: Path) -> Kind:
    server = servers.Static(folder, takes=True)
    return Kind("http", f"http://127.0.0.1:{server.port}", {}, server)


def let_in(kind: Kind, side: Side) -> None:
    """Give the side's user what it needs beside the options: the keys of hosts that are known."""
    if kind.name == "ssh":
        shutil.copytree(kind.server.home / ".ssh", Path(side.environ["HOME"]) / ".ssh", dirs_exist_ok=True)
        os.chmod(Path(side.environ["HOME"]) / ".ssh", 0o700)
