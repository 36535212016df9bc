#!/usr/bin/env python3
"""kill -9 of the manager, a worker of nginx and the collector at random moments of a write; a disk
that is full; backends that stall and clients that are slow or send nonsense. What was answered is
there and in force, the rest is there wholly or not at all, and nobody else is harmed.

HANDFAST_KILLS: how many (15); HANDFAST_SEED: the moments of an earlier run.
"""
import contextlib
import http.client
import os
import pathlib
import random
import signal
import socket
import sqlite3
import ssl
import subprocess
import tempfile
import threading
import time

import gateway_lab as lab
import harness
import peers

tap = harness.Tap()
N_KILLS = int(os.environ.get('HANDFAST_KILLS', '15'))
SEED = int(os.environ.get('HANDFAST_SEED', '0')) or random.SystemRandom().randrange(1, 1 << 30)
FLOW = 'messaging.adaptors.http.flow.'
ANY = lab.trusting_nobody()
BACK_S = 20 # for what died to be back: this machine may be busy
BROKEN = (OSError, http.client.HTTPException)


def must(answer):
    if answer.status not in (200, 201):
        raise RuntimeError('refused: %r' % answer)
    return answer


def wait_for(condition, seconds=BACK_S):
    """Seconds that it took; None: it never came."""
    began = time.monotonic()
    while time.monotonic() < began + seconds:
        with contextlib.suppress(*BROKEN):
            if condition():
                return time.monotonic() - began
        time.sleep(0.02)
    return None


def workers(gateway, part):
    return [pid for pid in gateway.pids(part) if pid != gateway.master(part)]


def put_host(gateway, aliases, method='PUT'):
    return gateway.api(method, lab.E + '/virtualhosts' + ('/x' if method == 'PUT' else ''),
                       {'name': 'x', 'port': str(gateway.http), 'hostAliases': aliases})


def is_known(gateway, name):
    return 'for host' not in gateway.call('/none', host=name).json['fault']['faultstring']


def is_good(gateway):
    return gateway.call('/v1/x').status == 200 and gateway.call('/v1/x', context=ANY).status == 200


class Kills:
    """One write each, and one process that dies while it is made."""

    def __init__(self, gateway):
        self.gateway, self.now, self.wrong = gateway, 'first.test', []
        self.n_acknowledged, self.n_kept, self.slowest = 0, 0, 0.0
        self.random, self.dead = random.Random(SEED), 0
        self.n_workers = {part: len(workers(gateway, part)) for part in ('router', 'mp')}

    def kill(self, victim, after):
        time.sleep(after)
        if victim == 'manager':
            self.gateway.kill_manager()
            return
        alive = self.gateway.pids('collector') if victim == 'collector' else workers(self.gateway, victim)
        self.dead = self.random.choice(alive)
        with contextlib.suppress(ProcessLookupError): # a worker of before the change that has ended
            os.kill(self.dead, signal.SIGKILL)

    def blame(self, i, victim, what):
        self.wrong.append('%d, %s: %s' % (i, victim, what))

    def is_whole(self):
        """As many processes as at the start, and the dead one is not among them."""
        gateway = self.gateway
        return self.dead not in gateway.pids() and gateway.pids('collector') \
            and all(len(workers(gateway, part)) >= n for part, n in self.n_workers.items())

    def settle(self, i, victim):
        """What died is back."""
        gateway = self.gateway
        if victim == 'manager':
            if wait_for(lambda: is_good(gateway), 2) is None:
                self.blame(i, victim, 'no traffic without it')
            gateway.start()
        took = wait_for(lambda: self.is_whole() and is_good(gateway))
        if took is None:
            self.blame(i, victim, 'is not back')
        self.slowest = max(self.slowest, took or BACK_S)

    def check(self, i, victim, new, is_acknowledged):
        """The store has the old or the new, whole; and that is what the Router does."""
        stored = self.gateway.api('GET', lab.E + '/virtualhosts/x').json['hostAliases']
        if stored not in ([new, 'also-' + new], [self.now, 'also-' + self.now]):
            self.blame(i, victim, 'neither the old nor the new: %r' % stored)
        if is_acknowledged and stored[0] != new:
            self.blame(i, victim, 'acknowledged and lost')
        other = self.now if stored[0] == new else new
        if not all(is_known(self.gateway, name) for name in stored) or is_known(self.gateway, other):
            self.blame(i, victim, 'not in force as stored')
        self.n_kept += stored[0] == new and not is_acknowledged
        self.now = stored[0]

    def one(self, i, victim):
        new, is_acknowledged = 'k%d.test' % i, False
        killer = threading.Thread(target=self.kill, args=(victim, self.random.uniform(0, 0.25)))
        killer.start()
        with contextlib.suppress(*BROKEN):
            is_acknowledged = put_host(self.gateway, [new, 'also-' + new]).status == 200
        killer.join()
        self.n_acknowledged += is_acknowledged
        self.settle(i, victim)
        self.check(i, victim, new, is_acknowledged)


