#!/usr/bin/env python3
"""The management API as an HTTP server: what is refused before it reaches a handler, limits, log-ins, stopping."""
import concurrent.futures
import http.client
import json
import pathlib
import shutil
import socket
import ssl
import subprocess
import sys
import tempfile
import time
import urllib.parse

import api_client
import harness

PASSWORD = 'horse battery staple'


def raw(port, data, wait=5):
    """Every byte that comes back for these bytes."""
    with socket.create_connection(('127.0.0.1', port), timeout=wait) as s:
        s.sendall(data)
        got = b''
        try:
            while True:
                piece = s.recv(65536)
                if not piece:
                    return got, True
                got += piece
        except TimeoutError:
            return got, False
        except ConnectionResetError:
            return got, True


def methods_and_forms(tap, client):
    rows = (
        # name, method, path, headers, body, status, header that has to be there and what is in it
        ('JSON is what comes without Accept', 'GET', '/v1/organizations', {}, None, 200, ('Content-Type', 'application/json')),
        ('XML where it is asked for', 'GET', '/v1/organizations', {'Accept': 'text/xml'}, None, 200,
         ('Content-Type', 'application/xml')),
        ('the first of equals', 'GET', '/v1/organizations', {'Accept': 'application/xml, application/json'}, None, 200,
         ('Content-Type', 'application/xml')),
        ('the heavier', 'GET', '/v1/organizations', {'Accept': 'application/xml;q=0.5, application/json'}, None, 200,
         ('Content-Type', 'application/json')),
        ('neither', 'GET', '/v1/organizations', {'Accept': 'image/png'}, None, 406,
         ('Content-Type', 'application/json')),
        ('neither, said with q=0', 'GET', '/v1/organizations',
         {'Accept': 'application/json;q=0, application/xml;q=0, text/xml;q=0, */*'}, None, 406, None),
        ('HEAD', 'HEAD', '/v1/organizations', {}, None, 200, ('Content-Type', 'application/json')),
        ('OPTIONS', 'OPTIONS', '/v1/organizations', {}, None, 204, ('Allow', 'GET, HEAD, POST, OPTIONS')),
        ('a method that the path has not', 'DELETE', '/v1/organizations', {}, None, 405,
         ('Allow', 'GET, HEAD, POST, OPTIONS')),
        ('a method that nobody has', 'BREW', '/v1/organizations', {}, None, 405, ('Allow', 'GET')),
        ('a path that is not there', 'GET', '/v1/nothing', {}, None, 404, None),
        ('without /v1', 'GET', '/organizations', {}, None, 404, None),
        ('two slashes', 'GET', '/v1//organizations', {}, None, 400, None),
        ('upwards', 'GET', '/v1/organizations/..', {}, None, 400, None),
        ('upwards, encoded', 'GET', '/v1/organizations/%2e%2e', {}, None, 400, None),
        ('a slash within a name', 'GET', '/v1/organizations/a%2Fb', {}, None, 404, None),
        ('a NUL in a name', 'GET', '/v1/organizations/a%00b', {}, None, 400, None),
        ('half a percent', 'GET', '/v1/organizations/a%4', {}, None, 400, None),
        ('a slash at the end', 'GET', '/v1/organizations/', {}, None, 200, None),
        ('a type that is not taken', 'POST', '/v1/organizations', {'Content-Type': 'text/csv'}, 'a', 415, None),
        ('broken JSON', 'POST', '/v1/organizations', {'Content-Type': 'application/json'}, '{"name":', 400, None),
        ('a member twice', 'POST', '/v1/organizations', {'Content-Type': 'application/json'},
         '{"name":"a","name":"b"}', 400, None),
        ('broken XML', 'POST', '/v1/organizations', {'Content-Type': 'text/xml'}, '<a>\n<b></a>', 400, None),
        ('an entity from a file', 'POST', '/v1/organizations', {'Content-Type': 'text/xml'},
         '<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]><Organization name="x"><DisplayName>&x;</DisplayName>'
         '</Organization>', 400, None),
        ('no type: the first character tells', 'POST', '/v1/organizations', {}, '{"name":"untyped"}', 201, None),
        ('XML in', 'POST', '/v1/organizations', {'Content-Type': 'application/xml; charset=utf-8'},
         '<Organization name="fromxml"/>', 201, None),
        ('a name of many letters', 'POST', '/v1/organizations', {}, '{"name":"%s"}' % ('a' * 64), 400, None),
        ('a name with blanks', 'POST', '/v1/organizations', {}, '{"name":"a b"}', 400, None),
        ('it is there already', 'POST', '/v1/organizations', {}, '{"name":"fromxml"}', 409, None),
        ('too large', 'POST', '/v1/organizations', {'Content-Type': 'text/xml'}, b'x' * 3000000, 413, None),
        ('gone', 'DELETE', '/v1/organizations/fromxml', {}, None, 200, None),
    )
    for name, method, path, headers, body, status, wanted in rows:
        answer = client.ask(method, path, body, headers)
        good = answer.status == status and (wanted is None or wanted[1] in answer.headers.get(wanted[0], ''))
        tap.ok(good, 'http: ' + name, answer, answer.headers)
        if status >= 400 and 'json' in answer.headers.get('Content-Type', ''):
            tap.equal(sorted(answer.json), ['code', 'contexts', 'message'], 'http: %s: the form of errors' % name)
    answer = client.ask('POST', '/v1/organizations', 'name=x', {'Content-Type': 'application/x-www-form-urlencoded'})
    tap.ok(answer.status == 415 and 'application/json' in answer.text, 'http: what curl -d says, and what would do',
           answer)
    answer = client.ask('POST', '/v1/organizations', '<a>\n<b></a>', {'Content-Type': 'text/xml'})
    tap.ok('line 2, column' in answer.text, 'http: broken XML is told by line and column', answer)
    answer = client.ask('GET', '/v1/organizations', headers={'X-Request-Id': 'abc-123'})
    tap.equal(answer.headers['X-Request-Id'], 'abc-123', 'http: the caller\'s id is kept')
    answer = client.ask('GET', '/v1/organizations', headers={'X-Request-Id': 'a"b<c>'})
    tap.ok(len(answer.headers['X-Request-Id']) == 32, 'http: an id that could hurt a log is replaced')
    answer = client.ask('POST', '/v1/organizations', iter([b'{"na', b'me":"chun', b'ked"}']),
                        {'Content-Type': 'application/json'})
    tap.equal(answer.status, 201, 'http: a chunked body')
    answer = client.ask('POST', '/v1/organizations', iter([b' ' * 65536] * 24), {'Content-Type': 'application/json'})
    tap.equal(answer.status, 413, 'http: a chunked body that is too large')


