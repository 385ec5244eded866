#!/usr/bin/env python3
"""Many short connections: `churn.py serve PORT...` answers each, `churn.py ask ADDRESS PORT...` makes them one after
another until it is ended. Each carries a question and an answer, and is closed by the client, then the server."""

import os
import selectors
import socket
import sys

ANSWER = bytes(range(256)) * 4
AT_ONCE = 32


def listener(port):
    sock = socket.socket()
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    sock.bind(("", port))
    sock.listen(1024)
    sock.setblocking(False)
    return sock


def serve(ports):
    ready = selectors.EpollSelector()
    for port in ports:
        ready.register(listener(port), selectors.EVENT_READ, True)
    while True:
        for key, _ in ready.select():
            sock = key.fileobj
            try:
                if key.data:
                    while True:
                        accepted, _ = sock.accept()
                        accepted.setblocking(False)
                        ready.register(accepted, selectors.EVENT_READ, False)
                elif sock.recv(4096):
                    sock.sendall(ANSWER)
                else:
                    ready.unregister(sock)
                    sock.close()
            except BlockingIOError:
                pass
            except OSError:
                ready.unregister(sock)
                sock.close()


def ask(address, ports):
    ready = selectors.EpollSelector()
    turn = 0

    def begin():
        nonlocal turn
        turn += 1
        sock = socket.socket()
        sock.setblocking(False)
        sock.connect_ex((address, ports[turn % len(ports)]))
        ready.register(sock, selectors.EVENT_WRITE, len(ANSWER))

    for _ in range(AT_ONCE):
        begin()
    while True:
        for key, _ in ready.select():
            sock, left = key.fileobj, key.data
            try:
                if key.events & selectors.EVENT_WRITE:
                    sock.sendall(b"question %d\n" % turn)
                    ready.modify(sock, selectors.EVENT_READ, left)
                    continue
                count = len(sock.recv(4096))
            except BlockingIOError:
                continue
            except OSError:
                count = 0
            if 0 < count < left:
                ready.modify(sock, selectors.EVENT_READ, left - count)
                continue
            ready.unregister(sock)
            sock.close()
            begin()


if __name__ == "__main__":
    os.nice(5)
    if sys.argv[1] == "serve":
        serve([int(port) for port in sys.argv[2:]])
    else:
        ask(sys.argv[2], [int(port) for port in sys.argv[3:]])
