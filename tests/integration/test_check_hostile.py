#!/usr/bin/env python3
"""Certificates made to hurt handfast check: it ends in bounded time, with a word, without a crash."""
import datetime
import json
import pathlib
import tempfile
import time

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

import harness

LIMIT_S = 180 # a slow machine and sanitizers; what is looked for is hours
NOW = datetime.datetime(2026, 6, 1)
KEYS = [ec.generate_private_key(ec.SECP256R1()) for _ in range(3)]


def name(text):
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def certificate(subject, issuer, key=0, signer=0, is_ca=True, names=(), serial=None):
    builder = x509.CertificateBuilder().subject_name(name(subject)).issuer_name(name(issuer)) \
        .public_key(KEYS[key].public_key()).serial_number(serial or x509.random_serial_number()) \
        .not_valid_before(NOW - datetime.timedelta(days=30)).not_valid_after(NOW + datetime.timedelta(days=300)) \
        .add_extension(x509.BasicConstraints(is_ca, None), True)
    if names:
        builder = builder.add_extension(x509.SubjectAlternativeName([x509.DNSName(n) for n in names]), False)
    return builder.sign(KEYS[signer], hashes.SHA256()).public_bytes(serialization.Encoding.PEM)


def cross_signs(n):
    """One name, n certificates for it, each from another of 100 names that sign each other."""
    return [certificate('leaf', 'CA 0', is_ca=False, names=('a.test',))] + \
        [certificate('CA %d' % (i % 100), 'CA %d' % ((i * 7 + 1) % 100), serial=i + 1) for i in range(n)]


CASES = {
    '10,000 cross-signs': lambda: cross_signs(10000),
    'a circle': lambda: [certificate('leaf', 'A', is_ca=False, names=('a.test',)), certificate('A', 'B', 1, 1),
                         certificate('B', 'A', 1, 1)],
    'a chain of 3,000': lambda: [certificate('C 0', 'C 1', is_ca=False, names=('a.test',))] +
                                [certificate('C %d' % i, 'C %d' % (i + 1)) for i in range(1, 3000)],
    '100,000 names': lambda: [certificate('leaf', 'root', is_ca=False, names=['n%d.a.test' % i for i in range(12000)])],
    '5,000 of the same': lambda: [certificate('leaf', 'root', is_ca=False, names=('a.test',), serial=5)] * 5000,
    '3,000 leaves': lambda: [certificate('leaf %d' % i, 'root', is_ca=False, names=('l%d.test' % i,))
                             for i in range(3000)],
    'a name of 60,000 letters': lambda: [certificate('leaf', 'root', is_ca=False, names=('x' * 60000 + '.test',))],
    'controls in names': lambda: [certificate('leaf', '\x1b[2Jroot\u202e', is_ca=False, names=('a.test',))],
}


def check(tap, title, folder, root):
    path = folder / 'hostile.pem'
    path.write_bytes(b''.join(CASES[title]()))
    for output in ((), ('--json',)):
        began = time.monotonic()
        done = harness.run('check', '--at', '2026-06-01', '--trust', root, '--host', 'a.test', *output, path,
                           timeout=LIMIT_S)
        took = time.monotonic() - began
        tap.ok(not done.crashed and done.code in (0, 1), '%s %s: %.1f s' % (title, ''.join(output), took), done)
        tap.ok(done.out and b'\x1b' not in done.out and '\u202e' not in done.text, '%s: a word, and a safe one' % title)
        if output:
            answer = json.loads(done.text)
            tap.ok(answer['chains'] and isinstance(answer['valid'], bool), '%s: a verdict' % title)


def check_garbage(tap, folder, root):
    good = certificate('leaf', 'root', is_ca=False, names=('a.test',))
    body = bytearray(good)
    for at in range(40, len(body) - 40, 11):
        broken = bytearray(body)
        broken[at] = ord('A') if broken[at] != ord('A') else ord('B')
        path = folder / 'broken.pem'
        path.write_bytes(bytes(broken))
        done = harness.run('check', '--json', '--trust', root, path)
        if done.crashed or done.code not in (0, 1, 3):
            tap.ok(False, 'one letter altered at %d' % at, done)
            return
    tap.ok(True, 'letters altered one at a time')


def main():
    tap = harness.Tap()
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        root = folder / 'root.pem'
        root.write_bytes(certificate('root', 'root', 2, 2))
        for title in CASES:
            check(tap, title, folder, root)
        check_garbage(tap, folder, root)
    tap.done()


if __name__ == '__main__':
    main()
