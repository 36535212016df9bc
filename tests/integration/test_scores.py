#!/usr/bin/env python3
"""The bars of accuracy on the shared captures, with and without key logs.

Scored by the captures' own score.py; skipped where ../shared is not there ($HANDFAST_SHARED names
another folder).
"""
import json
import pathlib
import re
import subprocess
import sys
import tempfile

import harness

BARS = {'outcome': 99.0, 'sure': 97.0, 'likely': 90.0, 'rejected_by': 98.0}
# The labels of a capture that comes with a key log say what the keys show. Without them the
# certificate and most alerts of TLS 1.3 are encrypted, and `certificate-rejected` is all there is.
BARS_WITHOUT_KEYS = dict(BARS, sure=90.0)


def percent(part, whole):
    return 100.0 * part / whole if whole else 100.0


def score(folder, with_keys):
    with tempfile.TemporaryDirectory() as name:
        out = pathlib.Path(name) / 'score.json'
        command = [sys.executable, str(harness.SHARED / 'score.py'), str(harness.SHARED / folder / 'labels.json'),
                   '--cmd', harness.program() + ' explain --json --only all {opts} {file}', '--json', str(out)]
        done = subprocess.run(command + ([] if with_keys else ['--no-keys']), env=harness.environment(),
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
        return json.loads(out.read_text()), done.stdout.decode('utf-8', 'replace')


def measured(result):
    n, certainty = result['counts'], result['certainty']
    cause = lambda kind: percent(certainty.get(kind, [0] * 4)[3], certainty.get(kind, [0] * 4)[2])
    return {'outcome': percent(n['outcome_ok'], n['conn']), 'sure': cause('sure'), 'likely': cause('likely'),
            'rejected_by': percent(n.get('rej_ok', 0), n.get('rej_n', 0))}


def check(tap, folder, with_keys):
    title = '%s %s key logs' % (folder, 'with' if with_keys else 'without')
    result, said = score(folder, with_keys)
    bars = BARS if with_keys else BARS_WITHOUT_KEYS
    for what, value in measured(result).items():
        tap.ok(value >= bars[what], '%s: %s %.2f %%' % (title, what, value), said)
    tap.equal(result['counts'].get('wrong_certain', 0), 0, '%s: nothing wrong is certain' % title)
    tap.ok(not re.search(r'^ERROR ', said, re.MULTILINE), '%s: every capture is read' % title, said)


def main():
    tap = harness.Tap()
    for folder in ('lab', 'real'):
        for with_keys in (True, False):
            if (harness.SHARED / 'score.py').exists():
                check(tap, folder, with_keys)
            else:
                tap.skip('%s, key logs: %s' % (folder, with_keys), 'the shared captures are not here')
    tap.done()


if __name__ == '__main__':
    main()
