"""A throw-away certificate authority, so that https://git.heroku.com and every
https://NAME-xxxxxxxxxxxx.herokuapp.com can be opened over real TLS on the loopback interface.

`Certificate.bundle` holds the system's authorities and this one: a program given it as
SSL_CERT_FILE trusts the double and still reaches the rest of the world.
"""

from __future__ import annotations

import os
import ssl
from dataclasses import dataclass
from pathlib import Path

import trustme

NAMES = ("*.herokuapp.com", "git.heroku.com", "localhost", "127.0.0.1")


@dataclass(frozen=True)
class Certificate:
    server: trustme.LeafCert
    bundle: Path

    def server_context(self) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.server.configure_cert(context)
        return context


def make_certificate(folder: Path) -> Certificate:
    """A new authority and one server certificate for all the names; the bundle is in `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    authority = trustme.CA(organization_name="A double of Heroku")
    bundle = folder / "bundle.pem"
    bundle.write_text(_system_authorities() + "\n")
    authority.cert_pem.write_to_path(bundle, append=True)
    return Certificate(authority.issue_cert(*NAMES), bundle)


def _system_authorities() -> str:
    paths = ssl.get_default_verify_paths()
    for candidate in (
        os.environ.get("SSL_CERT_FILE"),
        paths.cafile,
        "/etc/ssl/certs/ca-certificates.crt",
        "/etc/ssl/cert.pem",
    ):
        if candidate and Path(candidate).is_file():
            return Path(candidate).read_text()
    return ""
