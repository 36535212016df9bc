#!/usr/bin/env python3
"""What handfast check says of labelled captures, word for word (tests/golden/check/).

usage: tests/integration/test_check_text.py             TAP
       tests/integration/test_check_text.py --update    rewrite the expected outputs

Time, width and colour are fixed, trust anchors and the clock are the capture's own.
"""
import difflib
import sys

import harness

FOLDER = harness.SOURCE / 'tests' / 'golden' / 'check'
NAMES = ('certificate-chain-incomplete', 'certificate-chain-invalid', 'certificate-expired', 'certificate-expired-intermediate',
         'certificate-hostname-mismatch-wildcard', 'certificate-not-yet-valid', 'certificate-self-signed',
         'certificate-untrusted-ca', 'certificate-wrong-purpose', 'weak-crypto-refused')


def produce(entry):
    return harness.run('check', '--color', 'never', '--width', '100', '--at', 'capture', *harness.options(entry),
                       entry['file'], cwd=harness.CAPTURES)


def main():
    entries = {entry['file'].rsplit('.', 1)[0]: entry for entry in harness.labelled()}
    tap = harness.Tap()
    for name in NAMES:
        done = produce(entries[name])
        path = FOLDER / (name + '.txt')
        if sys.argv[1:] == ['--update']:
            FOLDER.mkdir(exist_ok=True)
            path.write_bytes(done.out)
            continue
        want = path.read_text(encoding='utf-8') if path.exists() else ''
        lines = difflib.unified_diff(want.splitlines(), done.text.splitlines(), str(path), 'now', lineterm='')
        tap.ok(done.code in (0, 1) and done.text == want, name, done.errors, '\n'.join(lines))
    if sys.argv[1:] != ['--update']:
        tap.done()


if __name__ == '__main__':
    main()