def framing(tap, port, authorization):
    """Requests that two servers could read differently are not taken, and the connection ends."""
    head = 'POST /v1/organizations HTTP/1.1\r\nHost: a\r\nAuthorization: %s\r\nContent-Type: application/json\r\n' % authorization
    behind = 'GET /v1/getinfo HTTP/1.1\r\nHost: a\r\nAuthorization: %s\r\n\r\n' % authorization
    rows = (
        ('length and chunked', 'Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n'),
        ('two lengths', 'Content-Length: 0\r\nContent-Length: 40\r\n\r\n'),
        ('two equal lengths', 'Content-Length: 2\r\nContent-Length: 2\r\n\r\n{}'),
        ('a length with a sign', 'Content-Length: +2\r\n\r\n{}'),
        ('a negative length', 'Content-Length: -1\r\n\r\n'),
        ('a length in hexadecimal', 'Content-Length: 0x2\r\n\r\n{}'),
        ('a list of lengths', 'Content-Length: 2, 2\r\n\r\n{}'),
        ('a length beyond numbers', 'Content-Length: 99999999999999999999999\r\n\r\n'),
        ('chunked that is not', 'Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n'),
        ('chunked twice', 'Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n'),
        ('gzip, chunked', 'Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n'),
        ('a blank before the colon', 'Content-Length : 2\r\n\r\n{}'),
        ('a chunk size that is none', 'Transfer-Encoding: chunked\r\n\r\nzz\r\n{}\r\n0\r\n\r\n'),
        ('two users', 'Authorization: Basic eDp5\r\nContent-Length: 0\r\n\r\n'),
    )
    for name, rest in rows:
        got, ended = raw(port, (head + rest + behind).encode())
        # one refusal, or none; and never an answer to what stood behind
        heads = {line for line in got.split(b'\r\n') if line.startswith(b'HTTP/1.1 ')}
        good = ended and len(heads) <= 1 and b'"generation"' not in got and b' 201 ' not in got
        tap.ok(good, 'framing: %s' % name, got)


