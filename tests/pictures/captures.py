#!/usr/bin/env python3
"""Captures to look at: the kinds of traffic that a picture has to show.

    tests/pictures/captures.py DIRECTORY [NAME...]

Writes DIRECTORY/NAME.pcap for each of: empty, one-packet, web, port-scan, week, ipv6, tunnels, connections. The same
bytes each time."""

import ipaddress
import random
import struct
import sys
from pathlib import Path

START = 1_700_000_000  # 2023-11-14 22:13:20
SYN, ACK, FIN, PSH, RST = 2, 16, 1, 8, 4


def address(text):
    return ipaddress.ip_address(text).packed


def checksum(data):
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def ip(source, destination, protocol, payload):
    """A datagram; both addresses are packed."""
    if len(source) == 4:
        head = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 20 + len(payload), 0, 0x4000, 64, protocol, 0, source, destination)
        return head[:10] + struct.pack("!H", checksum(head)) + head[12:] + payload
    return struct.pack("!IHBB16s16s", 6 << 28, len(payload), protocol, 64, source, destination) + payload


def tcp(source, destination, sequence, acknowledgement, flags, payload=b""):
    return struct.pack(
        "!HHIIBBHHH", source, destination, sequence & 0xFFFFFFFF, acknowledgement & 0xFFFFFFFF, 0x50, flags, 64240, 0, 0
    ) + payload


def udp(source, destination, payload):
    return struct.pack("!HHHH", source, destination, 8 + len(payload), 0) + payload


def ethernet(payload, kind=None):
    kind = kind if kind is not None else (0x0800 if payload[0] >> 4 == 4 else 0x86DD)
    return struct.pack("!6s6sH", bytes([2, 0, 0, 0, 0, 2]), bytes([2, 0, 0, 0, 0, 1]), kind) + payload


