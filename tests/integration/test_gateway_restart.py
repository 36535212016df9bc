#!/usr/bin/env python3
"""Restarts of the Message Processor and the Router, as an operator makes them, while requests run: a
request either succeeds, or gets a fault with an id, and the operator finds at that id what happened.
And requests that come to nothing on a connection that stood: no answer, half an answer, a close.
"""
import http.client
import os
import pathlib
import signal
import ssl
import tempfile
import threading
import time

import gateway_lab as lab
import harness
import peers
import pki

tap = harness.Tap()
FLOW = 'messaging.adaptors.http.flow.'
UNAVAILABLE = (503, FLOW + 'ServiceUnavailable', 'Service Unavailable')
N_CLIENTS, N_RESTARTS = 4, 2
TIMES = '<Properties><Property name="io.timeout.millis">700</Property></Properties>'


def must(answer):
    if answer.status not in (200, 201):
        raise RuntimeError('refused: %r' % answer)
    return answer


def verdict(gateway, answer):
    """What the operator finds at the id of a fault; {} where nothing."""
    found = gateway.api('GET', '%s/handshakes/%s' % (lab.E, answer.headers.get('X-Handfast-Id')))
    return found.json if found.status == 200 else {}


class Load:
    """Requests over TLS and plain, to a backend with TLS, one after the other on new connections."""

    def __init__(self, gateway):
        self.gateway, self.faults, self.broken, self.n, self.is_over = gateway, [], [], 0, False
        self.threads = [threading.Thread(target=self.run, args=(i % 2 == 0,)) for i in range(N_CLIENTS)]

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        time.sleep(0.3)
        return self

    def __exit__(self, *_):
        time.sleep(0.3)
        self.is_over = True
        for thread in self.threads:
            thread.join()

    def run(self, tls):
        context = lab.trusting_nobody()
        while not self.is_over:
            try:
                answer = self.gateway.call('/v1/x', context=context if tls else None)
                if answer.status != 200:
                    self.faults.append(answer)
            except (OSError, http.client.HTTPException) as error:
                self.broken.append(error)
            self.n += 1
            time.sleep(0.002)


def explained(gateway, name, faults):
    """Each is the one fault that there may be, and has its verdict."""
    wrong = [(a.status, a.fault, a.reason) for a in faults if (a.status, a.fault, a.reason) != UNAVAILABLE]
    tap.ok(not wrong, '%s: no other fault than 503 ServiceUnavailable' % name, wrong[:5])
    ids = {a.headers.get('X-Handfast-Id') for a in faults}
    tap.ok(None not in ids and len(ids) == len(faults), '%s: each fault has an id of its own' % name, len(ids), len(faults))
    # of a flood 20 a second are kept, and the others lead to them: all are found
    found = [verdict(gateway, a) for a in faults[:60]]
    causes = {(f.get('cause'), f.get('detail'), f.get('rejectedBy')) for f in found}
    tap.ok(causes <= {('connection-refused', 'message-processor-down', 'server')}, '%s: the operator finds why' % name, causes)
    return found


def restarts(gateway):
    for part in ('message-processor', 'router'):
        with Load(gateway) as load:
            for _ in range(N_RESTARTS):
                done = gateway.order('restart', part)
                tap.ok(done.returncode == 0, 'restart of the %s' % part, done)
                time.sleep(0.2)
        print('# restart of the %s, %d times: %d requests, %d faults, %d broken connections'
              % (part, N_RESTARTS, load.n, len(load.faults), len(load.broken)))
        explained(gateway, 'restart of the ' + part, load.faults)
        if part == 'message-processor':
            tap.ok(not load.broken, 'restart of the %s: no connection of a client breaks' % part, load.broken[:3])
        tap.equal(gateway.call('/v1/x').status, 200, 'restart of the %s: all is well behind it' % part)


def down(gateway):
    """Held down: its master cannot be started while the manager is stopped."""
    os.kill(gateway.process.pid, signal.SIGSTOP)
    try:
        os.kill(gateway.master('mp'), signal.SIGTERM)
        until = time.monotonic() + 10
        while gateway.pids('mp') and time.monotonic() < until:
            time.sleep(0.05)
        plain = gateway.call('/v1/x')
        over_tls = gateway.call('/v1/x', context=lab.trusting_nobody())
        xml = gateway.call('/v1/x', headers={'Accept': 'application/xml'})
    finally:
        os.kill(gateway.process.pid, signal.SIGCONT)
    for name, answer in (('plain', plain), ('TLS', over_tls)):
        tap.equal((answer.status, answer.fault, answer.reason), UNAVAILABLE, 'no Message Processor, %s: the fault' % name)
        tap.equal((answer.json or {}).get('fault', {}).get('faultstring'), 'The Service is temporarily unavailable',
                  'no Message Processor, %s: its words' % name)
        tap.ok(not [key for key in answer.headers.keys() if key.lower().startswith('x-apigee')],
               'no Message Processor, %s: no internals' % name, answer)
    tap.ok(xml.body.startswith(b'<fault>') and xml.headers['Content-Type'] == 'application/xml',
           'no Message Processor: as XML for those who ask for it', xml)
    until = time.monotonic() + 20
    while gateway.call('/v1/x').status != 200 and time.monotonic() < until:
        time.sleep(0.1)
    found = verdict(gateway, over_tls)
    tap.equal((found.get('cause'), found.get('detail'), found.get('direction'), found.get('virtualHost')),
              ('connection-refused', 'message-processor-down', 'northbound', 'secure'), 'no Message Processor: its verdict')
    text = ' '.join(found.get('text', '').split())
    tap.ok('Message Processor was not there' in text and 'GET /v1/getinfo' in text,
           'no Message Processor: what to do', found.get('text'))
    tap.equal(found.get('fix'), None, 'no Message Processor: no call mends it')
    tap.equal(gateway.call('/v1/x').status, 200, 'and the manager has started it again')


