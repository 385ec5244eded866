"""captures.py FOLDER: makes the captures that pages are looked at with. They are the same each time."""

import gzip
import ipaddress
import os
import random
import struct
import sys
import zlib

SYN, ACK, FIN, RST, PSH = 2, 16, 1, 4, 8


def checksum(data):
    """The checksum of RFC 1071."""
    if len(data) % 2:
        data += b"\0"
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def ip(source, destination, protocol, payload):
    """A datagram of either version."""
    source, destination = ipaddress.ip_address(source), ipaddress.ip_address(destination)
    if source.version == 4:
        head = struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(payload), 0, 0x4000, 64, protocol, 0)
        head += source.packed + destination.packed
        return head[:10] + struct.pack("!H", checksum(head)) + head[12:] + payload
    return struct.pack("!IHBB", 6 << 28, len(payload), protocol, 64) + source.packed + destination.packed + payload


def tcp(source, destination, ports, sequence, acknowledgement, flags, payload=b"", window=64240, options=b""):
    """A segment in a datagram."""
    offset = (20 + len(options)) // 4 << 4
    head = struct.pack("!HHIIBBHHH", *ports, sequence & 0xFFFFFFFF, acknowledgement & 0xFFFFFFFF, offset, flags, window, 0, 0)
    segment = head + options + payload
    addresses = ipaddress.ip_address(source).packed + ipaddress.ip_address(destination).packed
    total = checksum(addresses + struct.pack("!II", len(segment), 6) + segment)
    return ip(source, destination, 6, segment[:16] + struct.pack("!H", total) + segment[18:])


def udp(source, destination, ports, payload):
    """A datagram of UDP, without a checksum."""
    return ip(source, destination, 17, struct.pack("!HHHH", *ports, 8 + len(payload), 0) + payload)


def ethernet(packet, kind=None):
    """A frame."""
    kind = kind or (0x0800 if packet[0] >> 4 == 4 else 0x86DD)
    return bytes.fromhex("020000000002020000000001") + struct.pack("!H", kind) + packet


