#!/usr/bin/env python3
"""Backends that cannot be reached: no route, no neighbour, a port that does not answer, a name that
has no address, no server left. The client gets the fault of the guide's system, the operator the
verdict under the id in it; with TLS and without.

As root in a network namespace of its own, where nothing else is reachable.
"""
import dataclasses
import os
import pathlib
import socket
import subprocess
import sys
import tempfile
import threading
import time

import gateway_lab as lab
import harness
import peers

tap = harness.Tap()
FLOW = 'messaging.adaptors.http.flow.'
WORDS = 'The Service is temporarily unavailable'
UNAVAILABLE = (503, FLOW + 'ServiceUnavailable', WORDS)
NO_TARGETS = (503, FLOW + 'NoActiveTargets', WORDS)
SOON = '<Property name="connect.timeout.millis">1000</Property>'
PATIENT = '<Property name="connect.timeout.millis">15000</Property>'
INSIDE = 'HANDFAST_IN_NAMESPACE'
VERDICT_S = 10

NETWORK = (
    'ip link set lo up',
    'ip link add here type veth peer name there',
    'ip address add 192.0.2.1/24 dev here',
    'ip link set here up',
    'ip link set there up',
    'ip route add unreachable 198.51.100.9/32',
    'ip route add prohibit 198.51.100.10/32',
)


@dataclasses.dataclass
class Row:
    name: str
    host: str                # '': of this machine, and `port` says which
    want: tuple
    cause: str
    rejected_by: str
    words: str               # of the verdict
    properties: str = ''
    port: str = 'unused'
    n_servers: int = 1
    is_enabled: bool = True
    balancing: str = ''
    before: str = ''         # the cause of the requests that come first, and use up the servers
    n_before: int = 1
    is_inside: bool = False  # only in the namespace
    tls: bool = True
    number: int = 0


ROWS = (
    Row('no route', '203.0.113.9', UNAVAILABLE, 'connection-refused', 'network', 'cannot be reached on port', is_inside=True),
    Row('no host, says the route', '198.51.100.9', UNAVAILABLE, 'connection-refused', 'network', 'cannot be reached on port',
        is_inside=True),
    Row('forbidden, says the route', '198.51.100.10', UNAVAILABLE, 'connection-refused', 'network', 'cannot be reached on port',
        is_inside=True),
    Row('no neighbour', '192.0.2.9', UNAVAILABLE, 'connection-refused', 'network', 'cannot be reached on port', PATIENT, is_inside=True),
    Row('a multicast address', '224.0.0.1', UNAVAILABLE, 'connection-refused', 'network', 'cannot be reached on port'),
    Row('TCP time-out', '', UNAVAILABLE, 'connection-timeout', 'network', 'never answered', SOON, 'full'),
    Row('TCP time-out, two servers', '', UNAVAILABLE, 'connection-timeout', 'network', 'never answered', SOON, 'full', n_servers=2),
    Row('nobody listens, two servers', '', UNAVAILABLE, 'connection-refused', 'server', 'answered by a reset', n_servers=2),
    Row('no address', 'nowhere.invalid', UNAVAILABLE, 'undetermined', 'unknown', 'getent ahosts nowhere.invalid'),
    Row('no address, two servers', 'nowhere.invalid', UNAVAILABLE, 'undetermined', 'unknown', 'The server\'s host name nowhere.invalid has no address', n_servers=2),
    Row('each server disabled', '', NO_TARGETS, 'undetermined', 'unknown', 'No server of the target is in use', is_enabled=False),
    Row('each of two servers disabled', '', NO_TARGETS, 'undetermined', 'unknown', 'No server of the target is in use', n_servers=2,
        is_enabled=False),
    Row('no server left', '', NO_TARGETS, 'undetermined', 'unknown', 'No server of the target is in use', n_servers=2,
        balancing='<MaxFailures>1</MaxFailures>', before='connection-refused'),
    Row('no server left, without a retry', '', NO_TARGETS, 'undetermined', 'unknown', 'No server of the target is in use', n_servers=2,
        balancing='<MaxFailures>1</MaxFailures><RetryEnabled>false</RetryEnabled>', before='connection-refused', n_before=2),
    Row('the only server is left no more', '', NO_TARGETS, 'undetermined', 'unknown', 'No server of the target is in use',
        balancing='<MaxFailures>2</MaxFailures>', before='connection-refused', n_before=2),
    Row('the only server is left', '', UNAVAILABLE, 'connection-refused', 'server', 'answered by a reset',
        balancing='<MaxFailures>3</MaxFailures>', before='connection-refused', n_before=2),
    Row('never taken out', '', UNAVAILABLE, 'connection-refused', 'server', 'answered by a reset',
        balancing='<MaxFailures>0</MaxFailures>', before='connection-refused', n_before=5),
)


