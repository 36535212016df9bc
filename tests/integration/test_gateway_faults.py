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
import resource
import signal
import socket
import sqlite3
import ssl
import subprocess
import tempfile
import threading
import time

import gateway_lab as lab
import gateway_writes
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

    def __init__(self, gateway, folder):
        self.gateway, self.wrong = gateway, []
        self.writes = gateway_writes.all_of(gateway, folder)
        self.n_acknowledged, self.slowest = 0, 0.0
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

    def one(self, i, victim):
        """What is written changes faster than who dies: all pairs come within 28."""
        write = self.writes[i % len(self.writes)]
        killer = threading.Thread(target=self.kill, args=(victim, self.random.uniform(0, 1.2 * write.took)))
        killer.start()
        is_acknowledged = write.make(i)
        killer.join()
        self.n_acknowledged += is_acknowledged
        self.settle(i, victim)
        wrong = write.wrong(is_acknowledged)
        if wrong:
            self.blame(i, victim, '%s: %s' % (write.name, wrong))


def integrity(gateway):
    said = {}
    for name in ('store.db', 'events.db'):
        for place in gateway.dir.rglob(name):
            with contextlib.closing(sqlite3.connect(place, timeout=20)) as base:
                said[name] = base.execute('PRAGMA integrity_check').fetchone()[0]
    return said


def kills(gateway, folder):
    run = Kills(gateway, folder)
    order = ['manager', 'router', 'mp', 'collector'] * (N_KILLS // 4 + 1)
    for i, victim in enumerate(order[:N_KILLS]):
        run.one(i, victim)
    print('# %d kills, seed %d: %d writes acknowledged, %d not and there all the same; all back within %.2f s'
          % (N_KILLS, SEED, run.n_acknowledged, sum(write.n_kept for write in run.writes), run.slowest))
    tap.ok(not run.wrong, '%d times kill -9 during a write: what was answered is there and in force' % N_KILLS,
           'seed %d' % SEED, run.wrong)
    for write in run.writes: # nothing of it was lost later
        tap.ok(write.stored() == write.now and not (write.new and write.amiss()), 'in the end: %s' % write.name)
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


def seconds_of(pid):
    """Of the processor."""
    words = pathlib.Path('/proc/%d/stat' % pid).read_text().rsplit(')', 1)[1].split()
    return (int(words[11]) + int(words[12])) / os.sysconf('SC_CLK_TCK')


def is_judged(gateway, name):
    """A client asks for a name that nobody has; the operator is told."""
    def asked():
        with contextlib.suppress(OSError), socket.create_connection(('127.0.0.1', gateway.https), 10) as raw, \
                ANY.wrap_socket(raw, server_hostname=name):
            pass
        listed = gateway.api('GET', lab.E + '/handshakes?direction=northbound&limit=20').json['handshakes']
        return any(one['serverName'] == name for one in listed)
    return wait_for(asked) is not None


def collector(gateway):
    """More connections than it takes; and one that does not hear that it is to end."""
    pid, place, held = gateway.pids('collector')[0], str(gateway.dir / 'run' / 'collector.sock'), []
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(4096, hard), hard))
    for _ in range(1200): # 1024 are taken, the rest waits
        held.append(socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET))
        held[-1].settimeout(5)
        held[-1].connect(place)
    time.sleep(0.5)
    before = seconds_of(pid)
    time.sleep(2)
    used = seconds_of(pid) - before
    print('# 1200 connections to the collector: %.2f s of the processor in 2 s' % used)
    tap.ok(used < 0.4, 'connections that wait for the collector cost nothing', used)
    for one in held:
        one.close()
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    tap.ok(gateway.pids('collector') == [pid] and is_judged(gateway, 'crowd.test'), 'then it takes notes as before')
    os.kill(pid, signal.SIGSTOP)
    began = time.monotonic()
    done = gateway.order('restart', 'collector')
    took = time.monotonic() - began
    print('# a collector that is stopped (SIGSTOP) is restarted within %.2f s' % took)
    tap.ok(done.returncode == 0 and took < 8 and gateway.pids('collector') not in ([], [pid]),
           'a collector that does not end is killed', done, took)
    tap.ok(is_judged(gateway, 'again.test'), 'the new one judges')


def fill(place):
    """The bytes that are left, and the file that has them."""
    with place.open('wb', buffering=0) as out:
        with contextlib.suppress(OSError):
            while True:
                out.write(b'x' * 65536)
        with contextlib.suppress(OSError):
            while True:
                out.write(b'x')


def start_anyhow(gateway):
    """Whether it is up, the seconds that it took, and what it said."""
    began = time.monotonic()
    try:
        gateway.start()
        return True, time.monotonic() - began, ''
    except RuntimeError as problem:
        return False, time.monotonic() - began, str(problem)


