#!/usr/bin/env python3
"""Hostile input: altered bytes never crash it, one peer cannot make it grow, nothing drives the
terminal."""
import os
import pathlib
import random
import resource
import struct
import subprocess
import tempfile

import harness
import pcapfile
from pcapfile import ACK, PSH, SYN

MIB = 1024 * 1024
ALTERED_RUNS = 240
START_NS = 1_700_000_000 * 10**9
CLIENT, SERVER = ('192.0.2.1', 40000), ('192.0.2.2', 443)


def run_measured(path, *arguments):
    """The run, and its peak of resident memory in bytes."""
    argv = [harness.program(), 'explain', '--json', '--only', 'all', '--trust', 'none', *arguments, str(path)]
    # Freed memory that the sanitizer holds back would count as the program's.
    env = harness.environment({'ASAN_OPTIONS': 'exitcode=99:quarantine_size_mb=1:thread_local_quarantine_size_kb=64:'
                                               'detect_leaks=0:malloc_context_size=2'})
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        child = subprocess.Popen(argv, stdout=out, stderr=err, env=env)
        _, status, used = os.wait4(child.pid, 0)
        child.returncode = os.waitstatus_to_exitcode(status)
        out.seek(0)
        err.seek(0)
        done = harness.Run(argv, child.returncode, out.read(), err.read())
    return done, used.ru_maxrss * 1024


def opening(client):
    yield pcapfile.tcp_frame(client, SERVER, 999, 0, SYN)
    yield pcapfile.tcp_frame(SERVER, client, 4999, 1000, SYN | ACK)
    yield pcapfile.tcp_frame(client, SERVER, 1000, 5000, ACK)


def handshake_record(body):
    return b'\x16\x03\x01' + struct.pack('>H', len(body)) + body


