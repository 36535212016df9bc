"""What the tests of the module for nginx share: nginx with the module, backends that remember.

    with Lab(folder) as lab:
        backend = lab.backend(chain=..., key=...)   # .port, .seen
        site = lab.nginx_site(http, n_ports)        # .ports, .reload(), .field(...)

Where $HANDFAST_NGINX_PRELOAD names a sanitizer's library the module was built with it, and nginx, which
was not, has it preloaded; what it finds is a row of the test that failed.
"""
import contextlib
import http.client
import json
import os
import pathlib
import re
import signal
import socket
import ssl
import subprocess
import threading
import time

import harness
import peers

LOOPBACK = peers.LOOPBACK
TALK_S = 10
SANITIZER = os.environ.get('HANDFAST_NGINX_PRELOAD')


def module_path():
    """The shared object, or None where it was not built."""
    given = os.environ.get('HANDFAST_NGINX_MODULE')
    found = pathlib.Path(given) if given else \
        pathlib.Path(harness.program()).parent / 'src/nginx/ngx_http_handfast_module.so'
    return found if found.exists() else None


def need(tap):
    """Ends the test, saying so, where there is no nginx or no module. Rows of a Lab itself go to `tap`."""
    Lab.tap = tap
    if peers.find('nginx') is None or module_path() is None:
        tap.skip('the module for nginx', 'no nginx, or the module was not built')
        tap.done()


class Backend:
    """A TLS server in this process that remembers what each handshake came to, and who came."""

    def __init__(self, group, answer=None, names=None, **settings):
        self.context = peers.server_context(**settings)
        self.context.sni_callback = self._on_name
        self.names, self.answer = names or {}, answer or peers.http_answer
        self.seen = []         # 'handshake', or the text of the error
        self.sni = []          # the name of each ClientHello, None where there was none
        self.resumed = []      # for each handshake that went well
        self.connections = 0
        self.port = group.raw(self._serve)

    def _on_name(self, _, name, __):
        self.sni.append(name)

    def _serve(self, connection):
        self.connections += 1
        with self.context.wrap_socket(connection, server_side=True, do_handshake_on_connect=False) as tls:
            try:
                tls.do_handshake()
                self.resumed.append(tls.session_reused)
                self.answer(tls)
                self.seen.append('handshake')
            except (ssl.SSLError, OSError) as problem:
                self.seen.append(str(problem))
                if isinstance(problem, ssl.SSLError):
                    peers.drain(tls)

    def forget(self):
        self.seen, self.sni, self.resumed, self.connections = [], [], [], 0


def keep_alive_answer(tls):
    """Answers every request until the client goes."""
    waiting = b''
    while True:
        while b'\r\n\r\n' not in waiting:
            more = tls.recv(4096)
            if not more:
                return
            waiting += more
        waiting = waiting.split(b'\r\n\r\n', 1)[1]
        tls.sendall(b'HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nok\n')


def environment(folder, more=None, leaks=True):
    """Of an nginx. The sanitizers write to files in its folder; their library has to be the first one."""
    env = dict(os.environ, **(more or {}))
    if SANITIZER:
        env['LD_PRELOAD'] = ' '.join([SANITIZER, (more or {}).get('LD_PRELOAD', '')])
        for name in ('ASAN_OPTIONS', 'UBSAN_OPTIONS'):
            env[name] = '%s:log_path=%s/sanitizer:detect_leaks=%d' % (env.get(name, ''), folder, leaks)
    return env


def report_of(text):
    """Of memory that was not given back what is the module's: nginx itself leaves much to the end."""
    if 'LeakSanitizer' not in text:
        return text
    ours = re.compile(r'\bsrc/(%s)/\w+\.[ch]:' % '|'.join(p.name for p in (harness.SOURCE / 'src').iterdir()))
    return '\n\n'.join(part for part in text.split('\n\n') if ours.search(part))


