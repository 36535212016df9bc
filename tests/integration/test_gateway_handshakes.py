#!/usr/bin/env python3
"""Failures between gateway and backends, and between clients and gateway: each has its verdict at
the operator, found by the id that the client was told; and the call that the verdict names as its
fix, made as it stands, makes the request succeed.
"""
import base64
import http.client
import json
import os
import pathlib
import signal
import socket
import shlex
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
REASONS = {408: 'Request Timeout', 502: 'Bad Gateway', 503: 'Service Unavailable', 504: 'Gateway Timeout'}
REFUSED_BY_US = (503, FLOW + 'SslHandshakeFailed')
REFUSED_BY_THEM = (503, FLOW + 'ServiceUnavailable')


def must(answer, *statuses):
    if answer.status not in (statuses or (200, 201)):
        raise RuntimeError('refused: %r' % answer)
    return answer


def apply(gateway, call):
    """The call of a fix, just as it is."""
    return gateway.api(call['method'], call['path'], call.get('body'), call.get('contentType'))


def backend_of(made, leaf, **more):
    backend = lab.Backend(leaf, made.chain(leaf), made.key(leaf), client_ca=more.pop('client_ca', None))
    if 'maximum' in more:
        backend.context.maximum_version = more['maximum']
    return backend


# name, backend, sSLInfo, (status, fault), cause, party, which: fix or workaround
def rows(made):
    tls12 = ssl.TLSVersion.TLSv1_2
    trusting = {'enabled': 'true', 'trustStore': 'trust'}
    return [
        ('untrusted', lambda: backend_of(made, 'untrusted'), trusting, REFUSED_BY_US,
         'certificate-untrusted-ca', 'server', 'fix'),
        ('selfsigned', lambda: backend_of(made, 'self-signed'), trusting, REFUSED_BY_US,
         'certificate-self-signed', 'server', 'fix'),
        ('incomplete', lambda: backend_of(made, 'incomplete'), trusting, REFUSED_BY_US,
         'certificate-chain-incomplete', 'server', 'fix'),
        ('wrongname', lambda: backend_of(made, 'wrong-name'), {'enabled': 'true'}, REFUSED_BY_US,
         'certificate-hostname-mismatch', 'server', 'fix'),
        ('expired', lambda: backend_of(made, 'expired'), trusting, REFUSED_BY_US, 'certificate-expired',
         'server', 'workaround'),
        ('protocol', lambda: backend_of(made, 'good', maximum=tls12),
         {'enabled': 'true', 'protocols': ['TLSv1.3']}, REFUSED_BY_THEM, 'protocol-mismatch', None, 'fix'),
        ('cipher', lambda: backend_of(made, 'good', maximum=tls12),
         {'enabled': 'true', 'protocols': ['TLSv1.2'], 'ciphers': ['TLS_RSA_WITH_AES_128_CBC_SHA']},
         REFUSED_BY_THEM, 'cipher-mismatch', None, 'fix'),
        ('twoway', lambda: backend_of(made, 'good', client_ca=made.root, maximum=tls12), {'enabled': 'true'},
         REFUSED_BY_THEM, 'client-certificate-missing', 'client', 'fix'),
        ('plain', lambda: lab.Backend('plain'), {'enabled': 'true'}, None, 'plaintext-server', None, 'fix'),
    ]


def handshake(gateway, identity):
    return gateway.api('GET', '%s/handshakes/%s' % (lab.E, identity))


def told_as_command(gateway, name, identity, call):
    """The call in the text is one that a shell takes as it stands."""
    text = gateway.api('GET', '%s/handshakes/%s' % (lab.E, identity), accept='text/plain').body.decode()
    told = text.split('\n  curl ', 1)[-1].split('\nWhat the gateway can do', 1)[0]
    try:
        words = shlex.split(told)
    except ValueError:
        words = []
    tap.equal(words, ['-u', 'USER', '-X', call['method'], '$API' + call['path'], '-H',
                      'Content-Type: ' + call['contentType'], '--data-binary', call['body']],
              '%s: the call as a command' % name)


