"""The backends and the clients of the guide's scenarios (test_gateway_guide.py): each is made by a
function that is given the lab, and a row of the table.

A backend has a port. A client says what it saw: its status, 0 for none, and words.
"""
import dataclasses
import re
import socket
import ssl
import subprocess

import peers
import pki

# --- backends ---

class Backend:
    """A port that can be given another server."""

    def __init__(self, lab_, serve, host='127.0.0.1'):
        self.serve = serve
        self.port = lab_.group.raw(lambda connection: self.serve(connection), host=host)


def speaking(**settings):
    """A TLS server of HTTP."""
    names = settings.pop('names', None)
    context = peers.server_context(**settings)
    if names is not None:
        context.sni_callback = lambda _, name, __: None if name in names else ssl.ALERT_DESCRIPTION_UNRECOGNIZED_NAME

    def serve(connection):
        with context.wrap_socket(connection, server_side=True, do_handshake_on_connect=False) as tls:
            try:
                tls.do_handshake()
            except ssl.SSLError:  # the alert is out: a reset must not overtake it
                peers.drain(tls)
                return
            try:
                peers.http_answer(tls)
            except ssl.SSLError:
                peers.drain(tls)
    return serve


def python(name, host='127.0.0.1', **settings):
    return lambda lab_: Backend(lab_, speaking(chain=lab_.made.chain(name), key=lab_.made.key(name), **settings), host)


def raw(serve):
    return lambda lab_: Backend(lab_, serve)


@dataclasses.dataclass
class Fixed:
    """A server that is a process."""
    port: int


def openssl(name, *options):
    return lambda lab_: Fixed(lab_.group.openssl_server('-cert', lab_.made.chain(name), '-cert_chain', lab_.made.chain(name),
                                                        '-key', lab_.made.key(name), *options))


def nginx(name, *lines):
    return lambda lab_: Fixed(lab_.group.nginx([['ssl_certificate %s;' % lab_.made.chain(name),
                                                 'ssl_certificate_key %s;' % lab_.made.key(name),
                                                 'ssl_verify_depth 5;', *[w.replace('ROOT', lab_.made.root) for w in lines]]])[0])


def gnutls(name, *options):
    return lambda lab_: Fixed(lab_.group.gnutls_server('--x509certfile', lab_.made.chain(name), '--x509keyfile', lab_.made.key(name),
                                                       *options))


def java(leaf, ca=None, by='socket', **wish):
    return lambda lab_: Fixed(lab_.java.serve(chain=lab_.made.chain(leaf), key=lab_.made.key(leaf), ca=ca and getattr(lab_.made, ca),
                                              by=by, **wish))


def node(name):
    """Demands a client certificate of the lab's root; a bad one it leaves behind the handshake, without an alert."""
    script = 'const fs = require("fs"), [p, c, k, a] = process.argv.slice(1), r = fs.readFileSync; require("https").createServer(' \
        '{ cert: r(c), key: r(k), ca: r(a), requestCert: true }, (q, s) => s.end("ok\\n")).listen(p, "127.0.0.1");'

    def make(lab_):
        port = peers.free_port()
        lab_.group.start([peers.find('node'), '-e', script, port, lab_.made.chain(name), lab_.made.key(name), lab_.made.root], [port])
        return Fixed(port)
    return make


def plain_http(connection):
    """A server of HTTP in clear, which takes a ClientHello for a bad request, as real ones do."""
    first = connection.recv(65536)
    if not first.startswith(b'GET '):
        connection.sendall(b'HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\nConnection: close\r\n\r\n')
        return
    connection.sendall(peers.HTTP_ANSWER)


# --- clients ---

