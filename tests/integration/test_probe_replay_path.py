#!/usr/bin/env python3
"""Replays over a path that drops packets, in network namespaces: the path is named, not the server.

Two namespaces, each with a tun device; what passes between them is decided here, packet by packet.
Needs root and namespaces, and is skipped without.
"""
import contextlib
import fcntl
import os
import pathlib
import random
import select
import shutil
import struct
import subprocess
import sys
import tempfile
import threading
import time

import harness
import hello_lab as lab
import test_probe_replay as replays
from hello_lab import P256, PQ, X25519

CLIENT, SERVER, PORT = '192.0.2.1', '192.0.2.2', 4433
TUNSETIFF, IFF_TUN, IFF_NO_PI = 0x400454ca, 0x0001, 0x1000
BLOCKED = b'blocked.example'
# A server of many connections at once: one whose hello is lost must not keep the others waiting.
SERVE = '''
import socketserver, ssl, sys
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain(sys.argv[2], sys.argv[1])
class Handler(socketserver.BaseRequestHandler):
    def handle(self):
        self.request.settimeout(30)
        try:
            context.wrap_socket(self.request, server_side=True).recv(1)
        except OSError:
            pass
class Server(socketserver.ThreadingTCPServer):
    request_queue_size = 128
Server((sys.argv[3], int(sys.argv[4])), Handler).serve_forever()
'''
# Sends a hello in the client's namespace and waits for what comes.
TALK = '''
import socket, struct, sys
s = socket.create_connection((sys.argv[1], int(sys.argv[2])), timeout=7)
s.sendall(sys.stdin.buffer.read())
try:
    s.recv(65536)
except OSError:
    pass
s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack('ii', 1, 0))
s.close()
'''


def ip(*words):
    subprocess.run(['ip', *words], check=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE)


class Packet:
    """Of IPv4 and TCP."""

    def __init__(self, data):
        head = (data[0] & 15) * 4
        self.is_tcp = data[0] >> 4 == 4 and data[9] == 6
        if self.is_tcp:
            self.ports = data[head:head + 4]
            self.is_syn = data[head + 13] & 0x12 == 2
            self.payload = data[head + (data[head + 12] >> 4) * 4:]


class Path:
    """Two namespaces and the way between them. drops(packet): is this one of the client's lost?"""

    def __init__(self):
        self.names = ['handfast-%d-%s' % (os.getpid(), who) for who in ('c', 's')]
        self.tuns, self.is_over = [], False
        self.drops = lambda packet: False
        self.frames = None
        self.lock = threading.Lock()

    def __enter__(self):
        try:
            self.build()
        except Exception:
            self.__exit__()
            raise
        threading.Thread(target=self.forward, daemon=True).start()
        return self

    def build(self):
        ends = ((CLIENT, SERVER), (SERVER, CLIENT))
        for i, (name, (own, other)) in enumerate(zip(self.names, ends)):
            tun = os.open('/dev/net/tun', os.O_RDWR | os.O_NONBLOCK)
            self.tuns.append(tun)
            device = 'hf%d%s' % (os.getpid() % 1000000, 'cs'[i])
            fcntl.ioctl(tun, TUNSETIFF, struct.pack('16sH22x', device.encode(), IFF_TUN | IFF_NO_PI))
            ip('netns', 'add', name)
            ip('link', 'set', device, 'netns', name)
            ip('-n', name, 'addr', 'add', own, 'peer', other, 'dev', device)
            ip('-n', name, 'link', 'set', device, 'mtu', '1500', 'up')
            ip('-n', name, 'link', 'set', 'lo', 'up')

    def __exit__(self, *_):
        self.is_over = True
        for name in self.names:
            with contextlib.suppress(subprocess.CalledProcessError):
                ip('netns', 'del', name)
        time.sleep(0.2)
        for tun in self.tuns:
            os.close(tun)

    def forward(self):
        a, b = self.tuns
        while not self.is_over:
            for tun in select.select([a, b], [], [], 0.1)[0]:
                with contextlib.suppress(OSError):
                    self.pass_on(os.read(tun, 65536), tun == a)

    def pass_on(self, data, from_client):
        packet = Packet(data)
        if not packet.is_tcp:
            return
        is_lost = self.drops(packet) if from_client else False
        with self.lock:
            if self.frames is not None and (self.frames or packet.is_syn):
                self.frames.append((time.time(), sorted((packet.ports[:2], packet.ports[2:])), data))
        if not is_lost:
            os.write(self.tuns[1 if from_client else 0], data)

    def inside(self, who, *words):
        return ['ip', 'netns', 'exec', self.names[who], *[str(w) for w in words]]

    def capture(self, path, wire):
        """What a sniffer beside the client sees while it sends these bytes."""
        with self.lock:
            self.frames = []
        subprocess.run(self.inside(0, sys.executable, '-c', TALK, SERVER, PORT), input=wire,
                       check=False, stderr=subprocess.DEVNULL, timeout=30)
        time.sleep(0.3)
        with self.lock:
            frames, self.frames = self.frames, None
        with open(path, 'wb') as out:
            out.write(struct.pack('<IHHiIII', 0xa1b2c3d4, 2, 4, 0, 0, 65535, 101))
            for when, ports, data in frames:
                if ports != frames[0][1]:  # what is still sent again of the connection before
                    continue
                out.write(struct.pack('<IIII', int(when), int(when % 1 * 1e6), len(data), len(data)) + data)

    def replay(self, path):
        words = self.inside(0, harness.program(), 'explain', '--json', '--trust', 'none', '--prove',
                            '--to', '%s:%d' % (SERVER, PORT), path)
        return harness.run(*words[1:], binary=words[0], timeout=280)


