#!/usr/bin/env python3
"""The survey of a server equals its configuration: real servers set up with known settings."""
import dataclasses
import hashlib
import json
import pathlib
import re
import shutil
import socket
import struct
import subprocess
import tempfile
import threading
import time

import jsonschema

import harness
import peers

VERSIONS = {'1.0': 'TLS 1.0', '1.1': 'TLS 1.1', '1.2': 'TLS 1.2', '1.3': 'TLS 1.3'}
ALL13 = ['TLS_AES_256_GCM_SHA384', 'TLS_CHACHA20_POLY1305_SHA256', 'TLS_AES_128_GCM_SHA256']
DEFAULT_GROUPS = ['x25519', 'secp256r1', 'x448', 'secp521r1', 'secp384r1', 'ffdhe2048', 'ffdhe3072', 'ffdhe4096',
                  'ffdhe6144', 'ffdhe8192']


def suite_names():
    text = (harness.SOURCE / 'src/tls/cipher_suites.def').read_text(encoding='utf-8')
    return {int(v, 16): name for v, name in re.findall(r'SUITE\((0x[0-9a-f]{4}), *"([^"]+)"', text)}


NAMES = suite_names()


def suites(spec, auths, version):
    """What OpenSSL has for a cipher string, a version and the kinds of certificate, in its order."""
    out = subprocess.run(['openssl', 'ciphers', '-V', spec], stdout=subprocess.PIPE, check=True, text=True).stdout
    found = []
    for line in out.splitlines():
        code, proto, exchange, auth = re.match(r'\s*(\S+)\s+-\s+\S+\s+(\S+)\s+Kx=(\S+)\s+Au=(\S+)', line).groups()
        high, low = (int(x, 16) for x in code.split(','))
        if proto == 'TLSv1.3' or auth not in auths or exchange not in ('ECDH', 'DH', 'RSA') or\
                 (proto == 'TLSv1.2' and version != '1.2'):
            continue
        found.append(NAMES[high << 8 | low])
    return found


@dataclasses.dataclass
class Row:
    name: str
    server: str = 's_server'
    args: tuple = ()
    certs: tuple = ('rsa',)
    versions: tuple = ('1.2', '1.3')
    spec: str = 'DEFAULT'  # the cipher string, of TLS 1.2 and before
    order: str = None      # of TLS 1.2: 'server', 'client' or not checked
    more: dict = dataclasses.field(default_factory=dict)  # path in the JSON: value
    probe: tuple = ()


def s(name, *args, **more):
    return Row(name, args=args, **more)


