"""`assessor worker`: this machine grades for a cluster.

Dask's own worker command with what grading needs, started again whenever it ends: a worker leaves when its
scheduler does.
"""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from types import FrameType

from assessor.errors import OptionError

AGAIN_S = 2.0
# For Dask's own processes. What it measures of itself by default takes 5 % of two idle cores: samples of each
# thread every 10 ms, a tick every 20 ms, the machine's load twice a second.
DASK = {
    "DASK_DISTRIBUTED__WORKER__PROFILE__ENABLED": "False",
    "DASK_DISTRIBUTED__ADMIN__TICK__INTERVAL": "1s",
    "DASK_DISTRIBUTED__ADMIN__SYSTEM_MONITOR__INTERVAL": "5s",
    # A worker starts killable children of its own, which multiprocessing's daemons may not.
    "DASK_DISTRIBUTED__WORKER__DAEMON": "False",
}


def worker(scheduler: str, processes: int) -> None:
    """Run `processes` workers of one core each until interrupted; OptionError bad_cluster."""
    check_address(scheduler)
    command = [
        *(sys.executable, "-m", "distributed.cli.dask_worker", scheduler),
        *("--nworkers", str(processes), "--nthreads", "1", "--memory-limit", "0"),
        *("--no-dashboard", "--death-timeout", "60"),
    ]
    signal.signal(signal.SIGTERM, _interrupt)
    print(f"Grading for {scheduler} with {processes} processes (Ctrl-C stops)", flush=True)
    running = None
    try:
        while True:
            running = subprocess.Popen(command, env={**os.environ, **DASK})
            running.wait()
            time.sleep(AGAIN_S)
    except KeyboardInterrupt:
        if running is not None:
            running.terminate()
            running.wait()


def check_address(scheduler: str) -> None:
    if not re.match(r"(tcp|tls)://\S+:\d+$", scheduler):
        raise OptionError(
            "bad_cluster",
            f"{scheduler[:80]!r} is no address of a Dask scheduler.",
            "Such as tcp://192.168.1.5:8786; start one with `dask scheduler`.",
        )


def _interrupt(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt
