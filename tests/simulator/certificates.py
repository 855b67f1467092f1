"""Certificates for tests of TLS, each its own authority: clients trust it as their CA file."""

import pathlib
import shutil
import subprocess


def available():
    return shutil.which("openssl") is not None


def issue(directory, name="IP:127.0.0.1"):
    """Returns the paths of a certificate and its key, new ones in the directory.

    name is what it is good for, IP:... or DNS:...; with one that is not the simulator's,
    clients that trust it still have to refuse it.
    """
    stem = name.replace(":", "-")
    certificate, key = (pathlib.Path(directory, f"{stem}-{end}.pem") for end in ("cert", "key"))
    command = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2"
    subprocess.run(
        [*command.split(), "-subj", "/CN=simulator", "-addext", f"subjectAltName={name}"]
        + ["-keyout", key, "-out", certificate],
        check=True,
        capture_output=True,
    )
    return certificate, key
