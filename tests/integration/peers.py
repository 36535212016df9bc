"""Peers on loopback for tests: servers and clients with given settings, good or broken.

    with peers.Group(folder) as group:
        port = group.tls(chain=..., key=...)        # Python's ssl, a thread in this process
        port = group.raw(peers.garbage)             # whatever a function does with the socket
        port = group.nginx([{'chain': ..., ...}])   # real servers: a process each
    # everything is stopped here

A server is listening when its method returns. That is read from /proc/net/tcp: a connection made to
find out would be one more that an observer sees.
"""
import contextlib
import os
import pathlib
import random
import shutil
import signal
import socket
import ssl
import struct
import subprocess
import threading
import time

LOOPBACK = '127.0.0.1'
START_S = 20
TALK_S = 8
POSTGRES_REQUEST = struct.pack('!II', 8, 80877103)
HTTP_ANSWER = (b'HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 3\r\n'
               b'Connection: close\r\n\r\nok\n')


def find(*names):
    """The first of these programs that is installed, or None."""
    path = os.environ.get('PATH', '') + ':/usr/sbin:/sbin:/usr/local/sbin'
    for name in names:
        found = name if name.startswith('/') and os.access(name, os.X_OK) else shutil.which(name, path=path)
        if found:
            return found
    return None


def free_port():
    """A port below those that the kernel gives to clients, so that nobody gets it meanwhile."""
    for _ in range(200):
        port = random.SystemRandom().randint(12000, 32000)
        with socket.socket() as probe:
            try:
                probe.bind((LOOPBACK, port))
                return port
            except OSError:
                continue
    raise OSError('no free port')


def is_listening(port):
    wanted = ':%04X' % port
    for table in ('/proc/net/tcp', '/proc/net/tcp6'):
        with contextlib.suppress(OSError), open(table, encoding='ascii') as file:
            for line in file:
                fields = line.split()
                if fields[3] == '0A' and fields[1].endswith(wanted):
                    return True
    return False


def wait_listening(ports, process=None, seconds=START_S):
    """True once every port has a listener; False where the process ended or time is over."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if all(is_listening(port) for port in ports):
            return True
        if process is not None and process.poll() is not None:
            return False
        time.sleep(0.01)
    return False


def stop(process, how=signal.SIGTERM, seconds=10):
    """Ends a process that leads a group of its own, and what it left behind; its exit status."""
    if process.poll() is None:
        with contextlib.suppress(ProcessLookupError):
            os.kill(process.pid, how)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(seconds)
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    return process.returncode


# --- servers that are no TLS servers: what they do with an accepted socket ---

def silent(connection):
    """Reads and never answers."""
    connection.settimeout(30)
    while connection.recv(4096):
        pass


def plaintext(connection):
    """Answers a ClientHello in HTTP."""
    connection.recv(4096)
    connection.sendall(b'HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-Length: 0\r\n\r\n')
    drain(connection)


def banner(connection):
    """A mail server: speaks first, in clear."""
    connection.sendall(b'220 mail.test ESMTP ready\r\n')
    drain(connection)


def closing(connection):
    """Reads the ClientHello, then FIN without a word."""
    connection.recv(65536)


def resetting(connection):
    connection.recv(65536)
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack('ii', 1, 0))


def record(kind, body, version=0x0303):
    return struct.pack('!BHH', kind, version, len(body)) + body


def handshake(kind, body):
    return struct.pack('!B', kind) + struct.pack('!I', len(body))[1:] + body


def garbage(connection):
    """A ServerHello whose session id is longer than the format allows."""
    connection.recv(65536)
    connection.sendall(record(22, handshake(2, b'\x03\x03' + b'R' * 32 + b'\xff' + b'S' * 60)))
    drain(connection)


def out_of_order(connection):
    """A Finished where a ServerHello is due."""
    connection.recv(65536)
    connection.sendall(record(22, handshake(20, b'F' * 12)))
    drain(connection)


def alerting(description):
    def answer(connection):
        connection.recv(65536)
        connection.sendall(record(21, bytes((2, description))))
    return answer


def no_renegotiation_info(connection):
    """TLS 1.2 without RFC 5746, which OpenSSL 3 clients do not take."""
    connection.recv(65536)
    hello = b'\x03\x03' + b'R' * 32 + b'\x00' + b'\xc0\x2f' + b'\x00'
    connection.sendall(record(22, handshake(2, hello)))
    drain(connection)


def altering(port):
    """Passes on to a good server, and changes one byte of the last record of its first answer."""
    def relay(connection):
        with socket.create_connection((LOOPBACK, port), TALK_S) as behind:
            behind.sendall(connection.recv(65536))
            answer = b''
            behind.settimeout(0.3)  # the whole flight
            with contextlib.suppress(TimeoutError):
                while True:
                    answer += behind.recv(65536)
            connection.sendall(answer[:-5] + bytes((answer[-5] ^ 1,)) + answer[-4:])
            drain(connection)
    return relay


def drain(connection):
    connection.settimeout(TALK_S)
    with contextlib.suppress(OSError):
        connection.shutdown(socket.SHUT_WR)
        while connection.recv(4096):
            pass


def postgres_prelude(connection):
    """libpq asks before it speaks TLS; everybody else speaks TLS at once."""
    head = connection.recv(8, socket.MSG_PEEK)
    while 0 < len(head) < 8 and head == POSTGRES_REQUEST[:len(head)]:
        time.sleep(0.005)
        head = connection.recv(8, socket.MSG_PEEK)
    if head == POSTGRES_REQUEST:
        connection.recv(8)
        connection.sendall(b'S')
        return True
    return False


def postgres_answer(tls):
    """Reads the start-up message; answers in libpq's words that there is no such database."""
    tls.recv(4096)
    fields = b'SFATAL\0VFATAL\0C3D000\0Mdatabase "lab" does not exist\0\0'
    tls.sendall(b'E' + struct.pack('!I', len(fields) + 4) + fields)


