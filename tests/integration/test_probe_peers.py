#!/usr/bin/env python3
"""What the survey finds agrees with what sslscan and nmap's ssl-enum-ciphers find at the same server.

The differences that remain are theirs, and said in handfast-probe(1): sslscan asks for the suites that
its own OpenSSL has and a list of its own, nmap knows no TLS 1.3 before release 7.94 and orders suites by
comparing pairs.
"""
import pathlib
import re
import shutil
import subprocess
import tempfile

import harness
import peers
import test_probe_survey as survey

ROWS = [
    ('defaults', ('-cipher', 'DEFAULT', '-serverpref')),
    ('old versions', ('-min_protocol', 'TLSv1', '-cipher', 'DEFAULT@SECLEVEL=0', '-serverpref')),
    ('every suite', ('-min_protocol', 'TLSv1', '-cipher', survey.EVERY, '-serverpref')),
    ('TLS 1.2, two suites', ('-tls1_2', '-cipher', 'ECDHE-RSA-AES256-GCM-SHA384:AES128-SHA', '-serverpref')),
]
WAIT_S = 300


def said_by(argv):
    return subprocess.run(argv, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, timeout=WAIT_S, check=False,
                          text=True, errors='replace').stdout


def openssl_names():
    """OpenSSL's names of suites, which sslscan prints, to IANA's."""
    table = {}
    for line in said_by(['openssl', 'ciphers', '-V', 'ALL:COMPLEMENTOFALL:@SECLEVEL=0']).splitlines():
        high, low, name = re.match(r'\s*0x(..),0x(..)\s+-\s+(\S+)', line).groups()
        table[name] = survey.NAMES.get(int(high + low, 16))
    return table


def by_sslscan(port):
    """{version: names}"""
    table = openssl_names()
    found = {}
    text = said_by([peers.find('sslscan'), '--no-colour', '--no-heartbleed', '127.0.0.1:%d' % port])
    for version, name in re.findall(r'^(?:Preferred|Accepted)\s+TLSv(1\.[0-3])\s+\d+ bits\s+(\S+)', text, re.M):
        found.setdefault('TLS ' + version, []).append(table.get(name, name))
    return found


def by_nmap(port):
    found = {}
    version = None
    text = said_by([peers.find('nmap'), '-n', '-Pn', '-p', str(port), '--script', '+ssl-enum-ciphers', '127.0.0.1'])
    for line in text.splitlines():
        head = re.match(r'\|\s+TLSv(1\.[0-3]):', line)
        version = 'TLS ' + head.group(1) if head else version
        suite = re.match(r'\|\s+(TLS_\S+)', line)
        if suite and version:
            name = suite.group(1).replace('TLS_AKE_WITH_', 'TLS_')
            found.setdefault(version, []).append(name)
    return found


TOOLS = {'sslscan': by_sslscan, 'nmap': by_nmap}


def differences(ours, theirs, versions):
    return ['%s: %s %s' % (v, side, sorted(names)) for v in versions
            for side, names in (('only handfast', set(ours.get(v, ())) - set(theirs.get(v, ()))),
                                ('only the other', set(theirs.get(v, ())) - set(ours.get(v, ())))) if names]


def check_row(name, options, folder):
    """[(name of the test, differences or None where the tool is missing)]"""
    port = peers.free_port()
    with subprocess.Popen(['openssl', 's_server', '-accept', '127.0.0.1:%d' % port, '-quiet', '-cert', 'rsa.pem', '-key',
                           'rsa.key', *options], cwd=folder, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL,
                          stderr=subprocess.DEVNULL) as server:
        try:
            peers.wait_listening([port], server)
            done = harness.run('probe', '--json', '--fail-on', 'none', '127.0.0.1:%d' % port)
            if done.crashed or done.code != 0:
                return [(name, [str(done)])]
            ours = {v['version']: v['cipher_suites']['accepted'] for v in done.verdicts()[0]['versions']}
            results = []
            for tool, ask in TOOLS.items():
                found = ask(port) if peers.find(tool) else None
                versions = [v for v in survey.VERSIONS.values() if v != 'TLS 1.3' or (found and v in found)]
                results.append(('%s: handfast and %s find the same suites' % (name, tool),
                                None if found is None else differences(ours, found, versions)))
            return results
        finally:
            server.kill()


def main():
    tap = harness.Tap()
    folder = pathlib.Path(tempfile.mkdtemp(prefix='probe-peers.'))
    try:
        survey.make_certificates(folder)
        for results in harness.in_parallel(check_row, [(*row, folder) for row in ROWS]):
            for name, wrong in results:
                if wrong is None:
                    tap.skip(name, 'it is not installed')
                else:
                    tap.ok(not wrong, name, *wrong)
    finally:
        shutil.rmtree(folder)
    tap.done()


if __name__ == '__main__':
    main()