def limits(tap, port, authorization):
    many = ''.join('X-%d: %s\r\n' % (i, 'y' * 900) for i in range(100))
    got, ended = raw(port, ('GET /v1/getinfo HTTP/1.1\r\nHost: a\r\n%s\r\n' % many).encode())
    tap.ok(ended and got.startswith(b'HTTP/1.1 4'), 'limits: headers of 90 kB', got[:200])
    got, ended = raw(port, ('GET /v1/%s HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n' % ('a' * 12000)).encode())
    tap.ok(got.startswith(b'HTTP/1.1 414'), 'limits: a target of 12 kB', got[:200])
    got, _ = raw(port, ('POST /v1/organizations HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 10\r\n'
                        'Content-Type: application/json\r\n\r\n').encode(), 3)
    tap.ok(b'100 Continue' not in got and b' 401 ' in got, 'limits: no body is asked for without a user', got)
    got, _ = raw(port, ('POST /v1/organizations HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 10\r\n'
                        'Authorization: %s\r\nContent-Type: application/json\r\n\r\n' % authorization).encode(), 2)
    tap.ok(b'100 Continue' in got, 'limits: with one it is', got)
    pipelined = ('GET /v1/getinfo HTTP/1.1\r\nHost: a\r\nAuthorization: %s\r\n\r\n' % authorization) * 8
    got, _ = raw(port, pipelined.encode(), 3)
    tap.equal(got.count(b'HTTP/1.1 200'), 8, 'limits: eight requests at once on one connection')


def slow_clients(tap, port, authorization):
    """A client that sends a byte now and then is shut out in the end, and others do not notice."""
    started = time.monotonic()

    def drip():
        with socket.create_connection(('127.0.0.1', port), timeout=5) as s:
            try:
                for byte in b'GET /v1/getinfo HTTP/1.1\r\n' + b'X: y\r\n' * 1000:
                    s.sendall(bytes((byte,)))
                    time.sleep(0.5)
                    if time.monotonic() - started > 50:
                        return None
            except OSError:
                return time.monotonic() - started
        return None

    with concurrent.futures.ThreadPoolExecutor(100) as pool:
        drips = [pool.submit(drip) for _ in range(100)]
        worst = 0
        client = api_client.Client(port, authorization)
        while not all(d.done() for d in drips):
            before = time.monotonic()
            client.ask('GET', '/v1/getinfo', checked=False)
            worst = max(worst, time.monotonic() - before)
            time.sleep(0.3)
        client.close()
        ends = [d.result() for d in drips]
    tap.ok(all(end is not None and 25 < end < 45 for end in ends), 'slow: headers that never end are cut off', ends)
    tap.ok(worst < 3, 'slow: others are answered meanwhile, within %.2f s' % worst)