def http_answer(tls):
    """Reads a request, answers 200; over a TLS or a plain socket."""
    request = b''
    while b'\r\n\r\n' not in request:
        more = tls.recv(4096)
        if not more:
            return
        request += more
    tls.sendall(HTTP_ANSWER)


def server_context(chain, key, least=None, most=None, ciphers=None, group=None, client_ca=None,
                   dh=None, refuse_names=False):
    """refuse_names: unrecognized_name for whatever name is sent, and for none."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.set_ciphers(ciphers or 'DEFAULT:@SECLEVEL=0')  # a weak key is the client's to refuse
    context.load_cert_chain(chain, key)
    context.minimum_version = least or ssl.TLSVersion.TLSv1_2
    if most:
        context.maximum_version = most
    if group:
        context.set_ecdh_curve(group)
    if dh:
        context.load_dh_params(dh)
    if client_ca:
        context.load_verify_locations(client_ca)
        context.verify_mode = ssl.CERT_REQUIRED
    if refuse_names:
        context.sni_callback = lambda *_: ssl.ALERT_DESCRIPTION_UNRECOGNIZED_NAME
    return context


class Group:
    """What one test starts. Leaving it stops everything."""

    def __init__(self, folder):
        self.folder = pathlib.Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        self.processes = []
        self.listeners = []
        self.is_over = False

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.is_over = True
        for listener in self.listeners:
            with contextlib.suppress(OSError):
                listener.shutdown(socket.SHUT_RDWR)
            listener.close()
        for process in self.processes:
            stop(process, signal.SIGKILL)

    # --- in this process ---

    def raw(self, serve, port=0, host=LOOPBACK):
        """Listens and gives each accepted socket to serve(); returns the port."""
        listener = socket.socket(socket.AF_INET6 if ':' in host else socket.AF_INET)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        listener.listen(128)
        self.listeners.append(listener)
        threading.Thread(target=self._accept, args=(listener, serve), daemon=True).start()
        return listener.getsockname()[1]

    def _accept(self, listener, serve):
        while not self.is_over:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(connection, serve), daemon=True).start()

    @staticmethod
    def _serve(connection, serve):
        with connection, contextlib.suppress(OSError, ValueError):
            connection.settimeout(TALK_S)
            serve(connection)

    def tls(self, **settings):
        """A TLS server (see server_context) that answers HTTP, and libpq in its own protocol."""
        context = server_context(**settings)

        def serve(connection):
            is_postgres = postgres_prelude(connection)
            with context.wrap_socket(connection, server_side=True, do_handshake_on_connect=False) as tls:
                try:
                    tls.do_handshake()
                except ssl.SSLError:  # the alert is out: a reset must not overtake it
                    drain(tls)
                    return
                (postgres_answer if is_postgres else http_answer)(tls)
                with contextlib.suppress(OSError):
                    tls.unwrap()
        return self.raw(serve)

    # --- processes ---

    def start(self, argv, ports=(), env=None, log=None, cwd=None):
        """A process that leads a group of its own; raises OSError where it does not listen."""
        out = open(log or os.devnull, 'ab')
        with out:
            process = subprocess.Popen([str(a) for a in argv], stdin=subprocess.DEVNULL, stdout=out,
                                       stderr=out, cwd=cwd, env=env, start_new_session=True)
        self.processes.append(process)
        if ports and not wait_listening(ports, process):
            words = pathlib.Path(log).read_text(errors='replace')[-2000:] if log else ''
            raise OSError('%s does not listen: %s' % (argv[0], words))
        return process

    def nginx(self, servers):
        """One nginx with a listener for each of `servers`: lists of directives. Returns the ports."""
        ports = [free_port() for _ in servers]
        folder = self.folder / ('nginx-%d' % ports[0])
        folder.mkdir()
        config = nginx_config(folder, ''.join(
            'server { listen %s:%d ssl; %s location / { return 200 "ok\\n"; } }\n'
            % (LOOPBACK, port, ' '.join(lines)) for port, lines in zip(ports, servers)))
        self.start([find('nginx'), '-e', folder / 'error.log', '-c', config], ports,
                   log=folder / 'out.log')
        return ports

    def openssl_server(self, *options):
        port = free_port()
        self.start([find('openssl'), 's_server', '-quiet', '-www', '-accept', '%s:%d' % (LOOPBACK, port),
                    *options], [port], log=self.folder / ('s_server-%d.log' % port))
        return port

    def gnutls_server(self, *options):
        port = free_port()
        self.start([find('gnutls-serv'), '--quiet', '--http', '--port', port, *options], [port],
                   log=self.folder / ('gnutls-%d.log' % port))
        return port


def nginx_config(folder, http='', stream='', main=''):
    """Writes a configuration that keeps to its folder; returns its path."""
    temporary = ' '.join('%s_temp_path %s/%s;' % (k, folder, k)
                         for k in ('client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'))
    text = '%s daemon off; %s worker_processes 1; pid %s/nginx.pid; error_log %s/error.log info;\n' \
        'events { worker_connections 256; }\n' % (main, 'user root;' if os.geteuid() == 0 else '', folder, folder)
    if http:
        text += 'http { access_log off; %s\n%s }\n' % (temporary, http)
    if stream:
        text += 'stream { %s }\n' % stream
    path = folder / 'nginx.conf'
    path.write_text(text)
    return path


# --- clients that a server under test meets ---

def client_context(ca=None, chain=None, key=None, least=None, most=None, ciphers=None, group=None,
                   alpn=None, check_name=True):
    """ca None: verifies nothing."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = bool(ca) and check_name
    context.verify_mode = ssl.CERT_REQUIRED if ca else ssl.CERT_NONE
    context.set_ciphers(ciphers or 'DEFAULT')
    context.minimum_version = least or ssl.TLSVersion.TLSv1_2
    if most:
        context.maximum_version = most
    if ca:
        context.load_verify_locations(ca)
    if chain:
        context.load_cert_chain(chain, key)
    if group:
        context.set_ecdh_curve(group)
    if alpn:
        context.set_alpn_protocols(alpn)
    return context