def south(gateway, made):
    must(gateway.alias('trust', 'root', made.root))
    must(gateway.alias('ours', 'client', made.chain('client'), made.key('client')))
    for name, start, ssl_info, fault, cause, party, which in rows(made):
        backend = start()
        must(gateway.api('POST', lab.E + '/targetservers', {
            'name': name, 'host': '127.0.0.1', 'port': backend.port, 'isEnabled': True, 'sSLInfo': ssl_info}))
        must(gateway.deploy(name, lab.bundle(
            name, '/' + name, '<LoadBalancer><Server name="%s"/></LoadBalancer>' % name)))
        answer = gateway.call('/' + name)
        if fault is not None:
            tap.equal((answer.status, answer.fault), fault, '%s: the fault' % name)
            tap.equal((answer.reason, len(answer.headers.get_all('X-Handfast-Id') or ())), (REASONS[fault[0]], 1),
                      '%s: the words of its status, one id' % name)
        identity = answer.headers.get('X-Handfast-Id')
        tap.ok(identity, '%s: the client is told an id' % name, answer)
        found = handshake(gateway, identity)
        said = found.json or {}
        tap.equal((found.status, said.get('cause'), said.get('party'), said.get('target'), said.get('direction')),
                  (200, cause, party, name, 'southbound'), '%s: its verdict' % name)
        tap.ok('he program' not in said.get('text', 'the program'), '%s: parts have their names' % name, said.get('text'))
        listed = [word for word in ('o/ORG', 'e/ENV', 'targetservers/NAME') if word in said.get('text', '')]
        tap.equal(listed, [], '%s: the steps have the real names' % name)
        if 'trustStore' in ssl_info and cause != 'certificate-expired':
            tap.ok('the truststore trust of environment test' in ' '.join(said.get('text', '').split()),
                   '%s: the truststore by its name' % name, said.get('text'))
        tap.ok(which in said and said[which], '%s: a %s' % (name, which), said.get('text', found))
        if said.get(which):
            told_as_command(gateway, name, identity, said[which])
            done = apply(gateway, said[which])
            tap.ok(done.status in (200, 201), '%s: its %s can be made' % (name, which), (done, said[which]))
            tap.equal(gateway.call('/' + name).status, 200, '%s: then the call succeeds' % name)
        backend.close()


def lists(gateway):
    listed = gateway.api('GET', lab.E + '/handshakes?direction=southbound').json['handshakes']
    tap.ok(len(listed) >= 9, 'the list has them all', listed)
    tap.equal([one['number'] for one in listed], sorted((one['number'] for one in listed), reverse=True),
              'the newest comes first')
    only = gateway.api('GET', lab.E + '/handshakes?target=untrusted').json['handshakes']
    tap.equal({one['target'] for one in only}, {'untrusted'}, 'by target')
    by_cause = gateway.api('GET', lab.E + '/handshakes?cause=certificate-expired&outcome=failed').json['handshakes']
    tap.equal({one['cause'] for one in by_cause}, {'certificate-expired'}, 'by cause')
    first = gateway.api('GET', lab.E + '/handshakes?limit=2').json
    second = gateway.api('GET', '%s/handshakes?limit=2&cursor=%s' % (lab.E, first['next'])).json
    numbers = [one['number'] for page in (first, second) for one in page['handshakes']]
    tap.ok(len(set(numbers)) == 4 and numbers == sorted(numbers, reverse=True), 'pages follow each other', numbers)
    later = gateway.api('GET', lab.E + '/handshakes?from=2100-01-01T00:00:00Z').json['handshakes']
    tap.equal(later, [], 'by time')
    tap.equal(gateway.api('GET', lab.E + '/handshakes?from=yesterday').status, 400, 'a time that is none')
    for where in ('/handshakes', '/handshakes/stream'):
        for name, wrong, there in (('cause', 'TYPO', 'certificate-expired'), ('direction', 'north', 'northbound'),
                                   ('outcome', 'ok', 'unfinished')):
            asked = gateway.api('GET', '%s%s?%s=%s' % (lab.E, where, name, wrong))
            said = asked.json['message'] if asked.status == 400 else ''
            tap.ok(wrong in said and there in said, '%s: a %s that there is not' % (where, name), asked)
        asked = gateway.api('GET', lab.E + where + '?virtualhost=default')
        tap.ok(asked.status == 400 and 'virtualHost' in asked.json['message'], where + ': a filter that there is not', asked)
    tap.equal(len(gateway.api('GET', lab.E + '/handshakes?cause=&limit=2').json['handshakes']), 2, 'an empty cause asks for all')
    tap.equal(gateway.api('GET', lab.E + '/handshakes/nobody').status, 404, 'an id that is none')
    identity = only[0]['id']
    text = gateway.api('GET', '%s/handshakes/%s' % (lab.E, identity), accept='text/plain')
    tap.ok(b'ClientHello' in text.body and text.headers['Content-Type'].startswith('text/plain'),
           'as text, with the ladder', text)
    elsewhere = gateway.api('GET', '/v1/o/default/e/nowhere/handshakes')
    tap.equal((elsewhere.status, elsewhere.json['code']),
              (404, 'messaging.config.beans.EnvironmentDoesNotExist'), 'of an environment that is none')


