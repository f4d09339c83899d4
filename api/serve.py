"""`assessor serve`: the service and its page on this machine."""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import socket

import uvicorn
from pydantic import ValidationError
from uvicorn.protocols.http.h11_impl import H11Protocol

from api.classroom import first_admin_link
from api.cluster_worker import check_address
from api.live.wire import MAX_MESSAGE_BYTES
from api.main import create_app
from api.settings import Settings, default_settings
from api.telemetry import configure_logs
from api.tls import Certificate, lan_address, own_certificate, own_names
from assessor.errors import OptionError

KEEP_ALIVE_S = 15
SHUTDOWN_S = 10
# Enough for a browser's cookies; a request line and headers beyond it are refused with 400.
MAX_HEADER_BYTES = 32 * 1024
HEADER_TIMEOUT_S = 15.0


def serve(
    host: str | None = None,
    port: int = 8000,
    single_user: bool = False,
    https: bool = False,
    cluster: str | None = None,
) -> None:
    """Run until interrupted; prints the address to open.

    Without `host` it listens on this machine alone, with `https` (a certificate of its own, for phones)
    on every address. `cluster`: a Dask scheduler, before the setting.

    OptionError not_local (single user, but a host that others reach), port_taken or bad_setting; those of
    `api.classroom.open_store`.
    """
    settings = settings_or_error()
    if cluster is not None:
        check_address(cluster)
        settings = settings.model_copy(update={"cluster": cluster})
    host = host or ("0.0.0.0" if https and not single_user else "127.0.0.1")
    if single_user and not _is_loopback(host):
        raise OptionError(
            "not_local",
            f"Single-user mode has no accounts and cannot listen on {host}.",
            "Leave --host away, or give --host 127.0.0.1.",
        )
    listener = _listen(host, port)
    certificate = _certificate(settings) if https else None
    configure_logs()  # of the whole process, so only once nothing keeps it from serving
    where = address(host, listener.getsockname()[1], https=https)
    link = None
    if not single_user:
        link = first_admin_link(settings, f"{settings.public_url}/" if settings.public_url else where)
    app = create_app(settings, single_user=single_user)
    server = uvicorn.Server(server_config(app, settings, certificate))
    print(f"Open {where} (Ctrl-C stops)", flush=True)
    if certificate is not None:
        print("A browser warns once: nobody vouches for this certificate. It is the right one if its")
        print(f"SHA-256 fingerprint is {certificate.fingerprint}", flush=True)
    if link is not None:
        print(f"First admin: set a password at {link} (once; each start prints a new one until it is used).")
        print("Only you on this machine? `assessor serve --single-user` needs no accounts.", flush=True)
    # uvicorn hands the interrupt on once everything has stopped; here it is how one stops the service.
    with contextlib.suppress(KeyboardInterrupt):
        server.run(sockets=[listener])


def server_config(app: object, settings: Settings, certificate: Certificate | None = None) -> uvicorn.Config:
    return uvicorn.Config(
        app,  # type: ignore[arg-type]
        http=PromptProtocol,
        ssl_certfile=certificate.certificate if certificate else None,
        ssl_keyfile=certificate.key if certificate else None,
        ws="websockets-sansio",
        ws_max_size=MAX_MESSAGE_BYTES,
        ws_per_message_deflate=False,  # JPEG does not shrink
        limit_concurrency=settings.max_connections,
        timeout_keep_alive=KEEP_ALIVE_S,
        timeout_graceful_shutdown=SHUTDOWN_S,
        h11_max_incomplete_event_size=MAX_HEADER_BYTES,
        access_log=False,  # it would keep addresses of persons
        server_header=False,
        log_config=None,  # api.telemetry has set it up
    )


def address(host: str, port: int, *, https: bool = False) -> str:
    """The URL to open for a server bound to `host`: on this machine, or with `https` from a phone."""
    if host in ("0.0.0.0", "::", ""):
        host = (lan_address() if https else None) or "localhost"
    return f"{'https' if https else 'http'}://{f'[{host}]' if ':' in host else host}:{port}/"


def _certificate(settings: Settings) -> Certificate:
    try:
        return own_certificate(settings.data_dir, own_names())
    except OSError as exc:
        raise OptionError(
            "cannot_write",
            f"No certificate can be kept in {settings.data_dir}: {exc.strerror}.",
            "Set ASSESSOR_DATA_DIR to a folder that can be written.",
        ) from exc


class PromptProtocol(H11Protocol):
    """uvicorn waits for ever for a request's headers; this one closes the connection instead."""

    _header_timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._watch()

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        self._watch()

    def connection_lost(self, exc: Exception | None) -> None:
        self._unwatch()
        super().connection_lost(exc)

    def _watch(self) -> None:
        """Time runs from the first byte of a request until its headers are in; bodies have their own."""
        upgraded = self.transport.get_protocol() is not self  # to a WebSocket
        if upgraded or (self.cycle is not None and not self.cycle.response_complete):
            self._unwatch()
        elif self._header_timer is None:
            self._header_timer = self.loop.call_later(HEADER_TIMEOUT_S, self._give_up)

    def _unwatch(self) -> None:
        if self._header_timer is not None:
            self._header_timer.cancel()
            self._header_timer = None

    def _give_up(self) -> None:
        self._header_timer = None
        if self.cycle is None or self.cycle.response_complete:
            self.transport.close()


def settings_or_error() -> Settings:
    """What the environment says; OptionError bad_setting."""
    try:
        return default_settings()
    except ValidationError as exc:
        wrong = [f"ASSESSOR_{str(e['loc'][0]).upper()}: {e['msg']}" for e in exc.errors()]
        raise OptionError(
            "bad_setting",
            "A setting cannot be used. " + "; ".join(wrong) + ".",
            "Correct the environment variable, or leave it away for its default.",
        ) from exc


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def _listen(host: str, port: int) -> socket.socket:
    """A bound socket, so that the printed address is true even for port 0."""
    host = host.strip("[]")
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # By its protocol asyncio knows whose small answers must not wait for an acknowledgement (TCP_NODELAY):
    # without it a live session's answers come one frame late once two of them were under way together.
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
        listener.listen()  # who opens the printed address at once waits, instead of being refused
    except OSError as exc:
        listener.close()
        raise OptionError(
            "port_taken",
            f"Cannot listen on {host} port {port}: {exc.strerror}.",
            "Another program may use it: give another --port.",
        ) from exc
    return listener
