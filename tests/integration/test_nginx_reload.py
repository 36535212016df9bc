#!/usr/bin/env python3
"""Reloads of nginx under load: with `handfast_drain` no client of a kept-alive connection loses a
request. The same without it, where nginx can be seen to lose some, is reported and not judged.
"""
import http.client
import os
import pathlib
import socket
import subprocess
import tempfile
import threading
import time

import harness
import nginx_module as lab
import peers
import pki

tap = harness.Tap()
N_RELOADS = int(os.environ.get('HANDFAST_RELOADS', '40'))
N_CLIENTS = 8


class Client(threading.Thread):
    """Asks on one connection until told to stop; opens another only where the answer says so, or
    where it was closed while nothing was asked."""

    def __init__(self, port, pause_s, tls=None):
        super().__init__(daemon=True)
        self.port, self.pause_s, self.tls = port, pause_s, tls
        self.n_answers, self.failures, self.n_connections = 0, [], 0
        self.is_over = False
        self.connection = None

    def _connect(self):
        self.n_connections += 1
        self.connection = http.client.HTTPConnection(lab.LOOPBACK, self.port, timeout=10)
        self.connection.connect()
        if self.tls is not None:
            self.connection.sock = self.tls.wrap_socket(self.connection.sock, server_hostname=pki.HOST)

    def _is_closed(self):
        """As a careful client looks before it asks again."""
        sock = self.connection.sock
        sock.setblocking(False)
        try:
            return sock.recv(1) == b'' if self.tls is None else sock.read(1) == b''
        except (BlockingIOError, OSError):
            return False
        finally:
            sock.settimeout(10)

    def _ask(self):
        self.connection.request('GET', '/')
        answer = self.connection.getresponse()
        answer.read()
        self.n_answers += 1
        if answer.status != 200:
            self.failures.append('status %d' % answer.status)
        if answer.getheader('Connection') == 'close':
            self.connection.close()
            self.connection = None

    def run(self):
        while not self.is_over:
            try:
                if self.connection is not None and self.pause_s and self._is_closed():
                    self.connection = None
                if self.connection is None:
                    self._connect()
                self._ask()
            except (OSError, http.client.HTTPException) as problem:
                self.failures.append('%s: %s' % (type(problem).__name__, problem))
                self.connection = None
            time.sleep(self.pause_s)


def reload_under_load(site, port, clients, n):
    for client in clients:
        client.start()
    time.sleep(0.2)
    for i in range(n):
        before = site.pids()
        site.reload()
        lab.wait_for(lambda: not site.pids() <= before, 5)  # pylint: disable=cell-var-from-loop
        time.sleep(0.01 * (i % 7))
    for client in clients:
        client.is_over = True
    for client in clients:
        client.join(15)
    return sum((c.failures for c in clients), []), sum(c.n_answers for c in clients)


def check_load(group, made, drain):
    origin = group.nginx([['ssl_certificate %s; ssl_certificate_key %s;' % (made.chain('good'), made.key('good'))]])[0]
    site = group.nginx_site('''
        %s handfast on; handfast_fault on; ssl_certificate %s; ssl_certificate_key %s;
        proxy_http_version 1.1; proxy_set_header Connection ""; proxy_ssl_name good.test;
        upstream one { server 127.0.0.1:%d; keepalive 8; }
        server { listen PORT0; listen PORT1 ssl;
            location / { proxy_pass https://one; handfast_upstream_verify full;
                         handfast_upstream_trusted %s; } }'''
                            % (drain, made.chain('good'), made.key('good'), origin, made.root), n_ports=2, workers=2)
    context = peers.client_context(ca=made.root)
    clients = [Client(site.ports[0], pause) for pause in (0, 0, 0.003, 0.02)] + \
        [Client(site.ports[1], pause, context) for pause in (0, 0, 0.003, 0.02)]
    return reload_under_load(site, site.ports[0], clients, N_RELOADS), site