def integrity(gateway):
    said = {}
    for name in ('store.db', 'events.db'):
        for place in gateway.dir.rglob(name):
            with contextlib.closing(sqlite3.connect(place, timeout=20)) as base:
                said[name] = base.execute('PRAGMA integrity_check').fetchone()[0]
    return said


def kills(gateway):
    put_host(gateway, ['first.test', 'also-first.test'], 'POST')
    run = Kills(gateway)
    order = ['manager', 'router', 'mp', 'collector'] * (N_KILLS // 4 + 1)
    for i, victim in enumerate(order[:N_KILLS]):
        run.one(i, victim)
    print('# %d kills, seed %d: %d writes acknowledged, %d not and there all the same; all back within %.2f s'
          % (N_KILLS, SEED, run.n_acknowledged, run.n_kept, run.slowest))
    tap.ok(not run.wrong, '%d times kill -9 during a write: what was answered is there and in force' % N_KILLS,
           'seed %d' % SEED, run.wrong)
    said = integrity(gateway)
    tap.ok('store.db' in said and set(said.values()) == {'ok'}, 'the databases are whole', said)


class Silent:
    """Takes connections and says nothing; with a context, nothing after its handshake."""

    def __init__(self, context=None):
        self.context, self.held = context, []
        self.server = socket.create_server(('127.0.0.1', 0))
        self.port = self.server.getsockname()[1]
        threading.Thread(target=self.run, daemon=True).start()

    def run(self):
        while True:
            with contextlib.suppress(OSError):
                raw = self.server.accept()[0]
                self.held.append(raw)
                if self.context:
                    self.held[-1] = self.context.wrap_socket(raw, server_side=True)


def full_backlog():
    """A port where connecting never ends: nobody accepts, and the queue is full."""
    server = socket.socket()
    server.bind(('127.0.0.1', 0))
    server.listen(0)
    held = [server]
    for _ in range(3):
        client = socket.socket()
        client.setblocking(False)
        client.connect_ex(server.getsockname())
        held.append(client)
    return server.getsockname()[1], held


LIMITS = '<Properties><Property name="connect.timeout.millis">1000</Property>' \
         '<Property name="io.timeout.millis">1000</Property></Properties>'


def own_certificate(folder):
    subprocess.run(['openssl', 'req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes',
                    '-subj', '/CN=127.0.0.1', '-addext', 'subjectAltName=IP:127.0.0.1', '-days', '9',
                    '-keyout', 'k.pem', '-out', 'c.pem'], cwd=folder, check=True, capture_output=True)
    return peers.server_context(folder / 'c.pem', folder / 'k.pem')


def stalls(gateway, folder):
    """Each in its own thread, so that they stall together."""
    port, _held = full_backlog()
    rows = [('tcp', 'http', port, (503, 504)), ('tls', 'https', Silent().port, (502,)),
            ('http', 'http', Silent().port, (504,)), ('https', 'https', Silent(own_certificate(folder)).port, (504,))]
    for name, scheme, number, _ in rows:
        inside = LIMITS + '<URL>%s://127.0.0.1:%d</URL>' % (scheme, number)
        if scheme == 'https':
            inside = '<SSLInfo><Enabled>true</Enabled></SSLInfo>' + inside
        must(gateway.deploy('stall-' + name, lab.bundle('stall-' + name, '/stall-' + name, inside)))
    said = {}

    def ask(name):
        began = time.monotonic()
        answer = gateway.call('/stall-%s/x' % name)
        said[name] = answer, time.monotonic() - began
    asking = [threading.Thread(target=ask, args=(row[0],)) for row in rows]
    for thread in asking:
        thread.start()
    tap.ok(is_good(gateway), 'backends that stall: others are served meanwhile')
    for thread in asking:
        thread.join()
    for name, _, _, statuses in rows:
        answer, took = said[name]
        print('# a backend that stalls in %s: %d %s after %.2f s' % (name, answer.status, answer.fault, took))
        tap.ok(answer.status in statuses and answer.fault and took < 10,
               'a backend that stalls in %s: a fault, soon' % name, answer, took)
    identity = said['tls'][0].headers.get('X-Handfast-Id')
    seen = wait_for(lambda: gateway.api('GET', '%s/handshakes/%s' % (lab.E, identity)).status == 200)
    tap.ok(identity and seen is not None, 'a backend that stalls in TLS: the verdict is there', identity)


def resident_kib(gateway):
    total = 0
    for part in ('router', 'mp'):
        for pid in gateway.pids(part):
            with contextlib.suppress(OSError):
                words = pathlib.Path('/proc/%d/status' % pid).read_text().split()
                total += int(words[words.index('VmRSS:') + 1])
    return total


def hello():
    """A ClientHello as OpenSSL writes it."""
    into, out = ssl.MemoryBIO(), ssl.MemoryBIO()
    with contextlib.suppress(ssl.SSLWantReadError):
        ANY.wrap_bio(into, out, server_hostname='localhost').do_handshake()
    return out.read()


def clients(gateway):
    """Many that stop in the middle, and many that send nonsense."""
    first, rng = hello(), random.Random(SEED)
    before, held = resident_kib(gateway), []
    for i in range(100):
        tls = socket.create_connection(('127.0.0.1', gateway.https), 10)
        tls.sendall(first[:1 + i * len(first) // 101])
        plain = socket.create_connection(('127.0.0.1', gateway.http), 10)
        plain.sendall(b'GET /v1/x HTTP/1.1\r\nHost: localhost\r\nX-Slow: ' + b'a' * i)
        held += [tls, plain]
    tap.ok(is_good(gateway), '200 clients that stopped in the middle: others are served')
    more = resident_kib(gateway) - before
    print('# 200 slow clients: %d KiB more' % more)
    tap.ok(more < 16 * 1024, '200 clients that stopped in the middle: bounded memory', more)
    for client in held:
        client.close()
    masters = gateway.master('router'), gateway.master('mp')
    alive = workers(gateway, 'router'), workers(gateway, 'mp')
    for i in range(200):
        sent = bytearray(first if i % 2 else rng.randbytes(rng.randrange(1, 2000)))
        sent[rng.randrange(len(sent))] ^= 1 << rng.randrange(8)
        with contextlib.suppress(OSError), \
                socket.create_connection(('127.0.0.1', (gateway.http, gateway.https)[i // 2 % 2]), 10) as raw:
            raw.sendall(sent)
    tap.ok(wait_for(lambda: is_good(gateway)) is not None, '200 that send nonsense: others are served')
    tap.equal(((gateway.master('router'), gateway.master('mp')), (workers(gateway, 'router'), workers(gateway, 'mp'))),
              (masters, alive), '200 that send nonsense: no process died of it')


def explained(gateway):
    """Who speaks HTTP to the port for TLS is told so, and so is the operator."""
    before = gateway.api('GET', lab.E + '/handshakes?direction=northbound').body
    with socket.create_connection(('127.0.0.1', gateway.https), 10) as raw:
        raw.sendall(b'GET / HTTP/1.1\r\nHost: localhost\r\n\r\n')
        said = raw.recv(65536)
    tap.ok(b' 400 ' in said, 'HTTP to the port for TLS: 400', said[:100])
    tap.ok(wait_for(lambda: gateway.api('GET', lab.E + '/handshakes?direction=northbound').body != before) is not None,
           'HTTP to the port for TLS: a verdict')


def fill(place):
    """The bytes that are left, and the file that has them."""
    with place.open('wb', buffering=0) as out:
        with contextlib.suppress(OSError):
            while True:
                out.write(b'x' * 65536)
        with contextlib.suppress(OSError):
            while True:
                out.write(b'x')


def disk_full(folder):
    """The whole state on a small file system of its own."""
    small = folder / 'small'
    small.mkdir()
    done = os.geteuid() == 0 and subprocess.run(['mount', '-t', 'tmpfs', '-o', 'size=48m,mode=700', 'tmpfs', str(small)],
                                                capture_output=True, check=False).returncode == 0
    if not done:
        tap.skip('a full disk', 'a file system of its own needs root')
        return
    try:
        backend = lab.Backend('one')
        with lab.Gateway(small) as gateway:
            must(gateway.deploy('w', lab.bundle('w', '/v1', '<URL>http://127.0.0.1:%d</URL>' % backend.port)))
            must(put_host(gateway, ['first.test'], 'POST'))
            fill(small / 'filler')
            answer = put_host(gateway, ['full.test'])
            tap.ok(answer.status >= 500, 'a full disk: a write is answered with an error', answer)
            tap.ok(is_good(gateway) and is_known(gateway, 'first.test') and not is_known(gateway, 'full.test'),
                   'a full disk: what runs runs on')
            stored = gateway.api('GET', lab.E + '/virtualhosts/x')
            tap.equal(stored.json and stored.json.get('hostAliases'), ['first.test'], 'a full disk: the store has the old')
            (small / 'filler').unlink()
            answer = put_host(gateway, ['full.test'])
            tap.ok(answer.status == 200 and is_known(gateway, 'full.test'), 'room again: the write is taken', answer)
            tap.equal(set(integrity(gateway).values()), {'ok'}, 'room again: the databases are whole')
    finally:
        subprocess.run(['umount', '-l', str(small)], capture_output=True, check=False)


def main():
    lab.need(tap)
    with tempfile.TemporaryDirectory() as name:
        folder, backend = pathlib.Path(name), lab.Backend('one')
        with lab.Gateway(folder) as gateway:
            must(gateway.deploy('w', lab.bundle('w', '/v1', '<URL>http://127.0.0.1:%d</URL>' % backend.port)))
            kills(gateway)
            stalls(gateway, folder)
            clients(gateway)
            explained(gateway)
        disk_full(folder)
    tap.done()


main()