OLD = ('-cipher', 'DEFAULT@SECLEVEL=0')
EVERY = 'ALL:!aNULL:!PSK:!SRP@SECLEVEL=0'
ROWS = [
    s('defaults', order='client', more={'groups_tls13.accepted': DEFAULT_GROUPS, 'server_names.none.accepted': 'yes',
                                        'features.compression': 'no', 'features.secure_renegotiation': 'yes',
                                        'features.extended_master_secret': 'yes', 'features.fallback_scsv': 'yes',
                                        'client_certificate.asked': 'no', 'sessions.tickets_tls13': 'yes',
                                        'sessions.tickets_tls12': 'yes', 'sessions.early_data': 'no'}),
    s('server preference', '-serverpref', order='server'),
    s('TLS 1.3 only', '-tls1_3', versions=('1.3',)),
    s('TLS 1.2 only', '-tls1_2', versions=('1.2',)),
    s('TLS 1.0 only', '-tls1', *OLD, versions=('1.0',), spec='DEFAULT@SECLEVEL=0'),
    s('TLS 1.1 only', '-tls1_1', *OLD, versions=('1.1',), spec='DEFAULT@SECLEVEL=0'),
    s('TLS 1.0 to 1.2', '-min_protocol', 'TLSv1', '-no_tls1_3', *OLD, versions=('1.0', '1.1', '1.2'),
      spec='DEFAULT@SECLEVEL=0'),
    s('all versions', '-min_protocol', 'TLSv1', *OLD, versions=('1.0', '1.1', '1.2', '1.3'), spec='DEFAULT@SECLEVEL=0'),
    s('every suite', '-min_protocol', 'TLSv1', '-cipher', EVERY, '-serverpref', versions=('1.0', '1.1', '1.2', '1.3'),
      spec=EVERY, order='server'),
    s('every suite, two certificates', '-min_protocol', 'TLSv1', '-cipher', EVERY, '-serverpref', certs=('rsa', 'ec'),
      versions=('1.0', '1.1', '1.2', '1.3'), spec=EVERY, order='server'),
    s('NULL suites', '-cipher', 'eNULL:!aNULL@SECLEVEL=0', '-tls1_2', versions=('1.2',), spec='eNULL:!aNULL@SECLEVEL=0'),
    s('anonymous suites', '-cipher', 'aNULL@SECLEVEL=0', '-tls1_2', '-nocert', certs=(), versions=('1.2',),
      spec='aNULL@SECLEVEL=0'),
    s('one suite', '-cipher', 'ECDHE-RSA-AES128-GCM-SHA256', '-tls1_2', versions=('1.2',),
      spec='ECDHE-RSA-AES128-GCM-SHA256'),
    s('static RSA', '-cipher', 'kRSA:!eNULL', '-tls1_2', versions=('1.2',), spec='kRSA:!eNULL'),
    s('DHE only', '-cipher', 'DHE', '-tls1_2', versions=('1.2',), spec='DHE'),
    s('CBC only', '-cipher', 'AES128-SHA:ECDHE-RSA-AES256-SHA', '-tls1_2', versions=('1.2',),
      spec='AES128-SHA:ECDHE-RSA-AES256-SHA', more={'features.encrypt_then_mac': 'yes'}),
    s('ChaCha only', '-cipher', 'CHACHA20', '-tls1_2', versions=('1.2',), spec='CHACHA20'),
    s('CCM only', '-cipher', 'AESCCM', '-tls1_2', versions=('1.2',), spec='AESCCM'),
    s('Camellia and ARIA', '-cipher', 'CAMELLIA:ARIA', '-tls1_2', '-serverpref', versions=('1.2',),
      spec='CAMELLIA:ARIA', order='server'),
    s('an order of its own', '-cipher', 'AES128-GCM-SHA256:ECDHE-RSA-AES256-GCM-SHA384:AES256-SHA:ECDHE-RSA-AES128-SHA',
      '-tls1_2', '-serverpref', versions=('1.2',),
      spec='AES128-GCM-SHA256:ECDHE-RSA-AES256-GCM-SHA384:AES256-SHA:ECDHE-RSA-AES128-SHA', order='server'),
    s('weakest first', '-cipher', '@STRENGTH:kRSA+AES128:kECDHE+AES128:kRSA+AES256:kECDHE+AES256', '-tls1_2',
      '-serverpref', versions=('1.2',), spec='@STRENGTH:kRSA+AES128:kECDHE+AES128:kRSA+AES256:kECDHE+AES256',
      order='server'),
    s('one TLS 1.3 suite', '-ciphersuites', 'TLS_AES_128_CCM_SHA256', '-tls1_3', versions=('1.3',),
      more={'versions.0.cipher_suites.accepted': ['TLS_AES_128_CCM_SHA256']}),
    s('five TLS 1.3 suites', '-ciphersuites', 'TLS_AES_128_CCM_8_SHA256:TLS_AES_128_CCM_SHA256:TLS_AES_128_GCM_SHA256:'
      'TLS_CHACHA20_POLY1305_SHA256:TLS_AES_256_GCM_SHA384', '-tls1_3', '-serverpref', versions=('1.3',),
      more={'versions.0.cipher_suites.accepted': ['TLS_AES_128_CCM_8_SHA256', 'TLS_AES_128_CCM_SHA256',
                                                  'TLS_AES_128_GCM_SHA256', 'TLS_CHACHA20_POLY1305_SHA256',
                                                  'TLS_AES_256_GCM_SHA384']}),
    s('an ECDSA certificate', certs=('ec',), more={'certificates.0.key': 'EC P-256'}),
    s('an Ed25519 certificate', certs=('ed',),
      more={'signature_algorithms_tls13.accepted': ['ed25519']}),
    s('two certificates', certs=('rsa', 'ec')),
    s('P-384 only', '-groups', 'P-384', more={'groups_tls13.accepted': ['secp384r1'],
                                              'groups_tls12.accepted': ['secp384r1']}),
    s('X448 only', '-groups', 'X448', '-tls1_3', versions=('1.3',), more={'groups_tls13.accepted': ['x448']}),
    s('ffdhe3072 only', '-groups', 'ffdhe3072', '-tls1_3', versions=('1.3',),
      more={'groups_tls13.accepted': ['ffdhe3072']}),
    s('three groups', '-groups', 'P-521:X25519:P-256', '-tls1_3', '-serverpref', versions=('1.3',),
      more={'groups_tls13.accepted': ['secp521r1', 'x25519', 'secp256r1']}),
    s('brainpool', '-groups', 'brainpoolP256r1:P-256', '-tls1_2', versions=('1.2',),
      more={'groups_tls12.accepted': {'secp256r1', 'brainpoolP256r1'}}),
    s('one signature algorithm', '-sigalgs', 'RSA+SHA512', '-tls1_2', versions=('1.2',),
      more={'signature_algorithms_tls12.accepted': ['rsa_pkcs1_sha512']}),
    s('PSS with SHA-384', '-sigalgs', 'rsa_pss_rsae_sha384', '-tls1_3', versions=('1.3',),
      more={'signature_algorithms_tls13.accepted': ['rsa_pss_rsae_sha384']}),
    s('ALPN', '-alpn', 'h2,http/1.1', more={'alpn.accepted': ['h2', 'http/1.1']}),
    s('ALPN of mail', '-alpn', 'imap,xmpp-client', '-tls1_3', versions=('1.3',),
      more={'alpn.accepted': ['imap', 'xmpp-client']}),
    s('a client certificate asked for', '-verify', '1', more={'client_certificate.asked': 'yes',
                                                              'client_certificate.required': 'no'}),
    s('a client certificate required', '-Verify', '1', more={'client_certificate.asked': 'yes',
                                                             'client_certificate.required': 'yes'}),
    s('a client certificate required in TLS 1.2', '-Verify', '1', '-tls1_2', versions=('1.2',),
      more={'client_certificate.asked': 'yes', 'client_certificate.required': 'yes'}),
    s('a client certificate given', '-Verify', '1', probe=('--cert', 'rsa.pem', '--key', 'rsa.key'),
      more={'client_certificate.own_accepted': 'yes'}),
    s('no tickets', '-no_ticket', more={'sessions.tickets_tls12': 'no'}),
    s('no session ids', '-no_cache', more={'sessions.ids_tls12': 'no'}),
    s('0-RTT', '-early_data', '-tls1_3', versions=('1.3',), more={'sessions.early_data': ('yes', 'uncertain')}),
    s('no encrypt-then-MAC', '-no_etm', '-cipher', 'AES128-SHA', '-tls1_2', versions=('1.2',), spec='AES128-SHA',
      more={'features.encrypt_then_mac': 'no'}),
    s('names', '-servername', 'a.test', '-servername_fatal', '-cert2', 'rsa.pem', '-key2', 'rsa.key',
      more={'server_names.wrong.accepted': 'no', 'server_names.wrong.alert': 'unrecognized_name',
            'server_names.right.accepted': 'yes'}),
    Row('GnuTLS defaults', 'gnutls', versions=('1.0', '1.1', '1.2', '1.3'), spec=None, more={'features.compression': 'no'}),
    Row('GnuTLS with TLS 1.2 only', 'gnutls', args=('--priority', 'NORMAL:-VERS-ALL:+VERS-TLS1.2'), versions=('1.2',),
        spec=None),
    Row('GnuTLS with every version', 'gnutls', args=('--priority', 'LEGACY:+VERS-TLS1.0:+VERS-TLS1.1'),
        versions=('1.0', '1.1', '1.2', '1.3'), spec=None),
]