def endless_client_hello(n_bytes):
    """A handshake message that says 16 MiB, in records of 16 KiB, for ever."""
    yield from opening(CLIENT)
    seq, piece = 1000, handshake_record(b'\x01\xff\xff\xff' + bytes(1380))
    for _ in range(n_bytes // len(piece)):
        yield pcapfile.tcp_frame(CLIENT, SERVER, seq, 5000, ACK | PSH, piece)
        seq += len(piece)
        piece = handshake_record(bytes(1384))


def small_messages(n_messages):
    """HelloRequests without end: each is a whole message."""
    yield from opening(CLIENT)
    body = handshake_record(b'\0\0\0\0' * 300)
    for i in range(n_messages // 300):
        yield pcapfile.tcp_frame(SERVER, CLIENT, 5000 + i * len(body), 1000, ACK | PSH, body)


def alerts(n):
    """Warning alerts, each in a record of its own."""
    yield from opening(CLIENT)
    body = b'\x15\x03\x03\x00\x02\x01\x5a' * 190
    for i in range(n // 190):
        yield pcapfile.tcp_frame(CLIENT, SERVER, 1000 + i * len(body), 5000, ACK | PSH, body)


def out_of_order(n_segments):
    """Every second segment is missing, so that all others wait."""
    yield from opening(CLIENT)
    for i in range(n_segments):
        yield pcapfile.tcp_frame(CLIENT, SERVER, 1000 + 2800 * (i + 1), 5000, ACK | PSH, bytes(1400))


def starttls_without_end(n_bytes):
    """A line of SMTP that never ends."""
    server = (SERVER[0], 25)
    yield pcapfile.tcp_frame(CLIENT, server, 999, 0, SYN)
    yield pcapfile.tcp_frame(server, CLIENT, 4999, 1000, SYN | ACK)
    for i in range(n_bytes // 1400):
        yield pcapfile.tcp_frame(server, CLIENT, 5000 + i * 1400, 1000, ACK | PSH, b'220-' + b'a' * 1396)


def many_syns(n):
    for i in range(n):
        client = ('198.51.%d.%d' % (i >> 8 & 255, i & 255), 1024 + (i >> 16))
        yield pcapfile.tcp_frame(client, SERVER, 7, 0, SYN)


def fragments_without_end(n):
    """First fragments of IPv4 packets that are never completed."""
    frame = bytearray(pcapfile.tcp_frame(CLIENT, SERVER, 7, 0, ACK, bytes(1400)))
    for i in range(n):
        struct.pack_into('>HH', frame, 14 + 4, i & 0xFFFF, 0x2000)
        frame[14 + 12 + 2] = i >> 16 & 255
        yield bytes(frame)


def reused_names(n):
    """Many whole connections that fail: nothing of them may stay."""
    alert = b'\x15\x03\x03\x00\x02\x02\x28'
    hello = next(r for _, r, _ in pcapfile.Capture(harness.CAPTURES / 'cipher-mismatch.pcap').frames()
                 if b'\x16\x03' in r[60:80])
    payload = hello[hello.index(b'\x16\x03', 54):]
    for i in range(n):
        client = ('198.51.%d.%d' % (i >> 8 & 255, i & 255), 1024 + (i >> 16))
        yield from opening(client)
        yield pcapfile.tcp_frame(client, SERVER, 1000, 5000, ACK | PSH, payload)
        yield pcapfile.tcp_frame(SERVER, client, 5000, 1000 + len(payload), ACK | PSH, alert)
        yield pcapfile.tcp_frame(SERVER, client, 5000 + len(alert), 1000 + len(payload), ACK | 4)


FLOODS = (
    ('a ClientHello without end', endless_client_hello, 96 * MIB),
    ('messages without end', small_messages, 3_000_000),
    ('alerts without end', alerts, 1_500_000),
    ('segments that wait for ever', out_of_order, 60_000),
    ('a greeting without end', starttls_without_end, 64 * MIB),
    ('SYNs from everywhere', many_syns, 100_000),
    ('fragments without end', fragments_without_end, 50_000),
    ('failed connections one after the other', reused_names, 8_000),
)
LIMIT = 320 * MIB  # with the sanitizer's shadow and red zones, which triple what is used


def check_floods(tap, folder):
    for title, make, size in FLOODS:
        path = folder / 'flood.pcap'
        frames = ((START_NS + i * 20_000, frame, len(frame)) for i, frame in enumerate(make(size)))
        path.write_bytes(pcapfile.pcap(frames, 1))
        done, peak = run_measured(path)
        tap.ok(not done.crashed and done.code in (0, 1) and peak < LIMIT,
               '%s: bounded memory' % title, 'peak %d MiB' % (peak // MIB), str(done)[-3000:])


def altered(content, seed):
    chance = random.Random(seed)
    out = bytearray(content)
    for _ in range(chance.choice((1, 3, 20, 100))):
        at = chance.randrange(24, len(out))
        kind = chance.randrange(3)
        if kind == 0:
            out[at] = chance.choice((0, 1, 0x7F, 0x80, 0xFF, chance.randrange(256)))
        elif kind == 1:
            out[at] ^= 1 << chance.randrange(8)
        else:
            out[at:at + chance.randrange(1, 9)] = b''
    return bytes(out)


def check_altered(tap, folder):
    entries = harness.labelled()

    def one(i):
        entry = entries[i % len(entries)]
        path = folder / ('altered-%d.pcap' % i)
        path.write_bytes(altered((harness.CAPTURES / entry['file']).read_bytes(), i))
        done = harness.explain_json(entry, path, timeout=30)
        path.unlink()
        return None if not done.crashed and done.code in (0, 1, 3) else 'seed %d of %s: %s' % (i, entry['file'], done)

    wrong = [w for w in harness.in_parallel(one, [(i,) for i in range(ALTERED_RUNS)]) if w]
    tap.ok(not wrong, '%d altered captures' % ALTERED_RUNS, *wrong[:3])


def check_terminal(tap, folder):
    """A server name that tries to clear the screen."""
    content = (harness.CAPTURES / 'sni-unrecognized.pcap').read_bytes()
    entry = next(e for e in harness.labelled() if e['file'] == 'sni-unrecognized.pcap')
    name = entry['connections'][0]['sni'].encode()
    evil = (b'\x1b[2J\x07\xc2\x9b1m\xff\x85\r\n' + b'x' * len(name))[:len(name)]
    tap.ok(content.count(name) == 1, 'the name is in the capture once')
    path = folder / 'evil.pcap'
    path.write_bytes(content.replace(name, evil))
    allowed = set(b'\n')
    for form in ((), ('--json',), ('--summary',)):
        done = harness.run('explain', '--color', 'never', '--trust', 'none', '--only', 'all', *form, path)
        control = sorted({b for b in done.out if b < 32 or b == 127} - allowed)
        text_ok = '\x9b' not in done.text and b'\xff' not in done.out
        tap.ok(not done.crashed and done.code in (0, 1) and not control and text_ok,
               'nothing drives the terminal: %s' % (' '.join(form) or 'text'), control, done)
    text = harness.run('explain', '--message', 'ssl \x1b[31m handshake_failure \x07')
    tap.ok(b'\x1b' not in text.out and b'\x07' not in text.out, 'nor from a message', text)


def main():
    tap = harness.Tap()
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        check_terminal(tap, folder)
        check_altered(tap, folder)
        check_floods(tap, folder)
    tap.done()


if __name__ == '__main__':
    main()
