#!/usr/bin/env python3
"""What goes wrong on a connection that is up: renegotiation (TLS 1.2) and certificates asked for after
the handshake (TLS 1.3), begun by either side, seen from inside OpenSSL, Python and Apache; and a reset
behind the handshake that the program leaves unread."""
import json
import pathlib
import socket
import subprocess
import sys
import tempfile
import time

import harness
import peers
import pki
import programs

TALK_S = 15
# Both sides in one program: a verdict for each.
LATER = r'''
import json, socket, ssl, sys, threading
d = json.loads(sys.argv[1])
s = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
s.load_cert_chain(d["chain"], d["key"])
s.post_handshake_auth = True
s.load_verify_locations(d["ca"])
s.verify_mode = ssl.CERT_REQUIRED if d["required"] else ssl.CERT_OPTIONAL
c = ssl.create_default_context(cafile=d["ca"])
c.post_handshake_auth = True
if d["cert"]: c.load_cert_chain(d["cert"], d["ckey"])
l = socket.create_server(("127.0.0.1", 0))
def serve():
    a, _ = l.accept()
    with a, s.wrap_socket(a, server_side=True) as t:
        t.recv(9); t.sendall(b"first")
        t.recv(9)
        t.verify_client_post_handshake(); t.sendall(b"asked")
        try:
            t.recv(9); t.sendall(b"third"); t.recv(9)
        except OSError as e:
            print("server:", type(e).__name__)
            t.settimeout(5)
            try: socket.socket.recv(a, 9)
            except OSError: pass
th = threading.Thread(target=serve)
th.start()
with socket.create_connection(l.getsockname()) as k, c.wrap_socket(k, server_hostname="good.test") as t:
    try:
        for word in b"abc":
            t.sendall(bytes([word])); print("client:", t.recv(9).decode())
    except OSError as e:
        print("client:", type(e).__name__)
th.join()
'''


class Lab:
    def __init__(self, folder, group):
        self.folder, self.group, self.made, self.n = folder, group, pki.make(folder / 'pki'), 0

    def place(self):
        self.n += 1
        place = self.folder / str(self.n)
        place.mkdir()
        return place, [harness.program(), 'run', '--json', '--output', str(place / 'verdicts.json'), '--']

    def pair(self):
        return ['-cert', self.made.chain('good'), '-cert_chain', self.made.chain('good'), '-key', self.made.key('good')]


def failures(place):
    path = place / 'verdicts.json'
    lines = path.read_text().splitlines() if path.exists() else []
    found = [v for v in map(json.loads, filter(None, lines)) if v.get('type') is None]
    return [v for v in found if v['outcome'] == 'failed']


def essence(verdicts):
    return [(v['inside']['side'], v['cause'], v['party'], v['rejected_by']) for v in verdicts]


def words(verdicts):
    return '\n'.join('%s %s %s %s: %s' % (v['inside']['side'], v['cause'], v['rejected_by'], v['confidence'], v['sentence'])
                     for v in verdicts)


# --- TLS 1.3: asked for a certificate after data ---

LATER_ROWS = (
    # certificate, required, the server's verdict
    (None, True, ('server', 'client-certificate-missing', 'client', 'server')),
    (None, False, None),
    ('client', True, None),
    ('client-expired', True, ('server', 'certificate-expired', 'client', 'server')),
    ('client-untrusted', True, ('server', 'certificate-untrusted-ca', 'client', 'server')),
    ('client-wrong-purpose', True, ('server', 'certificate-wrong-purpose', 'client', 'server')),
)


def check_later(tap, lab):
    for certificate, required, want in LATER_ROWS:
        place, prefix = lab.place()
        given = {'chain': lab.made.chain('good'), 'key': lab.made.key('good'), 'ca': lab.made.root, 'required': required,
                 'cert': certificate and lab.made.chain(certificate), 'ckey': certificate and lab.made.key(certificate)}
        done = programs.finish(prefix, [programs.PYTHON, '-c', LATER, json.dumps(given)], place, programs.environment(place))
        found = failures(place)
        name = 'asked later, %s, %s' % (certificate or 'no certificate', 'required' if required else 'optional')
        if want is None:
            tap.ok(not found and 'third' in done.text, name + ': nothing failed', done.text, words(found))
            continue
        tap.ok(want in essence(found), name + ': the server', want, done.text, words(found))
        # The client sees the alert where it comes through.
        told = [one for one in essence(found) if one[0] == 'client']
        tap.ok(all(one[1] == want[1] and one[3] == 'server' for one in told) and
               ('client: SSLError' not in done.text or told), name + ': the client', done.text, words(found))


