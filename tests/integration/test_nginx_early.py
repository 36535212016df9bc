#!/usr/bin/env python3
"""What upstreams say before anybody asks them, and TLS to requests in clear: never an answer.

nginx runs with late_connect.c in it: what an upstream sends at once is there before nginx has begun
the handshake, in each of these rows. A last test goes without it, under load.
"""
import os
import pathlib
import socket
import struct
import tempfile
import threading
import time

import harness
import nginx_module as lab
import peers
import pki

tap = harness.Tap()
FLOW = 'messaging.adaptors.http.flow.'
NOT_TLS = (503, FLOW + 'SslHandshakeFailed', 'Unsupported or unrecognized SSL message')
UNAVAILABLE = (503, FLOW + 'ServiceUnavailable', 'The Service is temporarily unavailable')
BAD = (502, FLOW + 'BadGateway', 'Bad Gateway')
EOF = (502, FLOW + 'UnexpectedEOFAtTarget', 'Unexpected EOF at target')
GOOD = (200, None, 'ok')
EVIL = b'HTTP/1.1 200 OK\r\nX-Evil: 1\r\nContent-Length: 4\r\n\r\nevil'
INSIDE = b'HTTP/1.1 200 OK\r\nX-Evil: 1\r\nX-Accel-Redirect: /inside\r\nContent-Length: 0\r\n\r\n'
HALF = b'HTTP/1.1 200 OK\r\nX-Evil: 1\r\nX-Half: '
ALERT = peers.record(21, b'\x02\x28')
HELLO = peers.record(22, peers.handshake(2, b'\x03\x03' + b'R' * 32 + b'\x00\xc0\x2f\x00'))
MYSQL = b'J\0\0\0\n8.0.36\0' + b'\x11' * 60
SAYS_EARLY = 'upstream prematurely sent '  # nginx, or the module where nginx is not mended
SAYS_TLS = 'answered a request in clear with TLS'


def early(words, stays=False):
    """Speaks first. stays: and waits for what comes."""
    def serve(connection):
        connection.sendall(words)
        if stays:
            peers.silent(connection)
        else:
            peers.drain(connection)
    return serve


def answering(words, pause_s=0.0):
    """Reads a request in clear; answers, in single bytes where there is a pause."""
    def serve(connection):
        connection.recv(65536)
        for piece in [words[i:i + 1] for i in range(len(words))] if pause_s else [words]:
            connection.sendall(piece)
            time.sleep(pause_s)
        peers.drain(connection)
    return serve


def closing(connection):
    connection.shutdown(socket.SHUT_RDWR)


def resetting(connection):
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack('ii', 1, 0))


class Row:
    def __init__(self, name, to, want, cause=None, why='', says='', lines='', method='GET'):
        self.name, self.to, self.want, self.cause, self.why = name, to, want, cause, why
        self.says, self.lines, self.method = says, lines, method


def first(name, to, why, **more):
    return Row(name, to, NOT_TLS, 'plaintext-server', why, SAYS_EARLY, **more)


def rows(made):
    verify = 'handfast_upstream_verify full; handfast_upstream_trusted %s; proxy_ssl_name %s;' % (made.root, pki.HOST)
    again = 'proxy_next_upstream error http_502;'
    return [
        first('a mail server', 'https://banner', 'SMTP greeting'),
        first('a mail server that waits', 'https://waiting', 'SMTP greeting'),
        first('a whole answer', 'https://evil', 'HTTP response'),
        first('a whole answer, verified', 'https://evil', 'HTTP response', lines=verify),
        first('a whole answer to a POST', 'https://evil', 'HTTP response', method='POST'),
        first('a whole answer, block with keepalive', 'https://kept', 'HTTP response'),
        first('a redirect to what is internal', 'https://inside', 'HTTP response'),
        first('half an answer', 'https://half', 'HTTP response'),
        first('one byte', 'https://byte', 'an unknown protocol'),
        first('a binary protocol', 'https://mysql', 'MySQL greeting'),
        first('a ServerHello that nobody asked for', 'https://hello', 'an unknown protocol'),
        Row('an alert', 'https://alert', UNAVAILABLE, 'undetermined', 'handshake_failure', SAYS_EARLY),
        Row('closes at once', 'https://closing', EOF, 'connection-closed', 'before TLS began'),
        Row('resets at once', 'https://resetting', EOF, 'connection-reset', 'before TLS began'),
        Row('a good one', 'https://good', GOOD),
        Row('a good one, verified', 'https://good', GOOD, lines=verify),
        Row('the next server answers', 'https://evil_good', GOOD, 'plaintext-server', 'HTTP response', SAYS_EARLY),
        Row('half an answer, the next server\'s is whole', 'https://half_good', GOOD, 'plaintext-server',
            'HTTP response', SAYS_EARLY),
        first('behind another server\'s answer', 'https://bad_evil', 'HTTP response', lines=again),
        Row('a good one behind another\'s answer', 'https://bad_good', GOOD, lines=again),
        Row('no faults', 'https://evil', (502, None, 'nginx'), 'plaintext-server', 'HTTP response', SAYS_EARLY,
            lines='handfast_fault off; handfast_upstream_verify off;'),
        Row('in clear: an alert', 'http://clear_alert', BAD, 'plaintext-client', 'HTTP request', SAYS_TLS),
        Row('in clear: an alert in pieces', 'http://clear_slow', BAD, 'plaintext-client', 'HTTP request', SAYS_TLS),
        Row('in clear: an alert before the request', 'http://alert', BAD, 'plaintext-client', 'HTTP request',
            SAYS_TLS),
        Row('in clear: a handshake', 'http://clear_hello', BAD, 'plaintext-client', 'HTTP request', SAYS_TLS),
        Row('in clear: a good one', 'http://clear', GOOD),
        Row('in clear: closes at once', 'http://closing', EOF),
        Row('in clear: resets at once', 'http://resetting', EOF),
    ]


