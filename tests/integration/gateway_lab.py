"""What the tests of the gateway share: one that runs, its API, and clients of its virtual hosts.

    with Gateway(folder) as gateway:             # a first start, ports of its own
        gateway.api('GET', '/o/default/e/test/virtualhosts')
        gateway.deploy('weather', bundle('weather', '/v1', target='<URL>https://...</URL>'))
        gateway.call('/v1/today')                # Answer: .status, .headers, .body
"""
import base64
import http.client
import http.server
import io
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
import zipfile

import harness
import nginx_module
import peers

START_S = 30
E = '/v1/organizations/default/environments/test'
O = '/v1/organizations/default'


def program():
    """handfast-gateway, or None where it was not built."""
    beside = pathlib.Path(harness.program()).parent / 'handfast-gateway'
    return beside if beside.exists() else None


def need(tap):
    """Ends the test, saying so, where there is no gateway, no nginx or no module."""
    if program() is None or peers.find('nginx') is None or nginx_module.module_path() is None:
        tap.skip('the gateway', 'no nginx, or handfast-gateway or its module was not built')
        tap.done()


class Answer:
    def __init__(self, status, headers, body, reason=''):
        self.status, self.headers, self.body, self.reason = status, headers, body, reason

    @property
    def json(self):
        try:
            return json.loads(self.body)
        except ValueError:
            return None

    @property
    def fault(self):
        """The error code of a fault, or None."""
        said = self.json
        return said['fault']['detail']['errorcode'] if isinstance(said, dict) and 'fault' in said else None

    def __repr__(self):
        return '%d %r %r' % (self.status, dict(self.headers), self.body[:400])


class Gateway:
    def __init__(self, folder, *options, env=None):
        self.folder = pathlib.Path(folder)
        self.dir = self.folder / 'state'
        self.http, self.https, self.api_port = (peers.free_port() for _ in range(3))
        self.options = options
        self.env = env
        self.password = None
        self.process = None

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        self.stop()

    def argv(self, *words):
        return [str(program()), *words, '--dir', str(self.dir)]

    def start(self):
        """Until it says that it is ready; the log of the whole test is in `log`."""
        self.log = self.folder / 'gateway.log'
        self.log.touch()
        seen = self.log.stat().st_size
        with self.log.open('ab') as log:
            self.process = subprocess.Popen(
                [*self.argv(), '--listen', '127.0.0.1:%d' % self.api_port, '--http-port', str(self.http),
                 '--https-port', str(self.https), '--module', str(nginx_module.module_path()), *self.options],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=self.env)
        until = time.monotonic() + START_S
        while time.monotonic() < until:
            said = self.log.read_bytes()[seen:].decode('utf-8', 'replace')
            found = re.search(r'password +(\S+)', said)
            self.password = found.group(1) if found else self.password
            if 'ready' in said:
                return
            if self.process.poll() is not None:
                break
            time.sleep(0.02)
        raise RuntimeError('the gateway does not start: ' + said)

    def order(self, *words):
        return subprocess.run(self.argv(*words), stdin=subprocess.DEVNULL, capture_output=True, timeout=60,
                              check=False)

    def stop(self, how=signal.SIGTERM):
        """Seconds that it took. Whatever is left of it is killed."""
        began = time.monotonic()
        if self.process is not None:
            peers.stop(self.process, how, 20)
        took = time.monotonic() - began
        for pid in self.pids():
            os.kill(pid, signal.SIGKILL)
        self.process = None
        return took

    def kill_manager(self):
        self.process.kill()
        self.process.wait()
        self.process = None

    def pids(self, part=''):
        """Of all processes that run below the directory, or of one part: router, mp, collector."""
        below = str(self.dir / 'run' / part)
        found = []
        for place in pathlib.Path('/proc').iterdir():
            try:
                at = os.readlink(place / 'cwd') if place.name.isdigit() else ''
            except OSError:
                continue
            if at == below or (not part and at.startswith(below)):
                found.append(int(place.name))
        return sorted(found)

    def master(self, part):
        return int((self.dir / 'run' / part / 'nginx.pid').read_text())

    def api(self, method, path, body=None, kind='application/json', accept='application/json'):
        if isinstance(body, (dict, list)):
            body = json.dumps(body)
        if isinstance(body, str):
            body = body.encode()
        user = base64.b64encode(('admin@localhost:' + self.password).encode()).decode()
        headers = {'Authorization': 'Basic ' + user, 'Accept': accept}
        if body is not None:
            headers['Content-Type'] = kind
        connection = http.client.HTTPConnection('127.0.0.1', self.api_port, timeout=30)
        try:
            connection.request(method, path, body, headers)
            answer = connection.getresponse()
            return Answer(answer.status, answer.headers, answer.read())
        finally:
            connection.close()

    def call(self, path='/', method='GET', body=None, headers=None, host='localhost', context=None, port=None):
        """Over TLS with `context`; plain where it is None."""
        connection = socket.create_connection(('127.0.0.1', port or (self.https if context else self.http)), 30)
        try:
            if context is not None:
                connection = context.wrap_socket(connection, server_hostname=host)
            client = http.client.HTTPConnection(host)
            client.sock = connection
            client.request(method, path, body, {'Host': host, **(headers or {})})
            answer = client.getresponse()
            return Answer(answer.status, answer.headers, answer.read(), answer.reason)
        finally:
            connection.close()

    def alias(self, keystore, name, chain, key=None):
        """Puts PEM files into a keystore, which is made where it is not there."""
        self.api('POST', E + '/keystores', {'name': keystore})
        parts = [('certFile', pathlib.Path(chain).read_bytes())]
        if key is not None:
            parts.append(('keyFile', pathlib.Path(key).read_bytes()))
        body = b''.join(b'--xyz\r\nContent-Disposition: form-data; name="%s"; filename="f.pem"\r\n\r\n%s\r\n'
                        % (name.encode(), content) for name, content in parts) + b'--xyz--\r\n'
        return self.api('POST', '%s/keystores/%s/aliases?alias=%s&format=keycertfile&ignoreNewlineValidation=true'
                        '&ignoreExpiryValidation=true&ignoreChainValidation=true' % (E, keystore, name),
                        body, 'multipart/form-data; boundary=xyz')

    def deploy(self, name, archive, revision=None):
        """Imports, and deploys the revision that this made. The answer of the deployment."""
        made = self.api('POST', O + '/apis?action=import&name=' + name, archive, 'application/octet-stream')
        if made.status not in (200, 201):
            return made
        revision = revision or made.json['revision']
        return self.api('POST', '%s/apis/%s/revisions/%s/deployments' % (E, name, revision),
                        'override=true', 'application/x-www-form-urlencoded')