def converse(port, context, name):
    """One handshake and one HTTP request. What came of it, as a word or an exception's text."""
    try:
        with socket.create_connection((LOOPBACK, port), TALK_S) as connection:
            with context.wrap_socket(connection, server_hostname=name, do_handshake_on_connect=False) as tls:
                try:
                    tls.do_handshake()
                except ssl.SSLError:
                    drain(tls)
                    raise
                tls.sendall(b'GET / HTTP/1.1\r\nHost: %s\r\nConnection: close\r\n\r\n'
                            % (name or 'localhost').encode())
                answer = b''
                while True:
                    more = tls.recv(4096)
                    if not more:
                        break
                    answer += more
                return 'answer: %s' % answer[:15].decode('ascii', 'replace').strip()
    except OSError as problem:
        return '%s: %s' % (type(problem).__name__, problem)


def say(port, words, linger=None):
    """Sends bytes that may be anything; the first of the answer. linger 0: ends with a reset."""
    try:
        with socket.create_connection((LOOPBACK, port), TALK_S) as connection:
            connection.settimeout(TALK_S)
            connection.sendall(words)
            if linger is not None:
                time.sleep(0.1)
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack('ii', 1, linger))
                return 'reset'
            connection.shutdown(socket.SHUT_WR)
            answer = b''
            while len(answer) < 65536:
                more = connection.recv(4096)
                if not more:
                    break
                answer += more
            return 'answer: %r' % answer[:15]
    except OSError as problem:
        return type(problem).__name__