def log_in(tap, client, server):
    admin = client.authorization
    for who in ('joe', 'ann'):
        client.ask('POST', '/v1/users', {'emailId': who + '@example.com', 'firstName': who, 'lastName': 'X',
                                         'password': PASSWORD})
    joe, ann = (api_client.basic(who + '@example.com', PASSWORD) for who in ('joe', 'ann'))
    tap.equal(client.ask('GET', '/v1/getinfo', user=joe).status, 200, 'log-in: a new user')
    upper = api_client.basic('JOE@Example.com', PASSWORD)
    tap.equal(client.ask('GET', '/v1/getinfo', user=upper).status, 200, 'log-in: the address in any case')
    for wrong in ('Basic', 'Basic ', 'Basic %%%', 'Basic eA==', 'Basic =', 'Bearer', 'Bearer x', 'Digest a=b', 'x'):
        tap.equal(client.ask('GET', '/v1/getinfo', user=wrong).status, 401, 'log-in: refused: %r' % wrong)
    statuses = [client.ask('GET', '/v1/getinfo', user=api_client.basic('ann@example.com', 'guess%d' % i)).status
                for i in range(8)]
    tap.equal(statuses, [401] * 5 + [429] * 3, 'log-in: after five failures there is a wait')
    answer = client.ask('GET', '/v1/getinfo', user=ann)
    tap.ok(answer.status == 429 and 0 < int(answer.headers['Retry-After']) <= 61,
           'log-in: for the right password too, told by Retry-After', answer)
    tap.equal(client.ask('GET', '/v1/getinfo', user=joe).status, 200, 'log-in: other users are not kept out')
    tap.equal(client.ask('GET', '/v1/getinfo', user=admin).status, 200, 'log-in: the administrator neither')
    client.ask('PUT', '/v1/users/joe@example.com', {'password': 'quite another one'}, user=joe)
    tap.equal(client.ask('GET', '/v1/getinfo', user=joe).status, 401, 'log-in: a changed password counts at once')
    log = (server.dir / 'logs/management-access.log').read_text()
    secrets = (server.password, PASSWORD, 'guess1', 'quite another', admin.split()[1], joe.split()[1])
    tap.ok(not any(secret in log for secret in secrets), 'log-in: no password is in the access log')
    tap.ok('joe@example.com "GET /v1/getinfo" 200' in log, 'log-in: the user is', log[-500:])
    mode = (server.dir / 'logs/management-access.log').stat().st_mode & 0o777
    tap.equal(mode, 0o600, 'log-in: nobody else reads the access log')


def token_for(client, **fields):
    return client.ask('POST', '/oauth/token', urllib.parse.urlencode(fields),
                      {'Content-Type': 'application/x-www-form-urlencoded'}, user='Basic ZWRnZWNsaTplZGdlY2xpc2VjcmV0')


def tokens(tap, client, server):
    answer = token_for(client, grant_type='password', username=api_client.ADMIN, password=server.password)
    tap.equal(answer.status, 200, 'tokens: for a password')
    made = answer.json
    bearer = 'Bearer ' + made['access_token']
    tap.equal(client.ask('GET', '/v1/getinfo', user=bearer).status, 200, 'tokens: it is good')
    again = token_for(client, grant_type='refresh_token', refresh_token=made['refresh_token'])
    tap.equal(again.status, 200, 'tokens: refreshed')
    tap.equal(client.ask('GET', '/v1/getinfo', user='Bearer ' + again.json['access_token']).status, 200,
              'tokens: that one is good as well')
    rows = (
        ('an access token does not refresh', dict(grant_type='refresh_token', refresh_token=made['access_token']), 401),
        ('a wrong password', dict(grant_type='password', username=api_client.ADMIN, password='x'), 401),
        ('no user', dict(grant_type='password'), 400),
        ('another grant', dict(grant_type='client_credentials'), 400),
        ('none', {}, 400),
    )
    for name, fields, status in rows:
        answer = token_for(client, **fields)
        tap.equal(answer.status, status, 'tokens: ' + name)
    answer = client.ask('GET', '/v1/getinfo', user='Bearer ' + made['refresh_token'])
    tap.equal(answer.status, 401, 'tokens: a refresh token opens nothing')
    client.ask('POST', '/v1/users', {'emailId': 'tok@example.com', 'firstName': 'T', 'lastName': 'X', 'password': PASSWORD})
    made = token_for(client, grant_type='password', username='tok@example.com', password=PASSWORD).json
    bearer = 'Bearer ' + made['access_token']
    client.ask('PUT', '/v1/users/tok@example.com', {'password': 'a new one, and long'}, user=bearer)
    tap.equal(client.ask('GET', '/v1/getinfo', user=bearer).status, 401, 'tokens: end with the password')
    client.ask('DELETE', '/v1/users/tok@example.com')


