#!/usr/bin/env python3
"""Requests and backends that want more than is theirs: another virtual host's clients, another
proxy's backend, headers that the gateway alone may say; and changes made through somebody's browser.
"""
import base64
import http.client
import http.server
import pathlib
import socket
import ssl
import tempfile
import threading
import time

import gateway_lab as lab
import harness
import peers
import pki

tap = harness.Tap()
ANY = lab.trusting_nobody()


def must(answer):
    """A step that the test builds on."""
    if answer.status not in (200, 201):
        raise RuntimeError('refused: %r' % answer)
    return answer


# --- from one virtual host to another ---

def connect(port, name, context, session=None):
    return context.wrap_socket(socket.create_connection(('127.0.0.1', port), 10), server_hostname=name,
                               session=session)


def ask(tls, host, line=b'GET /v1/a HTTP/1.1'):
    """The status of one answer, and the connection's session after it."""
    tls.sendall(line + b'\r\nHost: %s\r\nConnection: close\r\n\r\n' % host.encode())
    got = b''
    try:
        while piece := tls.recv(65536):
            got += piece
    except OSError:
        pass
    return int(got.split(b' ')[1]) if got else 0


def client(made, name=None, most=ssl.TLSVersion.TLSv1_3):
    return peers.client_context(most=most, **({'chain': made.chain(name), 'key': made.key(name)} if name else {}))


def hosts(gateway, made):
    """On one port, with one certificate: whoever comes is taken; judged; not asked; TLS 1.3 only."""
    port = peers.free_port()
    gateway.alias('wild', 'k', made.chain('good'), made.key('good'))
    gateway.alias('cas', 'ca', made.root)
    info = {'enabled': 'true', 'keyStore': 'wild', 'keyAlias': 'k'}
    asks = {**info, 'clientAuthEnabled': 'true', 'trustStore': 'cas'}
    for name, tls in (('loose', {**asks, 'ignoreValidationErrors': True}), ('strict', asks), ('open', info),
                      ('new', info)):
        more = {'properties': {'property': [{'name': 'ssl_protocols', 'value': 'TLSv1.3'}]}} if name == 'new' else {}
        must(gateway.api('POST', lab.E + '/virtualhosts', {'name': name, 'port': str(port), 'sSLInfo': tls,
                                                           'hostAliases': [name + '.test'], **more}))
    backend = lab.Backend('one')
    must(gateway.deploy('v', lab.bundle('v', '/v1', '<URL>http://127.0.0.1:%d</URL>' % backend.port,
                                        hosts=('default', 'secure', 'loose', 'strict', 'open', 'new'))))
    return port


def crossing(gateway, made, port):
    got = ask(connect(port, 'strict.test', client(made, 'client')), 'strict.test')
    tap.equal(got, 200, 'hosts: the right certificate')
    rows = [ # SNI, Host, certificate, version, statuses
        ('open.test', 'strict.test', 'client', ssl.TLSVersion.TLSv1_3, (421,)),
        ('loose.test', 'strict.test', 'client-untrusted', ssl.TLSVersion.TLSv1_3, (421,)),
        ('loose.test', 'strict.test', 'client-untrusted', ssl.TLSVersion.TLSv1_2, (421,)),
        ('strict.test', 'open.test', 'client', ssl.TLSVersion.TLSv1_3, (200,)),
        ('open.test', 'new.test', None, ssl.TLSVersion.TLSv1_2, (421,)),
        ('open.test', 'new.test', None, ssl.TLSVersion.TLSv1_3, (200,)),
    ]
    for name, host, cert, version, want in rows:
        got = ask(connect(port, name, client(made, cert, version)), host)
        tap.ok(got in want, 'hosts: hello to %s, %s, request to %s' % (name, version.name, host), got)
    got = ask(connect(port, 'loose.test', client(made, 'client-untrusted')), 'loose.test',
              b'GET https://strict.test/v1/a HTTP/1.1')
    tap.equal(got, 421, 'hosts: another one in an absolute target')


def resumed(gateway, made, port):
    for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
        context = client(made, 'client-untrusted', version)
        first = connect(port, 'loose.test', context)
        tap.equal(ask(first, 'loose.test'), 200, 'sessions, %s: to the one that takes anybody' % version.name)
        again = connect(port, 'loose.test', context, first.session)
        tap.ok(again.session_reused, 'sessions, %s: resumed there' % version.name)
        ask(again, 'loose.test')
        # OpenSSL's client resumes under any name
        other = connect(port, 'strict.test', context, first.session)
        reused, got = other.session_reused, ask(other, 'strict.test')
        tap.ok(not reused and got in (0, 400), 'sessions, %s: worth nothing at the strict one' % version.name,
               reused, got)


