#!/usr/bin/env python3
"""`probe --as`, `--policy` and `--baseline` against openssl s_server with known settings."""
import base64
import concurrent.futures
import http.server
import json
import pathlib
import shutil
import socket
import subprocess
import tempfile
import threading

import harness

DIRECTORY = pathlib.Path(tempfile.mkdtemp(prefix='handfast-clients-'))

# options of s_server, then for each client: None where it succeeds, else the cause
ROWS = [
    ('default', 'rsa', [], {'java8': None, 'java17': None, 'android7': None, 'curl': None,
                            'chrome': None, 'firefox': None, 'ie11': None, 'ios9': None,
                            'ie8-xp': 'protocol-mismatch', 'java7': 'protocol-mismatch',
                            'openssl0.9.8': 'protocol-mismatch'}),
    ('TLS 1.3 only', 'rsa', ['-tls1_3'], {'java17': None, 'java11': None, 'chrome': None,
                                          'java8': 'protocol-mismatch',
                                          'openssl1.0.2': 'protocol-mismatch'}),
    ('ECDHE with ChaCha20 only', 'rsa',
     ['-tls1_2', '-cipher', 'ECDHE-RSA-CHACHA20-POLY1305'],
     {'java17': None, 'android7': None, 'curl': None, 'java8': 'cipher-mismatch',
      'ie11-win10': 'cipher-mismatch', 'openssl1.0.2': 'cipher-mismatch'}),
    ('x25519 only', 'rsa', ['-tls1_2', '-cipher', 'ECDHE-RSA-AES128-GCM-SHA256', '-curves', 'X25519'],
     {'android7': 'group-mismatch', 'java8': 'group-mismatch', 'java17': None, 'edge15': None}),
    ('an ECDSA key', 'ec', ['-tls1_2'], {'android7': None, 'java8': None,
                                         'openssl0.9.8': 'protocol-mismatch'}),
    ('a small RSA key', 'small', ['-cipher', 'DEFAULT@SECLEVEL=0'],
     {'curl': 'weak-crypto-refused', 'java8': None, 'android7': None}),
    ('a small DH group', 'rsa', ['-tls1_2', '-cipher', 'DHE-RSA-AES128-GCM-SHA256@SECLEVEL=0',
                                 '-dhparam', 'DH'],
     {'curl': 'weak-crypto-refused', 'openssl1.0.2': None, 'chrome': 'cipher-mismatch'}),
    ('obsolete', 'rsa', ['-tls1', '-cipher', 'DEFAULT@SECLEVEL=0'],
     {'java8': None, 'android4.4': None, 'ie8-xp': 'cipher-mismatch',
      'java17': 'protocol-mismatch', 'go1.19': 'protocol-mismatch'}),
]


def certificate(kind):
    key, cert = DIRECTORY / (kind + '.key'), DIRECTORY / (kind + '.pem')
    how = {'rsa': ['rsa:2048'], 'small': ['rsa:1024'],
           'ec': ['ec', '-pkeyopt', 'ec_paramgen_curve:P-256']}[kind]
    subprocess.run(['openssl', 'req', '-x509', '-newkey', *how, '-nodes', '-keyout', key, '-out',
                    cert, '-days', '30', '-subj', '/CN=localhost', '-addext',
                    'subjectAltName=DNS:localhost'], check=True, stdout=subprocess.DEVNULL,
                   stderr=subprocess.DEVNULL)
    return ['-key', str(key), '-cert', str(cert)]


def der(tag, body):
    size = bytes([len(body)]) if len(body) < 128 else b'\x81' + bytes([len(body)]) \
        if len(body) < 256 else b'\x82' + len(body).to_bytes(2, 'big')
    return bytes([tag]) + size + body


def small_group():
    """RFC 2409 section 6.2: 1024 bits, as a DHParameter of PKCS#3."""
    prime = ('FFFFFFFFFFFFFFFFC90FDAA22168C234C4C6628B80DC1CD129024E088A67CC74020BBEA63B139B22514A0879'
             '8E3404DDEF9519B3CD3A431B302B0A6DF25F14374FE1356D6D51C245E485B576625E7EC6F44C42E9A637ED6B'
             '0BFF5CB6F406B7EDEE386BFB5A899FA5AE9F24117C4B1FE649286651ECE65381FFFFFFFFFFFFFFFF')
    body = der(0x30, der(2, b'\0' + bytes.fromhex(prime)) + der(2, b'\2'))
    path = DIRECTORY / 'dh.pem'
    path.write_text('-----BEGIN DH PARAMETERS-----\n' + base64.encodebytes(body).decode() +
                    '-----END DH PARAMETERS-----\n')
    return str(path)


