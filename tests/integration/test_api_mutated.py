#!/usr/bin/env python3
"""Mutated requests to the management API, within a process and over a socket: always an answer, no crash, no leak.

HANDFAST_API_MUTATED sets how many within the process (5000), a tenth of them over a socket.
"""
import os
import pathlib
import random
import re
import socket
import sys
import tempfile

import api_client
import harness

COUNT = int(os.environ.get('HANDFAST_API_MUTATED', '5000'))


def within(tap, seed):
    program = os.environ.get('HANDFAST_API_MUTATE')
    if not program:
        tap.skip('mutated: within the process', 'no program; set HANDFAST_API_MUTATE')
        return
    with tempfile.TemporaryDirectory() as folder:
        place = pathlib.Path(folder) / 'g'
        place.mkdir(mode=0o700)
        done = harness.run(place, COUNT, seed, binary=program, timeout=850)
    counts = dict(map(int, line.split()) for line in done.text.splitlines()[1:])
    tap.ok(done.code == 0 and not done.crashed and sum(counts.values()) == COUNT,
           'mutated: %d within the process, seed %d' % (COUNT, seed), done)
    reached = int(re.search(r'(\d+) reached', done.text).group(1)) if done.code == 0 else 0
    tap.ok(reached > COUNT / 4 and counts.get(200, 0) > COUNT / 20, 'mutated: enough of them reach a handler', done)
    tap.ok(counts.get(500, 0) == 0, 'mutated: none is our failure', done)


def seeds(authorization):
    head = 'Host: a\r\nAuthorization: %s\r\n' % authorization
    body = '{"name":"x"}'
    part = '--b\r\nContent-Disposition: form-data; name="certFile"; filename="f"\r\n\r\nMIIB\r\n--b--\r\n'
    return [text.encode() for text in (
        'GET /v1/organizations HTTP/1.1\r\n%s\r\n' % head,
        'GET /v1/o/acme/e/test/keystores HTTP/1.1\r\n%sAccept: application/xml\r\n\r\n' % head,
        'POST /v1/organizations HTTP/1.1\r\n%sContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s'
        % (head, len(body), body),
        'POST /v1/organizations HTTP/1.1\r\n%sContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n'
        'c\r\n%s\r\n0\r\n\r\n' % (head, body),
        'POST /v1/o/acme/e/test/keystores/k/aliases?alias=a&format=keycertfile HTTP/1.1\r\n%s'
        'Content-Type: multipart/form-data; boundary=b\r\nContent-Length: %d\r\n\r\n%s' % (head, len(part), part),
        'OPTIONS /v1/getinfo HTTP/1.1\r\n%sExpect: 100-continue\r\nContent-Length: 0\r\n\r\n' % head,
        'HEAD /v1/openapi.json HTTP/1.0\r\n%sConnection: keep-alive\r\n\r\n' % head,
    )]


def spoil(rng, request):
    request = bytearray(request)
    for _ in range(rng.randint(0, 4)):
        at, length = rng.randrange(len(request)), rng.randint(1, 12)
        kind = rng.randrange(5)
        if kind == 0:
            request[at] = rng.randrange(256)
        elif kind == 1:
            request[at:at] = rng.choice((b'\r\n', b'\0', b' ', b'%00', b'\r', b'\n', b'Content-Length: 5\r\n', b'a' * 3000))
        elif kind == 2:
            del request[at:at + length]
        elif kind == 3:
            request += request[at:at + length]
        else:
            del request[at:]
        request = request or bytearray(b'\r\n')
    return bytes(request)


def over_socket(tap, server, seed):
    rng = random.Random(seed)
    requests = seeds(api_client.basic(api_client.ADMIN, server.password))
    strange = []
    for _ in range(COUNT // 10):
        data = b''.join(spoil(rng, rng.choice(requests)) for _ in range(rng.randint(1, 3)))
        with socket.create_connection(('127.0.0.1', server.port), timeout=1) as s:
            got = b''
            try:
                s.sendall(data)
                s.shutdown(socket.SHUT_WR)
                while piece := s.recv(65536):
                    got += piece
            except ConnectionError:
                continue # refused with bytes unread
            except TimeoutError:
                pass # half a request: it may wait for the rest, CONNECTION_HEAD_S at most
            if got and not got.startswith(b'HTTP/1.1 ') or b'HTTP/1.1 500' in got:
                strange.append((got[:300], data))
    tap.ok(not strange, 'mutated: %d connections, seed %d' % (COUNT // 10, seed), *strange[:5])


def main():
    tap = harness.Tap()
    if api_client.server_program() is None:
        tap.skip('mutated requests', 'built without the gateway')
        tap.done()
    seed = int(os.environ.get('HANDFAST_API_SEED', '1'))
    within(tap, seed)
    with api_client.Server() as server:
        client = api_client.Client(server.port, api_client.basic(api_client.ADMIN, server.password))
        client.ask('GET', '/v1/getinfo')
        over_socket(tap, server, seed)
        tap.equal(client.ask('GET', '/v1/getinfo').status, 200, 'mutated: it answers as before')
        client.close()
        tap.ok(server.stop() == 0, 'mutated: no crash, no leak', server.said())
    tap.done()


if __name__ == '__main__':
    sys.exit(main())
