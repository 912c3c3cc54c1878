"""The function inside AWS's Lambda Runtime Interface Emulator."""

import json
import os
import platform
import re
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from local.ports import free_port

ROOT = Path(__file__).parents[1]
_ARCHITECTURE = {"x86_64": "x86_64", "aarch64": "arm64", "arm64": "arm64"}[platform.machine()]
_BINARY = f".cache/aws-sam-cli==*/samcli/local/rapid/aws-lambda-rie-{_ARCHITECTURE}"
_INIT = re.compile(r"INIT REPORT\(durationMs: ([\d.]+)\)")
_RUN = re.compile(r"INVOKE RTDONE\(.*duration: ([\d.]+)ms\)")


class InvocationError(Exception):
    """The function raised, timed out or could not start; the message is the emulator's answer."""


@dataclass(frozen=True)
class Durations:
    """Milliseconds of the process's start until the handler is loaded, and of the last run."""

    init: float
    run: float


class Emulator:
    """One execution environment: a process that is started at the first invocation and kept."""

    def __init__(
        self,
        environment: Mapping[str, str] | None = None,
        memory_mb: int = 1769,
        handler: str = "handler.handler",
    ) -> None:
        self._port, runtime_port = free_port(), free_port()
        self._log = tempfile.TemporaryFile("w+")  # noqa: SIM115 (closed with the emulator)
        self._process = subprocess.Popen(
            [
                max(ROOT.glob(_BINARY)),
                *("--log-level", "info"),
                *("--runtime-interface-emulator-address", f"127.0.0.1:{self._port}"),
                *("--runtime-api-address", f"127.0.0.1:{runtime_port}"),
                *(sys.executable, "-m", "awslambdaric", handler),
            ],
            cwd=ROOT,
            env={
                **os.environ,
                "AWS_LAMBDA_FUNCTION_NAME": "sentiment",
                "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(memory_mb),
                "AWS_LAMBDA_FUNCTION_TIMEOUT": "29",
                "AWS_REGION": "us-east-1",
                "LAMBDA_TASK_ROOT": str(ROOT),
                **(environment or {}),
            },
            stdout=self._log,
            stderr=subprocess.STDOUT,
            start_new_session=True,  # so that kill() finds the function's process too
        )

    def __enter__(self) -> Self:
        deadline = time.monotonic() + 10
        while True:
            try:
                socket.create_connection(("127.0.0.1", self._port), timeout=1).close()
                return self
            except OSError:
                if time.monotonic() > deadline or self._process.poll() is not None:
                    log = self.log()
                    self.__exit__()
                    raise InvocationError(f"the emulator did not start:\n{log}") from None
                time.sleep(0.02)

    def kill(self) -> None:
        """End the emulator and the function at once, as an execution environment may end."""
        os.killpg(self._process.pid, signal.SIGKILL)

    def __exit__(self, *_: object) -> None:
        self._process.terminate()
        self._process.wait(timeout=10)
        self._log.close()

    def invoke(self, event: object) -> Any:
        """Return what the handler answers to the event.

        Raises:
            InvocationError: the handler raised, the function could not start, or it timed out.
        """
        url = f"http://127.0.0.1:{self._port}/2015-03-31/functions/function/invocations"
        request = urllib.request.Request(url, json.dumps(event).encode(), method="POST")
        try:
            with urllib.request.urlopen(request, timeout=60) as response:
                body = response.read().decode()
        except urllib.error.HTTPError as error:
            raise InvocationError(error.read().decode()) from None
        try:
            answer = json.loads(body)
        except json.JSONDecodeError:
            raise InvocationError(body) from None
        if isinstance(answer, dict) and {"errorMessage", "errorType"} <= answer.keys():
            raise InvocationError(body)
        return answer

    def processor_seconds(self) -> float:
        """Return what the function's process has used of the processors since it began.

        In the kernel's clock ticks, of which a second has a hundred (proc_pid_stat(5)).
        """
        tasks = Path(f"/proc/{self._process.pid}/task").iterdir()
        [function] = [pid for task in tasks for pid in (task / "children").read_text().split()]
        # Behind the name, which may hold anything: ticks in user mode and in the kernel.
        after_name = Path(f"/proc/{function}/stat").read_text().rpartition(")")[2].split()
        return sum(map(int, after_name[11:13])) / os.sysconf("SC_CLK_TCK")

    def log(self) -> str:
        """Return what the emulator and the function have printed so far."""
        self._log.seek(0)
        return self._log.read()

    def durations(self) -> Durations:
        """Return the time that initialisation took, and the last invocation."""
        log = self.log()
        return Durations(float(_INIT.findall(log)[-1]), float(_RUN.findall(log)[-1]))