class Server:
    def __init__(self, options):
        self.process = subprocess.Popen(['openssl', 's_server', '-accept', '127.0.0.1:0', *options],
                                        stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                                        stdin=subprocess.PIPE, text=True, errors='replace')
        self.port = 0
        for line in self.process.stdout:
            if line.startswith('ACCEPT'):
                self.port = int(line.rsplit(':', 1)[1])
                break
        self.drain = concurrent.futures.ThreadPoolExecutor(1)
        self.drain.submit(self.process.stdout.read)

    def stop(self):
        self.process.kill()
        self.process.wait()


def clients(tap, keys, group):
    for name, kind, options, wanted in ROWS:
        options = [group if o == 'DH' else o for o in options]
        server = Server(keys[kind] + options)
        run = harness.run('probe', '--json', '--trust', 'none', '--connect', '127.0.0.1', '--as',
                          ','.join(wanted), 'localhost:%d' % server.port)
        server.stop()
        line = json.loads(run.text.splitlines()[0]) if run.text else {}
        got = {c['id']: c['cause'] for c in line.get('clients', [])}
        tap.ok(got == wanted, name, 'got  %r' % got, 'want %r' % wanted,
               json.dumps(line.get('clients'), indent=1)[:3000], run.errors)
        lacks = [c['id'] for c in line.get('clients', [])
                 if not c['succeeds'] and not (c['client_change'] or c['server_change'])]
        tap.ok(not lacks, name + ': a change for each that fails', lacks)


def names(tap, keys):
    """The name that was sent is the one that the certificate is judged by."""
    server = Server(keys['rsa'])
    at = '127.0.0.1:%d' % server.port
    for name, wanted in (('localhost', None), ('other.example', 'certificate-hostname-mismatch')):
        run = harness.run('probe', '--json', '--trust', 'none', '--fail-on', 'none', '--sni', name, '--as', 'curl', at)
        got = json.loads(run.text)['clients'][0]['cause']
        tap.equal(got, wanted, '--as with --sni %s' % name)
    server.stop()


def many(tap, keys):
    """--as with --targets: each server is asked by each client."""
    old, new = Server(keys['rsa'] + ['-tls1_2']), Server(keys['rsa'] + ['-tls1_3'])
    targets = DIRECTORY / 'targets'
    targets.write_text('127.0.0.1:%d\n127.0.0.1:%d\n127.0.0.1:1\n' % (old.port, new.port))
    run = harness.run('probe', '--json', '--trust', 'none', '--sni', 'localhost', '--fail-on', 'none', '--targets',
                      targets, '--as', 'java8,java17')
    got = {line['target'].rsplit(':', 1)[1]: [c['cause'] for c in line.get('clients', [])]
           for line in map(json.loads, run.text.splitlines())}
    old.stop()
    new.stop()
    tap.equal(got, {str(old.port): [None, None], str(new.port): ['protocol-mismatch', None], '1': []},
              '--as with --targets')


