#!/usr/bin/env python3
"""Replays to servers that are broken on purpose: the right change is named, and never a wrong one.

Each row is a server, the hello it refuses, and the cause that must be proved. Servers are crafted
(hello_lab.py) or real (openssl s_server, GnuTLS).
"""
import collections
import concurrent.futures
import functools
import json
import pathlib
import random
import shutil
import socket
import subprocess
import tempfile
import threading
import time

import harness
import hello_lab as lab
from hello_lab import EMS, P256, P384, PQ, X25519, alert, server_hello

DIRECTORY = tempfile.TemporaryDirectory(prefix='handfast-replay-')
CORPUS = harness.SOURCE / 'fuzz' / 'corpus' / 'mutate'
NAME = 'localhost'
AT_ONCE = 8
COUNTED = collections.Counter()


def recorded(program):
    """The body of a real program's ClientHello."""
    return (CORPUS / program).read_bytes()[1:]


def needs(test, refusal=alert(40), **answer):
    """A server that answers hellos for which test() holds."""
    def decide(seen, _server):
        return server_hello(seen, **answer) if test(seen) else refusal
    return decide


def pick(version=0x0303, suites=None, group=None, refusal=alert(40)):
    """A server of one version and these suites."""
    def decide(seen, _server):
        if version not in seen.versions:
            return alert(70)
        common = [s for s in seen.suites if s in suites] if suites else None
        if suites and not common:
            return refusal
        return server_hello(seen, version=version, suite=common[0] if common else None, group=group)
    return decide


def by_group(groups):
    def decide(seen, _server):
        common = [g for g in seen.groups if g in groups]
        if not common:
            return alert(40)
        return server_hello(seen, version=0x0303, group=common[0])
    return decide


def by_kind_of_key(seen, _server):
    """An ECDSA certificate alone, TLS 1.2: suite and signature algorithm must both take it."""
    suites = [s for s in seen.suites if s in (0xc02b, 0xc02c, 0xc009, 0xc00a)]
    if not suites or not any(a in (0x0403, 0x0503, 0x0603, 0x0203) for a in seen.sigs):
        return alert(40)
    return server_hello(seen, version=0x0303, suite=suites[0])


def two_faults(seen, _server):
    """A name is needed, and a suite that the client does not offer."""
    if seen.name is None or 0xcca8 not in seen.suites:
        return alert(40)
    return server_hello(seen, version=0x0303, suite=0xcca8)


def every(n, refusal=alert(40), first=1):
    """Answers each nth hello, whatever it says."""
    def decide(seen, server):
        return server_hello(seen) if server.n % n == first % n else refusal
    return decide


def all_but_every(n, refusal='reset'):
    """Refuses each nth hello, the first among them."""
    def decide(seen, server):
        return refusal if server.n % n == 1 else server_hello(seen)
    return decide


def at_random(share, seed):
    dice = random.Random(seed)

    def decide(seen, _server):
        return server_hello(seen) if dice.random() < share else alert(40)
    return decide


def limited(test, burst, seconds, refusal='reset'):
    """Answers hellos for which test() holds, but not after so many in so short a time."""
    times = collections.deque()

    def decide(seen, _server):
        now = time.monotonic()
        while times and now - times[0] > seconds:
            times.popleft()
        times.append(now)
        if len(times) > burst:
            return refusal
        return server_hello(seen, version=0x0303, suite=next((s for s in seen.suites if test(s)), None)) \
            if any(test(s) for s in seen.suites) else alert(40)
    return decide


def by_port(seen, server):
    """Behind a balancer that goes by the source port: one of two servers refuses."""
    return server_hello(seen) if server.ports[-1] // 2 % 2 else alert(40)


OLD = dict(versions=(), suites=(0xc013, 0x002f, 0x0035), groups=(P256,), sigs=(lab.RSA12, 0x0501))
GREASE = [(0x3a3a, b''), (EMS, b'')]