def says_full(said):
    return 'full' in said or 'No space' in said


def full_from_the_start(gateway, name):
    """It comes up, or says why not, soon; it is up when it is started with room."""
    is_up, took, said = start_anyhow(gateway)
    print('# %s: %s after %.1f s %s' % (name, 'up' if is_up else 'not up', took, said[-300:]))
    tap.ok(took < 20 and (is_up or says_full(said)), '%s: it starts, or says why not' % name, took, said)
    return is_up


def full_restarts(gateway, small):
    filler = small / 'filler'
    fill(filler)
    for name in ('lost1.test', 'lost2.test', 'lost3.test'): # verdicts that nobody can write down
        with contextlib.suppress(OSError), socket.create_connection(('127.0.0.1', gateway.https), 10) as raw, \
                ANY.wrap_socket(raw, server_hostname=name):
            pass
    os.kill(gateway.pids('collector')[0], signal.SIGKILL)
    time.sleep(3)
    tap.ok(is_good(gateway), 'a full disk, the collector killed: traffic goes on')
    tap.ok(len(gateway.pids('collector')) < 2, 'a full disk, the collector killed: no crowd of them')
    gateway.kill_manager()
    full_from_the_start(gateway, 'a full disk, the manager killed')
    tap.ok(is_good(gateway) and is_known(gateway, 'full.test'), 'a full disk, the manager killed: traffic goes on')
    gateway.stop()
    if full_from_the_start(gateway, 'a full disk, everything ended'):
        tap.ok(is_good(gateway), 'a full disk, everything ended: then it serves')
        filler.unlink()
    else:
        filler.unlink()
        gateway.start()
    tap.ok(wait_for(lambda: is_good(gateway) and is_known(gateway, 'full.test')) is not None,
           'room again: all is as it was')
    answer = put_host(gateway, ['again.test'])
    tap.ok(answer.status == 200 and is_known(gateway, 'again.test'), 'room again: writes are taken', answer)
    tap.ok(is_judged(gateway, 'room.test'), 'room again: failures are explained')
    tap.equal(set(integrity(gateway).values()), {'ok'}, 'room again: the databases are whole after all that')


def lost(gateway):
    """Verdicts that found no room on the disk, as the metrics say it."""
    text = gateway.api('GET', '/v1/metrics').body.decode()
    found = [line.rsplit(' ', 1)[1] for line in text.splitlines()
             if line.startswith('handfast_lost_total') and '"disk"' in line]
    return sum(float(one) for one in found)


def full_collector(gateway, small):
    """What it cannot write it counts; it goes on when there is room."""
    filler = small / 'filler'
    fill(filler)
    for i in range(40):
        with contextlib.suppress(OSError), socket.create_connection(('127.0.0.1', gateway.https), 10) as raw, \
                ANY.wrap_socket(raw, server_hostname='disk%d.test' % i):
            pass
    time.sleep(1)
    pids = gateway.pids('collector')
    filler.unlink()
    tap.ok(is_judged(gateway, 'later.test'), 'a full disk, the collector: it goes on when there is room')
    tap.equal(gateway.pids('collector'), pids, 'a full disk, the collector: it lives')
    there = wait_for(lambda: lost(gateway) > 0)
    print('# a full disk: %d verdicts of 40 are counted as lost' % lost(gateway))
    tap.ok(there is not None, 'a full disk, the collector: it counts what it loses')


def disk_full(folder):
    """The whole state on a small file system of its own; what the manager says is beside it."""
    small = folder / 'small'
    small.mkdir()
    done = os.geteuid() == 0 and subprocess.run(['mount', '-t', 'tmpfs', '-o', 'size=48m,mode=700', 'tmpfs', str(small)],
                                                capture_output=True, check=False).returncode == 0
    if not done:
        tap.skip('a full disk', 'a file system of its own needs root')
        return
    gateway = lab.Gateway(folder)
    gateway.dir = small / 'state'
    try:
        backend = lab.Backend('one')
        with gateway:
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
            full_collector(gateway, small)
            full_restarts(gateway, small)
    finally:
        subprocess.run(['umount', '-l', str(small)], capture_output=True, check=False)


def main():
    lab.need(tap)
    with tempfile.TemporaryDirectory() as name:
        folder, backend = pathlib.Path(name), lab.Backend('one')
        with lab.Gateway(folder) as gateway:
            must(gateway.deploy('w', lab.bundle('w', '/v1', '<URL>http://127.0.0.1:%d</URL>' % backend.port)))
            kills(gateway, folder)
            stalls(gateway, folder)
            clients(gateway)
            explained(gateway)
            collector(gateway)
        disk_full(folder)
    tap.done()


main()