def make_certificates(folder):
    for name, kind in (('rsa', ['rsa:2048']), ('ec', ['ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1']),
                       ('ed', ['ed25519'])):
        subprocess.run(['openssl', 'req', '-x509', '-newkey', *kind, '-nodes', '-subj', '/CN=a.test', '-days', '30',
                        '-addext', 'subjectAltName=DNS:a.test', '-keyout', name + '.key', '-out', name + '.pem'],
                       cwd=folder, check=True, stderr=subprocess.DEVNULL)


def command(row, port):
    if row.server == 'gnutls':
        return [shutil.which('gnutls-serv'), '--port', str(port), '--x509certfile', 'rsa.pem', '--x509keyfile',
                'rsa.key', '--disable-client-cert', '--http', *row.args]
    words = ['openssl', 's_server', '-accept', '127.0.0.1:%d' % port, '-quiet']
    for i, cert in enumerate(row.certs):
        words += ['-%scert' % ('d' if i else ''), cert + '.pem', '-%skey' % ('d' if i else ''), cert + '.key']
    return words + list(row.args)


AUTHS = {'rsa': ['RSA'], 'ec': ['ECDSA'], 'ed': ['ECDSA']}


def at(found, path):
    for word in path.split('.'):
        found = found[int(word)] if isinstance(found, list) else found[word]
    return found


