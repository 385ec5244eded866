"""Builds TCP connections, IP datagrams, frames and capture files byte by byte.

A `Talk` is one connection: its methods append IP datagrams to a list and keep what each side has
said. The wrappers under "links" turn a datagram into a frame; those under "capture files" turn frames
into a file. All of it is deterministic.
"""

import ipaddress
import struct

START, STEP = 1704067200 * 10**9, 1_000_123
FIN, SYN, RST, PSH, ACK, URG = 1, 2, 4, 8, 16, 32
CLIENT4, SERVER4 = ("192.0.2.1", 40000), ("198.51.100.2", 80)
CLIENT6, SERVER6 = ("2001:db8::1", 40000), ("2001:db8:0:1::2", 80)
REQUEST = b"GET /one HTTP/1.1\r\nHost: server.example\r\n\r\n"
REPLY = b"HTTP/1.1 200 OK\r\nContent-Length: 12\r\n\r\nHello world\n"
MAC_A, MAC_B = bytes.fromhex("020000000001"), bytes.fromhex("020000000002")


def text(size, mark="a"):
    """`size` printable bytes in which every place can be told from every other."""
    out = b"".join(b"%s%05d " % (mark.encode(), index) for index in range(size // 7 + 1))
    return out[:size]


# ---------------------------------------------------------------- TCP and IP

def checksum(data):
    total = sum(struct.unpack(">%dH" % ((len(data) + 1) // 2), data + b"\0" * (len(data) % 2)))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def tcp_segment(source, destination, seq, ack, flags, payload=b"", options=b""):
    a, b = (ipaddress.ip_address(end[0]).packed for end in (source, destination))
    options += b"\0" * (-len(options) % 4)
    head = struct.pack(">HHIIBBHHH", source[1], destination[1], seq % 2**32, ack % 2**32,
                       (20 + len(options)) << 2, flags, 64240, 0, 0) + options
    length = len(head) + len(payload)
    pseudo = a + b + (struct.pack(">BBH", 0, 6, length) if len(a) == 4 else struct.pack(">II", length, 6))
    sum_ = checksum(pseudo + head + payload)
    return head[:16] + struct.pack(">H", sum_) + head[18:] + payload


def ip4(source, destination, payload, protocol=6, options=b"", ident=1, flags=0x4000, total=None):
    size = 20 + len(options)
    total = size + len(payload) if total is None else total
    head = struct.pack(">BBHHHBBH", 0x40 | size // 4, 0, total, ident, flags, 64, protocol, 0)
    head += ipaddress.ip_address(source).packed + ipaddress.ip_address(destination).packed + options
    return head[:10] + struct.pack(">H", checksum(head)) + head[12:] + payload


def ip6(source, destination, payload, following=6, length=None):
    length = len(payload) if length is None else length
    return (struct.pack(">IHBB", 6 << 28, length, following, 64) + ipaddress.ip_address(source).packed
            + ipaddress.ip_address(destination).packed + payload)


def plain_ip(source, destination, segment):
    return (ip6 if ":" in source else ip4)(source, destination, segment)


def with_extensions(*chain):
    """An IPv6 wrapper that puts `chain` of (header number, body without its next-header byte) first."""
    def wrap(source, destination, segment):
        numbers = [number for number, _ in chain] + [6]
        headers = b"".join(bytes([numbers[i + 1]]) + body for i, (_, body) in enumerate(chain))
        return ip6(source, destination, headers + segment, following=numbers[0])
    return wrap


class Talk:
    """One connection; what it does is appended to `out` as IP datagrams."""

    def __init__(self, out, client=CLIENT4, server=SERVER4, isn=(1000, 500000), wrap=plain_ip, connection=0):
        self.out, self.ends, self.isn, self.wrap = out, (client, server), isn, wrap
        self.connection, self.streams, self.fins = connection, [bytearray(), bytearray()], [0, 0]

    def raw(self, side, flags, offset, data=b"", options=b""):
        """A segment whose first byte is at stream `offset` (-1 is the SYN's own number)."""
        a, b = self.ends[side], self.ends[1 - side]
        ack = self.isn[1 - side] + 1 + len(self.streams[1 - side]) + self.fins[1 - side]
        segment = tcp_segment(a, b, self.isn[side] + 1 + offset, ack if flags & ACK else 0, flags, data, options)
        self.out.append(self.wrap(a[0], b[0], segment))
        return self

    def open(self):
        mss = b"\x02\x04\x05\xb4"
        self.raw(0, SYN, -1, options=mss).raw(1, SYN | ACK, -1, options=mss)
        return self.raw(0, ACK, 0)

    def send(self, side, data, flags=PSH | ACK, options=b""):
        self.raw(side, flags, len(self.streams[side]), data, options)
        self.streams[side] += data
        return self

    def put(self, side, offset, data, flags=PSH | ACK):
        """Data anywhere; `streams` keeps the first copy of each byte and must end up without holes."""
        self.raw(side, flags, offset, data)
        stream = self.streams[side]
        if offset + len(data) > len(stream) >= offset:
            stream += data[len(stream) - offset :]
        return self

    def dialog(self):
        self.send(0, REQUEST)
        self.raw(1, ACK, 0)
        self.send(1, REPLY)
        return self.raw(0, ACK, len(self.streams[0]))

    def close(self):
        for side in (0, 1):
            self.raw(side, FIN | ACK, len(self.streams[side]))
            self.fins[side] = 1
        return self.raw(0, ACK, len(self.streams[0]) + 1)

    def whole(self):
        return self.open().dialog().close()

    def flow(self, side, stream=None, gaps=()):
        """What this side is expected to carry."""
        a, b = self.ends[side], self.ends[1 - side]
        stream = bytes(self.streams[side] if stream is None else stream)
        return (a[0], a[1], b[0], b[1], self.connection, stream, [list(gap) for gap in gaps])

    def flows(self):
        return [self.flow(side) for side in (0, 1) if self.streams[side]]


# ---------------------------------------------------------------- links

def kind_of(datagram):
    return 0x0800 if datagram[0] >> 4 == 4 else 0x86DD


def ethernet(datagram, tags=(), pad=b""):
    middle = b"".join(struct.pack(">HH", tpid, tci) for tpid, tci in tags)
    return MAC_B + MAC_A + middle + struct.pack(">H", kind_of(datagram)) + datagram + pad


def snap(datagram):
    inner = b"\xaa\xaa\x03\0\0\0" + struct.pack(">H", kind_of(datagram)) + datagram
    return MAC_B + MAC_A + struct.pack(">H", len(inner)) + inner


def sll(datagram, tags=()):
    middle = [tpid for tpid, _ in tags] + [kind_of(datagram)]
    head = struct.pack(">HHH8sH", 0, 1, 6, MAC_A, middle[0])
    return head + b"".join(struct.pack(">HH", tci, kind) for (_, tci), kind in zip(tags, middle[1:])) + datagram


def sll2(datagram):
    return struct.pack(">HHIHBB8s", kind_of(datagram), 0, 2, 1, 0, 6, MAC_A) + datagram


def ppp(datagram, hdlc=b"", short=False):
    number = 0x21 if datagram[0] >> 4 == 4 else 0x57
    return hdlc + (bytes([number]) if short else struct.pack(">H", number)) + datagram


def pppoe_session(datagram):
    inner = ppp(datagram)
    return struct.pack(">BBHH", 0x11, 0, 0x0102, len(inner)) + inner


def pppoe(datagram, tags=()):
    middle = b"".join(struct.pack(">HH", tpid, tci) for tpid, tci in tags)
    return MAC_B + MAC_A + middle + b"\x88\x64" + pppoe_session(datagram)


# ---------------------------------------------------------------- capture files

def times(count):
    return [START + index * STEP for index in range(count)]


def pcap(frames, link=1, order="<", nano=False, modified=False, snaplen=262144):
    """`frames`: bytes, or (bytes, length on the wire) of those cut short."""
    magic = 0xA1B2CD34 if modified else 0xA1B23C4D if nano else 0xA1B2C3D4
    out = [struct.pack(order + "IHHiIII", magic, 2, 4, 0, 0, snaplen, link)]
    for time, frame in zip(times(len(frames)), frames):
        frame, wire = frame if isinstance(frame, tuple) else (frame, len(frame))
        whole, part = divmod(time, 10**9)
        out.append(struct.pack(order + "IIII", whole, part if nano else part // 1000, len(frame), wire))
        if modified:  # interface, protocol, packet type, padding
            out.append(struct.pack(order + "IHBB", 2, 0x0800, 0, 0))
        out.append(frame)
    return b"".join(out)


def block(kind, body, order="<"):
    body += b"\0" * (-len(body) % 4)
    size = struct.pack(order + "I", len(body) + 12)
    return struct.pack(order + "I", kind) + size + body + size


def option(code, value, order="<"):
    return struct.pack(order + "HH", code, len(value)) + value + b"\0" * (-len(value) % 4)


def section(order="<", length=-1):
    return block(0x0A0D0D0A, struct.pack(order + "IHHq", 0x1A2B3C4D, 1, 0, length), order)


def interface(link, order="<", resolution=None, offset=None, snaplen=0):
    body = struct.pack(order + "HHI", link, 0, snaplen)
    if resolution is not None:
        body += option(9, bytes([resolution]), order)
    if offset is not None:
        body += option(14, struct.pack(order + "q", offset), order)
    return block(1, body + option(0, b"", order), order)


def enhanced(number, ticks, frame, order="<", options=b""):
    head = struct.pack(order + "IIIII", number, ticks >> 32, ticks & 0xFFFFFFFF, len(frame), len(frame))
    return block(6, head + frame + b"\0" * (-len(frame) % 4) + options, order)


def micros(frames, number=0, order="<", first=0):
    moments = times(first + len(frames))[first:]
    return b"".join(enhanced(number, time // 1000, frame, order) for time, frame in zip(moments, frames))


def v4(**more):
    out = []
    return out, Talk(out, **more)


def v6(**more):
    out = []
    return out, Talk(out, CLIENT6, SERVER6, **more)


def both_families(client_port=40000):
    """A connection over IPv4 and one over IPv6, one after the other."""
    out = []
    four = Talk(out, ("192.0.2.1", client_port)).whole()
    six = Talk(out, ("2001:db8::1", client_port + 1), SERVER6).whole()
    return out, four.flows() + six.flows()
