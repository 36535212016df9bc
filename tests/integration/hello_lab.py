"""ClientHellos built byte by byte, servers that answer by a rule, and captures of what happened."""
import os
import socket
import struct
import threading
import time

X25519, P256, P384, P521, PQ = 0x1d, 0x17, 0x18, 0x19, 0x11ec
ECDSA, RSA12, PSS = 0x0403, 0x0401, 0x0804
SNI, GROUPS, SIGS, ALPN, PADDING, EMS, VERSIONS, SHARES, RENEG = \
    0, 10, 13, 16, 21, 23, 43, 51, 0xff01
SHARE_LEN = {X25519: 32, P256: 65, P384: 97, P521: 133, PQ: 1216}


def u16s(values):
    return b''.join(struct.pack('>H', v) for v in values)


def vec(n, body):
    return len(body).to_bytes(n, 'big') + body


def extension(kind, body):
    return struct.pack('>H', kind) + vec(2, body)


def hello(versions=(0x0304, 0x0303), suites=(0x1301, 0x1302, 0xc02b, 0xc02f, 0xc030),
          groups=(X25519, P256), shares=(X25519,), sigs=(ECDSA, PSS, RSA12), alpn=(), name=None,
          legacy=0x0303, more=(), session=b'', compression=b'\0'):
    """The body of a ClientHello; `more`: (type, body) of further extensions."""
    exts = b''
    if name:
        exts += extension(SNI, vec(2, b'\0' + vec(2, name.encode())))
    if groups:
        exts += extension(GROUPS, vec(2, u16s(groups))) + extension(11, b'\x01\x00')
    if sigs:
        exts += extension(SIGS, vec(2, u16s(sigs)))
    if alpn:
        exts += extension(ALPN, vec(2, b''.join(vec(1, a.encode()) for a in alpn)))
    for kind, body in more:
        exts += extension(kind, body)
    if versions:
        exts += extension(VERSIONS, vec(1, u16s(versions)))
    if versions and 0x0304 in versions:
        keys = b''.join(u16s([g]) + vec(2, (b'\x04' if g in (P256, P384, P521) else b'') +
                                        os.urandom(SHARE_LEN[g] - (g in (P256, P384, P521))))
                        if g != X25519 else u16s([g]) + vec(2, b'\x09' + b'\0' * 31)
                        for g in shares)
        exts += extension(SHARES, vec(2, keys)) + extension(45, b'\x01\x01')
    body = struct.pack('>H', legacy) + os.urandom(32) + vec(1, session) + vec(2, u16s(suites)) + \
        vec(1, compression)
    return body + (vec(2, exts) if exts else b'')


def record(body, version=0x0301):
    message = b'\x01' + vec(3, body)
    return b'\x16' + struct.pack('>H', version) + vec(2, message)