UNPROVED = ('unsteady', 'nothing-helps', 'not-reproduced', 'probable', 'not-reached', 'not-provable')

# name, decide, hello, outcome, cause, change (None: any), detail (None: any)
ROWS = [
    ('SNI missing, alert', needs(lambda h: h.name, alert(112)), lab.hello(),
     'proved', 'sni-missing', 'server-name-added', None),
    ('SNI missing, reset', needs(lambda h: h.name, 'reset'), lab.hello(**OLD),
     'proved', 'sni-missing', 'server-name-added', None),
    ('SNI unknown', needs(lambda h: h.name == NAME, alert(112)), lab.hello(name='other.example'),
     'proved', 'sni-unrecognized', None, None),
    ('SNI with a trailing dot', needs(lambda h: h.name == 'www.example', 'close'),
     lab.hello(name='WWW.example.'), 'proved', 'sni-unrecognized', 'server-name-plain', None),
    ('version 1.2 only', needs(lambda h: 0x0303 in h.versions, alert(70), version=0x0303),
     lab.hello(versions=(0x0304,)), 'proved', 'protocol-mismatch', 'tls1.2-added', None),
    ('version 1.0 only', needs(lambda h: 0x0301 in h.versions, alert(70), version=0x0301),
     lab.hello(), 'proved', 'protocol-mismatch', 'tls1.0-added', None),
    ('version 1.3 only', needs(lambda h: 0x0304 in h.versions, alert(70), version=0x0304),
     lab.hello(**OLD), 'proved', 'protocol-mismatch', 'tls1.3-added', None),
    ('version 1.2 only, client of 1.0', pick(0x0303, (0xc02f, 0xc030)),
     lab.hello(versions=(), legacy=0x0301, suites=(0x002f, 0x000a), groups=(), sigs=()),
     'proved', 'protocol-mismatch', 'tls1.2-added-whole', None),
    ('suite', pick(0x0303, (0xcca8,)), lab.hello(), 'proved', 'cipher-mismatch', 'suites-added',
     None),
    ('suite of CBC', pick(0x0303, (0x002f,), refusal='close'), lab.hello(),
     'proved', 'cipher-mismatch', 'suites-added', None),
    ('weak suite', pick(0x0303, (0x000a,)), lab.hello(), 'proved', 'cipher-mismatch',
     'suites-weak-added', None),
    ('suite, Java', pick(0x0303, (0xc0a3, 0xc09f)), recorded('java17'), 'proved',
     'cipher-mismatch', 'suites-added', None),
    ('suite of TLS 1.3', needs(lambda h: 0x1303 in h.suites, version=0x0304, suite=0x1303),
     lab.hello(), 'proved', 'cipher-mismatch', 'suites-added', None),
    ('group', by_group((P384,)), lab.hello(), 'proved', 'group-mismatch', 'groups-added', None),
    ('group, post-quantum only', needs(lambda h: PQ in h.groups, version=0x0304, group=PQ),
     lab.hello(), 'proved', 'group-mismatch', 'groups-pq-added', None),
    ('group, Go', by_group((P384 + 6,)), recorded('go119'), 'proved', 'group-mismatch', None, None),
    ('signature algorithm', needs(lambda h: 0x0601 in h.sigs, version=0x0303), lab.hello(),
     'proved', 'signature-mismatch', 'signatures-added', None),
    ('key type, TLS 1.2', by_kind_of_key,
     lab.hello(versions=(), suites=(0xc02f, 0xc030, 0x009c), sigs=(lab.PSS, lab.RSA12)),
     'proved', 'signature-mismatch', 'suites-any-key', 'no-certificate-for-key-type'),
    ('key type, TLS 1.3', needs(lambda h: 0x0403 in h.sigs, version=0x0304),
     lab.hello(sigs=(lab.PSS, lab.RSA12)), 'proved', 'signature-mismatch', 'signatures-any-key',
     'no-certificate-for-key-type'),
    ('ALPN', needs(lambda h: not h.alpn or 'http/1.1' in h.alpn, alert(120)),
     lab.hello(alpn=('h3',)), 'proved', 'alpn-mismatch', None, None),
    ('ALPN wanted', needs(lambda h: 'mqtt' in h.alpn, alert(120)), lab.hello(),
     'proved', 'alpn-mismatch', 'alpn-added', None),
    ('fallback', needs(lambda h: 0x5600 not in h.suites, alert(86)),
     lab.hello(versions=(), legacy=0x0302, suites=(0xc013, 0x002f, 0x5600)),
     'proved', 'fallback-refused', 'fallback-removed', None),
    ('renegotiation_info', needs(lambda h: 0xff in h.suites or lab.RENEG in h.exts),
     lab.hello(**OLD), 'proved', 'renegotiation-refused', 'renegotiation-info-added',
     'insecure-renegotiation'),
    ('extended_master_secret', needs(lambda h: EMS in h.exts), lab.hello(**OLD),
     'proved', 'weak-crypto-refused', None, 'no-extended-master-secret'),
    ('large hello, dropped', needs(lambda h: h.wire_len <= 1400, 'silent'), recorded('chrome'),
     'proved', 'hello-intolerance', None, 'large-hello-dropped'),
    ('large hello, reset', needs(lambda h: h.wire_len <= 1300, 'reset'),
     lab.hello(groups=(PQ, X25519), shares=(PQ, X25519), alpn=('h2',), name=NAME),
     'proved', 'hello-intolerance', None, 'large-hello-dropped'),
    ('post-quantum group itself', needs(lambda h: PQ not in h.groups, 'reset'),
     lab.hello(groups=(PQ, X25519), shares=(PQ, X25519), name=NAME),
     'proved', 'hello-intolerance', 'pq-removed', None),
    ('hello of 256 to 511 bytes', needs(lambda h: not 256 <= h.len <= 511, 'silent'),
     lab.hello(alpn=('h2', 'http/1.1'), name='a-rather-long-name-to-make-it-longer.example.com',
               groups=(X25519, P256), shares=(X25519, P256)),
     'proved', 'hello-intolerance', None, None),
    ('extension EMS', needs(lambda h: EMS not in h.exts, 'reset'), lab.hello(more=[(EMS, b'')]),
     'proved', 'hello-intolerance', 'extension-removed', None),
    ('extension SCT', needs(lambda h: 18 not in h.exts, 'close'),
     lab.hello(more=[(18, b''), (EMS, b'')]), 'proved', 'hello-intolerance', 'extension-removed',
     None),
    ('extension of Firefox', needs(lambda h: 28 not in h.exts, alert(50)), recorded('firefox'),
     'proved', 'hello-intolerance', 'extension-removed', None),
    ('unknown extension', needs(lambda h: 0x4469 not in h.exts, 'reset'),
     lab.hello(more=[(0x4469, b'\0\3\2h2')]), 'proved', 'hello-intolerance', 'extension-removed',
     None),
    ('version 1.3 not stood', needs(lambda h: 0x0304 not in h.versions, 'reset'), lab.hello(),
     'proved', 'hello-intolerance', 'tls1.3-removed', None),
    ('version 1.2 not stood', needs(lambda h: h.legacy <= 0x0302, 'close', version=0x0302),
     lab.hello(versions=(), suites=(0xc013, 0x002f)), 'proved', 'hello-intolerance',
     'at-most-tls1.1', None),
    ('record version', needs(lambda h: h.record_version == 0x0303, 'close'), lab.hello(),
     'proved', 'hello-intolerance', 'record-version-1.2', None),
    ('GREASE suites', needs(lambda h: not any(s & 0x0f0f == 0x0a0a for s in h.suites), 'reset'),
     lab.hello(suites=(0x2a2a, 0x1301, 0xc02f), more=GREASE),
     'proved', 'hello-intolerance', 'grease-suites-removed', None),
    ('GREASE anywhere', needs(lambda h: not h.has_grease(), 'close'), recorded('chrome'),
     'proved', 'hello-intolerance', 'grease-removed', None),
    ('compression', needs(lambda h: h.compression == b'\0', 'close'),
     lab.hello(versions=(), compression=b'\1\0'), 'proved', 'hello-intolerance',
     'compression-removed', None),
    ('many suites', needs(lambda h: len(h.suites) <= 12, 'reset'),
     lab.hello(versions=(), suites=(0xc02f, 0xc030) + tuple(range(0x30, 0x40))),
     'proved', 'hello-intolerance', 'suites-shortened', None),
    ('two faults at once', two_faults, lab.hello(suites=(0xc02f, 0x1301)),
     'probable', None, None, None),
    # Nothing may be proved
    ('refuses everything', needs(lambda h: False), lab.hello(), 'nothing-helps', None, None, None),
    ('answers now', needs(lambda h: True), lab.hello(), 'not-reproduced', None, None, None),
    ('answers every second', every(2, first=0), lab.hello(), UNPROVED, None, None, None),
    ('answers every third', every(3, first=0), lab.hello(), UNPROVED, None, None, None),
    ('refuses every third', all_but_every(3), lab.hello(), UNPROVED, None, None, None),
    ('refuses every fourth', all_but_every(4, 'close'), lab.hello(), UNPROVED, None, None, None),
    ('at random, seldom', at_random(0.1, 1), lab.hello(), UNPROVED, None, None, None),
    ('at random, by half', at_random(0.5, 2), lab.hello(), UNPROVED, None, None, None),
    ('at random, mostly', at_random(0.9, 3), lab.hello(), UNPROVED, None, None, None),
    ('by the source port', by_port, lab.hello(), UNPROVED, None, None, None),
    ('few in a second, else reset', limited(lambda s: s == 0x1303, 8, 1.0), lab.hello(),
     UNPROVED + ('proved',), ('cipher-mismatch', 'protocol-mismatch', None), None, None),
    ('few in ten seconds, else an alert', limited(lambda s: s == 0xcca8, 30, 10.0, alert(40)),
     lab.hello(), UNPROVED + ('proved',), ('cipher-mismatch', None), None, None),
    ('resets every time', needs(lambda h: False, 'reset'), recorded('curl'), 'nothing-helps', None,
     None, None),
]