def client(gateway, name='localhost', minimum=None, maximum=None, verify=None, ciphers=None):
    """One handshake with the virtual host `secure`; how it ended."""
    context = ssl.create_default_context(cafile=verify) if verify else lab.trusting_nobody()
    if ciphers:
        context.set_ciphers(ciphers)
    if maximum is not None:
        context.minimum_version = minimum or maximum
        context.maximum_version = maximum
    try:
        return gateway.call('/', host=name, context=context).status
    except (ssl.SSLError, OSError) as error:
        return getattr(error, 'reason', None) or str(error)


def newest(gateway, query, wait_s=3):
    until = time.monotonic() + wait_s
    while time.monotonic() < until:
        listed = gateway.api('GET', lab.E + '/handshakes?direction=northbound&limit=1' + query).json['handshakes']
        if listed:
            return listed[0]
        time.sleep(0.05)
    return {}


def north(gateway, made):
    client(gateway, ciphers='DEFAULT:@SECLEVEL=0', minimum=ssl.TLSVersion.TLSv1, maximum=ssl.TLSVersion.TLSv1)
    found = newest(gateway, '&cause=protocol-mismatch')
    tap.ok(found.get('serverName') == 'localhost' and found.get('virtualHost') == 'secure',
           'north: a protocol that the Router has not', found)
    client(gateway, name='nobody.example')
    found = newest(gateway, '&cause=sni-unrecognized')
    tap.ok(found.get('serverName') == 'nobody.example', 'north: a name that nobody has', found)
    client(gateway, verify=str(made.root))
    found = newest(gateway, '&cause=certificate-self-signed')
    tap.ok(found.get('party') == 'server' and found.get('rejectedBy') == 'client',
           'north: a client that does not trust the Router', found)
    with socket.create_connection(('127.0.0.1', gateway.https), 10) as plain:
        plain.sendall(b'GET / HTTP/1.1\r\nHost: localhost\r\n\r\n')
        tap.ok(b' 400 ' in plain.recv(4096), 'north: plain HTTP gets a 400')
    tap.ok(newest(gateway, '&cause=plaintext-client'), 'north: plain HTTP has its verdict')