SCHEMA = jsonschema.Draft202012Validator(
    json.loads((harness.SOURCE / 'docs/probe.schema.json').read_text(encoding='utf-8')))


def faults_of_form(found):
    return ['schema: %s' % e.message[:200] for e in SCHEMA.iter_errors(found)]


def judge(row, found):
    wrong = faults_of_form(found)
    by_version = {v['version']: v for v in found['versions']}
    for version, name in VERSIONS.items():
        want = 'yes' if version in row.versions else 'no'
        if by_version[name]['accepted'] != want:
            wrong.append('%s: %s, wanted %s' % (name, by_version[name]['accepted'], want))
    auths = [a for c in row.certs for a in AUTHS[c]] or ['None']
    for version in set(row.versions) - {'1.3'}:
        if row.spec is None:
            break
        got = by_version[VERSIONS[version]]['cipher_suites']
        want = suites(row.spec, auths, version)
        if set(got['accepted']) != set(want):
            wrong.append('suites of %s: missing %s, too many %s' % (version, sorted(set(want) - set(got['accepted'])),
                                                                    sorted(set(got['accepted']) - set(want))))
        elif row.order == 'server' and got['accepted'] != want:
            wrong.append('order of %s: %s, wanted %s' % (version, got['accepted'], want))
        if row.order and len(want) > 1 and got['order'] != row.order:
            wrong.append('order of %s: %s' % (version, got['order']))
    for path, want in row.more.items():
        got = at(found, path)
        if isinstance(want, tuple): # what the load of the machine decides
            want = got if got in want else want
        if (set(got) if isinstance(want, set) else got) != want:
            wrong.append('%s: %r, wanted %r' % (path, at(found, path), want))
    return wrong


def check_row(row, folder):
    if command(row, 0)[0] is None:
        return None
    port = peers.free_port()
    with subprocess.Popen(command(row, port), cwd=folder, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL,
                          stderr=subprocess.DEVNULL) as server:
        try:
            peers.wait_listening([port], server)
            done = harness.run('probe', '--json', '--trust', 'rsa.pem', '--sni', 'a.test', '--fail-on', 'none',
                               *row.probe, '127.0.0.1:%d' % port, cwd=folder)
        finally:
            server.kill()
    if done.crashed or done.code != 0:
        return [str(done)]
    found = done.verdicts()[0]
    return judge(row, found) + ([] if found['connections'] <= 260 else ['%d connections' % found['connections']])


# --- servers of nothing but a few bytes ---

