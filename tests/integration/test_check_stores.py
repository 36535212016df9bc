#!/usr/bin/env python3
"""Key stores through handfast check and explain: formats, aliases, passwords right, wrong and missing, typed."""
import json
import os
import pathlib
import pty
import select
import shutil
import subprocess
import tempfile
import time

import harness
import pki

PASSWORD = 'changeit'
ASKED_S = 60


def openssl(*arguments):
    subprocess.run(('openssl',) + arguments, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def keytool(*arguments):
    subprocess.run(('keytool', '-J-XX:TieredStopAtLevel=1') + arguments, check=True, stdout=subprocess.DEVNULL,
                   stderr=subprocess.DEVNULL)


class Stores:
    def __init__(self, tap, folder):
        self.tap = tap
        self.folder = folder
        self.made = pki.make(folder / 'pki')
        self.password = folder / 'password'
        self.password.write_bytes(PASSWORD.encode() + b'\r\n')
        self.wrong = folder / 'wrong'
        self.wrong.write_bytes(b'other\n')
        self.p12 = self.pkcs12('store.p12')

    def pkcs12(self, name):
        path = str(self.folder / name)
        openssl('pkcs12', '-export', '-in', self.made.chain('good'), '-inkey', self.made.key('good'), '-name', 'web',
                '-passout', 'pass:' + PASSWORD, '-out', path)
        return path

    def java(self, kind):
        """A Java key store with the key entry `web` and the trusted certificate `corp`."""
        path = str(self.folder / ('store.' + kind))
        store = ('-keystore', path, '-storetype', kind, '-storepass', PASSWORD)
        keytool('-importkeystore', '-srckeystore', self.p12, '-srcstoretype', 'PKCS12', '-srcstorepass', PASSWORD,
                '-destkeystore', path, '-deststoretype', kind, '-deststorepass', PASSWORD, '-destkeypass', PASSWORD)
        keytool('-importcert', '-noprompt', '-alias', 'corp', '-file', self.made.other_root, *store)
        return path

    def trust_p12(self):
        path = str(self.folder / 'trust.p12')
        openssl('pkcs12', '-export', '-nokeys', '-in', self.made.root, '-passout', 'pass:' + PASSWORD, '-out', path)
        return path

    def run(self, *arguments, **more):
        return harness.run('check', '--color', 'never', '--trust', self.made.root, *arguments, **more)

    def json(self, *arguments):
        done = self.run('--json', *arguments)
        return json.loads(done.text) if done.out else {'chains': [], 'notes': [], 'errors': [done.errors], 'valid': None}


def check_pkcs12(t):
    for options, want in (((), 3), (('--password-file', t.wrong), 3), (('--password-file', t.password), 0)):
        done = t.run(*options, t.p12)
        t.tap.ok(done.code == want and not done.crashed, 'PKCS#12, %s: exit %d' % (options or 'no password', want), done)
        t.tap.ok(want == 0 or 'password' in done.errors, 'and a word about the password', done)
        t.tap.ok('PRIVATE' not in done.text and PASSWORD not in done.text + done.errors, 'and no secret', done)
    right = t.json('--password-file', t.password, t.p12)
    t.tap.equal(right['chains'][0]['has_key'], True, 'PKCS#12: the key is matched')


def check_java(t):
    for kind in ('jks', 'jceks'):
        path = t.java(kind)
        none = t.json(path)
        t.tap.equal((none['valid'], [c['alias'] for c in none['chains']]), (True, ['web']),
                    '%s without a password: certificates are not encrypted' % kind)
        t.tap.ok(any('integrity was not checked' in n for n in none['notes']), 'and its integrity is left open', none['notes'])
        t.tap.equal([a['alias'] for s in none['truststores'] for a in s['anchors']], ['corp'], '%s: what it trusts' % kind)
        right = t.json('--password-file', t.password, path)
        t.tap.equal((right['valid'], right['chains'][0]['has_key'], right['errors']), (True, True, []),
                    '%s with its password' % kind)
        t.tap.ok(not any('integrity' in n for n in right['notes']), 'and its seal fits', right['notes'])
        wrong = t.run('--password-file', t.wrong, path)
        t.tap.ok(wrong.code == 3 and 'password is wrong' in wrong.errors, '%s with another password' % kind, wrong)


def typed(arguments, answer):
    """Runs with a terminal, types the answer when asked. The exit status, and all that was shown."""
    argv = [str(harness.program())] + [str(a) for a in arguments]
    child, master = pty.fork()
    if child == 0:
        os.execve(argv[0], argv, dict(harness.environment(), TERM='dumb'))
    shown, is_answered, deadline = b'', False, time.monotonic() + ASKED_S
    while time.monotonic() < deadline:
        ready, _, _ = select.select([master], [], [], 1)
        try:
            part = os.read(master, 65536) if ready else None
        except OSError:
            break
        if part == b'':
            break
        shown += part or b''
        if b'Password of' in shown and b': ' in shown and not is_answered:
            is_answered = True
            os.write(master, answer + b'\n')
    _, status = os.waitpid(child, 0)
    os.close(master)
    return os.waitstatus_to_exitcode(status), shown.decode('utf-8', 'replace')


def check_typed(t):
    trust = t.trust_p12()
    capture = harness.CAPTURES / 'certificate-expired.pcap'
    rows = (
        ('an input', ('check', '--trust', t.made.root, t.p12), 0),
        ('a trust store', ('check', '--trust', trust, t.made.chain('good')), 0),
        ('a trust store of explain', ('explain', '--summary', '--trust', trust, capture), 1),
    )
    for title, arguments, want in rows:
        code, shown = typed(arguments, PASSWORD.encode())
        t.tap.equal(code, want, 'a password typed for %s' % title)
        t.tap.ok(shown.count('Password of') == 1 and PASSWORD not in shown, 'asked for once, and not shown', shown)
        code, shown = typed(arguments, b'other')
        t.tap.ok(code == 3 and 'password' in shown, 'another one typed', code, shown)


def check_trust(t):
    trust = t.trust_p12()
    chain = t.made.chain('good')
    for options, want in (((), 3), (('--password-file', t.wrong), 3), (('--password-file', t.password), 0)):
        done = harness.run('check', '--trust', trust, *options, chain)
        t.tap.equal(done.code, want, 'check --trust PKCS#12, %s' % (options[:1] or 'no password',))
    capture = harness.CAPTURES / 'certificate-expired.pcap'
    for options, want in (((), 3), (('--password-file', t.wrong), 3), (('--password-file', t.password), 1)):
        done = harness.run('explain', '--summary', '--trust', trust, *options, capture)
        t.tap.equal(done.code, want, 'explain --trust PKCS#12, %s' % (options[:1] or 'no password',))
    done = harness.run('explain', '--summary', '--trust', trust, capture, env={'HANDFAST_PASSWORD': PASSWORD})
    t.tap.equal(done.code, 1, 'explain --trust PKCS#12, a password from the environment')


def main():
    tap = harness.Tap()
    with tempfile.TemporaryDirectory() as name:
        t = Stores(tap, pathlib.Path(name))
        check_pkcs12(t)
        if shutil.which('keytool'):
            check_java(t)
        else:
            tap.skip('Java key stores', 'there is no keytool')
        check_trust(t)
        check_typed(t)
    tap.done()


if __name__ == '__main__':
    main()
