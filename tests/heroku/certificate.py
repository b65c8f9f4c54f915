"""A throw-away certificate authority, so that https://git.heroku.com and every
https://NAME-xxxxxxxxxxxx.herokuapp.com can be opened over real TLS on the loopback interface.

`Certificate.bundle` holds the system's authorities and this one: a program given it as
SSL_CERT_FILE trusts the double and still reaches the rest of the world.
"""

from __future__ import annotations

import os
import ssl
import subprocess
from dataclasses import dataclass
from pathlib import Path

NAMES = ("DNS:*.herokuapp.com", "DNS:git.heroku.com", "DNS:localhost", "IP:127.0.0.1")


@dataclass(frozen=True)
class Certificate:
    authority: Path
    chain: Path
    key: Path
    bundle: Path

    def server_context(self) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.chain, self.key)
        return context


def make_certificate(folder: Path) -> Certificate:
    """Write a new authority and one server certificate for all the names into `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    ca, ca_key = folder / "authority.pem", folder / "authority.key"
    cert, key, request = folder / "server.pem", folder / "server.key", folder / "server.csr"
    extensions = folder / "server.ext"
    extensions.write_text(
        f"subjectAltName={','.join(NAMES)}\nbasicConstraints=CA:FALSE\n"
        "extendedKeyUsage=serverAuth\nauthorityKeyIdentifier=keyid\n"
    )
    new_key = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")
    _openssl(
        "req",
        "-x509",
        *new_key,
        "-keyout",
        ca_key,
        "-out",
        ca,
        "-days",
        "2",
        "-subj",
        "/CN=A double of Heroku",
        "-addext",
        "keyUsage=critical,keyCertSign,cRLSign",
    )
    _openssl("req", *new_key, "-keyout", key, "-out", request, "-subj", "/CN=herokuapp.com")
    _openssl(
        "x509",
        "-req",
        "-in",
        request,
        "-CA",
        ca,
        "-CAkey",
        ca_key,
        "-CAcreateserial",
        "-out",
        cert,
        "-days",
        "2",
        "-extfile",
        extensions,
    )
    bundle = folder / "bundle.pem"
    bundle.write_text(_system_authorities() + "\n" + ca.read_text())
    return Certificate(ca, cert, key, bundle)


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


def _openssl(*args: object) -> None:
    subprocess.run(["openssl", *map(str, args)], check=True, capture_output=True)