class Responder:
    """A listener on loopback that answers every connection with a function, until closed."""

    def __init__(self, answer):
        self.answer = answer
        self.socket = socket.socket()
        self.socket.bind(('127.0.0.1', 0))
        self.socket.listen(64)
        self.port = self.socket.getsockname()[1]
        self.stopped = False
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while not self.stopped:
            try:
                peer, _ = self.socket.accept()
            except OSError:
                return
            threading.Thread(target=self.serve, args=(peer,), daemon=True).start()

    def serve(self, peer):
        with peer:
            try:
                peer.settimeout(20)
                self.answer(peer)
            except OSError:
                pass

    def close(self):
        self.stopped = True
        self.socket.close()


ALERT = b'\x15\x03\x01\x00\x02\x02\x28'


def ssl2(peer):
    """SERVER-HELLO of SSL 2.0 with two kinds; everything else is refused."""
    hello = peer.recv(4096)
    if hello[:1] == b'\x16':
        peer.sendall(ALERT)
        return
    body = b'\x04\x00\x01\x00\x02' + struct.pack('>HHH', 4, 6, 16) + b'cert' + b'\x01\x00\x80\x07\x00\xc0' + b'c' * 16
    peer.sendall(struct.pack('>H', 0x8000 | len(body)) + body)


def ssl3(peer):
    """ServerHello of SSL 3.0 for RC4 and 3DES, RC4 liked best."""
    hello = peer.recv(4096)
    if hello[:1] != b'\x16' or hello[9:11] != b'\x03\x00':
        peer.sendall(ALERT)
        return
    at_suites = 9 + 2 + 32 + 1 + hello[43]
    n = struct.unpack('>H', hello[at_suites:at_suites + 2])[0]
    offered = [hello[at_suites + 2 + i:at_suites + 4 + i] for i in range(0, n, 2)]
    for suite in (b'\x00\x05', b'\x00\x0a'):
        if suite in offered:
            body = b'\x03\x00' + b'r' * 32 + b'\x00' + suite + b'\x00'
            message = b'\x02' + struct.pack('>I', len(body))[1:] + body
            peer.sendall(b'\x16\x03\x00' + struct.pack('>H', len(message)) + message)
            return
    peer.sendall(ALERT)


def hello_groups(hello):
    """supported_groups of a ClientHello in one record."""
    at_suites = 44 + hello[43]
    at_extensions = at_suites + 2 + struct.unpack('>H', hello[at_suites:at_suites + 2])[0]
    left = hello[at_extensions + 1 + hello[at_extensions] + 2:]
    while len(left) >= 4:
        kind, size = struct.unpack('>HH', left[:4])
        if kind == 10:
            return [struct.unpack('>H', left[i:i + 2])[0] for i in range(6, 4 + size, 2)]
        left = left[4 + size:]
    return []


POST_QUANTUM = (0x11ec, 0x11ed, 0x001d)  # X25519MLKEM768, SecP384r1MLKEM1024, x25519


def post_quantum(peer):
    """HelloRetryRequest (RFC 8446 section 4.1.4) for the first that is on offer, in this order."""
    hello = peer.recv(65536)
    is_whole = hello[:1] == b'\x16' and len(hello) == 9 + int.from_bytes(hello[6:9], 'big')  # not one in pieces
    groups = hello_groups(hello) if is_whole and b'\x03\x04' in hello else []
    chosen = [g for g in POST_QUANTUM if g in groups]
    if not chosen:
        peer.sendall(ALERT)
        return
    extensions = b'\x00\x2b\x00\x02\x03\x04' + b'\x00\x33\x00\x02' + struct.pack('>H', chosen[0])
    body = b'\x03\x03' + hashlib.sha256(b'HelloRetryRequest').digest() + hello[43:44 + hello[43]] + \
        b'\x13\x01\x00' + struct.pack('>H', len(extensions)) + extensions
    message = b'\x02' + struct.pack('>I', len(body))[1:] + body
    peer.sendall(b'\x16\x03\x03' + struct.pack('>H', len(message)) + message)