def by_request(gateway, made):
    """A client that gets a 400 of the Router has an id, which leads to the verdict, as the access log has it."""
    port = peers.free_port()
    must(gateway.alias('askkeys', 'own', made.chain('good'), made.key('good')))
    must(gateway.alias('asktrust', 'root', made.root))
    must(gateway.api('POST', lab.E + '/virtualhosts',
                     {'name': 'asking', 'hostAliases': [pki.HOST], 'port': str(port),
                      'sSLInfo': {'enabled': 'true', 'clientAuthEnabled': 'true', 'keyStore': 'askkeys',
                                  'keyAlias': 'own', 'trustStore': 'asktrust'}}))
    wrong = lab.trusting_nobody()
    wrong.load_cert_chain(made.chain('client-untrusted'), made.key('client-untrusted'))
    for name, context, cause in (('none sent', lab.trusting_nobody(), 'client-certificate-missing'),
                                 ('another CA', wrong, 'certificate-untrusted-ca'),
                                 ('in clear', None, 'plaintext-client')):
        answer = gateway.call('/', host=pki.HOST, context=context, port=port)
        told = answer.headers.get('X-Handfast-Id') or 'none'
        found = gateway.api('GET', '%s/handshakes/%s' % (lab.E, told))
        tap.equal((answer.status, (found.json or {}).get('cause')), (400, cause), 'a 400, %s: its id' % name)
        listed = gateway.api('GET', '%s/handshakes?id=%s' % (lab.E, told)).json['handshakes']
        tap.equal([one['cause'] for one in listed], [cause], 'a 400, %s: the list by its id' % name)
        log, until = '', time.monotonic() + 5
        while told not in log and time.monotonic() < until:
            time.sleep(0.1)
            log = (gateway.dir / 'logs/router.access.log').read_text()
        tap.ok('"id":"%s"' % told in log, 'a 400, %s: in the access log' % name)
    fine = lab.trusting_nobody()
    fine.load_cert_chain(made.chain('client'), made.key('client'))
    answer = gateway.call('/', host=pki.HOST, context=fine, port=port)
    tap.equal(answer.status, 404, 'a client certificate that is taken')
    missing = gateway.api('GET', '%s/handshakes/%s' % (lab.E, answer.headers.get('X-Handfast-Id')))
    tap.equal(missing.status, 404, 'where the handshake went well there is no verdict')


class Listener(threading.Thread):
    """Reads the stream until `want` events have come."""

    def __init__(self, gateway, query='', last=None):
        super().__init__(daemon=True)
        self.gateway, self.query, self.last = gateway, query, last
        self.events = []
        self.begun = threading.Event()

    def run(self):
        user = base64.b64encode(('admin@localhost:' + self.gateway.password).encode()).decode()
        headers = {'Authorization': 'Basic ' + user, 'Accept': 'text/event-stream'}
        if self.last is not None:
            headers['Last-Event-ID'] = str(self.last)
        connection = http.client.HTTPConnection('127.0.0.1', self.gateway.api_port, timeout=30)
        connection.request('GET', lab.E + '/handshakes/stream' + self.query, headers=headers)
        answer = connection.getresponse()
        self.kind = answer.headers['Content-Type']
        self.begun.set()
        try:
            for line in answer:
                if line.startswith(b'data: '):
                    self.events.append(json.loads(line[6:]))
        except (OSError, ValueError):
            pass

    def wait(self, n, seconds=5):
        until = time.monotonic() + seconds
        while time.monotonic() < until and len(self.events) < n:
            time.sleep(0.05)
        return self.events


def stream(gateway):
    listener = Listener(gateway, '?direction=northbound')
    listener.start()
    listener.begun.wait(10)
    client(gateway, name='streamed.example')
    seen = listener.wait(1)
    tap.ok(listener.kind.startswith('text/event-stream') and seen and seen[0]['serverName'] == 'streamed.example',
           'the stream says it as it happens', seen)
    again = Listener(gateway, last=seen[0]['number'] - 3 if seen else 0)
    again.start()
    tap.equal([one['number'] for one in again.wait(3)[:3]], [seen[0]['number'] - 2 + i for i in range(3)] if seen else 0,
              'Last-Event-ID goes on from there')
    odd = Listener(gateway, last='%dth' % (seen[0]['number'] - 3) if seen else '')
    odd.start()
    odd.begun.wait(10)
    tap.equal(odd.wait(1, seconds=0.5), [], 'Last-Event-ID that is no number: from now on')