def curl(*options, scheme='https', ca='root', certificate=None, host=pki.HOST):
    """curl to the row's virtual host."""
    def call(lab_, row):
        argv = [peers.find('curl'), '-sS', '-i', '--max-time', '10', '--resolve', '%s:%d:127.0.0.1' % (host, row.port), '--cacert',
                getattr(lab_.made, ca), *options]
        if certificate:
            argv += ['--cert', lab_.made.chain(certificate), '--key', lab_.made.key(certificate)]
        done = subprocess.run(argv + ['%s://%s:%d/north' % (scheme, host, row.port)], capture_output=True, timeout=30, check=False)
        status = re.match(rb'HTTP/\S+ (\d+)', done.stdout)
        return int(status.group(1)) if status else 0, (done.stdout + done.stderr).decode('utf-8', 'replace')
    return call


def s_client(*options, name=pki.HOST):
    """openssl s_client, one request."""
    def call(lab_, row):
        argv = [peers.find('openssl'), 's_client', '-quiet', '-no_ign_eof', '-connect', '127.0.0.1:%d' % row.port, '-CAfile', lab_.made.root,
                '-verify_return_error', *(('-servername', name) if name else ('-noservername',)), *options]
        host = name or row.alias
        done = subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        try:
            done.stdin.write(b'GET /north HTTP/1.1\r\nHost: %s:%d\r\nConnection: close\r\n\r\n' % (host.encode(), row.port))
            done.stdin.flush()
            said = done.stdout.read()
        except BrokenPipeError:
            said = done.stdout.read()
        done.wait(10)
        status = re.search(rb'HTTP/1\.\d (\d+)', said)
        return int(status.group(1)) if status else 0, said.decode('utf-8', 'replace')
    return call


def python_client(ca='root', certificate=None, name=pki.HOST, **settings):
    def call(lab_, row):
        chain, key = (lab_.made.chain(certificate), lab_.made.key(certificate)) if certificate else (None, None)
        context = peers.client_context(ca=getattr(lab_.made, ca), chain=chain, key=key, **settings)
        try:
            with socket.create_connection(('127.0.0.1', row.port), 10) as raw_, \
                    context.wrap_socket(raw_, server_hostname=name, do_handshake_on_connect=False) as tls:
                try:
                    tls.do_handshake()
                except ssl.SSLError:
                    peers.drain(tls)
                    raise
                tls.sendall(b'GET /north HTTP/1.1\r\nHost: %s:%d\r\nConnection: close\r\n\r\n' % (name.encode(), row.port))
                said = b''
                while True:
                    more = tls.recv(65536)
                    if not more:
                        break
                    said += more
        except OSError as problem:
            return 0, '%s: %s' % (type(problem).__name__, problem)
        return int(said.split()[1]) if said.startswith(b'HTTP/') else 0, said.decode('utf-8', 'replace')
    return call


def java_client(by='url', ca='root', certificate=None, scheme='https', **wish):
    def call(lab_, row):
        chain, key = (lab_.made.chain(certificate), lab_.made.key(certificate)) if certificate else (None, None)
        return lab_.java.call('%s://%s:%d/north' % (scheme, pki.HOST, row.port), by=by, ca=getattr(lab_.made, ca), chain=chain, key=key,
                              **wish)
    return call


def gnutls_client(*options, ca='root', certificate=None):
    def call(lab_, row):
        argv = [peers.find('gnutls-cli'), '--x509cafile', getattr(lab_.made, ca), '--port', str(row.port), '--sni-hostname', pki.HOST,
                '--verify-hostname', pki.HOST, *options]
        if certificate:
            argv += ['--x509certfile', lab_.made.chain(certificate), '--x509keyfile', lab_.made.key(certificate)]
        asked = 'GET /north HTTP/1.1\r\nHost: %s:%d\r\nConnection: close\r\n\r\n' % (pki.HOST, row.port)
        done = subprocess.run(argv + ['127.0.0.1'], input=asked.encode(), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=30,
                              check=False)
        status = re.search(rb'HTTP/1\.\d (\d+)', done.stdout)
        return int(status.group(1)) if status else 0, done.stdout.decode('utf-8', 'replace')
    return call