def endless(peer):
    peer.recv(4096)
    while True:
        peer.sendall(b'\x16\x03\x03\x40\x00' + b'\x02' + b'x' * 16383)


def trickle(peer):
    for byte in b'\x16\x03\x03\x00\x50\x02\x00\x00\x4c' * 30:
        peer.sendall(bytes([byte]))
        threading.Event().wait(1)


def giant_record(peer):
    peer.recv(4096)
    peer.sendall(b'\x16\x03\x03\xff\xff' + b'\x02\xff\xff\xff' + b'x' * 65000)


def broken_hello(peer):
    peer.recv(4096)
    peer.sendall(b'\x16\x03\x03\x00\x08\x02\x00\x00\x04\x03\x03\x00\xff')


def resetting(peer):
    peer.recv(4096)
    peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack('ii', 1, 0))


def closing(_peer):
    pass


def silent(peer):
    while peer.recv(4096):
        pass


def http(peer):
    peer.recv(4096)
    peer.sendall(b'HTTP/1.1 400 Bad Request\r\n\r\n')


HOSTILE = (endless, trickle, giant_record, broken_hello, resetting, closing, silent, http)


def ask(answer, *args):
    server = Responder(answer)
    try:
        return harness.run('probe', '--json', '--timeout', '2', *args, '127.0.0.1:%d' % server.port, timeout=100)
    finally:
        server.close()


def check_old(tap):
    done = ask(ssl2)
    found = done.verdicts()[0]
    versions = {v['version']: v for v in found['versions']}
    tap.ok(versions['SSL 2.0']['accepted'] == 'yes' and 'ssl2-accepted' in str(found['findings']), 'SSL 2.0', done)
    done = ask(ssl3)
    versions = {v['version']: v for v in done.verdicts()[0]['versions']}
    tap.equal(versions['SSL 3.0']['cipher_suites']['accepted'],
              ['TLS_RSA_WITH_RC4_128_SHA', 'TLS_RSA_WITH_3DES_EDE_CBC_SHA'], 'SSL 3.0')


def check_post_quantum(tap):
    done = ask(post_quantum)
    tap.equal(done.verdicts()[0]['groups_tls13']['accepted'], ['X25519MLKEM768', 'SecP384r1MLKEM1024', 'x25519'],
              'post-quantum groups, by HelloRetryRequest')


def check_unreached(tap):
    done = harness.run('probe', '127.0.0.1:%d' % peers.free_port())
    tap.ok(done.code == 3 and 'refused' in done.text, 'a closed port: exit status 3, and why', done)
    done = harness.run('probe', 'no.such.name.invalid')
    tap.ok(done.code == 3 and 'no.such.name.invalid' in done.text + done.errors, 'no such name: exit status 3', done)


def check_polite(tap, folder):
    row = s('polite', '-min_protocol', 'TLSv1', *OLD)
    port = peers.free_port()
    with subprocess.Popen(command(row, port), cwd=folder, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL,
                          stderr=subprocess.DEVNULL) as server:
        try:
            peers.wait_listening([port], server)
            done = harness.run('probe', '--json', '--polite', '--sni', 'a.test', '--fail-on', 'none',
                               '127.0.0.1:%d' % port, cwd=folder)
        finally:
            server.kill()
    found = done.verdicts()[0]
    tap.ok(found['connections'] <= 60, '--polite: at most 60 connections', found['connections'])
    versions = {v['version']: v for v in found['versions']}
    tap.ok(all(versions[v]['accepted'] == 'yes' for v in VERSIONS.values()) and found['groups_tls13']['accepted'] and
           len(versions['TLS 1.2']['cipher_suites']['accepted']) >= 6 and
           versions['TLS 1.2']['cipher_suites']['not_asked'] > 0 and
           found['server_names']['none']['accepted'] == 'yes', '--polite: what matters is asked, the rest said', found)