class Capture:
    def __init__(self, path):
        self.packets = []
        self.path = path

    def add(self, time, frame):
        """A frame at a time in seconds after the start."""
        self.packets.append((round((START + time) * 1_000_000), frame))

    def datagram(self, time, source, destination, protocol, payload):
        self.add(time, ethernet(ip(source, destination, protocol, payload)))

    def connection(self, time, client, server, ports, request, response, wrap=None, pace=0.001):
        """A whole connection; `wrap` puts each of its datagrams into another frame. When it ended."""
        wrap = wrap or ethernet
        sequences = [1000, 5000]

        def send(side, flags, payload=b""):
            nonlocal time
            ends = (client, server) if side == 0 else (server, client)
            from_to = ports if side == 0 else ports[::-1]
            acknowledgement = sequences[1 - side] if flags & ACK else 0
            segment = tcp(*from_to, sequences[side], acknowledgement, flags, payload)
            self.add(time, wrap(ip(*ends, 6, segment)))
            sequences[side] += len(payload) + bool(flags & (SYN | FIN))
            time += pace

        send(0, SYN)
        send(1, SYN | ACK)
        send(0, ACK)
        for side, data in ((0, request), (1, response)):
            for at in range(0, len(data), 1400):
                send(side, ACK | PSH, data[at : at + 1400])
        send(1, FIN | ACK)
        send(0, FIN | ACK)
        send(1, ACK)
        return time

    def write(self):
        with open(self.path, "wb") as file:
            file.write(struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 262144, 1))
            for time, frame in sorted(self.packets, key=lambda packet: packet[0]):
                file.write(struct.pack("<IIII", time // 1_000_000, time % 1_000_000, len(frame), len(frame)) + frame)


def http(size):
    head = f"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: {size}\r\n\r\n".encode()
    return b"GET / HTTP/1.1\r\nHost: www.example.org\r\n\r\n", head + b"a" * size


def empty(capture, dice):
    pass


def one_packet(capture, dice):
    capture.datagram(0, address("192.0.2.1"), address("198.51.100.2"), 6, tcp(40000, 443, 1, 0, SYN))


def services(capture, dice, start, length, count, hosts, servers):
    """Connections of many services, spread over a time."""
    kinds = [(80, 40), (443, 60), (22, 8), (21, 3), (25, 6), (993, 5), (3306, 9), (8888, 4), (5432, 2), (1883, 2)]
    for _ in range(count):
        port = dice.choices([kind[0] for kind in kinds], [kind[1] for kind in kinds])[0]
        request, response = http(dice.randrange(200, 40_000)) if port == 80 else (b"\x16" * 300, b"\x17" * dice.randrange(100, 30_000))
        capture.connection(
            start + dice.random() * length, dice.choice(hosts), dice.choice(servers),
            (dice.randrange(32768, 60999), port), request, response,
        )


def web(capture, dice):
    hosts = [address(f"10.0.0.{number}") for number in range(10, 25)]
    servers = [address(f"198.51.100.{number}") for number in range(1, 30)]
    services(capture, dice, 0, 90, 400, hosts, servers)
    services(capture, dice, 40, 8, 250, hosts[:3], servers[:4])
    for _ in range(300):
        time, host = dice.random() * 90, dice.choice(hosts)
        port = dice.randrange(32768, 60999)
        capture.datagram(time, host, address("10.0.0.1"), 17, udp(port, 53, b"q" * 40))
        capture.datagram(time + 0.02, address("10.0.0.1"), host, 17, udp(53, port, b"r" * 120))
    for second in range(90):
        capture.add(second, ethernet(b"\0\1\x08\0\6\4\0\1" + bytes(38), 0x0806))


def port_scan(capture, dice):
    attacker, victim = address("203.0.113.66"), address("192.0.2.10")
    ports = list(range(1, 20_001))
    dice.shuffle(ports)
    for place, port in enumerate(ports):
        time = place * 0.003
        capture.datagram(time, attacker, victim, 6, tcp(54321, port, 7, 0, SYN))
        answer = SYN | ACK if port in (22, 80, 443) else RST | ACK
        capture.datagram(time + 0.001, victim, attacker, 6, tcp(port, 54321, 0, 8, answer))


def week(capture, dice):
    hosts = [address(f"10.1.0.{number}") for number in range(2, 9)]
    servers = [address(f"203.0.113.{number}") for number in range(1, 9)]
    for day in range(7):
        if day in (4, 5):  # Saturday and Sunday
            continue
        services(capture, dice, day * 86_400 - 22 * 3600 + 30 * 3600, 9 * 3600, 120, hosts, servers)
    # A backup in one night.
    capture.connection(3 * 86_400 + 3 * 3600, hosts[0], servers[7], (50_000, 22), b"b" * 2_000_000, b"ok", pace=0.5)


def ipv6(capture, dice):
    hosts = [address(f"2001:db8:85a3:1234:fedc:8a2e:abcd:{number:x}") for number in range(0x1000, 0x1010)]
    servers = [address(f"2001:db8::{number:x}") for number in range(1, 12)]
    services(capture, dice, 0, 600, 300, hosts, servers)
    for place, host in enumerate(hosts):
        capture.datagram(place * 30, host, address("ff02::1"), 58, b"\x87\0\0\0" + bytes(20))


def tunnels(capture, dice):
    ends = address("172.16.0.1"), address("172.16.0.2")

    def gre(datagram):
        kind = 0x0800 if datagram[0] >> 4 == 4 else 0x86DD
        return ethernet(ip(*ends, 47, struct.pack("!HH", 0, kind) + datagram))

    def vxlan(datagram):
        return ethernet(ip(*ends, 17, udp(55_555, 4789, b"\x08\0\0\0\0\0\x07\0" + ethernet(datagram))))

    def six_in_four(datagram):
        return ethernet(ip(*ends, 41, datagram))

    for number in range(60):
        request, response = http(dice.randrange(1_000, 20_000))
        inner = address(f"10.9.0.{number % 12 + 1}"), address(f"10.8.0.{number % 5 + 1}")
        capture.connection(number * 0.7, *inner, (40_000 + number, 80), request, response, gre)
        capture.connection(number * 0.9, *inner[::-1], (41_000 + number, 443), request, response, vxlan)
        six = address(f"2001:db8:1::{number % 4 + 1:x}"), address("2001:db8:2::1")
        capture.connection(number * 0.5, *six, (42_000 + number, 22), request, response, six_in_four)


def connections(capture, dice):
    for number in range(100_000):
        client = struct.pack("!I", 0x0A000000 + number // 4 * 7)
        server = struct.pack("!I", 0xC6336400 + number % 200)
        ports = (1_024 + number % 60_000, (80, 443, 443, 22, 25)[number % 5])
        time = number * 0.01
        capture.datagram(time, client, server, 6, tcp(*ports, 1, 0, SYN))
        capture.datagram(time + 0.001, server, client, 6, tcp(*ports[::-1], 1, 2, SYN | ACK))
        capture.datagram(time + 0.002, client, server, 6, tcp(*ports, 2, 2, ACK | PSH, b"a" * (number % 300)))
        capture.datagram(time + 0.003, server, client, 6, tcp(*ports[::-1], 2, 2 + number % 300, RST | ACK))


CAPTURES = {
    "empty": empty,
    "one-packet": one_packet,
    "web": web,
    "port-scan": port_scan,
    "week": week,
    "ipv6": ipv6,
    "tunnels": tunnels,
    "connections": connections,
}


def main():
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    directory = Path(sys.argv[1])
    for name in sys.argv[2:] or CAPTURES:
        capture = Capture(directory / f"{name}.pcap")
        CAPTURES[name](capture, random.Random(name))
        capture.write()


if __name__ == "__main__":
    main()
