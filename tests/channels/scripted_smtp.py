"""A real SMTP conversation with a server that says, and does, what a test wants."""

import contextlib
import socketserver
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

DROP = None
"""Instead of an answer: close the connection."""

ANSWERS: Mapping[str, str | None] = {
    "GREETING": "220 ready",
    "EHLO": "250-localhost\r\n250 SIZE 1000000",
    "MAIL": "250 ok",
    "RCPT": "250 ok",
    "DATA": "354 go on",
    ".": "250 taken",
    "RSET": "250 ok",
    "QUIT": "221 bye",
}


@dataclass
class Script:
    """`answers` by command may change at any time; `connections` and `commands` are counted.

    `tired`: what the second MAIL of one connection is answered instead.
    """

    port: int
    answers: dict[str, str | None] = field(default_factory=lambda: dict(ANSWERS))
    connections: int = 0
    tired: str | None = "250 ok"
    commands: list[str] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"smtp://127.0.0.1:{self.port}"


@contextlib.contextmanager
def scripted_smtp(**answers: str | None) -> Iterator[Script]:
    class Session(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            script.connections += 1
            mails = 0
            if not self.say("GREETING"):
                return
            while line := self.rfile.readline():
                command = line.split()[0].decode().upper()
                mails += command == "MAIL"
                if not self.say("TIRED" if command == "MAIL" and mails > 1 else command):
                    return
                if command == "DATA" and script.answers["DATA"].startswith("354"):
                    while self.rfile.readline() not in (b".\r\n", b""):
                        pass
                    if not self.say("."):
                        return

        def say(self, command: str) -> bool:
            script.commands.append(command)
            answers = {"TIRED": script.tired, **script.answers}
            answer = answers.get(command, "500 what?")
            if answer is not DROP:
                self.wfile.write(answer.encode() + b"\r\n")
            return answer is not DROP

    class Server(socketserver.ThreadingTCPServer):
        allow_reuse_address = True
        daemon_threads = True

    with Server(("127.0.0.1", 0), Session) as server:
        script = Script(server.server_address[1])
        script.answers.update(answers)
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield script
        finally:
            server.shutdown()
            thread.join()
