#!/usr/bin/env python3
"""Live: handshakes on the loopback interface are explained while they happen, and summed at the end."""
import json
import os
import select
import signal
import socket
import subprocess
import time

import harness


def start(*arguments):
    argv = [harness.program(), 'explain', '--trust', 'none', '--no-progress', *arguments]
    return subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=harness.environment())


def may_capture():
    with start('-i', 'lo', '--filter', 'tcp port 1') as probe:
        time.sleep(1.0)
        if probe.poll() is None:
            probe.send_signal(signal.SIGINT)
        _, err = probe.communicate(timeout=30)
    return probe.returncode in (0, 1), err.decode('utf-8', 'replace')


def failing_handshake(port):
    """A TLS 1.2 ClientHello, and a server that answers with protocol_version."""
    hello = bytes([3, 3]) + bytes(32) + b'\0' + b'\0\x02\xc0\x2f' + b'\x01\0'
    message = b'\x01' + len(hello).to_bytes(3, 'big') + hello
    with socket.create_server(('127.0.0.1', port)) as server:
        with socket.create_connection(('127.0.0.1', port)) as client:
            peer, _ = server.accept()
            client.sendall(b'\x16\x03\x01' + len(message).to_bytes(2, 'big') + message)
            peer.recv(4096)
            peer.sendall(b'\x15\x03\x03\0\x02\x02\x46')
            client.recv(4096)
            peer.close()


def free_port():
    with socket.create_server(('127.0.0.1', 0)) as probe:
        return probe.getsockname()[1]


def check_live(tap, interface):
    port = free_port()
    live = start('--json', '-i', interface, '--filter', 'tcp port %d' % port)
    time.sleep(1.5)
    failing_handshake(port)
    shown = select.select([live.stdout], [], [], 15)[0]
    line = os.read(live.stdout.fileno(), 65536) if shown else b''
    tap.ok(b'protocol-mismatch' in line, '%s: a verdict while it happens' % interface, line)
    live.send_signal(signal.SIGINT)
    out, err = live.communicate(timeout=30)
    tap.ok(live.returncode == 1, '%s: interrupted, and the exit code stands' % interface, live.returncode, err)
    verdicts = [json.loads(v) for v in (line + out).splitlines() if v.startswith(b'{')]
    tap.equal(sum(v.get('outcome') == 'failed' for v in verdicts), 1, '%s: one verdict' % interface)


def check_summary(tap):
    port = free_port()
    live = start('--color', 'never', '-i', 'lo', '--filter', 'tcp port %d' % port)
    time.sleep(1.5)
    failing_handshake(port)
    time.sleep(1.0)
    live.send_signal(signal.SIGINT)
    out, err = live.communicate(timeout=30)
    text = (out + err).decode('utf-8', 'replace')
    tap.ok('protocol-mismatch' in text and live.returncode == 1, 'a summary at the end', text)


def main():
    tap = harness.Tap()
    allowed, why = may_capture()
    if allowed:
        check_live(tap, 'lo')
        check_live(tap, 'any')
        check_summary(tap)
    else:
        tap.ok('handfast' in why, 'what may not be captured is a clear error', why)
        tap.skip('live capture', 'not allowed here: needs CAP_NET_RAW')
    with start('-i', 'no-such-interface') as wrong:
        _, err = wrong.communicate(timeout=30)
    tap.ok(wrong.returncode not in (0, 1) and b'no-such-interface' in err, 'an interface that is not there', err)
    tap.done()


if __name__ == '__main__':
    main()
