#!/usr/bin/env python3
"""Clients of the Router that do not get as far as a whole ClientHello: cut off by a FIN, a reset or
silence, or no TLS at all. Each has its verdict at the operator, with what was the matter; who is
silent is left after the time that the manual names.
"""
import contextlib
import socket
import ssl
import struct
import tempfile
import threading
import time

import gateway_lab as lab
import harness

tap = harness.Tap()
ANY = lab.trusting_nobody()
PATIENCE_S = 60 # handfast-gateway(1)


def hello():
    """A ClientHello as OpenSSL writes it."""
    into, out = ssl.MemoryBIO(), ssl.MemoryBIO()
    with contextlib.suppress(ssl.SSLWantReadError):
        ANY.wrap_bio(into, out, server_hostname='localhost').do_handshake()
    return out.read()


class Client:
    """Sends something and ends in one of three ways; what it heard meanwhile is in `heard`."""

    def __init__(self, port, octets, way):
        self.raw = socket.create_connection(('127.0.0.1', port), 10)
        self.name = '%s:%d' % self.raw.getsockname()
        self.heard, self.began, self.took = b'', time.monotonic(), None
        self.raw.sendall(octets)
        if way == 'FIN':
            self.raw.shutdown(socket.SHUT_WR)
        if way == 'RST':
            time.sleep(0.2) # what was sent is to be read first
            self.raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack('ii', 1, 0))
            self.raw.close()
            return
        self.raw.settimeout(PATIENCE_S + 30)
        self.listening = threading.Thread(target=self.listen, daemon=True)
        self.listening.start()

    def listen(self):
        with contextlib.suppress(OSError):
            while piece := self.raw.recv(4096):
                self.heard += piece
        self.took = time.monotonic() - self.began

    def drip(self, octets, every_s):
        """A byte now and then, until it is closed."""
        def run():
            with contextlib.suppress(OSError):
                for octet in octets:
                    self.raw.sendall(bytes((octet,)))
                    time.sleep(every_s)
        threading.Thread(target=run, daemon=True).start()


def verdict_of(gateway, client, wait_s=5):
    until = time.monotonic() + wait_s
    while time.monotonic() < until:
        listed = gateway.api('GET', lab.E + '/handshakes?direction=northbound&limit=100').json['handshakes']
        for one in listed:
            if one['client'] == client.name:
                return gateway.api('GET', '%s/handshakes/%s' % (lab.E, one['id'])).json
        time.sleep(0.05)
    return {}


def check(gateway, name, client, cause, by, words):
    said = verdict_of(gateway, client)
    tap.equal((said.get('cause'), said.get('rejectedBy'), said.get('virtualHost') in (None, 'secure')), (cause, by, True),
              '%s: its verdict' % name)
    tap.ok(words in said.get('sentence', ''), '%s: the sentence' % name, said.get('sentence'))


def record(body, length=None):
    return struct.pack('!BHH', 22, 0x0301, len(body) if length is None else length) + body


def rows():
    first = hello()
    bad = bytearray(first)
    bad[9 + 2 + 32] = 200 # the length of the session id: at most 32
    cut = 'ClientHello'
    return [ # name, octets, way, cause, rejected by, words
        ('half a ClientHello, FIN', first[:len(first) // 2], 'FIN', 'connection-closed', 'client', cut),
        ('half a ClientHello, RST', first[:len(first) // 2], 'RST', 'connection-reset', 'client', cut),
        ('a record header, FIN', first[:5], 'FIN', 'connection-closed', 'client', cut),
        ('a record header, RST', first[:5], 'RST', 'connection-reset', 'client', cut),
        ('half a record header, FIN', first[:3], 'FIN', 'connection-closed', 'client', cut),
        ('half a record header, RST', first[:3], 'RST', 'connection-reset', 'client', cut),
        ('no handshake message', record(b'hello, is anybody there?'), '', 'protocol-violation', 'server', ''),
        ('a record too long', record(b'', 0xffff), '', 'protocol-violation', 'server', ''),
        ('a session id too long', bytes(bad), '', 'protocol-violation', 'server', ''),
        ('a handshake of no version', b'\x16\x09\x09' + first[3:], '', 'plaintext-client', 'server', ''),
        ('bytes that mean nothing', b'\xf1\xf2\xf3\xf4\xf5\xf6\r\n\r\n', '', 'plaintext-client', 'server', ''),
        ('SSH', b'SSH-2.0-OpenSSH_9.2\r\n', '', 'plaintext-client', 'server', ''),
    ]


def silent(gateway):
    """Begun first: they take as long as the Router is patient."""
    first = hello()
    half = len(first) // 2
    begun = [('half a ClientHello, silence', Client(gateway.https, first[:half], '')),
             ('a record header, silence', Client(gateway.https, first[:5], '')),
             ('half a record header, silence', Client(gateway.https, first[:3], '')),
             ('a ClientHello by drips', Client(gateway.https, first[:10], ''))]
    begun[-1][1].drip(first[10:], 3)
    return begun


def silent_end(gateway, begun):
    for name, client in begun:
        client.listening.join(PATIENCE_S + 30)
        took = client.took or 0
        print('# %s: left after %.1f s' % (name, took))
        tap.ok(PATIENCE_S - 3 < took < PATIENCE_S + 10, '%s: left after the time that the manual names' % name, client.took)
        check(gateway, name, client, 'handshake-timeout', 'server', 'ClientHello')


def slow_requests(gateway):
    """The same of HTTP: the whole header within the time."""
    plain = Client(gateway.http, b'GET /v1/x HTTP/1.1\r\nHost: localhost\r\nX-Slow: ', '')
    plain.drip(b'a' * 100, 3)
    nothing = Client(gateway.http, b'', '')
    return [('a header by drips', plain), ('a connection without a word', nothing)]


def slow_end(begun):
    for name, client in begun:
        client.listening.join(PATIENCE_S + 30)
        took = client.took or 0
        print('# %s: left after %.1f s' % (name, took))
        tap.ok(PATIENCE_S - 3 < took < PATIENCE_S + 10, '%s: left after the time that the manual names' % name, client.took)


def main():
    lab.need(tap)
    with tempfile.TemporaryDirectory() as name, lab.Gateway(name) as gateway:
        begun, slow = silent(gateway), slow_requests(gateway)
        for title, octets, way, cause, by, words in rows():
            check(gateway, title, Client(gateway.https, octets, way), cause, by, words)
        tap.equal(gateway.call('/none', context=ANY).status, 404, 'others are served')
        silent_end(gateway, begun)
        slow_end(slow)
        tap.ok(b'exited on signal' not in (gateway.dir / 'logs' / 'router.error.log').read_bytes(), 'no worker crashed')
    tap.done()


main()