def many_at_once(tap, port, authorization):
    def ask(_):
        client = api_client.Client(port, authorization)
        statuses = {client.ask('GET', '/v1/organizations', checked=False).status for _ in range(10)}
        client.close()
        return statuses
    with concurrent.futures.ThreadPoolExecutor(64) as pool:
        statuses = set().union(*pool.map(ask, range(64)))
    tap.equal(statuses, {200}, 'many: 64 clients at once')


def over_tls(tap):
    if shutil.which('openssl') is None:
        tap.skip('tls', 'no openssl')
        return
    with tempfile.TemporaryDirectory() as folder:
        cert, key = pathlib.Path(folder) / 'cert.pem', pathlib.Path(folder) / 'key.pem'
        subprocess.run(['openssl', 'req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-keyout', key, '-out', cert,
                        '-days', '9', '-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost'],
                       check=True, capture_output=True)
        with api_client.Server(cert, key) as server:
            client = api_client.Client(server.port, api_client.basic(api_client.ADMIN, server.password),
                                       host='localhost', tls=api_client.tls_context(cert))
            tap.equal(client.ask('GET', '/v1/organizations').status, 200, 'tls: an answer')
            tap.equal(client.ask('POST', '/v1/organizations', {'name': 'acme'}).status, 201, 'tls: a change')
            tap.equal(client.ask('GET', '/v1/openapi.json').json['openapi'], '3.1.0', 'tls: a long answer')
            tap.equal(client.link.sock.version(), 'TLSv1.3', 'tls: 1.3')
            client.close()
            old = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
            old.check_hostname, old.verify_mode = False, ssl.CERT_NONE
            old.set_ciphers('ALL:@SECLEVEL=0')
            old.minimum_version = old.maximum_version = ssl.TLSVersion.TLSv1_1
            try:
                link = http.client.HTTPSConnection('localhost', server.port, timeout=10, context=old)
                link.request('GET', '/v1/organizations')
                tap.ok(False, 'tls: nothing before 1.2')
            except (ssl.SSLError, ConnectionError) as refused:
                tap.ok(True, 'tls: nothing before 1.2: %s' % type(refused).__name__)
            tap.ok(server.stop() == 0, 'tls: the server ends well', server.said())


def stopping(tap):
    with api_client.Server() as server:
        client = api_client.Client(server.port, api_client.basic(api_client.ADMIN, server.password))
        client.ask('GET', '/v1/organizations')
        with concurrent.futures.ThreadPoolExecutor(2) as pool: # a scrypt takes its time
            pending = pool.submit(api_client.Client(server.port).ask, 'GET', '/v1/getinfo',
                                  user=api_client.basic(api_client.ADMIN, 'wrong'))
            time.sleep(0.05)
            before = time.monotonic()
            code = server.stop()
            answer = pending.result()
        tap.equal(answer.status, 401, 'stop: what was asked before is answered')
        tap.ok(code == 0 and time.monotonic() - before < 12, 'stop: soon', code, server.said())


def main():
    tap = harness.Tap()
    if api_client.server_program() is None:
        tap.skip('http', 'built without the gateway')
        tap.done()
    with api_client.Server() as server:
        client = api_client.Client(server.port, api_client.basic(api_client.ADMIN, server.password))
        client.learn()
        methods_and_forms(tap, client)
        framing(tap, server.port, client.authorization)
        limits(tap, server.port, client.authorization)
        tokens(tap, client, server)
        log_in(tap, client, server)
        many_at_once(tap, server.port, client.authorization)
        slow_clients(tap, server.port, client.authorization)
        tap.ok(not client.wrong, 'every answer is as documented', *client.wrong)
        client.close()
        tap.ok(server.stop() == 0, 'the server ends well', server.said())
    over_tls(tap)
    stopping(tap)
    tap.done()


if __name__ == '__main__':
    sys.exit(main())