class Capture:
    """A pcap file with microseconds."""

    def __init__(self, start=1_700_000_000.0):
        self.time = start
        self.records = []

    def frame(self, frame, after=0.001):
        """A frame that comes so many seconds after the one before."""
        self.time += after
        self.records.append((self.time, frame))

    def packet(self, packet, after=0.001):
        """The same of a datagram."""
        self.frame(ethernet(packet), after)

    def write(self, path):
        """Writes all in the order of their times."""
        with open(path, "wb") as file:
            file.write(struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 262144, 1))
            for time, frame in sorted(self.records, key=lambda record: record[0]):
                micros = round(time * 1e6)
                file.write(struct.pack("<IIII", micros // 1_000_000, micros % 1_000_000, len(frame), len(frame)) + frame)


def conversation(capture, client, server, ports, pieces, wrap=lambda packet: packet, pause=0.002, faults=(), end=FIN):
    """A connection: `pieces` are (side, bytes). `faults` has numbers of segments that are lost or sent twice."""
    numbers = [1000, 5000]
    ends = [(client, server, ports), (server, client, ports[::-1])]
    scale = b"\x02\x04\x05\xb4\x01\x03\x03\x07"

    def send(side, flags, payload=b"", after=pause, options=b"", at=None):
        source, destination, both = ends[side]
        sequence = numbers[side] if at is None else at
        window = 64240 if flags & SYN else 501
        packet = tcp(source, destination, both, sequence, numbers[1 - side], flags, payload, window, options)
        capture.packet(wrap(packet), after)

    send(0, SYN, options=scale)
    numbers[0] += 1
    send(1, SYN | ACK, options=scale)
    numbers[1] += 1
    send(0, ACK)
    count = 0
    for side, data in pieces:
        for start in range(0, len(data), 1400):
            part = data[start:start + 1400]
            count += 1
            if ("lost", count) not in faults:
                send(side, ACK | PSH, part)
            if ("twice", count) in faults:
                send(side, ACK | PSH, part, 0.05)
            if ("other", count) in faults:
                send(side, ACK | PSH, bytes(len(part)), 0.05)
            numbers[side] += len(part)
            if count % 2 == 0 or len(part) < 1400:
                send(1 - side, ACK, after=pause / 4)
    if end == FIN:
        send(0, FIN | ACK)
        numbers[0] += 1
        send(1, FIN | ACK)
        numbers[1] += 1
        send(0, ACK)
    elif end == RST:
        send(1, RST | ACK)


def picture(width, colour):
    """A PNG of one colour."""
    def chunk(kind, data):
        return struct.pack("!I", len(data)) + kind + data + struct.pack("!I", zlib.crc32(kind + data))
    rows = (b"\0" + bytes(colour) * width) * width
    head = struct.pack("!IIBBBBB", width, width, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


def answer(body, media, fields=()):
    """A response of HTTP."""
    lines = ["HTTP/1.1 200 OK", f"Content-Type: {media}", f"Content-Length: {len(body)}", *fields, "", ""]
    return "\r\n".join(lines).encode() + body


def request(path, host="www.example.org", method="GET"):
    """A request of HTTP."""
    return f"{method} {path} HTTP/1.1\r\nHost: {host}\r\nUser-Agent: test\r\n\r\n".encode()


def empty(_):
    """No packets."""


def one(capture):
    """One SYN."""
    capture.packet(tcp("192.0.2.1", "198.51.100.2", (40000, 443), 1, 0, SYN))


def web(capture):
    """What a few people do in half an hour, with losses."""
    chance = random.Random(1)
    for number in range(60):
        client = f"192.0.2.{chance.randrange(10, 20)}"
        server = f"198.51.100.{chance.randrange(1, 6)}"
        pieces = []
        for each in range(chance.randrange(1, 4)):
            kind = chance.randrange(4)
            if kind == 0:
                body, media, fields = picture(32, [chance.randrange(256) for _ in range(3)]), "image/png", ()
            elif kind == 1:
                body = gzip.compress(bytes(chance.choices(b"abc <p>", k=20_000)), mtime=0)
                media, fields = "text/html; charset=utf-8", ("Content-Encoding: gzip",)
            elif kind == 2:
                body, media, fields = b'{"number": %d}' % number, "application/json", ()
            else:
                body, media = chance.randbytes(chance.randrange(2_000, 60_000)), "application/octet-stream"
                fields = ('Content-Disposition: attachment; filename="file.bin"',)
            pieces += [(0, request(f"/files/{number}/{each}")), (1, answer(body, media, fields))]
        faults = {7: {("lost", 4), ("twice", 6)}, 9: {("other", 3), ("twice", 5)}, 11: {("lost", 9)}}.get(number, ())
        conversation(capture, client, server, (30_000 + number, 80), pieces, faults=faults)
        capture.time += chance.random() * 30
        if number % 3 == 0:
            tls = [(0, b"\x16\x03\x01" + chance.randbytes(514)), (1, chance.randbytes(chance.randrange(4_000, 90_000)))]
            conversation(capture, client, "203.0.113.7", (40_000 + number, 443), tls)
        if number % 10 == 0:
            shell = [(side, chance.randbytes(60)) for _ in range(30) for side in (0, 1)]
            conversation(capture, client, "203.0.113.8", (50_000 + number, 22), [(1, b"SSH-2.0-test\r\n"), *shell], pause=0.2)
        capture.packet(udp(client, "192.0.2.1", (5353, 53), b"\0" * 40))
        capture.frame(ethernet(bytes.fromhex("0001080006040001") + bytes(20), 0x0806))


def scan(capture):
    """Ports of twenty hosts, most of them closed."""
    for host in range(20):
        for port in range(1, 150):
            server = f"198.51.100.{host + 1}"
            capture.packet(tcp("203.0.113.66", server, (54321, port), 7, 0, SYN), 0.0004)
            if port in (22, 80) and host % 3 == 0:
                capture.packet(tcp(server, "203.0.113.66", (port, 54321), 9, 8, SYN | ACK), 0.0001)
                capture.packet(tcp("203.0.113.66", server, (54321, port), 8, 0, RST), 0.0001)
            elif port % 4:
                capture.packet(tcp(server, "203.0.113.66", (port, 54321), 0, 8, RST | ACK), 0.0001)


def week(capture):
    """Seven days with pauses at night."""
    chance = random.Random(2)
    start = capture.time
    for day in range(7):
        for hour in range(8, 18):
            if day in (5, 6) and hour != 11:
                continue
            capture.time = start + day * 86400 + hour * 3600 + chance.random() * 1800
            port = chance.choice((80, 443, 443, 25, 5432))
            data = [(0, chance.randbytes(200)), (1, chance.randbytes(chance.randrange(1_000, 80_000)))]
            conversation(capture, f"10.0.0.{chance.randrange(5, 9)}", f"10.1.0.{chance.randrange(1, 4)}",
                         (chance.randrange(30_000, 60_000), port), data, pause=0.5)


def ipv6(capture):
    """Only IPv6, with addresses of any length."""
    chance = random.Random(3)
    hosts = ["2001:db8::1", "2001:db8:1234:5678:9abc:def0:1234:5678", "2001:db8:ffff:ffff:ffff:ffff:ffff:fffe", "fe80::1"]
    for number in range(24):
        client, server = chance.sample(hosts, 2)
        body = answer(chance.randbytes(5_000), "application/octet-stream")
        conversation(capture, client, server, (20_000 + number, 80), [(0, request("/", f"[{server}]")), (1, body)])
        capture.packet(ip(client, server, 58, b"\x80\0\0\0" + bytes(8)))


def tunnels(capture):
    """Connections in VLANs and tunnels of several kinds."""
    def gre(packet):
        return ip("203.0.113.1", "203.0.113.2", 47, struct.pack("!HH", 0, 0x0800) + packet)

    def ipip(packet):
        return ip("203.0.113.3", "203.0.113.4", 4, packet)

    def vxlan(number):
        head = struct.pack("!II", 0x08000000, number << 8)
        return lambda packet: udp("203.0.113.5", "203.0.113.6", (50_000, 4789), head + ethernet(packet))

    for number, wrap in enumerate([gre, ipip, vxlan(100), vxlan(200), lambda packet: vxlan(300)(gre(packet))]):
        body = answer(b"x" * 9_000, "text/plain")
        conversation(capture, "10.0.0.1", f"10.0.0.{number + 2}", (30_000 + number, 80), [(0, request("/")), (1, body)], wrap)
    for vlan in (10, 20):
        frames = Capture(capture.time)
        conversation(frames, "10.0.1.1", "10.0.1.2", (31_000, 8080), [(0, request("/")), (1, answer(b"y" * 100, "text/plain"))])
        for time, frame in frames.records:
            capture.records.append((time, frame[:12] + struct.pack("!HH", 0x8100, vlan) + frame[12:]))
        capture.time = frames.time


def many(capture):
    """100,000 connections of a few packets, most of them with data."""
    chance = random.Random(4)
    frames = {}
    for number in range(100_000):
        client, server = f"10.{number >> 14 & 255}.{number >> 7 & 127}.{number & 127}", f"198.51.100.{number % 200 + 1}"
        port, service = 1024 + number % 60_000, (80, 443, 443, 8080, 25)[number % 5]
        key = number % 200
        # Checksums are left out: there are too many packets to make them here.
        if key not in frames:
            frames[key] = [bytearray(ethernet(tcp(client, server, (port, service), 1, 0, SYN))),
                           bytearray(ethernet(tcp(server, client, (service, port), 9, 2, SYN | ACK))),
                           bytearray(ethernet(tcp(client, server, (port, service), 2, 10, ACK | PSH, b"request of a few bytes"))),
                           bytearray(ethernet(tcp(server, client, (service, port), 10, 24, ACK | PSH | FIN, b"answer" * 20)))]
        address = ipaddress.ip_address(client).packed
        for way, frame in enumerate(frames[key]):
            back = way % 2
            frame[30 if back else 26:34 if back else 30] = address
            frame[36 if back else 34:38 if back else 36] = struct.pack("!H", port)
            capture.frame(bytes(frame), 0.0001 + chance.random() / 5000)


HOSTILE = "<script>window.broken = 1</script>'\"><img src=x onerror=\"window.broken = 2\">"


def hostile(capture):
    """Everything that a sender may write has markup in it, turns the direction of text, or is very long."""
    bidi = "gpj.\u202eexe\u2066 \u200b"
    texts = [HOSTILE, bidi, "</template><script>window.broken = 3</script>", "A" * 3_000, "%3Cb%3E&lt;b&gt;&#x3c;b>", "javascript:window.broken=4",
             "\t\x01\x1b[2J\x7f", "]]>--><!--", "{{7*7}}${7*7}", "\u0430\u0440\u0440\u04cf\u0435.com \U000e0041"]
    for number, text in enumerate(texts):
        raw = text.encode()
        name = text.replace('"', "'").replace("\r", "").replace("\n", "")
        head = b"GET /" + raw.replace(b" ", b"%20") + b" HTTP/1.1\r\nHost: " + raw + b"\r\nCookie: " + raw + b"\r\n\r\n"
        body = b"<!doctype html><script>window.top.broken = 5</script>" + raw
        fields = (f"X-Name: {text}", f'Content-Disposition: attachment; filename="{name}"', f"Set-Cookie: {text}")
        data = [(0, head), (1, answer(body, f"text/html; {name}", fields))]
        form = (f'--b\r\nContent-Disposition: form-data; name="{name}"; filename="{name}.svg"\r\n'
                f"Content-Type: image/svg+xml\r\n\r\n<svg onload=window.broken=6>\r\n--b--\r\n").encode()
        post = (f"POST /upload HTTP/1.1\r\nHost: x\r\nContent-Type: multipart/form-data; boundary=b\r\n"
                f"Content-Length: {len(form)}\r\n\r\n").encode() + form
        data += [(0, post), (1, answer(b"<svg onload=window.broken=7>", "image/png"))]
        conversation(capture, "192.0.2.66", f"198.51.100.{number + 1}", (20_000 + number, 80), data)
    image = picture(16, (200, 30, 30)) + HOSTILE.encode()
    conversation(capture, "192.0.2.66", "198.51.100.99", (21_000, 80), [(0, request("/i")), (1, answer(image, "image/png"))])


ALL = {make.__name__: make for make in (empty, one, web, scan, week, ipv6, tunnels, many, hostile)}


def main():
    """Makes all, or those that are named."""
    folder, *names = sys.argv[1:]
    for name in names or ALL:
        capture = Capture()
        ALL[name](capture)
        capture.write(os.path.join(folder, f"{name}.pcap"))


main()