class Hello:
    """What a server sees."""

    def __init__(self, wire):
        self.record_version = struct.unpack_from('>H', wire, 1)[0]
        self.wire, self.wire_len = wire, len(wire)
        body, at = b'', 0
        self.n_records = 0
        while at + 5 <= len(wire):
            size = struct.unpack_from('>H', wire, at + 3)[0]
            body += wire[at + 5:at + 5 + size]
            at += 5 + size
            self.n_records += 1
        self.len = len(body)
        body = body[4:]
        self.legacy = struct.unpack_from('>H', body, 0)[0]
        at = 34
        at += 1 + body[at]
        size = struct.unpack_from('>H', body, at)[0]
        self.suites = struct.unpack_from('>%dH' % (size // 2), body, at + 2)
        at += 2 + size
        self.compression = body[at + 1:at + 1 + body[at]]
        at += 1 + body[at]
        self.exts = {}
        at += 2
        while at + 4 <= len(body):
            kind, size = struct.unpack_from('>HH', body, at)
            self.exts[kind] = body[at + 4:at + 4 + size]
            at += 4 + size

    def list16(self, kind, lead=2):
        body = self.exts.get(kind, b'')[lead:]
        return struct.unpack('>%dH' % (len(body) // 2), body)

    @property
    def versions(self):
        if VERSIONS in self.exts:
            return self.list16(VERSIONS, 1)
        return tuple(range(0x0300, min(self.legacy, 0x0303) + 1))

    @property
    def groups(self):
        return self.list16(GROUPS)

    @property
    def sigs(self):
        return self.list16(SIGS)

    @property
    def name(self):
        body = self.exts.get(SNI, b'')
        return body[5:].decode() if body else None

    @property
    def alpn(self):
        body, out, at = self.exts.get(ALPN, b'')[2:], [], 0
        while at < len(body):
            out.append(body[at + 1:at + 1 + body[at]].decode('latin1'))
            at += 1 + body[at]
        return out

    @property
    def shares(self):
        body, out, at = self.exts.get(SHARES, b'')[2:], [], 0
        while at + 4 <= len(body):
            group, size = struct.unpack_from('>HH', body, at)
            out.append(group)
            at += 4 + size
        return out

    def has_grease(self):
        def is_grease(v):
            return v & 0x0f0f == 0x0a0a and v >> 8 == v & 255
        return any(is_grease(v) for v in self.suites + self.groups + self.versions +
                   tuple(self.exts) + tuple(self.shares))


def alert(number):
    return b'\x15\x03\x03\x00\x02\x02' + bytes([number])


def server_hello(seen, version=None, suite=None, group=None):
    """TLS 1.2 and before: ServerHello and ServerHelloDone; 1.3: ServerHello and a sealed record."""
    version = version or max(v for v in seen.versions if v & 0x0f0f != 0x0a0a)
    if suite is None:
        known = [s for s in seen.suites
                 if (s >> 8 == 0x13) == (version == 0x0304) and s not in (0x00ff, 0x5600)
                 and s & 0x0f0f != 0x0a0a]
        if not known:
            return alert(40)
        suite = known[0]
    exts = b''
    if version == 0x0304:
        group = group or X25519
        exts = extension(VERSIONS, b'\x03\x04') + \
            extension(SHARES, u16s([group]) + vec(2, b'\x09' + b'\0' * (SHARE_LEN[group] - 1)))
    body = u16s([min(version, 0x0303)]) + os.urandom(32) + b'\0' + u16s([suite]) + b'\0'
    body += vec(2, exts) if exts else b''
    wire = min(version, 0x0303).to_bytes(2, 'big')
    message = b'\x02' + vec(3, body)
    out = b'\x16' + wire + vec(2, message)
    if version == 0x0304:
        return out + b'\x17\x03\x03' + vec(2, os.urandom(60))
    if group:
        kx = b'\x03' + u16s([group]) + vec(1, b'\x04' + os.urandom(64)) + \
            (u16s([RSA12]) if version == 0x0303 else b'') + vec(2, os.urandom(64))
        out += b'\x16' + wire + vec(2, b'\x0c' + vec(3, kx))
    return out + b'\x16' + wire + b'\x00\x04\x0e\x00\x00\x00'


class Responder:
    """decide(hello, server) gives bytes, 'reset', 'close' or 'silent'."""

    def __init__(self, decide, answer_after=None):
        self.decide, self.answer_after = decide, answer_after
        self.n = 0
        self.ports = []  # where the hellos came from
        self.socket = socket.socket()
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.socket.bind(('127.0.0.1', 0))
        self.socket.listen(64)
        self.port = self.socket.getsockname()[1]
        self.pieces = 0
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            try:
                peer, _ = self.socket.accept()
            except OSError:
                return
            threading.Thread(target=self.serve, args=(peer,), daemon=True).start()

    def serve(self, peer):
        peer.settimeout(8)
        began = time.monotonic()
        wire, pieces = b'', 0
        try:
            while not self.whole(wire):
                got = peer.recv(65536)
                if not got:
                    return
                wire += got
                pieces += 1
            seen = Hello(wire)
            seen.pieces, seen.waited = pieces, time.monotonic() - began
            self.ports.append(peer.getpeername()[1])
            self.n += 1
            what = self.decide(seen, self)
            if what == 'reset':
                peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack('ii', 1, 0))
            elif what == 'silent':
                time.sleep(7)
            elif what != 'close':
                peer.sendall(what)
                peer.recv(1)
        except (OSError, struct.error, IndexError):
            pass
        finally:
            peer.close()

    @staticmethod
    def whole(wire):
        body, at = b'', 0
        while at + 5 <= len(wire):
            size = struct.unpack_from('>H', wire, at + 3)[0]
            if at + 5 + size > len(wire):
                return False
            body += wire[at + 5:at + 5 + size]
            at += 5 + size
        return len(body) >= 4 and len(body) >= 4 + int.from_bytes(body[1:4], 'big')

    def stop(self):
        self.socket.close()


def ask(port, wire, wait=1.0):
    """What the server says to these bytes: (bytes, how it ended)."""
    with socket.create_connection(('127.0.0.1', port), timeout=5) as peer:
        peer.settimeout(wait)
        peer.sendall(wire)
        got = b''
        try:
            while True:
                more = peer.recv(65536)
                if not more:
                    return got, 'fin'
                got += more
        except TimeoutError:
            return got, 'open'
        except OSError:
            return got, 'rst'


def write_capture(path, port, wire, answer, end, segments=None):
    """A pcap of one connection to 127.0.0.1:port: the hello, the answer, the end. `segments`: what
    the hello is cut into."""
    frames, seq = [], {'c': 1000, 's': 5000}
    at = [1_750_000_000.0]

    def packet(who, flags, data=b'', dt=0.001):
        at[0] += dt
        a, b = ((40001, port), (port, 40001))[who == 's']
        other = 's' if who == 'c' else 'c'
        tcp = struct.pack('>HHIIBBHHH', a, b, seq[who], seq[other] if flags != 2 else 0, 5 << 4,
                          flags, 65535, 0, 0) + data
        address = socket.inet_aton('127.0.0.1')
        ip = struct.pack('>BBHHHBBH4s4s', 0x45, 0, 20 + len(tcp), 1, 0, 64, 6, 0, address, address)
        frames.append((at[0], ip + tcp))
        seq[who] += len(data) + (1 if flags & 3 else 0)

    packet('c', 2)
    packet('s', 0x12)
    packet('c', 0x10)
    for data in segments or [wire[i:i + 1400] for i in range(0, len(wire), 1400)]:
        packet('c', 0x18, data, dt=0.05)
    packet('s', 0x10)
    if answer:
        packet('s', 0x18, answer)
        packet('c', 0x10)
    if end == 'fin':
        packet('s', 0x11)
        packet('c', 0x11)
    elif end == 'rst':
        packet('s', 0x14)
    else:
        packet('c', 0x11, dt=8.0)
        packet('s', 0x10)
    with open(path, 'wb') as out:
        out.write(struct.pack('<IHHiIII', 0xa1b2c3d4, 2, 4, 0, 0, 65535, 101))
        for when, data in frames:
            out.write(struct.pack('<IIII', int(when), int(when % 1 * 1e6), len(data), len(data)))
            out.write(data)