# --- TLS 1.2: renegotiation begun by the client ---

def s_client(prefix, port, lab, place, keys):
    """openssl s_client that gets one answer, then the keys, a line each."""
    argv = prefix + [peers.find('openssl'), 's_client', '-connect', '127.0.0.1:%d' % port, '-tls1_2', '-servername', 'good.test',
                     '-CAfile', lab.made.root]
    process = subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, cwd=place,
                               env=programs.environment(place))
    for key in keys:
        time.sleep(0.5)
        try:
            process.stdin.write(key)
            process.stdin.flush()
        except BrokenPipeError:
            break
    time.sleep(0.5)
    try:
        out, _ = process.communicate(timeout=TALK_S)
    except subprocess.TimeoutExpired:
        process.kill()
        out, _ = process.communicate()
    return out.decode('utf-8', 'replace')


def s_server(prefix, lab, place, *more):
    port = peers.free_port()
    argv = prefix + [peers.find('openssl'), 's_server', '-accept', '127.0.0.1:%d' % port, '-rev', *lab.pair(), *more]
    return port, lab.group.start(argv, [port], env=programs.environment(place), log=place / 'server.log', cwd=place)


RENEGOTIATIONS = (
    # options of the server, which side is observed, its verdict: the refusal is a warning (RFC 5246
    # section 7.2.2), and the client, which asked, gives up
    ((), 'client', ('client', 'renegotiation-refused', None, 'client')),
    ((), 'server', ('server', 'renegotiation-refused', None, 'client')),
    (('-client_renegotiation',), 'client', None),
    (('-client_renegotiation',), 'server', None),
)


def check_renegotiated_only(tap, lab, options, observed):
    """Nothing comes behind the second handshake but the client's goodbye."""
    place, prefix = lab.place()
    port, process = s_server(prefix if observed == 'server' else [], lab, place, *options)
    text = s_client(prefix if observed == 'client' else [], port, lab, place, (b'hello\n', b'R\n', b'Q\n'))
    time.sleep(0.3)
    peers.stop(process)
    tap.ok('RENEGOTIATING' in text and not failures(place), 'renegotiated and left, seen by the %s: nothing failed' % observed,
           words(failures(place)), text[-1500:])


def check_renegotiation(tap, lab):
    for options, observed, want in RENEGOTIATIONS:
        place, prefix = lab.place()
        port, process = s_server(prefix if observed == 'server' else [], lab, place, *options)
        text = s_client(prefix if observed == 'client' else [], port, lab, place, (b'hello\n', b'R\n', b'again\n', b''))
        time.sleep(0.3)
        peers.stop(process)
        found = failures(place)
        if options:
            check_renegotiated_only(tap, lab, options, observed)
        name = 'renegotiation %s, seen by the %s' % ('allowed' if options else 'refused', observed)
        is_there = ('RENEGOTIATING' in text) and ('niaga' in text) == bool(options)
        tap.ok(is_there, name + ": it happens", text[-1500:])
        if want is None:
            tap.ok(not found, name + ': nothing failed', words(found))
        else:
            tap.ok(essence(found) == [want], name, want, words(found), text[-1500:])


# --- Apache: a folder that wants a certificate ---

FOLDER_ROWS = (
    # version, certificate, Apache's verdict
    ('1.2', None, ('server', 'client-certificate-missing', 'client', 'server')),
    ('1.2', 'client', None),
    ('1.2', 'client-expired', ('server', 'certificate-expired', 'client', 'server')),
    ('1.2', 'client-untrusted', ('server', 'certificate-untrusted-ca', 'client', 'server')),
    ('1.3', None, ('server', 'client-certificate-missing', 'client', 'server')),
    ('1.3', 'client', None),
    ('1.3', 'client-expired', ('server', 'certificate-expired', 'client', 'server')),
    ('1.3', 'client-untrusted', ('server', 'certificate-untrusted-ca', 'client', 'server')),
)


def fetch(port, lab, version, certificate):
    """The first line of the answer for a folder that wants a certificate, after one that does not."""
    least = getattr(peers.ssl.TLSVersion, 'TLSv1_' + version[2])
    context = peers.client_context(ca=lab.made.root, least=least, most=least,
                                   chain=certificate and lab.made.chain(certificate), key=certificate and lab.made.key(certificate))
    context.post_handshake_auth = True
    lines = []
    try:
        with socket.create_connection(('127.0.0.1', port), TALK_S) as raw, \
                context.wrap_socket(raw, server_hostname='good.test') as tls:
            for path in (b'/open', b'/closed/'):
                tls.sendall(b'GET %s HTTP/1.1\r\nHost: good.test\r\n\r\n' % path)
                lines.append(tls.recv(65536).split(b'\r\n')[0].decode())
    except OSError as problem:
        lines.append(type(problem).__name__)
    return lines


