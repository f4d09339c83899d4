"""What the operator sees: metrics for Prometheus and one log line a request, neither with personal data.

Routes are named by their template (/submissions/{submission_id}), never by what was asked for;
addresses, names, keys and the texts of errors (which may quote a row) are not written anywhere.
"""

from __future__ import annotations

import logging
import sys
import time
import traceback
from collections.abc import Iterator, MutableMapping
from typing import Any

import structlog
from fastapi import APIRouter, Request, Response
from prometheus_client import (
    CONTENT_TYPE_LATEST,
    CollectorRegistry,
    Counter,
    Histogram,
    PlatformCollector,
    ProcessCollector,
    generate_latest,
)
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.errors import documented
from api.security import Admin, Reading
from api.store import jobs

SECONDS = (0.005, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30, 60)
METHODS = frozenset({"GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"})
router = APIRouter(tags=["operation"])
log = logging.getLogger("assessor.requests")


class Telemetry:
    """Counters of one service; tests run several in one process, so nothing is global."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        PlatformCollector(registry=self.registry)
        names = ("method", "route", "status")
        self.requests = Counter("assessor_requests", "Requests answered", names, registry=self.registry)
        self.seconds = Histogram(
            "assessor_request_seconds",
            "From the request's headers to the last byte of the answer",
            ("route",),
            buckets=SECONDS,
            registry=self.registry,
        )


class RequestLog:
    """Counts and logs each request when it has been answered."""

    def __init__(self, app: ASGIApp, telemetry: Telemetry) -> None:
        self.app = app
        self.telemetry = telemetry

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        status = 500
        started = time.perf_counter()

        async def noting(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self.app(scope, receive, noting)
        finally:
            seconds = time.perf_counter() - started
            method = scope["method"] if scope["method"] in METHODS else "other"
            route = route_of(scope)
            self.telemetry.requests.labels(method, route, status).inc()
            self.telemetry.seconds.labels(route).observe(seconds)
            said = {"method": method, "route": route, "status": status, "ms": round(seconds * 1000, 1)}
            log.info("request", extra=said)


def route_of(scope: Scope) -> str:
    """The template of the route that a request took; "none" where it took none."""
    template = getattr(scope.get("route"), "path", None)
    if template is None:
        return "none"
    # Routes of an included router know themselves without its prefix; a mount has it in root_path.
    parts, wanted = scope["path"].strip("/").split("/"), template.strip("/").split("/")
    prefix = parts[: len(parts) - len(wanted)] if "{" in template or template != scope["path"] else []
    return "/" + "/".join([*prefix, *(p for p in wanted if p)])


class _Room(Collector):
    """Jobs by state, asked of the database when the metrics are."""

    def __init__(self, counts: dict[str, int]) -> None:
        self.counts = counts

    def collect(self) -> Iterator[Metric]:
        gauge = GaugeMetricFamily("assessor_jobs", "Jobs of batches by state", labels=["state"])
        for state, number in self.counts.items():
            gauge.add_metric([state], number)
        yield gauge


@router.get(
    "/metrics",
    response_class=Response,
    responses={
        200: {"content": {"text/plain": {"schema": {"type": "string"}}}, "description": "for Prometheus"},
        **documented(401, 403, 503, 507),
    },
)
def metrics(request: Request, caller: Admin, session: Reading) -> Response:
    """For Prometheus, with an admin's key as bearer token."""
    telemetry: Telemetry = request.app.state.telemetry
    room = CollectorRegistry()
    room.register(_Room(jobs.by_state(session)))
    body = generate_latest(telemetry.registry) + generate_latest(room)
    return Response(body, media_type=CONTENT_TYPE_LATEST)


def configure_logs() -> None:
    """JSON lines on standard error; for a person at a terminal only what needs attention, readable."""
    terminal = sys.stderr.isatty()
    shared: list[Any] = [
        structlog.stdlib.add_log_level,
        structlog.stdlib.ExtraAdder(),
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        _frames_only,
    ]
    renderer = structlog.dev.ConsoleRenderer() if terminal else structlog.processors.JSONRenderer()
    handler = logging.StreamHandler()
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, renderer],
        )
    )
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(logging.WARNING if terminal else logging.INFO)
    for chatty in ("alembic", "httpx", "uvicorn"):
        logging.getLogger(chatty).setLevel(logging.WARNING)


def _frames_only(logger: Any, name: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """An exception as its frames and type: its message may hold a name, an address, a row."""
    given = event.pop("exc_info", None)
    if given is True:
        given = sys.exc_info()
    exc = given[1] if isinstance(given, tuple) else given
    if isinstance(exc, BaseException):
        frames = "".join(traceback.format_tb(exc.__traceback__))
        event["stack"] = f"{frames}{type(exc).__name__}"
    return event