def check_hostile(tap):
    results = harness.in_parallel(ask, [(answer,) for answer in HOSTILE])
    for answer, done in zip(HOSTILE, results):
        tap.ok(not done.crashed and done.code in (1, 3) and done.verdicts() and
               not faults_of_form(done.verdicts()[0]), 'a hostile server ends: %s' % answer.__name__,
               done)


def check_name_refused(tap):
    """A server that refuses every hello for its name has told nothing of versions and lists."""
    done = ask(lambda peer: peer.recv(4096) and peer.sendall(b'\x15\x03\x03\x00\x02\x02\x70'))
    found = done.verdicts()[0]
    tap.equal(found['usual_client']['cause'], 'sni-missing', 'a name is missing')
    ids = [f['id'] for f in found['findings']]
    accepted = {v['accepted'] for v in found['versions'] if v['version'] != 'SSL 2.0'}
    tap.ok(accepted == {'not-asked'} and 'no-modern-version' not in ids, 'and no version is said to be refused', done)
    tap.ok('probe --sni NAME' in str(found['findings']), 'what to ask with is said', found['findings'])


def check_max_time(tap, folder):
    """The time of all is over long before that of one answer."""
    server = Responder(silent)
    journal = folder / 'journal-of-late'
    began = time.monotonic()
    done = harness.run('probe', '--json', '--timeout', '60', '--max-time', '1', '--resume', journal,
                       '127.0.0.1:%d' % server.port, timeout=100)
    took = time.monotonic() - began
    server.close()
    tap.ok(took < 30 and not done.crashed, '--max-time ends it', took, done)
    tap.equal([v['complete'] for v in done.verdicts()], [False], 'and what is known is shown, as incomplete')
    tap.equal(journal.read_text(), '', 'it is to be asked again')


def check_targets(tap, folder):
    """Many targets: results as they come, and what was done is not done again."""
    server = Responder(lambda peer: peer.sendall(ALERT))
    names = ['127.0.0.%d:%d' % (i % 8 + 1, server.port) for i in range(8)] + ['no.such.name.invalid']
    (folder / 'targets').write_text('# a comment\n' + '\n'.join(names) + '\n', encoding='utf-8')
    refused = peers.free_port()
    done = harness.run('probe', '--json', '--targets', 'targets', '--resume', 'journal', '127.0.0.1:%d' % refused,
                       cwd=folder)
    tap.equal(len(done.verdicts()), 10, 'a result for each target')
    tap.equal([f for v in done.verdicts() for f in faults_of_form(v)], [], 'results are what the schema says')
    again = harness.run('probe', '--json', '--targets', 'targets', '--resume', 'journal', cwd=folder)
    tap.equal((again.out, again.code), (b'', 0), 'nothing is done twice')
    tap.ok('nothing is left to do' in again.errors, 'and that is said', again)
    results, journal = folder / 'results', folder / 'journal'
    for port in (1, 2):
        names = folder / ('names-%d' % port)
        names.write_text('127.0.0.1:%d\n' % port)
        harness.run('probe', '--json', '--targets', names, '--resume', journal, '-o', results)
    tap.equal(len(results.read_text().splitlines()), 2, 'what is resumed adds to the results')
    names.write_text('# none\n')
    tap.equal(harness.run('probe', '--targets', names).code, 2, 'no target at all')
    server.close()


def main():
    tap = harness.Tap()
    folder = pathlib.Path(tempfile.mkdtemp(prefix='probe.'))
    try:
        make_certificates(folder)
        results = harness.in_parallel(check_row, [(row, folder) for row in ROWS])
        for row, wrong in zip(ROWS, results):
            if wrong is None:
                tap.skip(row.name, 'no such server here')
            else:
                tap.ok(not wrong, '%s: the survey equals the configuration' % row.name, *wrong)
        check_old(tap)
        check_post_quantum(tap)
        check_unreached(tap)
        check_polite(tap, folder)
        check_hostile(tap)
        check_name_refused(tap)
        check_max_time(tap, folder)
        check_targets(tap, folder)
    finally:
        shutil.rmtree(folder)
    tap.done()


if __name__ == '__main__':
    main()
