"""How a process stops listening without failing a caller: what the server itself cannot do.

Several processes listen on one port, and Linux gives each new connection to one of them. One that
closes its socket resets what it has not accepted yet. So it first lets the first packet of further
connections go unanswered, which callers send again a second later, then accepts what is there, and
closes after that; who was not answered is then answered by another process.
"""

import contextlib
import ctypes
import os
import socket
import struct
from collections.abc import Iterator
from pathlib import Path

# A classic BPF program over the TCP header: drop what has the flag SYN, pass the rest.
_DROP_SYN = (
    (0x30, 0, 0, 13),  # load the byte of the flags
    (0x45, 0, 1, 0x02),  # is SYN among them?
    (0x06, 0, 0, 0),  # drop
    (0x06, 0, 0, 0xFFFFFFFF),  # pass
)
_SO_ATTACH_FILTER = 26
_TCP_INFO_BYTES, _QUEUE_AT = 104, 24
"""Where the kernel tells of a listening socket how many connections wait to be accepted."""


def listeners(port: int) -> list[int]:
    """The descriptors of this process that listen on a TCP port; none where /proc is not there."""
    return [number for number, each in _sockets(port) if _listens(each)]


def connections(port: int) -> int:
    """How many connections to a port this process has."""
    return sum(not _listens(each) for _, each in _sockets(port))


def ignore_new(listener: int) -> None:
    """Let connections that are not begun yet go unanswered. Those that are begun go on."""
    program = b"".join(struct.pack("HBBI", *each) for each in _DROP_SYN)
    code = ctypes.create_string_buffer(program)
    filtering = struct.pack("HL", len(_DROP_SYN), ctypes.addressof(code))
    with _borrowed(listener) as own:
        own.setsockopt(socket.SOL_SOCKET, _SO_ATTACH_FILTER, filtering)


def queue(listener: int) -> int:
    """How many connections wait to be accepted."""
    with _borrowed(listener) as own:
        told = own.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _TCP_INFO_BYTES)
    return int(struct.unpack_from("I", told, _QUEUE_AT)[0])


def let_go(listener: int) -> None:
    """Close a listening socket under the server that accepts from it, and is to notice nothing.

    What it has instead is a socket to which nobody can connect, as it has no name outside.
    """
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as nobodys:
        nobodys.setblocking(False)
        nobodys.bind("")
        nobodys.listen(1)
        os.dup2(nobodys.fileno(), listener, inheritable=False)


def _sockets(port: int) -> Iterator[tuple[int, socket.socket]]:
    """Every TCP socket of this process that is bound to the port, with its own descriptor."""
    folder = Path("/proc/self/fd")
    for each in folder.iterdir() if folder.is_dir() else ():
        with contextlib.suppress(OSError):  # it was closed meanwhile
            if not str(each.readlink()).startswith("socket:"):
                continue
            with _borrowed(int(each.name)) as own:
                is_tcp = own.family in (socket.AF_INET, socket.AF_INET6)
                if is_tcp and own.getsockname()[1] == port:
                    yield int(each.name), own


@contextlib.contextmanager
def _borrowed(descriptor: int) -> Iterator[socket.socket]:
    with socket.socket(fileno=os.dup(descriptor)) as own:
        yield own


def _listens(own: socket.socket) -> bool:
    return bool(own.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN))