# --- what the path does to the client's packets ---

def long_segments(packet):
    """A path whose MTU is smaller than it says, and no ICMP."""
    return len(packet.payload) > 1200


class UnfinishedHello:
    """A middlebox that reads a ClientHello from one packet only, and drops what it cannot read."""

    def __init__(self):
        self.flows = set()

    def __call__(self, packet):
        data = packet.payload
        if data[:2] == b'\x16\x03' and len(data) < 5 + int.from_bytes(data[3:5], 'big'):
            self.flows.add(packet.ports)
        return bool(data) and packet.ports in self.flows


def blocked_name(packet):
    return BLOCKED in packet.payload


def nothing(_packet):
    return False


def lossy():
    dice = random.Random(7)
    return lambda packet: dice.random() < 0.2


LARGE = lab.hello(groups=(PQ, X25519, P256), shares=(PQ, X25519, P256), alpn=('h2',), session=b'S' * 32,
                  more=[(lab.EMS, b''), (35, b'')])
# name, on the way of the capture, on the way of the replay, hello, outcome, cause, detail
ROWS = [
    ('long segments dropped', long_segments, long_segments, LARGE,
     'proved', 'hello-intolerance', 'large-hello-dropped'),
    ('a hello of two packets dropped', UnfinishedHello(), UnfinishedHello(), LARGE,
     'proved', 'hello-intolerance', 'large-hello-dropped'),
    ('a small hello, everything that it holds dropped', blocked_name, blocked_name,
     lab.hello(name=BLOCKED.decode()), 'probable', ('sni-unrecognized', 'hello-intolerance'), None),
    ('the path is better now', long_segments, nothing, LARGE, 'not-reproduced', None, None),
    ('the path loses one packet in five', long_segments, lossy(), LARGE, replays.UNPROVED, None,
     None),
]


def start_server(path):
    _, key, _, cert = replays.certificate('ec')
    words = path.inside(1, sys.executable, '-c', SERVE, key, cert, SERVER, PORT)
    return subprocess.Popen(words, stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def is_up(path):
    for _ in range(100):
        seen = subprocess.run(path.inside(1, 'cat', '/proc/net/tcp'), stdout=subprocess.PIPE,
                              check=False).stdout
        if b':%04X 00000000:0000 0A' % PORT in seen:
            return True
        time.sleep(0.05)
    return False


def try_rows(tap, path):
    if not tap.ok(is_up(path), 'the server in its namespace'):
        return
    for name, before, after, body, outcome, cause, detail in ROWS:
        file = pathlib.Path(replays.DIRECTORY.name) / (name.replace(' ', '-').replace(',', '') + '.pcap')
        path.drops = before
        path.capture(file, lab.record(body))
        path.drops = after
        row = (name, None, body, outcome, cause, None, detail)
        replays.check(tap, row, path.replay(file))


def why_not():
    missing = [word for word in ('ip', 'openssl') if shutil.which(word) is None]
    if missing:
        return 'not installed: ' + ' '.join(missing)
    if os.geteuid() != 0:
        return 'not root'
    return None if os.access('/dev/net/tun', os.R_OK | os.W_OK) else 'no /dev/net/tun'


def main():
    tap = harness.Tap()
    reason = why_not()
    with contextlib.ExitStack() as stack:
        path = None
        if reason is None:
            try:
                path = stack.enter_context(Path())
            except (OSError, subprocess.CalledProcessError) as problem:
                reason = 'no namespaces: %s' % problem
        if path is None:
            tap.skip('network namespaces', reason)
        else:
            server = start_server(path)
            stack.callback(server.wait)
            stack.callback(server.kill)
            try_rows(tap, path)
            tap.equal(replays.COUNTED['wrongly certain'], 0, 'no proof of a wrong cause')
    tap.done()


if __name__ == '__main__':
    main()