def trusting_nobody():
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


def bundle(name, base_path, target='', targets=None, routes=None, hosts=('default', 'secure')):
    """An archive with one proxy endpoint. `target` is what stands in the default target's
    HTTPTargetConnection; `targets` are more, by name; `routes` the RouteRules as XML."""
    targets = dict(targets or {})
    if target:
        targets['default'] = target
    if routes is None:
        routes = '<RouteRule name="r"><TargetEndpoint>default</TargetEndpoint></RouteRule>'
    files = {
        'apiproxy/%s.xml' % name: '<APIProxy revision="1" name="%s"/>' % name,
        'apiproxy/proxies/default.xml':
            '<ProxyEndpoint name="default"><HTTPProxyConnection><BasePath>%s</BasePath>%s</HTTPProxyConnection>%s'
            '</ProxyEndpoint>' % (base_path, ''.join('<VirtualHost>%s</VirtualHost>' % h for h in hosts), routes),
    }
    for key, inside in targets.items():
        files['apiproxy/targets/%s.xml' % key] = \
            '<TargetEndpoint name="%s"><HTTPTargetConnection>%s</HTTPTargetConnection></TargetEndpoint>' % (key, inside)
    out = io.BytesIO()
    with zipfile.ZipFile(out, 'w', zipfile.ZIP_DEFLATED) as archive:
        for path, text in files.items():
            archive.writestr(path, text)
    return out.getvalue()


class Backend:
    """An HTTP server, with TLS where it has a chain, that says what it was asked: its answer is a
    JSON object {name, method, path, headers, body}."""

    def __init__(self, name, chain=None, key=None, client_ca=None, status=200):
        self.sni = []
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = 'HTTP/1.1'

            def log_message(self, *_):
                pass

            def do_any(self):
                length = int(self.headers.get('Content-Length') or 0)
                body = self.rfile.read(length).decode('latin-1')
                peer = self.connection.getpeercert() if chain else None
                said = json.dumps({'name': name, 'method': self.command, 'path': self.path,
                                   'headers': dict(self.headers.items()), 'body': body,
                                   'client': bool(peer)}).encode()
                self.send_response(status)
                self.send_header('Content-Type', 'application/json')
                self.send_header('Content-Length', str(len(said)))
                self.end_headers()
                if self.command != 'HEAD':
                    self.wfile.write(said)

            do_GET = do_POST = do_PUT = do_HEAD = do_DELETE = do_any

        class Server(http.server.ThreadingHTTPServer):
            daemon_threads = True

            def get_request(self):
                connection, address = super().get_request()
                if outer.context:
                    connection = outer.context.wrap_socket(connection, server_side=True,
                                                           do_handshake_on_connect=False)
                return connection, address

            def finish_request(self, request, client_address):
                if outer.context:
                    try:
                        request.do_handshake()
                    except OSError: # the alert is on its way: a close would be a reset that overtakes it
                        socket.socket.shutdown(request, socket.SHUT_WR)
                        while socket.socket.recv(request, 65536):
                            pass
                        return
                super().finish_request(request, client_address)

            def handle_error(self, *_):
                pass

        self.context = None
        if chain:
            self.context = peers.server_context(chain=chain, key=key, client_ca=client_ca)
            self.context.sni_callback = lambda _, asked, __: self.sni.append(asked)
        self.server = Server(('127.0.0.1', 0), Handler)
        self.port = self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def close(self):
        self.server.shutdown()
        self.server.server_close()
