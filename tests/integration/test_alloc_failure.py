#!/usr/bin/env python3
"""The nth allocation fails, n = 1, 2, 3 ...: the same verdict or a word about memory, never a crash.

Wording may lose a name where the text of it found no memory; what is judged may not change unsaid.

Runs $HANDFAST_ALLOC_FAULT, the program with alloc_fault.c in it.
"""
import json
import os
import pathlib
import re
import tempfile

import harness

MAX_RUNS = 400
BINARY = os.environ.get('HANDFAST_ALLOC_FAULT') or harness.program() + '_alloc_fault'

CASES = (
    ('text', ('explain', '--color', 'never', '--only', 'all', '--trust', 'ca/lab-root.pem',
              'certificate-expired.pcap')),
    ('json with a key log', ('explain', '--json', '--only', 'all', '--trust', 'ca/lab-root.pem', '--keylog',
                             'keys/certificate-expired-tls13.keylog', 'certificate-expired-tls13.pcap')),
    ('summary of several', ('explain', '--summary', '--trust', 'none', '--gateway', '10.0.0.0/8',
                            'cipher-mismatch-retry.pcap', 'sni-missing.pcap')),
    ('check', ('check', '--json', '--at', 'capture', '--trust', 'ca/lab-root.pem', '--as', 'openssl',
               'certificate-chain-incomplete.pcap')),
    ('message', ('explain', '--message', 'curl: (35) error:0A000410:SSL routines::sslv3 alert handshake failure')),
)


def run(arguments, **env):
    return harness.run(*arguments, binary=BINARY, env=env, cwd=harness.CAPTURES)


def n_allocations(arguments):
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder) / 'count'
        done = run(arguments, HANDFAST_COUNT_ALLOC=str(path))
        return done, int(path.read_text()) if path.exists() else 0


def verdicts(done):
    """What was judged: outcome, cause and confidence of each connection, or the counts by cause."""
    found = []
    for line in done.text.splitlines():
        if line.startswith('{'):
            try:
                row = json.loads(line)
            except ValueError:
                row = {}
            found.append(tuple(str(row.get(k)) for k in ('outcome', 'valid', 'cause', 'confidence', 'rejected_by')))
        elif re.match(r'\s+(FAILED|COMPLETED|UNFINISHED)\b|Summary ', line):
            found.append(line.strip())
    return found


def fault(arguments, wanted, reference):
    """What is wrong, which allocation showed it, the run; or None."""
    done = run(arguments, HANDFAST_FAIL_ALLOC=wanted)
    if done.crashed:
        return 'crashed', wanted, done
    if done.code == reference.code and verdicts(done) == verdicts(reference):
        return None
    if done.code not in (0, 1, 3):
        return 'exit code %d' % done.code, wanted, done
    if not any(word in done.errors + done.text for word in ('memory', 'limit')):
        return 'another verdict, and not a word about memory', wanted, done
    return None


def describe(wrong):
    """Each kind once, with the allocations that show it."""
    for kind in sorted({k for k, _, _ in wrong}):
        which = [(wanted, done) for k, wanted, done in wrong if k == kind]
        yield '%s: allocations %s' % (kind, ' '.join(wanted for wanted, _ in which))
        yield '\n'.join(which[0][1].errors.splitlines()[:12])


def main():
    tap = harness.Tap()
    for title, arguments in CASES:
        reference, n = n_allocations(arguments)
        if not tap.ok(reference.code in (0, 1) and n > 0, '%s: %d allocations' % (title, n), reference):
            continue
        step = max(1, n * len(CASES) // MAX_RUNS)
        for suffix in ('', '+'):
            jobs = [(arguments, '%d%s' % (i, suffix), reference) for i in range(1, n + 1, step)]
            wrong = [w for w in harness.in_parallel(fault, jobs) if w]
            tap.ok(not wrong, '%s: one fails%s' % (title, ', and all after it' if suffix else ''),
                   '%d of %d' % (len(wrong), len(jobs)), *describe(wrong))
    tap.done()


if __name__ == '__main__':
    main()
