#!/usr/bin/env python3
"""What the options of explain do to its output."""
import pathlib
import tempfile

import harness

FAILED, CLEAN, FOUND = 'protocol-mismatch.pcap', 'completed-tls13.pcap', 'completed-insecure.pcap'
TRUST = ('--trust', 'ca/lab-root.pem')


def explain(*arguments, **more):
    return harness.run('explain', *arguments, cwd=harness.CAPTURES, **more)


def outcomes(only, *files):
    return sorted((v['outcome'], bool(v['findings'])) for v in
                  explain('--json', '--only', only, *TRUST, *files).verdicts())


def check_only(tap):
    files = (FAILED, CLEAN, FOUND)
    failed, found, clean = ('failed', False), ('completed', True), ('completed', False)
    tap.equal(outcomes('failed', *files), [failed], '--only failed')
    tap.equal(outcomes('findings', *files), sorted([failed, found]), '--only findings')
    tap.equal(outcomes('all', *files), sorted([failed, found, clean]), '--only all')
    default = explain('--json', *TRUST, *files).verdicts()
    tap.equal(len(default), 3, 'JSON says everything unless told otherwise')


def check_summary(tap):
    done = explain('--color', 'never', '--summary', *TRUST, FAILED, CLEAN, 'sni-missing.pcap')
    for word in ('protocol-mismatch', 'sni-missing'):
        tap.ok(word in done.text, '--summary names %s' % word, done)
    tap.ok('ClientHello' not in done.text, '--summary shows no ladder', done)


def check_filter(tap):
    port = next(e for e in harness.labelled() if e['file'] == FAILED)['connections'][0]['server'].rsplit(':', 1)[1]
    with_it = explain('--json', *TRUST, '--filter', 'tcp port ' + port, FAILED).verdicts()
    without = explain('--json', *TRUST, '--filter', 'not tcp port ' + port, FAILED).verdicts()
    tap.equal((len(with_it), len(without)), (1, 0), '--filter keeps and drops')


def check_gateway(tap):
    connection = next(e for e in harness.labelled() if e['file'] == FAILED)['connections'][0]
    host = lambda end: end.rsplit(':', 1)[0]
    for gateway, direction in ((connection['server'], 'northbound'), (host(connection['server']), 'northbound'),
                               (host(connection['client']), 'southbound'),
                               (host(connection['server']) + '/32', 'northbound'), ('203.0.113.9', None)):
        got = explain('--json', *TRUST, '--gateway', gateway, FAILED).verdicts()[0].get('direction')
        tap.equal(got, direction, '--gateway %s' % gateway)


def check_output(tap):
    plain = explain(*TRUST, FAILED)
    tap.ok(b'\x1b' not in plain.out and b'\x1b' not in plain.err, 'no colour and no progress in a pipe', plain)
    coloured = explain('--color', 'always', *TRUST, FAILED, env={'NO_COLOR': ''})
    tap.ok(b'\x1b[' in coloured.out, '--color always', coloured)
    narrow = explain('--color', 'never', '--width', '60', *TRUST, FAILED)
    longest = max(len(line) for line in narrow.text.splitlines())
    tap.ok(longest <= 200, '--width 60', longest)
    with tempfile.TemporaryDirectory() as name:
        path = pathlib.Path(name) / 'verdicts'
        done = explain('--json', *TRUST, '--output', path, FAILED)
        tap.ok(done.code == 1 and not done.out and 'protocol-mismatch' in path.read_text(), '--output', done)
    closed = explain('--output', '/dev/full', *TRUST, FAILED)
    tap.ok(closed.code not in (0, 1) and not closed.crashed and closed.err, 'a full disk is an error', closed)


def check_message(tap):
    rows = (
        ('curl: (60) SSL certificate problem: certificate has expired', 'certificate-expired'),
        ('javax.net.ssl.SSLHandshakeException: No subject alternative DNS name matching app.example found.',
         'certificate-hostname-mismatch'),
        ('tls: no cipher suite supported by both client and server', 'cipher-mismatch'),
        ('error:0A00010B:SSL routines::wrong version number', 'plaintext'),
    )
    for message, cause in rows:
        done = explain('--message', message)
        tap.ok(done.code in (0, 1) and cause in done.text, '--message: %s' % message, done)
        lines = explain('--message', stdin=(message + '\n').encode())
        tap.ok(cause in lines.text, 'and on standard input', lines)


def check_revocation(tap):
    done = explain('--crl', 'no-such.crl', *TRUST, FAILED)
    tap.ok(done.code not in (0, 1) and 'no-such.crl' in done.errors, 'a CRL that is not there is an error', done)


def main():
    tap = harness.Tap()
    for check in (check_only, check_summary, check_filter, check_gateway, check_output, check_message,
                  check_revocation):
        check(tap)
    tap.done()


if __name__ == '__main__':
    main()