def replay(path, port, *options):
    return harness.run('explain', '--json', '--trust', 'none', '--prove', '--to',
                       '%s:%d' % (NAME, port), *options, path, timeout=280)


def proof_of(run):
    for line in run.verdicts():
        if line.get('type') == 'replay':
            return line
    return None


def try_server(row, port, force=None):
    """The capture of what the server says, replayed."""
    name, _, body = row[:3]
    wire = lab.record(body)
    answer, end = lab.ask(port, wire) if force is None else force
    path = pathlib.Path(DIRECTORY.name) / (name.replace(' ', '-').replace(',', '') + '.pcap')
    lab.write_capture(path, port, wire, answer, end)
    return replay(path, port)


def schema_errors(line):
    """What docs/replay.schema.json says of a line; empty where the validator is not installed."""
    try:
        import jsonschema
    except ImportError:
        return []
    schema = json.loads((harness.SOURCE / 'docs' / 'replay.schema.json').read_text())
    return [e.message for e in jsonschema.Draft202012Validator(schema).iter_errors(line)]


def check(tap, row, run):
    name, _, _, outcome, cause, change, detail = row
    line = proof_of(run)
    if not tap.ok(line is not None and not run.crashed, name + ': a proof', run):
        return
    errors = schema_errors(line)
    tap.ok(not errors, name + ': the schema', '\n'.join(errors))
    proof, verdict = line['proof'], line['verdict'] or {}
    wanted = outcome if isinstance(outcome, tuple) else (outcome,)
    changed = (proof['changed'] or {}).get('change')
    short = json.dumps({'outcome': proof['outcome'], 'cause': verdict.get('cause'),
                        'detail': verdict.get('detail'), 'change': changed,
                        'sentence': proof['sentence'],
                        'helpful': [h['change'] for h in proof['helpful']]}, indent=1)
    good = proof['outcome'] in wanted
    causes = cause if isinstance(cause, tuple) else (cause,)
    is_proved = proof['outcome'] == 'proved'
    good = good and (cause is None or verdict.get('cause') in causes or not is_proved and None in causes)
    good = good and (change is None or changed == change)
    good = good and (detail is None or verdict.get('detail') == detail)
    is_certain = verdict.get('rule', '')[:7] == 'replay/' and verdict.get('confidence') == 'certain'
    good = good and is_certain == is_proved
    COUNTED[proof['outcome']] += 1
    COUNTED['wrongly certain'] += is_certain and not good
    words = ' or '.join(str(c) for c in causes) if cause else ''
    tap.ok(good, '%s: %s %s' % (name, ' or '.join(wanted), words), short)