def check_idle(group):
    """A connection that idles is answered within the grace, then closed; the answer says so."""
    site = group.nginx_site('handfast_drain 4s; keepalive_timeout 60s;'
                            'server { listen PORT0; location / { return 200 "old\\n"; } }')
    port = site.ports[0]
    held = [socket.create_connection((lab.LOOPBACK, port)) for _ in range(3)]
    for one in held[:2]:
        one.settimeout(5)
        one.sendall(b'GET / HTTP/1.1\r\nHost: a\r\n\r\n')
        first = one.recv(4096)
        tap.ok(b'Connection: keep-alive' in first and b'old' in first, 'kept alive before the reload', first)
    old = site.pids()
    site.write('handfast_drain 4s; keepalive_timeout 60s;'
               'server { listen PORT0; location / { return 200 "new\\n"; } }')
    site.reload()
    tap.ok(lab.wait_for(lambda: lab.get(port, '/').body == 'new\n'), 'the new configuration is in force')
    time.sleep(0.2)
    held[0].sendall(b'GET / HTTP/1.1\r\nHost: a\r\n\r\n')
    second = held[0].recv(4096)
    tap.ok(b'200 OK' in second and b'Connection: close' in second, 'one more answer, and it is the last', second)
    tap.equal(held[0].recv(1), b'', 'then it is closed')
    held[1].settimeout(20)
    start = time.monotonic()
    tap.equal(held[1].recv(1), b'', 'who does not ask is closed too')
    tap.ok(time.monotonic() - start < 7, 'within the grace', time.monotonic() - start)
    held[2].close()
    tap.ok(lab.wait_for(lambda: not site.pids() & old, 20), 'the old worker is gone')
    tap.ok('open socket' not in site.errors() and 'alert' not in site.errors(), 'and leaves nothing behind',
           site.errors()[-2000:])


def check_h2(group, made):
    curl = peers.find('curl')
    if curl is None:
        tap.skip('HTTP/2', 'no curl')
        return
    site = group.nginx_site('handfast_drain 1s; server { listen PORT0 ssl http2; ssl_certificate %s; '
                            'ssl_certificate_key %s; location / { return 200 "ok"; } }'
                            % (made.chain('good'), made.key('good')))
    stop = time.monotonic() + 4
    codes = []

    def ask():
        while time.monotonic() < stop:
            done = subprocess.run([curl, '-sk', '--http2', '--rate', '600/s', '-w', ' %{http_version}:%{http_code}\n',
                                   'https://127.0.0.1:%d/[1-200]' % site.ports[0]], capture_output=True, check=False)
            codes.extend(done.stdout.decode().split('\n'))
    asking = [lab.in_thread(ask) for _ in range(2)]
    for _ in range(15):
        site.reload()
        time.sleep(0.2)
    for thread in asking:
        thread.join(30)
    codes = [line for line in codes if line]
    bad = [line for line in codes if line != 'ok 2:200']
    tap.ok(len(codes) > 100 and not bad, 'HTTP/2: %d requests over 15 reloads' % len(codes), bad[:5])


def check_unloaded(group):
    """The module goes with one reload, another comes with the next, and with the third it is back: nginx
    has given its numbers to the other meanwhile."""
    other = pathlib.Path('/usr/lib/nginx/modules/ngx_http_echo_module.so')
    if not other.exists():
        tap.skip('the module goes and comes back', 'no other module (libnginx-mod-http-echo)')
        return
    server = 'server { listen PORT0; location / { %s } }'
    site = group.nginx_site('handfast on;' + server % 'return 200 first;')
    path = site.folder / 'nginx.conf'
    rows = (('gone', False, 'return 200 gone;'), ('another', True, 'echo -n another;'),
            ('back', True, 'echo -n back;'), ('alone', False, 'return 200 alone;'))
    tap.ok(lab.wait_for(lambda: 'start worker process ' in site.errors()), 'unloaded: nginx has started')
    for name, has_other, line in rows:
        is_loaded = name in ('back', 'alone')
        site.write(('handfast on; handfast_label a b;' if is_loaded else '') + server % line)
        text = path.read_text()
        if not is_loaded:
            text = text.replace('load_module %s;' % lab.module_path(), '')
            text = text.replace('handfast_log %s/handfast.log;' % site.folder, '')
        path.write_text(('load_module %s;' % other if has_other else '') + text)
        site.reload()
        # For a moment the old worker accepts too.
        tap.ok(lab.wait_for(lambda n=name: lab.get(site.ports[0], '/').body == n) and site.process.poll() is None,
               'unloaded: %s' % name, site.errors()[-1000:])


def main():
    lab.need(tap)
    with tempfile.TemporaryDirectory(prefix='handfast-reload-') as folder:
        folder = pathlib.Path(folder)
        made = pki.make(folder / 'pki', names=('good',))
        with lab.Lab(folder / 'run') as group:
            check_idle(group)
            (failures, n), site = check_load(group, made, 'handfast_drain 1s;')
            tap.equal(failures[:5], [], '%d reloads: %d requests, %d failed' % (N_RELOADS, n, len(failures)))
            tap.ok('exited on signal' not in site.errors() and '[alert]' not in site.errors(), 'no worker crashed',
                   site.errors()[-2000:])
            tap.ok(lab.wait_for(lambda: len(site.pids()) == 2, 20), 'the old workers are gone', site.pids())
            (failures, n), _ = check_load(group, made, '')
            print('# without handfast_drain: %d requests, %d failed' % (n, len(failures)))
            check_h2(group, made)
            check_unloaded(group)
    tap.done()


if __name__ == '__main__':
    main()