def check_folder(tap, lab):
    if not peers.find('apache2'):
        tap.skip('Apache: a folder that wants a certificate', 'apache2 is not installed')
        return
    for version, certificate, want in FOLDER_ROWS:
        place, prefix = lab.place()
        port = peers.free_port()
        lines = ['Listen 127.0.0.1:%d' % port, 'SSLEngine on', 'SSLCertificateFile ' + lab.made.chain('good'),
                 'SSLCertificateKeyFile ' + lab.made.key('good'), 'SSLProtocol all', 'SSLCACertificateFile ' + lab.made.root,
                 '<Location /closed>', 'SSLVerifyClient require', 'SSLVerifyDepth 5', '</Location>']
        outcome = programs.apache(prefix, place, lines, programs.environment(place), [port],
                                  lambda: fetch(port, lab, version, certificate))
        found = failures(place)
        name = 'Apache, TLS %s, %s for a folder' % (version, certificate or 'no certificate')
        if want is None:
            tap.ok(not found and len(outcome.peer) == 2 and 'HTTP/1.1' in outcome.peer[1], name + ': nothing failed', outcome.peer,
                   words(found), outcome.text[-1500:])
        else:
            tap.ok(essence(found) == [want], name, want, outcome.peer, words(found), outcome.text[-1500:])


# --- TLS 1.3: refused by a reset, which a client that is through does not read ---

RESETTING = r'''
const fs = require('fs'), net = require('net'), tls = require('tls');
const [port, cert, key, ca] = process.argv.slice(1);
const read = (path) => fs.readFileSync(path);
const secureContext = tls.createSecureContext({ cert: read(cert), key: read(key), ca: read(ca) });
net.createServer((raw) => {
  const over = new tls.TLSSocket(raw, { isServer: true, requestCert: true, rejectUnauthorized: false, secureContext });
  over.on('secure', () => setTimeout(() => raw.resetAndDestroy(), 50));
  over.on('error', () => {});
  raw.on('error', () => {});
}).listen(port, '127.0.0.1');
'''
LEAVING = r'''
import socket, ssl, sys, time
port, ca, cert, key = sys.argv[1:]
context = ssl.create_default_context(cafile=ca)
context.load_cert_chain(cert, key)
with context.wrap_socket(socket.create_connection(("127.0.0.1", int(port))), server_hostname="good.test") as tls:
    time.sleep(0.5)
    print(tls.version())
'''
RESET_ROWS = (
    ('client', None),
    ('client-untrusted', ('client', 'certificate-untrusted-ca', 'client', 'server')),
)


def check_reset(tap, lab):
    if not peers.find('node'):
        tap.skip('a reset behind the handshake', 'node is not installed')
        return
    port = peers.free_port()
    place, _ = lab.place()
    lab.group.start([peers.find('node'), '-e', RESETTING, str(port), lab.made.chain('good'), lab.made.key('good'), lab.made.root],
                    [port], env=programs.environment(place), log=place / 'server.log', cwd=place)
    for certificate, want in RESET_ROWS:
        place, prefix = lab.place()
        done = programs.finish(prefix, [programs.PYTHON, '-c', LEAVING, str(port), lab.made.root, lab.made.chain(certificate),
                                        lab.made.key(certificate)], place, programs.environment(place))
        found = failures(place)
        tap.ok('TLSv1.3' in done.text and essence(found) == ([want] if want else []),
               'reset behind the handshake, %s' % certificate, want, done.text, words(found))


CHECKS = (check_later, check_reset, check_renegotiation, check_folder)


def main():
    wanted = sys.argv[1:]
    tap = harness.Tap()
    with tempfile.TemporaryDirectory(prefix='handfast-again-') as scratch:
        folder = pathlib.Path(scratch)
        folder.chmod(0o755)
        with peers.Group(folder / 'peers') as group:
            lab = Lab(folder, group)
            for check in CHECKS:
                if not wanted or check.__name__.replace('check_', '') in wanted:
                    check(tap, lab)
    tap.done()


if __name__ == '__main__':
    main()