def without_a_name(gateway, made, port):
    """The fallback takes clients that name nobody: loose, the first by its name, is it."""
    with (gateway.dir / 'router.properties').open('a') as file:
        file.write('conf_load_balancing_load.balancing.driver.nginx.fallback.conf.enabled=true\n')
    tap.equal(gateway.order('reload').returncode, 0, 'fallback: on')
    until = time.monotonic() + 10
    got = 0
    while got != 200 and time.monotonic() < until:
        try:
            got = ask(connect(port, None, client(made, 'client-untrusted')), 'loose.test')
        except OSError:
            time.sleep(0.1)
    tap.equal(got, 200, 'fallback: a client without a name')
    got = ask(connect(port, None, client(made, 'client-untrusted')), 'strict.test')
    tap.equal(got, 421, 'fallback: its certificate was judged for another virtual host')


def every_name(gateway):
    """Another organization's "*" on the same port is what is left over."""
    backend = lab.Backend('ours')
    must(gateway.api('POST', '/v1/organizations', {'name': 'aaa'}))
    must(gateway.api('POST', '/v1/organizations/aaa/environments', {'name': 'test'}))
    all_names = {'name': 'all', 'port': str(gateway.http), 'hostAliases': ['*']}
    must(gateway.api('POST', '/v1/organizations/aaa/environments/test/virtualhosts', all_names))
    must(gateway.api('POST', lab.E + '/virtualhosts', {'name': 'w', 'port': str(gateway.http),
                                                       'hostAliases': ['*.w.test', 'exact.test']}))
    must(gateway.deploy('w', lab.bundle('w', '/w', '<URL>http://127.0.0.1:%d</URL>' % backend.port, hosts=('w',))))
    for host in ('x.w.test', 'exact.test'):
        tap.equal(gateway.call('/w', host=host).status, 200, 'hosts: %s stays with its owner' % host)
    tap.equal(gateway.call('/w', host='else.test').status, 404, "hosts: another name is the other organization's")
    tap.equal(gateway.api('POST', '/v1/organizations/aaa/environments/test/virtualhosts', {
        **all_names, 'name': 'b', 'hostAliases': ['*.W.test']}).status, 400, 'hosts: a name that somebody has')


# --- headers ---

def spelt_otherwise(gateway):
    """"_" is "-" to many backends."""
    sent = {'Tls_Client_S_Dn': 'CN=admin', 'Tls-Client_S_Dn': 'CN=admin', 'TLS_CLIENT-CERT_FINGERPRINT': 'admin',
            'X_Handfast_Id': 'admin', 'X_Handfast-Vhost': 'admin', 'X_Handfast_Client': 'admin',
            'X_Forwarded_For': 'admin', 'X-Forwarded_Proto': 'admin', 'X_Own': 'mine'}
    said = gateway.call('/v1/a', headers=sent, context=ANY).json
    tap.ok('admin' not in str(said['headers']), 'headers of ours, spelt with "_", do not get through', said)
    tap.equal(said['headers'].get('X_Own'), 'mine', "a client's own header with \"_\" does")


class Saying:
    """A backend whose answers have these headers."""

    def __init__(self, headers):
        class Handler(http.server.BaseHTTPRequestHandler):
            def log_message(self, *_):
                pass

            def do_GET(self):
                self.send_response(200)
                for name, value in headers:
                    self.send_header(name, value)
                self.send_header('Content-Length', '2')
                self.end_headers()
                self.wfile.write(b'ok')

        self.server = http.server.ThreadingHTTPServer(('127.0.0.1', 0), Handler)
        self.port = self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, daemon=True).start()


def backends_that_route(gateway):
    inner = lab.Backend('inner')
    must(gateway.deploy('inner', lab.bundle('inner', '/inner', '<URL>http://127.0.0.1:%d</URL>' % inner.port)))
    for i, to in enumerate(('/inner/secret', '@route_0_0', '@down')):
        evil = Saying([('X-Accel-Redirect', to)])
        must(gateway.deploy('evil%d' % i, lab.bundle('evil%d' % i, '/evil%d' % i,
                                                     '<URL>http://127.0.0.1:%d</URL>' % evil.port)))
        answer = gateway.call('/evil%d/x' % i)
        tap.ok(answer.status == 200 and answer.body == b'ok', "a backend's X-Accel-Redirect: %s leads nowhere" % to,
               answer)
    slow = Saying([('X-Accel-Limit-Rate', '1'), ('X-Handfast-Id', 'forged'), ('X-Apigee-fault-code', 'forged')])
    must(gateway.deploy('slow', lab.bundle('slow', '/slow', '<URL>http://127.0.0.1:%d</URL>' % slow.port)))
    began = time.monotonic()
    answer = gateway.call('/slow')
    tap.ok(answer.body == b'ok' and time.monotonic() - began < 5, "a backend's X-Accel-Limit-Rate says nothing", answer)
    tap.ok('forged' not in str(answer.headers), "the gateway's own headers are not a backend's to say", answer)


