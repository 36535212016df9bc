"""Capture files taken apart into frames and written again, for tests (pcap and pcapng)."""
import pathlib
import struct

PCAP_MAGICS = {
    b'\xd4\xc3\xb2\xa1': ('<', 1000), b'\xa1\xb2\xc3\xd4': ('>', 1000),
    b'\x4d\x3c\xb2\xa1': ('<', 1), b'\xa1\xb2\x3c\x4d': ('>', 1),
}
PCAPNG_PACKET_BLOCKS = (2, 3, 6)  # obsolete, simple, enhanced


class Capture:
    """`head` and the pieces after it; a piece is (is_frame, bytes as they stand in the file)."""

    def __init__(self, path):
        self.bytes = pathlib.Path(path).read_bytes()
        self.is_pcapng = self.bytes[:4] == b'\x0a\x0d\x0d\x0a'
        self.pieces = list(self._blocks() if self.is_pcapng else self._records())
        self.head = b'' if self.is_pcapng else self.bytes[:24]

    def _records(self):
        self.order, self.unit_ns = PCAP_MAGICS[self.bytes[:4]]
        at = 24
        while at + 16 <= len(self.bytes):
            size = struct.unpack_from(self.order + 'I', self.bytes, at + 8)[0]
            yield True, self.bytes[at:at + 16 + size]
            at += 16 + size

    def _blocks(self):
        at, self.order = 0, '<'
        while at + 12 <= len(self.bytes):
            kind = struct.unpack_from(self.order + 'I', self.bytes, at)[0]
            if self.bytes[at:at + 4] == b'\x0a\x0d\x0d\x0a':
                self.order = '<' if self.bytes[at + 8:at + 12] == b'\x4d\x3c\x2b\x1a' else '>'
            size = struct.unpack_from(self.order + 'I', self.bytes, at + 4)[0]
            yield kind in PCAPNG_PACKET_BLOCKS, self.bytes[at:at + size]
            at += size

    @property
    def n_frames(self):
        return sum(is_frame for is_frame, _ in self.pieces)

    def keep(self, wanted):
        """The file with those frames only for which wanted(number, first is 1) is true."""
        out, number = [self.head], 0
        for is_frame, piece in self.pieces:
            number += is_frame
            if not is_frame or wanted(number):
                out.append(piece)
        return b''.join(out)

    def cut_after(self, n):
        return self.keep(lambda number: number <= n)

    def without(self, n):
        return self.keep(lambda number: number != n)

    def frames(self):
        """(time in ns, bytes, length on the wire) of each frame of a pcap."""
        for _, record in self.pieces:
            seconds, fraction, _, wire = struct.unpack_from(self.order + 'IIII', record)
            yield seconds * 10**9 + fraction * self.unit_ns, record[16:], wire

    @property
    def link_type(self):
        return struct.unpack_from(self.order + 'I', self.bytes, 20)[0]


def pcap(frames, link_type, order='<', nanoseconds=False):
    """frames: (time in ns, bytes, length on the wire)."""
    unit = 1 if nanoseconds else 1000
    magic = {v: k for k, v in PCAP_MAGICS.items()}[(order, unit)]
    out = [magic, struct.pack(order + 'HHiIII', 2, 4, 0, 0, 262144, link_type)]
    for at_ns, frame, wire in frames:
        out.append(struct.pack(order + 'IIII', at_ns // 10**9, at_ns % 10**9 // unit, len(frame), wire))
        out.append(frame)
    return b''.join(out)


def _block(kind, body, order):
    body += b'\0' * (-len(body) % 4)
    size = struct.pack(order + 'I', len(body) + 12)
    return struct.pack(order + 'I', kind) + size + body + size


def pcapng(frames, link_type, order='<', resolution=9, secrets=b'', simple=False):
    """One section, one interface; `secrets` is the text of a key log."""
    section = struct.pack(order + 'IHHq', 0x1A2B3C4D, 1, 0, -1)
    option = struct.pack(order + 'HHB3xHH', 9, 1, resolution, 0, 0)
    out = [_block(0x0A0D0D0A, section, order),
           _block(1, struct.pack(order + 'HHI', link_type, 0, 0) + option, order)]
    if secrets:
        out.append(_block(10, struct.pack(order + 'II', 0x544C534B, len(secrets)) + secrets, order))
    for at_ns, frame, wire in frames:
        units = at_ns // 10**(9 - resolution)
        if simple:
            out.append(_block(3, struct.pack(order + 'I', wire) + frame, order))
        else:
            head = struct.pack(order + 'IIIII', 0, units >> 32, units & 0xFFFFFFFF, len(frame), wire)
            out.append(_block(6, head + frame, order))
    return b''.join(out)


def tcp_frame(source, target, seq, ack, flags, payload=b'', vlan=None):
    """Ethernet, IPv4, TCP; checksums are left 0. source, target: ("192.0.2.1", 443)."""
    address = lambda end: bytes(int(part) for part in end[0].split('.'))
    tcp = struct.pack('>HHIIBBHHH', source[1], target[1], seq & 0xFFFFFFFF, ack & 0xFFFFFFFF, 5 << 4,
                      flags, 65535, 0, 0) + payload
    ip = struct.pack('>BBHHHBBH4s4s', 0x45, 0, 20 + len(tcp), 0, 0x4000, 64, 6, 0, address(source),
                     address(target))
    ether = b'\x02\0\0\0\0\x02\x02\0\0\0\0\x01'
    tag = struct.pack('>HH', 0x8100, vlan) if vlan is not None else b''
    return ether + tag + b'\x08\x00' + ip + tcp


FIN, SYN, RST, PSH, ACK = 1, 2, 4, 8, 16