def blocks(group, made):
    """An upstream block for each backend, and those of several."""
    good = group.backend(chain=made.chain('good'), key=made.key('good'))
    bad = group.backend(chain=made.chain('good'), key=made.key('good'), answer=lambda tls: (
        tls.recv(65536), tls.sendall(b'HTTP/1.1 502 Bad\r\nContent-Length: 3\r\n\r\nbad')))
    serve = {'banner': peers.banner, 'waiting': early(b'220 mail.test ESMTP ready\r\n', True), 'evil': early(EVIL),
             'inside': early(INSIDE), 'half': early(HALF), 'byte': early(b'H'), 'mysql': early(MYSQL, True),
             'hello': early(HELLO, True), 'alert': early(ALERT), 'closing': closing, 'resetting': resetting,
             'clear_alert': answering(ALERT), 'clear_slow': answering(ALERT, 0.02),
             'clear_hello': answering(HELLO), 'clear': peers.http_answer}
    ports = {name: group.raw(function) for name, function in serve.items()}
    ports.update({'good': good.port, 'bad': bad.port})
    text = ''.join('upstream %s { server 127.0.0.1:%d max_fails=0; }\n' % item for item in ports.items())
    for one, other in (('evil', 'good'), ('half', 'good'), ('bad', 'evil'), ('bad', 'good')):
        text += 'upstream %s_%s { server 127.0.0.1:%d max_fails=0; server 127.0.0.1:%d backup; }\n' % (
            one, other, ports[one], ports[other])
    return text + 'upstream kept { server 127.0.0.1:%d max_fails=0; keepalive 4; }\n' % ports['evil']


def check_answer(row, answer):
    status, code, words = row.want
    fault = ((answer.json() if code else None) or {}).get('fault', {})
    tap.ok(answer.status == status and words in (fault.get('faultstring', '') if code else answer.body),
           '%s: %d, %s' % (row.name, status, words), answer.status, answer.body)
    if code:
        tap.equal(fault.get('detail'), {'errorcode': code}, '%s: errorcode' % row.name)
    tap.ok('x-evil' not in answer.headers and 'evil' not in answer.body and 'inside' not in answer.body,
           '%s: nothing of the early answer' % row.name, answer.headers, answer.body)


def check_row(site, row, number):
    errors = len(site.errors())

    def ask():
        return lab.get(site.ports[0], '/%d/' % number, method=row.method, body='x' if row.method == 'POST' else None)
    answer, lines = lab.until_told(site, ask) if row.cause else (ask(), len(site.lines()))
    check_answer(row, answer)
    if row.cause:
        tap.equal(site.field('cause', lines), [row.cause], '%s: verdict, and only one' % row.name)
        tap.ok(row.why in (site.field('why', lines) or [''])[0], '%s: says "%s"' % (row.name, row.why),
               site.lines()[lines:])
    if row.says:
        tap.ok(row.says in site.errors()[errors:], '%s: met as meant' % row.name, site.errors()[errors:])


def check_rows(group, made, upstreams):
    preload = os.environ.get('HANDFAST_LATE_CONNECT', '')
    if not pathlib.Path(preload).is_file():
        tap.skip('bytes that are there together with the connection', 'late_connect.c was not built')
        return
    all_rows = rows(made)
    locations = ''.join('location /%d/ { %s proxy_pass %s; }\n' % (i, row.lines, row.to)
                        for i, row in enumerate(all_rows))
    site = group.nginx_site('''handfast on; handfast_fault on; proxy_http_version 1.1; proxy_connect_timeout 3s;
        proxy_read_timeout 3s; proxy_ssl_server_name on; %s
        server { listen PORT0; location /inside { internal; return 200 "inside"; } %s }''' % (upstreams, locations),
                            env={'LD_PRELOAD': preload})
    for i, row in enumerate(all_rows):
        check_row(site, row, i)
    tap.ok('exited on signal' not in site.errors(), 'no worker crashed')


def check_load(group, upstreams):
    """Whoever is first: the answer is the same."""
    site = group.nginx_site('handfast on; handfast_fault on; %s server { listen PORT0;'
                            ' location /banner { proxy_pass https://banner; }'
                            ' location /evil { proxy_pass https://evil; } }' % upstreams, workers=2)
    seen = set()

    def ask_often():
        for i in range(40):
            answer = lab.get(site.ports[0], '/evil' if i % 2 else '/banner')
            fault = (answer.json() or {}).get('fault', {})
            seen.add((answer.status, fault.get('detail', {}).get('errorcode'), 'evil' in answer.body))
    threads = [threading.Thread(target=ask_often) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    tap.equal(seen, {(503, NOT_TLS[1], False)}, 'under load: one answer, whoever is first')
    others = [line for line in site.lines() if 'cause=plaintext-server' not in line]
    tap.equal(others, [], 'under load: one verdict')


def main():
    lab.need(tap)
    with tempfile.TemporaryDirectory(prefix='handfast-early-') as folder:
        folder = pathlib.Path(folder)
        made = pki.make(folder / 'pki')
        with lab.Lab(folder / 'run') as group:
            upstreams = blocks(group, made)
            check_rows(group, made, upstreams)
            check_load(group, upstreams)
    tap.done()


if __name__ == '__main__':
    main()
