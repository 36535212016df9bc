#!/usr/bin/env python3
"""Live: handshakes on the loopback interface are explained while they happen, and summed at the end."""
import json
import os
import pathlib
import select
import signal
import socket
import subprocess
import time

import harness

PATIENCE_S = 60  # on a machine that is busy with other tests


def start(*arguments):
    argv = [harness.program(), 'explain', '--trust', 'none', '--no-progress', *arguments]
    return subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=harness.environment())


def sockets_of(process):
    """The inodes of its sockets; none once it is gone."""
    fds = pathlib.Path('/proc/%d/fd' % process.pid)
    try:
        links = [os.readlink(fd) for fd in fds.iterdir()]
    except OSError:
        return set()
    return {link[8:-1] for link in links if link.startswith('socket:[')}


def wait_for_capture(process):
    """Until it has a packet socket (packet(7)) or has ended; then a moment for the filter."""
    until = time.monotonic() + PATIENCE_S
    while process.poll() is None and time.monotonic() < until:
        rows = pathlib.Path('/proc/net/packet').read_text(encoding='ascii').splitlines()[1:]
        if sockets_of(process) & {row.split()[-1] for row in rows}:
            break
        time.sleep(0.05)
    time.sleep(0.5)


def read_first(process):
    shown = select.select([process.stdout], [], [], PATIENCE_S)[0]
    return os.read(process.stdout.fileno(), 65536) if shown else b''


def may_capture():
    with start('-i', 'lo', '--filter', 'tcp port 1') as probe:
        wait_for_capture(probe)
        if probe.poll() is None:
            probe.send_signal(signal.SIGINT)
        _, err = probe.communicate(timeout=PATIENCE_S)
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
    wait_for_capture(live)
    failing_handshake(port)
    line = read_first(live)
    tap.ok(b'protocol-mismatch' in line, '%s: a verdict while it happens' % interface, line)
    live.send_signal(signal.SIGINT)
    out, err = live.communicate(timeout=PATIENCE_S)
    tap.ok(live.returncode == 1, '%s: interrupted, and the exit code stands' % interface, live.returncode, err)
    verdicts = [json.loads(v) for v in (line + out).splitlines() if v.startswith(b'{')]
    tap.equal(sum(v.get('outcome') == 'failed' for v in verdicts), 1, '%s: one verdict' % interface)


def check_summary(tap):
    port = free_port()
    live = start('--color', 'never', '-i', 'lo', '--filter', 'tcp port %d' % port)
    wait_for_capture(live)
    failing_handshake(port)
    first = read_first(live)
    live.send_signal(signal.SIGINT)
    out, err = live.communicate(timeout=PATIENCE_S)
    text = (first + out + err).decode('utf-8', 'replace')
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
        _, err = wrong.communicate(timeout=PATIENCE_S)
    tap.ok(wrong.returncode not in (0, 1) and b'no-such-interface' in err, 'an interface that is not there', err)
    tap.done()


if __name__ == '__main__':
    main()
