#!/usr/bin/env python3
"""What is written from the program's tables and output is what they say now; --message's JSON."""
import json
import subprocess
import sys

import jsonschema

import harness

MESSAGES = (
    'curl: (60) SSL certificate problem: unable to get local issuer certificate',
    'SSL_do_handshake() failed (SSL: error:0A000410:SSL routines::sslv3 alert handshake failure) '
    'while SSL handshaking to upstream, upstream: "https://10.1.1.9:8443/"',
    'nothing that is known', '\x01\x02 \udcff"\\ certificate has expired',
)


def check_tool(tap, tool):
    done = subprocess.run([sys.executable, str(harness.SOURCE / 'tools' / tool), '--check'],
                          capture_output=True, check=False)
    tap.ok(done.returncode == 0, 'tools/%s --check' % tool, done.stderr.decode('utf-8', 'replace'))


def check_messages(tap):
    schema = json.loads((harness.SOURCE / 'docs/message.schema.json').read_text(encoding='utf-8'))
    validator = jsonschema.Draft202012Validator(schema)
    lines = '\n'.join(MESSAGES[:2]) + '\n'
    runs = [harness.run('explain', '--json', '--message', message) for message in MESSAGES]
    runs.append(harness.run('explain', '--json', '--message', stdin=lines.encode()))
    for run in runs:
        faults = [str(e.message)[:200] for line in run.verdicts() for e in validator.iter_errors(line)]
        tap.ok(run.verdicts() and not faults, 'message.schema.json: %s' % ascii(run.argv[-1][:40]), *faults)
    tap.equal([line['line'] for line in runs[-1].verdicts()], [1, 2], 'lines are numbered')


def check_log(tap):
    """A long log, lines of every length, the last one without its end."""
    known = b'x509: certificate has expired'
    log = b'\n' * 10 + (b'-' * 70000 + b'\n') * 3 + known + b'\r\n' + b'\0' * 100 + b'\n' + known
    run = harness.run('explain', '--json', '--message', stdin=log)
    tap.equal([line['line'] for line in run.verdicts()], [14, 16], 'lines of a log are found')
    tap.equal(run.code, 0, 'exit status 0 where something is known')
    tap.equal(harness.run('explain', '--message', stdin=b'nothing\n').code, 1, 'and 1 where nothing is')


def main():
    tap = harness.Tap()
    check_tool(tap, 'gen_causes_doc')
    check_tool(tap, 'update_readme')
    check_messages(tap)
    check_log(tap)
    tap.done()


if __name__ == '__main__':
    main()