def metrics(gateway):
    text = gateway.api('GET', '/v1/metrics').body.decode()
    for part in ('handfast_handshakes_total{organization="default",environment="test",direction="southbound"',
                 'cause="certificate-untrusted-ca"', 'handfast_part_up{part="router"} 1',
                 'handfast_certificate_days_left{', 'handfast_backend_certificate_days_left{',
                 'handfast_nginx_handshakes_total{part="router"'):
        tap.ok(part in text, 'metrics: ' + part[:60])
    names = [line.split('{')[0] for line in text.splitlines() if line and line[0] != '#']
    groups = [name for i, name in enumerate(names) if i == 0 or names[i - 1] != name]
    tap.equal(len(groups), len(set(groups)), 'metrics: each name stands in one group')
    own = gateway.api('GET', lab.E + '/metrics')
    tap.ok(own.status == 200 and b'handfast_handshakes_total{' in own.body, 'metrics of an environment')


def expiry(gateway):
    listed = gateway.api('GET', lab.E + '/expiry').json['certificates']
    days = [one['daysLeft'] for one in listed]
    tap.equal(days, sorted(days), 'expiry: what runs out first comes first')
    tap.ok(any(one['source'] == 'keystore' and one['keystore'] == 'trust' for one in listed), 'expiry: of keystores')
    tap.ok(any(one['source'] == 'backend' and one['daysLeft'] < 0 and one['target'] == 'expired' for one in listed),
           'expiry: of backends', listed)
    tap.ok(any(one['source'] == 'backend' and one['daysLeft'] > 0 for one in listed),
           'expiry: of backends with which all went well', listed)
    over = gateway.api('GET', lab.E + '/expiry?days=-1').json['certificates']
    tap.ok(over and all(one['daysLeft'] < 0 for one in over), 'expiry: within so many days', over)


def flood(gateway):
    """Hundreds alike: counted, and each found by its id."""
    before = gateway.api('GET', lab.E + '/handshakes?limit=1').json['handshakes'][0]['number']
    for _ in range(300):
        client(gateway, name='flood.example')
    time.sleep(1)
    listed = gateway.api('GET', lab.E + '/handshakes?limit=900').json['handshakes']
    mine = [one for one in listed if one['serverName'] == 'flood.example']
    tap.equal(sum(one['count'] for one in mine), 300, 'flood: all are counted')
    tap.ok(before and len(mine) <= 300, 'flood: kept are %d' % len(mine))


def killed(gateway):
    pid = gateway.pids('collector')[0]
    before = gateway.api('GET', lab.E + '/handshakes?limit=1').json['handshakes'][0]
    os.kill(pid, signal.SIGKILL)
    until = time.monotonic() + 10
    while time.monotonic() < until and gateway.pids('collector') in ([], [pid]):
        time.sleep(0.1)
    tap.ok(gateway.pids('collector') not in ([], [pid]), 'killed: the collector is back')
    time.sleep(0.5)
    tap.equal(gateway.api('GET', '%s/handshakes/%s' % (lab.E, before['id'])).status, 200, 'killed: nothing is lost')
    client(gateway, name='after.example')
    until = time.monotonic() + 5
    seen = []
    while time.monotonic() < until and 'after.example' not in seen:
        listed = gateway.api('GET', lab.E + '/handshakes?limit=5').json['handshakes']
        seen = [one['serverName'] for one in listed]
    tap.ok('after.example' in seen, 'killed: it goes on', seen)


def main():
    lab.need(tap)
    with tempfile.TemporaryDirectory() as name:
        made = pki.make(pathlib.Path(name))
        with lab.Gateway(name) as gateway:
            south(gateway, made)
            north(gateway, made)
            by_request(gateway, made)
            lists(gateway)
            stream(gateway)
            metrics(gateway)
            expiry(gateway)
            flood(gateway)
            killed(gateway)
    tap.done()


main()