class Site:
    """One nginx with the module."""

    def __init__(self, group, http_block, n_ports, workers, main='', env=None):
        self.ports = [peers.free_port() for _ in range(n_ports)]
        self.folder = group.folder / ('site-%d' % self.ports[0])
        self.folder.mkdir()
        self.workers, self.main = workers, main
        self.env = environment(self.folder, env)
        self.write(http_block)
        self.process = group.start(self._argv(), self.ports, log=self.folder / 'out.log', env=self.env)
        group.sites.append(self)

    def _argv(self):
        return [peers.find('nginx'), '-e', self.folder / 'error.log', '-c', self.folder / 'nginx.conf']

    def reports(self):
        """What the sanitizers say of the module."""
        found = [report_of(path.read_text(errors='replace')) for path in sorted(self.folder.glob('sanitizer.*'))]
        return [text for text in found if text]

    def write(self, http_block):
        """`http_block` may name PORT0, PORT1 ... and FOLDER."""
        for i, port in enumerate(self.ports):
            http_block = http_block.replace('PORT%d' % i, '%s:%d' % (LOOPBACK, port))
        peers.nginx_config(
            self.folder, http='handfast_log %s/handfast.log;\n' % self.folder +
            http_block.replace('FOLDER', str(self.folder)),
            main='load_module %s; %s' % (module_path(), self.main))
        path = self.folder / 'nginx.conf'
        path.write_text(path.read_text().replace('worker_processes 1', 'worker_processes %d' % self.workers)
                        .replace('worker_connections 256', 'worker_connections 4096'))

    def check(self):
        """Of nginx -t: exit status and words."""
        done = subprocess.run([str(a) for a in self._argv()] + ['-t'], env=environment(self.folder, leaks=False),
                              capture_output=True, check=False)
        return done.returncode, done.stderr.decode('utf-8', 'replace')

    def reload(self):
        os.kill(self.process.pid, signal.SIGHUP)

    def pids(self):
        """Of its workers, the old ones that still drain among them."""
        done = subprocess.run(['ps', '-o', 'pid=', '--ppid', str(self.process.pid)], capture_output=True, check=False)
        return set(done.stdout.decode().split())

    def lines(self):
        path = self.folder / 'handfast.log'
        return path.read_text(errors='replace').splitlines() if path.exists() else []

    def errors(self):
        path = self.folder / 'error.log'
        return path.read_text(errors='replace') if path.exists() else ''

    def field(self, name, after=0, wait_s=3):
        """The values of NAME= in the lines of the log, from line `after` on; waits for one."""
        end = time.monotonic() + wait_s
        while True:
            found = [m.group(1) for line in self.lines()[after:]
                     for m in [re.search(r'\b%s=("[^"]*"|\S+)' % name, line)] if m]
            if found or time.monotonic() > end:
                return found
            time.sleep(0.02)


def until_told(site, ask, tries=4):
    """ask(), and again where a busy worker left its verdict out (handfast-nginx(5)). Its result, and
    how many lines the log had before."""
    for _ in range(tries):
        lines = len(site.lines())
        result = ask()
        if site.field('cause', lines, wait_s=1):
            break
    return result, lines


class Lab(peers.Group):
    tap = None

    def __init__(self, folder):
        super().__init__(folder)
        self.sites = []

    def __exit__(self, *how):
        if SANITIZER:
            self._end_sites()
        super().__exit__(*how)
        for site in self.sites if SANITIZER else ():
            words = site.reports()
            self.tap.ok(not words, 'the sanitizers have nothing to say', *words)

    def _end_sites(self):
        """In a way that lets them look for leaks."""
        for site in self.sites:
            with contextlib.suppress(ProcessLookupError):
                os.kill(site.process.pid, signal.SIGTERM)
        for site in self.sites:
            with contextlib.suppress(subprocess.TimeoutExpired):
                site.process.wait(TALK_S)

    def backend(self, **settings):
        return Backend(self, **settings)

    def nginx_site(self, http_block, n_ports=1, workers=1, main='', env=None):
        return Site(self, http_block, n_ports, workers, main, env)


class Answer:
    def __init__(self, status, headers, body):
        self.status, self.headers, self.body = status, headers, body

    def json(self):
        try:
            return json.loads(self.body)
        except ValueError:
            return None


def get(port, path, method='GET', tls=None, name='localhost', headers=None, body=None, timeout=TALK_S):
    """One request over a connection of its own; status 0 where none was answered."""
    connection = http.client.HTTPConnection(LOOPBACK, port, timeout=timeout)
    try:
        connection.connect()
        if tls is not None:
            connection.sock = tls.wrap_socket(connection.sock, server_hostname=name)
        connection.request(method, path, body=body, headers=dict({'Host': name or 'localhost'}, **(headers or {})))
        answer = connection.getresponse()
        return Answer(answer.status, {k.lower(): v for k, v in answer.getheaders()},
                      answer.read().decode('utf-8', 'replace'))
    except (OSError, http.client.HTTPException) as problem:
        return Answer(0, {}, '%s: %s' % (type(problem).__name__, problem))
    finally:
        connection.close()


def wait_for(condition, seconds=5):
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            return False
        time.sleep(0.01)
    return True


def in_thread(function, *args):
    thread = threading.Thread(target=function, args=args, daemon=True)
    thread.start()
    return thread


def unused_port():
    """A port on which nobody listens."""
    with socket.socket() as probe:
        probe.bind((LOOPBACK, 0))
        return probe.getsockname()[1]