def policies(tap, keys):
    server = Server(keys['rsa'] + ['-tls1_2'])
    name = 'localhost:%d' % server.port
    common = ['probe', '--trust', 'none', '--connect', '127.0.0.1', '--fail-on', 'none']
    run = harness.run(*common, '--json', '--policy', 'modern', name)
    rules = {v['rule'] for v in json.loads(run.text)['policy']['violations']}
    tap.ok(run.code == 1 and {'versions', 'required-versions', 'cipher-suites'} <= rules,
           'modern is broken', run)
    baseline = DIRECTORY / 'baseline.json'
    baseline.write_text(run.text)
    run = harness.run(*common, '--policy', 'modern', '--baseline', baseline, name)
    tap.ok(run.code == 0, 'nothing is new', run)
    run = harness.run(*common, '--policy', 'intermediate', name)
    tap.ok(run.code == 1 and 'required-versions' in run.text, 'TLS 1.3 is missing', run)
    own = DIRECTORY / 'own.policy'
    own.write_text('versions: TLS 1.2 # and nothing else\ncertificate-keys: RSA 2048\n')
    run = harness.run(*common, '--policy', own, name)
    tap.ok(run.code == 0 and 'kept' in run.text, 'a policy of one\'s own is kept', run)
    own.write_text('versions: TLS 1.2\ncertificate-keys: RSA 3072\n')
    run = harness.run(*common, '--policy', own, name)
    tap.ok(run.code == 1 and 'certificate-keys' in run.text, 'and broken', run)
    own.write_text('versions: TLS 1.2\ndh-bits: 3072\n')
    run = harness.run(*common, '--policy', own, '--baseline', baseline, name)
    tap.ok(run.code == 1 and '1 of 1 new' in run.text, 'new since the baseline', run)
    chain = harness.run(*common[:1], '--connect', '127.0.0.1', '--trust', keys['rsa'][3], '--json',
                        name)
    baseline.write_text(chain.text)
    known = json.loads(chain.text)['findings']
    run = harness.run(*common[:1], '--connect', '127.0.0.1', '--trust', 'system', '--baseline', baseline, name)
    tap.ok(run.code == 1 and 'new: certificate-fault' in run.text and
           not [f for f in known if f['id'] == 'certificate-fault'], 'a certificate that was fine, and is not', run)
    baseline.write_text(json.dumps({**json.loads(chain.text), 'findings': [
        {'id': 'certificate-fault', 'cause': 'certificate-expired'}]}))
    run = harness.run(*common[:1], '--connect', '127.0.0.1', '--trust', 'system', '--baseline', baseline, name)
    tap.ok(run.code == 1 and 'new: certificate-fault' in run.text, 'another fault of the certificate is new', run)
    own.write_text('velocity: high\n')
    run = harness.run(*common, '--policy', own, name)
    tap.ok(run.code == 2 and 'line 1' in run.errors, 'a rule that is none', run)
    run = harness.run(*common, '--as', 'netscape4', name)
    tap.ok(run.code == 2 and 'netscape4' in run.errors, 'a client that is none', run)
    server.stop()


def usual_client(port, *options):
    run = harness.run('probe', '--json', '--trust', 'none', '--connect', '127.0.0.1', *options,
                      'localhost:%d' % port)
    return json.loads(run.text)


def verdicts(tap, keys):
    """What the survey found decides what an alert alone leaves open."""
    server = Server(keys['rsa'] + ['-tls1_2', '-cipher', 'ECDHE-RSA-AES128-SHA256'])
    found = usual_client(server.port)
    server.stop()
    tap.ok(found['usual_client']['cause'] == 'cipher-mismatch', 'the usual client has no suite', found['usual_client'])
    ids = {f['id'] for f in found['findings']}
    tap.ok('handshake-fails' in ids and 'hello-intolerance' not in ids,
           'and what is refused for that is no intolerance', ids)
    server = http.server.HTTPServer(('127.0.0.1', 0), http.server.BaseHTTPRequestHandler)
    server.RequestHandlerClass.log_message = lambda *_: None
    threading.Thread(target=server.serve_forever, daemon=True).start()
    found = usual_client(server.server_address[1])
    server.shutdown()
    tap.ok(found['usual_client']['cause'] == 'plaintext-server', 'a port without TLS', found['usual_client'])
    with socket.create_server(('127.0.0.1', 0)) as silent:
        found = usual_client(silent.getsockname()[1], '--timeout', '3')
    tap.ok(found['usual_client']['cause'] == 'handshake-timeout', 'a port that says nothing', found['usual_client'])


def main():
    tap = harness.Tap()
    if shutil.which('openssl') is None:
        tap.skip('recorded clients', 'no openssl')
        tap.done()
    keys = {kind: certificate(kind) for kind in ('rsa', 'small', 'ec')}
    clients(tap, keys, small_group())
    names(tap, keys)
    many(tap, keys)
    policies(tap, keys)
    verdicts(tap, keys)
    shutil.rmtree(DIRECTORY, ignore_errors=True)
    tap.done()


if __name__ == '__main__':
    main()
