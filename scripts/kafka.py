"""Run a real Apache Kafka 4 broker (KRaft) as a plain process.

For `make kafka`, tests, the demo and benchmarks. The jars come from Maven Central once and stay in
the user's cache. The broker listens on 127.0.0.1, keeps its data in a temporary directory, and ends
with the program that started it, however that ends. A Kafka named by QUADRUPEL_KAFKA_BOOTSTRAP is
used instead of starting one.
"""

import argparse
import contextlib
import fcntl
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Self

import platformdirs
from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient

BOOTSTRAP_SETTING = "QUADRUPEL_KAFKA_BOOTSTRAP"
POM = Path(__file__).with_name("kafka-pom.xml")
OLDEST_JAVA = 17
CLUSTER_ID = "cXVhZHJ1cGVsLWthZmthLQ"

# Kills the broker and removes its data when the pipe on standard input closes, that is, when
# the process that holds the other end is gone.
WATCHER = 'cat >/dev/null; kill -9 "$1"; rm -rf "$2"'

JAVA_OPTIONS = ("-Xmx512m", "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC")
"""For a broker that lives for minutes beside what asks it: one that compiles for speed takes half
as long again to start, and in its first minute more than twice the time of the processors."""

SERVER_PROPERTIES = """\
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:{controller_port}
controller.listener.names=CONTROLLER
listeners=PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller_port}
advertised.listeners=PLAINTEXT://127.0.0.1:{port}
log.dirs={directory}/data
num.partitions=1
offsets.topic.num.partitions=4
offsets.topic.replication.factor=1
transaction.state.log.num.partitions=4
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
share.coordinator.state.topic.num.partitions=1
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
group.initial.rebalance.delay.ms=0
group.min.session.timeout.ms=1000
"""

LOG_CONFIGURATION = """\
rootLogger.level=INFO
rootLogger.appenderRef.file.ref=file
appender.file.type=File
appender.file.name=file
appender.file.fileName={directory}/broker.log
appender.file.layout.type=PatternLayout
appender.file.layout.pattern=%d %p %c: %m%n
"""


class CannotRun(Exception):
    """The broker cannot run here; the text says what to install or where to look."""


def lacking() -> str | None:
    """What this machine lacks to run a broker, as a sentence; None when it lacks nothing."""
    java = shutil.which("java")
    if java is None:
        return f"there is no `java`: install a Java runtime, version {OLDEST_JAVA} or later"
    version = subprocess.run([java, "-version"], capture_output=True, text=True, check=False).stderr
    found = re.search(r'version "(\d+)', version)
    if found is None or int(found[1]) < OLDEST_JAVA:
        return f"`java` is too old: install a Java runtime, version {OLDEST_JAVA} or later"
    if not _library().is_dir() and shutil.which("mvn") is None:
        return "there is no `mvn`: install Maven, which fetches Kafka once"
    return None


def _library() -> Path:
    version = re.findall(r"<version>([^<]+)", POM.read_text())[1]
    return platformdirs.user_cache_path("quadrupel") / f"kafka-{version}"