def run_row(row):
    server = lab.Responder(row[1])
    force = (alert(40), 'fin') if row[3] == 'not-reproduced' or row[3][0] in UNPROVED else None
    try:
        return row, try_server(row, server.port, force)
    finally:
        server.stop()


# --- real servers ---

def certificate(kind):
    base = pathlib.Path(DIRECTORY.name)
    key, cert = base / (kind + '.key'), base / (kind + '.pem')
    how = ['rsa:2048'] if kind == 'rsa' else ['ec', '-pkeyopt', 'ec_paramgen_curve:P-256']
    subprocess.run(['openssl', 'req', '-x509', '-newkey', *how, '-nodes', '-keyout', key, '-out',
                    cert, '-days', '30', '-subj', '/CN=localhost'], check=True,
                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return ['-key', str(key), '-cert', str(cert)]


REAL = [
    # name, key, options of s_server, hello, cause
    ('openssl: suite', 'rsa', ['-tls1_2', '-cipher', 'ECDHE-RSA-CHACHA20-POLY1305'],
     lab.hello(versions=(), suites=(0xc02f, 0xc030)), 'cipher-mismatch'),
    ('openssl: version', 'rsa', ['-tls1_3'], lab.hello(versions=(), suites=(0xc02f, 0xc030)),
     'protocol-mismatch'),
    ('openssl: only TLS 1.2', 'rsa', ['-tls1_2'], lab.hello(versions=(0x0304,), suites=(0x1301,)),
     'protocol-mismatch'),
    ('openssl: group', 'rsa', ['-tls1_2', '-curves', 'P-521', '-cipher', 'ECDHE'],
     lab.hello(versions=(), suites=(0xc02f, 0xc030)), 'group-mismatch'),
    ('openssl: group in TLS 1.3', 'rsa', ['-tls1_3', '-groups', 'P-384'],
     lab.hello(), 'group-mismatch'),
    ('openssl: key type', 'ec', ['-tls1_2'],
     lab.hello(versions=(), suites=(0xc02f, 0xc030), sigs=(lab.PSS, lab.RSA12)),
     'signature-mismatch'),
    ('openssl: signature algorithm', 'rsa', ['-tls1_3', '-sigalgs', 'rsa_pss_rsae_sha512'],
     lab.hello(), 'signature-mismatch'),
    ('openssl: ALPN', 'rsa', ['-alpn', 'http/1.1'], lab.hello(alpn=('h2',)), 'alpn-mismatch'),
    ('openssl: name', 'rsa', ['-servername', 'localhost', '-servername_fatal', '-cert2', 'CERT',
                              '-key2', 'KEY'], lab.hello(name='other.example'), 'sni-unrecognized'),
    ('openssl: fallback', 'rsa', ['-cipher', 'DEFAULT@SECLEVEL=0', '-min_protocol', 'TLSv1'],
     lab.hello(versions=(), legacy=0x0302, suites=(0xc013, 0x002f, 0x5600)), 'fallback-refused'),
]


def start_openssl(keys, options):
    given = dict(zip(('KEY', 'CERT'), (keys[1], keys[3])))
    options = [given.get(o, o) for o in options]
    process = subprocess.Popen(['openssl', 's_server', '-accept', '127.0.0.1:0', *keys, *options],
                               stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                               stdin=subprocess.PIPE, text=True)
    for line in process.stdout:
        if line.startswith('ACCEPT'):
            return process, int(line.rsplit(':', 1)[1])
    return process, 0


def run_real(row, keys):
    name, kind, options, body, cause = row
    process, port = start_openssl(keys[kind], options)
    try:
        row = (name, None, body, 'proved', cause, None, None)
        threading.Thread(target=process.stdout.read, daemon=True).start()
        return row, try_server(row, port)
    finally:
        process.kill()
        process.wait()


class DroppingProxy:
    """A middlebox before a real server: what begins with a long segment is never passed on."""

    def __init__(self, behind, limit=1400):
        self.behind, self.limit = behind, limit
        self.socket = socket.create_server(('127.0.0.1', 0), backlog=64)
        self.port = self.socket.getsockname()[1]
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            try:
                peer, _ = self.socket.accept()
            except OSError:
                return
            threading.Thread(target=self.serve, args=(peer,), daemon=True).start()

    def serve(self, peer):
        with peer:
            try:
                first = peer.recv(65536)
                if len(first) > self.limit:
                    peer.recv(1)  # until the client gives up
                    return
                with socket.create_connection(('127.0.0.1', self.behind)) as server:
                    server.sendall(first)
                    threading.Thread(target=self.pass_on, args=(server, peer), daemon=True).start()
                    self.pass_on(peer, server)
            except OSError:
                pass

    @staticmethod
    def pass_on(one, other):
        try:
            while True:
                data = one.recv(65536)
                if not data:
                    break
                other.sendall(data)
            other.shutdown(socket.SHUT_WR)
        except OSError:
            pass

    def stop(self):
        self.socket.close()


def run_middlebox(keys):
    """A large hello dropped on the way to a real server: the size is the cause, not the group."""
    process, port = start_openssl(keys['rsa'], [])
    threading.Thread(target=process.stdout.read, daemon=True).start()
    proxy = DroppingProxy(port)
    try:
        row = ('middlebox that drops large hellos', None, recorded('chrome'), 'proved',
               'hello-intolerance', None, 'large-hello-dropped')
        return row, try_server(row, proxy.port)
    finally:
        proxy.stop()
        process.kill()
        process.wait()


def servers(tap):
    """All at once, the slowest first: most of the time goes by in waiting for the silent ones."""
    is_silent = lambda row: 'dropped' in row[0] or '511' in row[0]
    jobs = [functools.partial(run_row, row) for row in sorted(ROWS, key=is_silent, reverse=True)]
    if shutil.which('openssl') is None:
        tap.skip('openssl s_server', 'no openssl')
    else:
        keys = {kind: certificate(kind) for kind in ('rsa', 'ec')}
        jobs = [functools.partial(run_middlebox, keys), *jobs]
        jobs += [functools.partial(run_real, row, keys) for row in REAL]
    with concurrent.futures.ThreadPoolExecutor(AT_ONCE) as pool:
        for row, run in pool.map(lambda job: job(), jobs):
            check(tap, row, run)


def not_provable(tap):
    """After the ServerHello, and nothing to connect to."""
    body = lab.hello()
    seen = lab.Hello(lab.record(body))
    path = pathlib.Path(DIRECTORY.name) / 'later.pcap'
    asked = []
    server = lab.Responder(lambda h, s: asked.append(h) or server_hello(h))
    lab.write_capture(path, server.port, lab.record(body), server_hello(seen) + alert(40), 'fin')
    line = proof_of(replay(path, server.port))
    tap.ok(line and line['proof']['outcome'] == 'not-provable' and not asked,
           'after the ServerHello: not provable, nothing is sent', line)
    server.stop()
    with socket.socket() as free:
        free.bind(('127.0.0.1', 0))
        port = free.getsockname()[1]
    lab.write_capture(path, port, lab.record(body), alert(40), 'fin')
    line = proof_of(replay(path, port))
    tap.ok(line and line['proof']['outcome'] == 'not-reached', 'nobody listens', line)


def only_the_named(tap):
    """Nothing goes to a server that --to does not name."""
    asked = []
    server = lab.Responder(lambda h, s: asked.append(h) or alert(40))
    path = pathlib.Path(DIRECTORY.name) / 'elsewhere.pcap'
    lab.write_capture(path, server.port, lab.record(lab.hello()), alert(40), 'fin')
    run = harness.run('explain', '--json', '--trust', 'none', '--prove', path)
    tap.ok(run.code == 2 and not asked, '--prove without --to is misuse', run)
    run = harness.run('explain', '--json', '--trust', 'none', '--to', 'localhost', path)
    tap.ok(run.code == 2 and not asked, '--to without --prove is misuse', run)
    run = harness.run('explain', '--json', '--trust', 'none', '--prove', '--to', '192.0.2.1', path)
    tap.ok(not asked and proof_of(run) is None, 'another server than the capture\'s', run)
    run = harness.run('explain', '--trust', 'none', path)
    tap.ok(run.code == 1 and not asked, 'nothing is sent unasked', run)
    server.stop()


def text(tap):
    server = lab.Responder(needs(lambda h: h.name, alert(112)))
    path = pathlib.Path(DIRECTORY.name) / 'text.pcap'
    lab.write_capture(path, server.port, lab.record(lab.hello()), alert(112), 'fin')
    run = harness.run('explain', '--trust', 'none', '--prove', '--to', 'localhost', path)
    tap.ok('Replay to localhost' in run.text and 'a server name added' in run.text and
           'proves the cause' in ' '.join(run.text.split()), 'the proof as text', run)
    server.stop()


def by_probe(tap):
    """`probe --replay` sends to the operand, picks the connection, and says 0, 1 or 3."""
    server = lab.Responder(needs(lambda h: h.name, alert(112)))
    path = pathlib.Path(DIRECTORY.name) / 'probe.pcap'
    lab.write_capture(path, server.port, lab.record(lab.hello()), alert(112), 'fin')
    for which in ('', ':0', ':stream=0', ':frame=4'):
        run = harness.run('probe', '--json', '--trust', 'none', '--replay', '%s%s' % (path, which),
                          'localhost')
        line = proof_of(run)
        tap.ok(line and line['verdict']['cause'] == 'sni-missing' and run.code == 1,
               'probe --replay FILE%s' % which, run)
    for which in (':7', ':frame=999', ':x'):
        run = harness.run('probe', '--trust', 'none', '--replay', '%s%s' % (path, which), 'localhost')
        tap.ok(run.code == 2, 'probe --replay FILE%s is misuse' % which, run)
    n = server.n
    run = harness.run('probe', '--trust', 'none', '--replay', path)
    tap.ok(run.code == 2 and server.n == n, 'probe --replay without a server is misuse', run)
    server.stop()


def main():
    tap = harness.Tap()
    began = time.monotonic()
    only_the_named(tap)
    not_provable(tap)
    text(tap)
    by_probe(tap)
    servers(tap)
    print('# %s; %.1f s' % (', '.join('%s %d' % item for item in sorted(COUNTED.items())),
                            time.monotonic() - began))
    tap.equal(COUNTED['wrongly certain'], 0, 'no proof of a wrong cause')
    tap.done()


if __name__ == '__main__':
    main()
