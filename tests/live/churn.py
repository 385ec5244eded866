#!/usr/bin/env python3
"""Many short connections: `churn.py serve PORT...` answers each, `churn.py ask RATE ADDRESS PORT...` makes so many
a second until it is ended. Each carries a question and an answer, and is closed by the client, then the server."""

import os
import selectors
import socket
import sys
import time

ANSWER = bytes(range(256)) * 4
AT_ONCE = 256


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


def ask(address, ports, rate):
    ready = selectors.EpollSelector()
    begun, under_way, start = 0, 0, time.monotonic()
    while True:
        while under_way < AT_ONCE and begun < (time.monotonic() - start) * rate:
            sock = socket.socket()
            sock.setblocking(False)
            sock.connect_ex((address, ports[begun % len(ports)]))
            ready.register(sock, selectors.EVENT_WRITE, len(ANSWER))
            begun, under_way = begun + 1, under_way + 1
        for key, _ in ready.select(0.005):
            sock, left = key.fileobj, key.data
            try:
                if left == len(ANSWER) and key.events & selectors.EVENT_WRITE:
                    sock.sendall(b"question %d\n" % begun)
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
            under_way -= 1


if __name__ == "__main__":
    os.nice(5)
    if sys.argv[1] == "serve":
        serve([int(port) for port in sys.argv[2:]])
    else:
        ask(sys.argv[3], [int(port) for port in sys.argv[4:]], float(sys.argv[2]))