def expensive_patterns(gateway):
    backend = lab.Backend('one')
    rows = (('regex', 'request.header.x ~~ "(a+)+(a+)+b"'), ('stars', 'request.header.x Matches "%sb"' % ('*a' * 16)))
    for name, condition in rows:
        archive = lab.bundle(name, '/' + name, '<URL>http://127.0.0.1:%d</URL>' % backend.port, routes=(
            '<RouteRule name="a"><Condition>%s</Condition></RouteRule><RouteRule name="b"><TargetEndpoint>default'
            '</TargetEndpoint></RouteRule>' % condition.replace('"', '&quot;')))
        must(gateway.deploy(name, archive))
        tap.equal(gateway.call('/%s/x' % name, headers={'X': 'aac'}).status, 200, 'patterns: %s, a short text' % name)
        before = cpu_of(gateway)
        answer = gateway.call('/%s/x' % name, headers={'X': 'a' * 4000})
        took = cpu_of(gateway) - before
        tap.ok(took < 0.15 and answer.status in (200, 500), 'patterns: %s, one that tries without end' % name, took,
               answer)


def cpu_of(gateway):
    """Seconds of the processor that the Message Processor has had."""
    ticks = 0
    for pid in gateway.pids('mp'):
        words = pathlib.Path('/proc/%d/stat' % pid).read_text().rsplit(')', 1)[1].split()
        ticks += int(words[11]) + int(words[12])
    return ticks / 100


# --- the management API ---

def from_a_browser(gateway):
    """A browser adds the password it remembers to what any page sends; it says whose page that is."""
    user = base64.b64encode(('admin@localhost:' + gateway.password).encode()).decode()
    own = '127.0.0.1:%d' % gateway.api_port
    rows = [
        ('another page', {'Origin': 'https://evil.test'}, 403), ('a page of a file', {'Origin': 'null'}, 403),
        ('another port', {'Origin': 'http://127.0.0.1:1'}, 403), ('another site', {'Sec-Fetch-Site': 'cross-site'}, 403),
        ('its neighbour', {'Sec-Fetch-Site': 'same-site'}, 403),
        ('its own page', {'Origin': 'http://' + own, 'Sec-Fetch-Site': 'same-origin'}, 200),
        ('its address line', {'Sec-Fetch-Site': 'none'}, 200), ('no browser', {}, 200),
    ]
    for title, headers, want in rows:
        connection = http.client.HTTPConnection('127.0.0.1', gateway.api_port, timeout=30)
        connection.request('POST', '/v1/userroles/sysadmin/users', 'id=admin%40localhost',
                           {'Authorization': 'Basic ' + user, 'Content-Type': 'application/x-www-form-urlencoded',
                            **headers})
        tap.equal(connection.getresponse().status, want, 'a form of %s' % title)
        connection.close()


def crowded(gateway):
    """libxml2 compares each attribute with all others."""
    tag = '<KeyStore %s/>' % ' '.join('a%d=">"' % i for i in range(40000))
    archive = lab.bundle('crowded', '/crowded', '<URL>http://127.0.0.1:1</URL>',
                         routes='<RouteRule %s/>' % ' '.join('a%d="1"' % i for i in range(60000)))
    for title, text in (('a body', tag), ('after a comment', '<!-- <" -->' + tag), ('in UTF-16', tag.encode('utf-16'))):
        began = time.monotonic()
        answer = gateway.api('POST', lab.E + '/keystores', text, 'text/xml')
        tap.ok(answer.status == 400 and time.monotonic() - began < 5, 'attributes without end: %s' % title, answer)
    began = time.monotonic()
    answer = gateway.api('POST', lab.O + '/apis?action=import&name=crowded', archive, 'application/octet-stream')
    tap.ok(answer.status == 400 and time.monotonic() - began < 5, 'attributes without end: a bundle', answer)
    few = '<!-- %s --><KeyStore name="few"/>' % ('=' * 600)
    tap.equal(gateway.api('POST', lab.E + '/keystores', few, 'text/xml').status, 201, 'attributes: a comment has none')


def main():
    lab.need(tap)
    with tempfile.TemporaryDirectory() as name:
        made = pki.make(pathlib.Path(name))
        with lab.Gateway(name) as gateway:
            port = hosts(gateway, made)
            crossing(gateway, made, port)
            resumed(gateway, made, port)
            every_name(gateway)
            spelt_otherwise(gateway)
            backends_that_route(gateway)
            expensive_patterns(gateway)
            from_a_browser(gateway)
            crowded(gateway)
            without_a_name(gateway, made, port)
            tap.ok(b'exited on signal' not in (gateway.dir / 'logs' / 'router.error.log').read_bytes(),
                   'no worker crashed')
    tap.done()


main()