def install() -> Path:
    """Return the directory of Kafka's jars, fetching them by Maven when it is not there yet."""
    library = _library()
    library.parent.mkdir(parents=True, exist_ok=True)
    with library.with_name(f"{library.name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not library.is_dir():
            _fetch(library)
    return library


def _fetch(library: Path) -> None:
    with tempfile.TemporaryDirectory(dir=library.parent) as directory:
        fetched = Path(directory) / "jars"
        command = ["mvn", "--quiet", "--batch-mode", "--file", str(POM)]
        command += ["dependency:copy-dependencies", "-DincludeScope=runtime"]
        command += [f"-DoutputDirectory={fetched}"]
        result = subprocess.run(command, capture_output=True, text=True, check=False)
        if result.returncode != 0:
            raise CannotRun(f"Maven could not fetch Kafka: {result.stdout.strip()[-1000:]}")
        fetched.rename(library)


def free_port() -> int:
    """A TCP port of 127.0.0.1 that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


class Broker:
    """One broker on one port with one data directory, both kept from `start` to `start`.

    Use as a context manager: leaving it stops the broker and removes the data. Raises CannotRun.
    """

    def __init__(self, port: int | None = None) -> None:
        if (reason := lacking()) is not None:
            raise CannotRun(f"Kafka cannot run: {reason}.")
        self._jars = install()
        self._port = port or free_port()
        self._controller_port = free_port()
        self._directory = Path(tempfile.mkdtemp(prefix="quadrupel-kafka-"))
        self._java: subprocess.Popen[bytes] | None = None
        self._watcher: subprocess.Popen[bytes] | None = None

    @property
    def bootstrap(self) -> str:
        """The address that clients ask first."""
        return f"127.0.0.1:{self._port}"

    @property
    def pid(self) -> int | None:
        """The process of the broker; None while it is stopped."""
        return self._java.pid if self._java else None

    def __enter__(self) -> Self:
        try:
            self._format()
            self.start()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        self.close()

    def start(self, timeout: float = 60.0) -> None:
        """Start the stopped broker on the same port and data; return when it answers clients."""
        configuration = self._directory / "server.properties"
        with (self._directory / "output.log").open("ab") as output:
            java = subprocess.Popen(
                self._command(*JAVA_OPTIONS, "kafka.Kafka", str(configuration)),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self._java = java
        self._watcher = subprocess.Popen(
            ["sh", "-c", WATCHER, "watcher", str(java.pid), str(self._directory)],
            stdin=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        self._wait_until_ready(java, timeout)

    def stop(self) -> None:
        """Stop the broker in good order and keep its data; nothing happens when it is stopped."""
        self._end(signal.SIGTERM)

    def kill(self) -> None:
        """End the broker as `kill -9` does and keep its data."""
        self._end(signal.SIGKILL)

    def move(self) -> None:
        """Let the stopped broker start on another port next time, with its data."""
        self._port = free_port()
        self._configure()

    def pause(self) -> None:
        """Freeze the broker: connections stay open and nothing answers, from the return on."""
        if self._java is not None:
            self._java.send_signal(signal.SIGSTOP)
            # Its threads stop one after the other, and until the last one did, it may answer.
            os.waitid(os.P_PID, self._java.pid, os.WSTOPPED | os.WEXITED | os.WNOWAIT)

    def resume(self) -> None:
        """Let the paused broker go on."""
        if self._java is not None:
            self._java.send_signal(signal.SIGCONT)

    def close(self) -> None:
        """Stop the broker and remove its data."""
        self.stop()
        shutil.rmtree(self._directory, ignore_errors=True)

    def _command(self, *arguments: str) -> list[str]:
        log = self._directory / "log4j2.properties"
        options = ["-cp", f"{self._jars}/*", f"-Dlog4j2.configurationFile=file:{log}"]
        return ["java", *options, *arguments]

    def _configure(self) -> Path:
        configuration = self._directory / "server.properties"
        configuration.write_text(
            SERVER_PROPERTIES.format(
                port=self._port, controller_port=self._controller_port, directory=self._directory
            )
        )
        return configuration

    def _format(self) -> None:
        configuration = self._configure()
        log = LOG_CONFIGURATION.format(directory=self._directory)
        (self._directory / "log4j2.properties").write_text(log)
        tool = ["kafka.tools.StorageTool", "format", "--config", str(configuration)]
        command = self._command("-XX:TieredStopAtLevel=1", *tool, "--cluster-id", CLUSTER_ID)
        result = subprocess.run(command, capture_output=True, text=True, check=False)
        if result.returncode != 0:
            raise CannotRun(f"Kafka could not format its storage: {result.stderr.strip()[-1000:]}")

    def _wait_until_ready(self, java: "subprocess.Popen[bytes]", timeout: float) -> None:
        deadline = time.monotonic() + timeout
        while java.poll() is None and time.monotonic() < deadline:
            if _answers(self._port, self.bootstrap):
                return
            time.sleep(0.1)
        self.kill()
        raise CannotRun(f"Kafka did not start on port {self._port}: {self._last_words()}")

    def _last_words(self) -> str:
        text = ""
        for name in ("broker.log", "output.log"):
            path = self._directory / name
            text += path.read_text(errors="replace") if path.exists() else ""
        errors = [line for line in text.splitlines() if "ERROR" in line or "Exception" in line]
        return "\n".join(errors[:5]) or text[-1000:]

    def _end(self, how: signal.Signals) -> None:
        if self._java is not None:
            self._java.send_signal(signal.SIGCONT)
            self._java.send_signal(how)
            try:
                self._java.wait(timeout=20)
            except subprocess.TimeoutExpired:
                self._java.kill()
                self._java.wait()
            self._java = None
        if self._watcher is not None:
            self._watcher.kill()
            self._watcher.communicate()
            self._watcher = None


def _answers(port: int, bootstrap: str) -> bool:
    with socket.socket() as probe:
        if probe.connect_ex(("127.0.0.1", port)) != 0:
            return False
    admin = AdminClient({"bootstrap.servers": bootstrap, "log_level": 0})
    try:
        return bool(admin.list_topics(timeout=2).brokers)
    except KafkaException:
        return False


@contextlib.contextmanager
def running(port: int | None = None) -> Iterator[str]:
    """The address of the Kafka named by the setting, or else of a broker started for the time."""
    if bootstrap := os.environ.get(BOOTSTRAP_SETTING):
        yield bootstrap
        return
    with Broker(port) as broker:
        yield broker.bootstrap


def main() -> None:
    """Run a broker in the foreground."""
    parser = argparse.ArgumentParser(description="Run an Apache Kafka broker until Ctrl-C.")
    parser.add_argument("--port", type=int, help="the port to listen on (a free one by default)")
    parser.add_argument(
        "--json",
        action="store_true",
        help="for programs: print one JSON line when ready, and stop when standard input closes",
    )
    arguments = parser.parse_args()
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        with running(arguments.port) as bootstrap:
            if arguments.json:
                print(json.dumps({"bootstrap": bootstrap}), flush=True)
                sys.stdin.read()
            else:
                print(f"Kafka is ready at {bootstrap}. Ctrl-C stops it.", flush=True)
                signal.pause()
    except CannotRun as error:
        sys.exit(str(error))
    except KeyboardInterrupt:
        pass


if __name__ == "__main__":
    main()
