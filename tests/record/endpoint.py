#!/usr/bin/env python3
"""Socket behaviour that ordinary programs do not show on demand, one role a run.

    endpoint.py ROLE ADDRESS PORT [FILE]

A server role takes connections until it is ended; a client role connects, talks and leaves. FILE is
what is sent (client) or where the received bytes go (server, one connection after the other).
"""

import socket
import struct
import sys
import time

TCP_FASTOPEN, TCP_FASTOPEN_CONNECT = 23, 30


def family(address):
    return socket.AF_INET6 if ":" in address else socket.AF_INET


def listen(address, port, fast_open=False):
    server = socket.socket(family(address))
    server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if fast_open:
        server.setsockopt(socket.IPPROTO_TCP, TCP_FASTOPEN, 16)
    server.bind((address, port))
    server.listen(64)
    return server


def receive_all(connection, limit=1 << 30):
    parts, size = [], 0
    while size < limit:
        part = connection.recv(65536)
        if not part:
            break
        parts.append(part)
        size += len(part)
    return b"".join(parts)


def echo_server(address, port, path, fast_open=False):
    """Reads to the end, keeps what came, answers with the same bytes and the word END."""
    server = listen(address, port, fast_open)
    while True:
        connection, _ = server.accept()
        try:
            data = receive_all(connection)
            with open(path, "ab") as file:
                file.write(data)
            connection.sendall(data + b"END\n")
        except OSError:
            pass
        connection.close()


def half_close_client(address, port, path):
    """Sends the file, closes its sending side, goes on reading."""
    connection = socket.create_connection((address, port))
    connection.sendall(open(path, "rb").read())
    connection.shutdown(socket.SHUT_WR)
    time.sleep(0.2)
    receive_all(connection)
    connection.close()


def reuse_client(address, port, path):
    """Four connections, one after the other, from the same port; a reset ends all but the last."""
    data = open(path, "rb").read()
    for turn in range(4):
        connection = socket.socket(family(address))
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        connection.bind(("", 45678))
        connection.connect((address, port))
        connection.sendall(b"turn %d\n" % turn + data)
        connection.shutdown(socket.SHUT_WR)
        receive_all(connection, len(data) + 1)
        time.sleep(0.1)
        if turn < 3:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        connection.close()
        time.sleep(0.05)


def reset_client(address, port, path):
    """Sends the file and resets the connection instead of closing it."""
    connection = socket.create_connection((address, port))
    connection.sendall(open(path, "rb").read())
    time.sleep(0.2)
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()


def keepalive_client(address, port, path):
    """Stays silent for more than three keepalive intervals of one second between two lines."""
    connection = socket.create_connection((address, port))
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for option in (socket.TCP_KEEPIDLE, socket.TCP_KEEPINTVL):
        connection.setsockopt(socket.IPPROTO_TCP, option, 1)
    connection.sendall(b"before\n")
    time.sleep(3.5)
    connection.sendall(b"after\n")
    connection.shutdown(socket.SHUT_WR)
    receive_all(connection)
    connection.close()


def fast_open_client(address, port, path):
    """Twice: the first connection asks for a cookie, the second carries data in its SYN."""
    data = open(path, "rb").read()
    for _ in range(2):
        connection = socket.socket(family(address))
        connection.setsockopt(socket.IPPROTO_TCP, TCP_FASTOPEN_CONNECT, 1)
        connection.connect((address, port))
        connection.sendall(data)
        connection.shutdown(socket.SHUT_WR)
        receive_all(connection)
        connection.close()


def urgent_client(address, port, path):
    """One byte of urgent data between two ordinary lines."""
    connection = socket.create_connection((address, port))
    connection.sendall(b"ordinary\n")
    time.sleep(0.1)
    connection.send(b"!", socket.MSG_OOB)
    time.sleep(0.1)
    connection.sendall(b"ordinary again\n")
    connection.shutdown(socket.SHUT_WR)
    receive_all(connection)
    connection.close()


def simultaneous_client(address, port, path):
    """Opens a connection to its own port: SYN meets SYN, and both ends are the same socket."""
    connection = socket.socket(family(address))
    connection.bind((address, port))
    connection.connect((address, port))
    connection.sendall(b"to myself\n")
    connection.recv(100)
    connection.close()


def slow_reader(address, port, path):
    """A server that reads nothing for a second with a small buffer: the window closes, probes are sent."""
    server = socket.socket(family(address))
    server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    server.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    server.bind((address, port))
    server.listen(1)
    while True:
        connection, _ = server.accept()
        time.sleep(1.5)
        with open(path, "ab") as file:
            file.write(receive_all(connection))
        connection.close()


def send_client(address, port, path):
    """Sends the file and waits for the other side's end."""
    connection = socket.create_connection((address, port))
    connection.sendall(open(path, "rb").read())
    connection.shutdown(socket.SHUT_WR)
    receive_all(connection)
    connection.close()


ROLES = {
    "echo": echo_server,
    "echo-fast-open": lambda *given: echo_server(*given, fast_open=True),
    "slow-reader": slow_reader,
    "half-close": half_close_client,
    "reuse": reuse_client,
    "reset": reset_client,
    "keepalive": keepalive_client,
    "fast-open": fast_open_client,
    "urgent": urgent_client,
    "simultaneous": simultaneous_client,
    "send": send_client,
}

if __name__ == "__main__":
    role, address, port = sys.argv[1:4]
    ROLES[role](address, int(port), sys.argv[4] if len(sys.argv) > 4 else None)