# --- requests without an answer ---

def after_handshake(made, then, **settings):
    context = peers.server_context(chain=made.chain('good'), key=made.key('good'), **settings)

    def serve(connection):
        with context.wrap_socket(connection, server_side=True) as tls:
            request = b''
            while b'\r\n\r\n' not in request:
                more = tls.recv(4096)
                if not more:
                    return
                request += more
            then(tls)
    return serve


def plain(then):
    def serve(connection):
        connection.recv(65536)
        then(connection)
    return serve


def late(connection):
    time.sleep(2)


def nonsense(connection):
    connection.sendall(b'HTTP/1.1 200 OK\r\n\x00nonsense\r\n\r\n')
    time.sleep(0.5)


def once_then(then):
    """Answers the first request and keeps the connection; `then` for the second."""
    def serve(tls):
        tls.sendall(b'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok')
        if tls.recv(4096):
            then(tls)
    return serve


TLS12, TLS13 = ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3
# name, scheme, backend, status, error code, detail, words of the sentence
UNANSWERED = (
    ('late', 'https', lambda m: after_handshake(m, late), 504, 'GatewayTimeout', 'answer-timeout', 'TLS 1.3'),
    ('late, TLS 1.2', 'https', lambda m: after_handshake(m, late, most=TLS12), 504, 'GatewayTimeout', 'answer-timeout', 'TLS 1.2'),
    ('late, plain', 'http', lambda m: plain(late), 504, 'GatewayTimeout', 'answer-timeout', 'TLS is off'),
    ('late, connection kept', 'https', lambda m: after_handshake(m, once_then(late)), 504, 'GatewayTimeout', 'answer-timeout', 'TLS 1.3'),
    ('closed', 'https', lambda m: after_handshake(m, lambda tls: None, most=TLS12), 502, 'UnexpectedEOFAtTarget',
     'closed-before-answer', 'closed the connection'),
    ('closed, TLS 1.3', 'https', lambda m: after_handshake(m, lambda tls: None, least=TLS13), 502, 'UnexpectedEOFAtTarget',
     'closed-before-answer', 'closed the connection'),
    ('no HTTP', 'https', lambda m: after_handshake(m, nonsense), 502, 'BadGateway', 'answer-not-http', 'no answer in HTTP'),
)


def unanswered(gateway, made, group):
    for i, (name, scheme, serve, status, code, detail, words) in enumerate(UNANSWERED):
        port = group.raw(serve(made))
        info = '<SSLInfo><Enabled>true</Enabled></SSLInfo>' if scheme == 'https' else ''
        must(gateway.deploy('u%d' % i, lab.bundle('u%d' % i, '/u%d' % i, TIMES + info + '<URL>%s://127.0.0.1:%d</URL>' % (scheme, port))))
        if 'kept' in name:
            tap.equal(gateway.call('/u%d' % i).status, 200, 'unanswered, %s: the first is answered' % name)
        answer = gateway.call('/u%d' % i, 'POST', 'x')  # not to be sent twice
        for _ in range(16 if 'kept' in name else 0): # a worker that has no connection yet makes one
            answer = gateway.call('/u%d' % i, 'POST', 'x') if answer.status == 200 else answer
        tap.equal((answer.status, answer.fault), (status, FLOW + code), 'unanswered, %s: the fault' % name)
        found = verdict(gateway, answer)
        tap.equal((found.get('outcome'), found.get('cause'), found.get('detail'), found.get('direction'), found.get('api')),
                  ('completed', None, detail, 'southbound', 'u%d' % i), 'unanswered, %s: its verdict' % name)
        text = ' '.join(found.get('text', '').split())
        tap.ok(words in text and 'To fix' in text and (found.get('server') or '').endswith(':%d' % port),
               'unanswered, %s: its words' % name, found.get('text'), found.get('server'))
        verdict_ = found.get('verdict') or {}
        tap.ok(verdict_.get('outcome') == 'completed' and verdict_.get('fix'), 'unanswered, %s: as JSON' % name, verdict_)
        may_be_refused = detail == 'closed-before-answer' and 'TLS 1.3' in name
        tap.equal((verdict_.get('confidence'), 'certificate-rejected' in text),
                  ('probable' if may_be_refused else 'certain', may_be_refused), 'unanswered, %s: its confidence' % name)
    listed = gateway.api('GET', lab.E + '/handshakes?outcome=completed').json['handshakes']
    tap.equal(len(listed), len(UNANSWERED), 'unanswered: the list has them by their outcome')


def main():
    lab.need(tap)
    with tempfile.TemporaryDirectory(prefix='handfast-restart-') as name:
        folder = pathlib.Path(name)
        folder.chmod(0o755)
        made = pki.make(folder / 'pki', ('good',))
        backend = lab.Backend('one', made.chain('good'), made.key('good'))
        with peers.Group(folder / 'peers') as group, lab.Gateway(folder) as gateway:
            must(gateway.deploy('w', lab.bundle('w', '/v1', '<URL>https://127.0.0.1:%d</URL>' % backend.port)))
            unanswered(gateway, made, group)
            restarts(gateway)
            down(gateway)
    tap.done()


main()
