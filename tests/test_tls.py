"""`assessor serve --https`: a certificate that is kept, known by its fingerprint; page and socket over it."""

from __future__ import annotations

import contextlib
import hashlib
import os
import signal
import ssl
import subprocess
import sys
import time
from pathlib import Path
from socket import create_connection
from urllib.parse import urlsplit

import httpx
import pytest
from websockets.sync.client import connect

from api import tls
from api.tls import own_certificate, own_names

NAMES = ("localhost", "127.0.0.1", "192.168.7.9", "pad.local")


def test_it_is_kept_as_long_as_it_holds(tmp_path: Path) -> None:
    first = own_certificate(tmp_path, NAMES)
    assert own_certificate(tmp_path, NAMES[:2]) == first
    assert own_certificate(tmp_path, (*NAMES, "10.0.0.1")).fingerprint != first.fingerprint


def test_one_that_ends_soon_or_is_broken_is_made_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = own_certificate(tmp_path, NAMES)
    monkeypatch.setattr(tls, "RENEW_BEFORE", tls.LIFE)
    second = own_certificate(tmp_path, NAMES)
    assert second.fingerprint != first.fingerprint
    monkeypatch.undo()
    second.certificate.write_bytes(b"broken")
    assert own_certificate(tmp_path, NAMES).fingerprint not in (first.fingerprint, second.fingerprint)


@pytest.mark.skipif(os.name != "posix", reason="file modes")
def test_the_key_is_for_its_owner_alone(tmp_path: Path) -> None:
    assert own_certificate(tmp_path, NAMES).key.stat().st_mode & 0o077 == 0


def test_it_names_what_this_machine_is_called() -> None:
    assert {"localhost", "127.0.0.1"} <= set(own_names())


def wait_for(process: subprocess.Popen[str], port: int) -> None:
    """Until it answers: the address is printed before."""
    while process.poll() is None:
        with contextlib.suppress(ConnectionRefusedError), create_connection(("127.0.0.1", port)):
            return
        time.sleep(0.05)
    pytest.fail("the service ended")


SERVE = "from api.serve import serve; serve(port=0, single_user=True, https=True)"


def test_page_and_socket_over_https(tmp_path: Path) -> None:
    environment = {**os.environ, "ASSESSOR_WORKERS": "1", "ASSESSOR_DATA_DIR": str(tmp_path)}
    command = [sys.executable, "-c", SERVE]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as process:
        assert process.stdout is not None
        try:
            lines = [process.stdout.readline() for _ in range(3)]
            url = urlsplit(lines[0].split()[1])
            assert url.scheme == "https"
            assert url.port is not None
            wait_for(process, url.port)
            der = ssl.PEM_cert_to_DER_cert(ssl.get_server_certificate(("127.0.0.1", url.port)))
            assert lines[2].split()[-1].replace(":", "") == hashlib.sha256(der).hexdigest().upper()
            trusting = ssl.create_default_context(cafile=str(tmp_path / "tls" / "certificate.pem"))
            page = httpx.get(f"https://localhost:{url.port}/live", verify=trusting, timeout=60)
            assert page.status_code == 200
            with connect(f"wss://localhost:{url.port}/api/v1/live", ssl=trusting) as socket:
                socket.send('{"type": "start"}')
                assert '"ready"' in str(socket.recv(120))
        finally:
            process.send_signal(signal.SIGINT)
        assert process.wait(60) == 0