def enter_namespace():
    """Goes on as another process in a namespace, where that can be had."""
    can = os.geteuid() == 0 and subprocess.run(['unshare', '-n', 'ip', 'link'], capture_output=True, check=False).returncode == 0
    if can and INSIDE not in os.environ:
        os.execvpe('unshare', ['unshare', '-n', sys.executable, *sys.argv], dict(os.environ, **{INSIDE: '1'}))


def make_network():
    """False: it cannot be made, and what needs it is skipped."""
    return INSIDE in os.environ and all(
        subprocess.run(line.split(), capture_output=True, check=False).returncode == 0 for line in NETWORK)


def full_backlog():
    """A port where connecting never ends: nobody accepts, and the queue is full."""
    held = [socket.socket()]
    held[0].bind(('127.0.0.1', 0))
    held[0].listen(0)
    for _ in range(3):
        client = socket.socket()
        client.setblocking(False)
        client.connect_ex(held[0].getsockname())
        held.append(client)
    return held[0].getsockname()[1], held


def must(answer):
    if answer.status not in (200, 201):
        raise RuntimeError('refused: %r' % answer)
    return answer


def set_up(gateway, rows, ports):
    targets, routes = {}, ''
    for row in rows:
        servers = ['s%dx%d' % (row.number, i) for i in range(row.n_servers)]
        for name in servers:
            must(gateway.api('POST', lab.E + '/targetservers', {
                'name': name, 'host': row.host or '127.0.0.1', 'port': ports[row.port], 'isEnabled': row.is_enabled,
                **({'sSLInfo': {'enabled': 'true'}} if row.tls else {})}))
        targets['t%d' % row.number] = '<LoadBalancer>%s%s</LoadBalancer><Properties>%s</Properties>' % (
            ''.join('<Server name="%s"/>' % name for name in servers), row.balancing, row.properties)
        routes += '<RouteRule name="r%d"><Condition>proxy.pathsuffix MatchesPath "/t%d"</Condition><TargetEndpoint>t%d' \
            '</TargetEndpoint></RouteRule>' % (row.number, row.number, row.number)
    must(gateway.deploy('far', lab.bundle('far', '/far', targets=targets, routes=routes)))


def verdict(gateway, identity):
    until = time.monotonic() + VERDICT_S
    while time.monotonic() < until:
        found = gateway.api('GET', '%s/handshakes/%s' % (lab.E, identity))
        if found.status == 200:
            return found.json
        time.sleep(0.05)
    return {}


def fault_of(answer):
    said = (answer.json or {}).get('fault', {})
    return answer.status, said.get('detail', {}).get('errorcode'), said.get('faultstring')


def ask(gateway, row, said):
    if row.before:
        said[row.number, 'before'] = [gateway.call('/far/t%d' % row.number) for _ in range(row.n_before)]
    said[row.number] = gateway.call('/far/t%d' % row.number)


def judge(gateway, row, said):
    name = '%s, %s' % (row.name, 'TLS' if row.tls else 'in clear')
    answer = said[row.number]
    for before in said.get((row.number, 'before'), ()):
        cause = verdict(gateway, before.headers.get('X-Handfast-Id')).get('cause')
        tap.equal((fault_of(before), cause), (UNAVAILABLE, row.before), '%s: the one before' % name)
    tap.equal(fault_of(answer), row.want, '%s: the fault' % name)
    identities = answer.headers.get_all('X-Handfast-Id') or []
    tap.equal((answer.reason, len(identities)), ('Service Unavailable', 1), '%s: the words of its status, one id' % name)
    found = verdict(gateway, (identities or ['none'])[0])
    print('# %s: %s' % (name, found.get('sentence')))
    tap.equal((found.get('cause'), found.get('rejectedBy'), found.get('direction')), (row.cause, row.rejected_by, 'southbound'),
              '%s: the verdict' % name)
    text = ' '.join(found.get('text', '').split())
    tap.ok(row.words in text, '%s: its words' % name, found.get('text'))
    tap.equal(found.get('fix'), None, '%s: no call mends it' % name)
    tap.ok(row.cause != 'undetermined' or ('tcpdump' not in text and 'To fix' in text), '%s: what to do, and no capture' % name, text)


def main():
    lab.need(tap)
    enter_namespace()
    has_network = make_network()
    rows = []
    for row in ROWS:
        if row.is_inside and not has_network:
            tap.skip(row.name, 'a network namespace needs root')
            continue
        rows += [dataclasses.replace(row, number=len(rows) + i, tls=tls) for i, tls in enumerate((True, False))]
    port, _held = full_backlog()
    with tempfile.TemporaryDirectory() as name, lab.Gateway(pathlib.Path(name)) as gateway:
        set_up(gateway, rows, {'unused': peers.free_port(), 'full': port})
        said = {}
        asking = [threading.Thread(target=ask, args=(gateway, row, said)) for row in rows]
        for thread in asking:
            thread.start()
        for thread in asking:
            thread.join()
        for row in rows:
            judge(gateway, row, said)
    tap.done()


main()
