#!/usr/bin/env python3
"""`handfast check --as` against the verifiers themselves: does each accept what it is said to accept,
and refuse for the kind of cause that it is said to refuse for?

Two hundred chains (verifiers/cases.py), judged by the verifiers that are installed: OpenSSL, Python,
Node, Java, Go, NSS and GnuTLS. One that is missing is skipped, saying so. Of Chrome there is no
verifier to run.
"""
import ipaddress
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import warnings

from harness import SOURCE, Tap, environment, in_parallel, run

HERE = pathlib.Path(__file__).resolve().parent / 'verifiers'
sys.path.insert(0, str(HERE))
END = '-----END CERTIFICATE-----\n'

# Where certificates alone, which these verifiers were given, do not show what a handshake does: the
# rules that decide then.
ONLY_IN_HANDSHAKES = {
    'openssl': ('strength/leaf-curve', 'strength/dsa'),
    'java': ('strength/leaf-curve', 'path/more-than-ten'),
    'go': ('strength/leaf-curve', 'strength/dsa'),
    'nss': ('strength/leaf-curve', 'strength/rsa-below-1024'),
    'gnutls': ('strength/leaf-curve', 'strength/dsa', 'path/more-than-sixteen',
               'revocation/must-staple'),
}
# Told in docs/verifiers.md.
KNOWN = {('go', 'intermediate names another key')}

INVALID, INCOMPLETE, SELF_SIGNED, UNTRUSTED = ('certificate-chain-invalid',
                                               'certificate-chain-incomplete',
                                               'certificate-self-signed', 'certificate-untrusted-ca')
MALFORMED, PURPOSE, WEAK, NAME = ('certificate-malformed', 'certificate-wrong-purpose',
                                  'weak-crypto-refused', 'certificate-hostname-mismatch')
DATES = ('certificate-expired', 'certificate-not-yet-valid')
NO_ISSUER = (INCOMPLETE, SELF_SIGNED, UNTRUSTED, INVALID)

# What a verifier's own words mean: the first pattern found in them decides.
OPENSSL_WORDS = (
    (r'self-signed certificate in', (UNTRUSTED,)), (r'self-signed', (SELF_SIGNED,)),
    (r'local issuer|first certificate', NO_ISSUER + (MALFORMED,)), (r'issuer certificate', (UNTRUSTED,)),
    (r'expired', DATES[:1]), (r'not yet valid', DATES[1:]),
    (r'path length|subtree|signature failure|certificate signing', (INVALID,)),
    (r'invalid CA', (INVALID, MALFORMED)), (r'signature and signature', (INVALID, MALFORMED)),
    (r'purpose', (PURPOSE, INVALID)), (r'critical extension', (MALFORMED,)),
    (r'(?i)hostname|IP address', (NAME,)), (r'too weak|too small', (WEAK,)),
    (r'(?i)no.shared.cipher|no.suitable.signature|handshake.failure', (WEAK,)),
    (r'(?i)key identifier|subject empty|basic constraints|key ?usage', (MALFORMED,)),
)
WORDS = {
    'openssl': OPENSSL_WORDS, 'python': OPENSSL_WORDS, 'python-strict': OPENSSL_WORDS,
    # Node goes on after each error, and of a path that ends nowhere no dates are looked at.
    'node': ((r'get issuer certificate', (UNTRUSTED,) + DATES),) + OPENSSL_WORDS,
    'java': (
        (r'No (name|subject alternative)|domain name', (NAME,)),
        (r'unable to find valid|does not chain', NO_ISSUER), (r'Curve not supported', (WEAK,)),
        (r'Algorithm constraints', (WEAK,)), (r'Expired', DATES[:1]), (r'NotYetValid', DATES[1:]),
        (r'Extended key usage|KeyUsage does not', (PURPOSE,)),
        (r'not a CA|keyCertSign|signature check|Signature algorithm|pathLen|name constraints|policy', (INVALID,)),
        (r'critical|Duplicate|incomplete', (MALFORMED,)),
    ),
    'go': (
        (r'HostnameError', (NAME,)), (r'insecure algorithm', (WEAK,)),
        (r'UnknownAuthority', NO_ISSUER + (WEAK, MALFORMED)),
        (r'expired or is not yet', DATES), (r'incompatible key usage', (PURPOSE,)),
        (r'not authorized to sign|too many inter|inner and outer', (INVALID,)),
        (r'critical|failed to parse', (MALFORMED,)),
    ),
    'nss': (
        (r'BAD_CERT_DOMAIN', (NAME,)), (r'EXPIRED', DATES), (r'UNKNOWN_ISSUER|UNTRUSTED', NO_ISSUER),
        (r'CERT_TYPE', (PURPOSE,)), (r'KEY_USAGE', (PURPOSE, INVALID, WEAK)),
        (r'CA_CERT_INVALID', (INVALID, SELF_SIGNED, PURPOSE)), (r'CRITICAL', (MALFORMED,)),
        (r'BAD_SIGNATURE', (INVALID, WEAK)), (r'DISABLED', (WEAK,)),
        (r'NAME_SPACE|PATH_LEN|MISMATCH', (INVALID,)),
    ),
    'gnutls': (
        (r'import -430', (MALFORMED,)), (r'import', (INVALID, MALFORMED)),
        (r'not-found', NO_ISSUER), (r'critical', (MALFORMED,)), (r'insecure', (WEAK,)),
        (r'expired', DATES[:1]), (r'not-activated', DATES[1:]), (r'purpose', (PURPOSE,)),
        (r'signature|not-ca|constraints', (INVALID,)), (r'owner', (NAME,)),
    ),
}


def ask(command, folder, extra_env=None):
    """The lines of one of the programs beside cases.py: case, answer, its words."""
    done = subprocess.run([*command, str(folder)], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          env=environment(extra_env), timeout=600, check=False)
    lines = [line.split('\t') for line in done.stdout.decode('utf-8', 'replace').splitlines()]
    answers = {line[0]: (line[1], line[2] if len(line) > 2 else '') for line in lines if len(line) > 1}
    return answers, done.stderr.decode('utf-8', 'replace')


def ask_openssl(folder):
    def one(name):
        here = folder / name
        host = (here / 'host').read_text()
        try:
            ipaddress.ip_address(host)
            kind = '-verify_ip'
        except ValueError:
            kind = '-verify_hostname'
        at = ['-attime', (here / 'at').read_text()] if (here / 'at').exists() else []
        done = subprocess.run(
            ['openssl', 'verify', *at, '-auth_level', '2', '-purpose', 'sslserver', '-no-CApath',
             '-no-CAstore', '-CAfile', here / 'trust.pem', '-untrusted', here / 'chain.pem', kind,
             host, here / 'chain.pem'], stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False)
        words = re.search(r'lookup: ?(.*)', done.stderr.decode('utf-8', 'replace'))
        return name, ('accept', '') if done.returncode == 0 else \
            ('reject', words.group(1) if words else '')

    names = [(name,) for name in (folder / 'list').read_text().split()]
    return dict(in_parallel(one, names)), ''


def go_program(scratch):
    """Built once; the build cache is the test's own where there is no home."""
    env = {'GO111MODULE': 'off', 'GOFLAGS': '', 'CGO_ENABLED': '0', 'GODEBUG': ''}
    if not os.environ.get('HOME'):
        env['GOCACHE'] = str(scratch / 'gocache')
    program = scratch / 'verify'
    subprocess.run(['go', 'build', '-o', str(program), str(HERE / 'verify.go')],
                   env=environment(env), check=True, timeout=600, stdout=subprocess.DEVNULL,
                   stderr=subprocess.DEVNULL)
    return program


def has_library(name):
    import ctypes
    try:
        ctypes.CDLL(name)
        return True
    except OSError:
        return False


def why_missing(verifier):
    """Why this verifier cannot be asked here; None where it can."""
    needed = {'openssl': ('openssl',), 'java': ('java', 'javac'), 'go': ('go',), 'node': ('node',)}
    libraries = {'nss': 'libnss3.so', 'gnutls': 'libgnutls.so.30'}
    for program in needed.get(verifier, ()):
        if shutil.which(program) is None:
            return 'no %s here' % program
    if verifier in libraries and not has_library(libraries[verifier]):
        return 'no %s here' % libraries[verifier]
    return None


def ask_verifier(verifier, folder, scratch):
    python = sys.executable
    if verifier == 'openssl':
        return ask_openssl(folder)
    commands = {
        'python': lambda: [python, HERE / 'verify_tls.py'],
        'python-strict': lambda: [python, HERE / 'verify_tls.py', '--strict'],
        'node': lambda: ['node', HERE / 'verify.js'],
        'java': lambda: ['java', HERE / 'Verify.java'],
        'go': lambda: [go_program(scratch)],
        'nss': lambda: [python, HERE / 'verify_nss.py'],
        'gnutls': lambda: [python, HERE / 'verify_gnutls.py'],
    }
    try:
        return ask([str(word) for word in commands[verifier]()], folder)
    except (subprocess.SubprocessError, OSError) as error:
        return {}, str(error)


def ask_ours(folder, name):
    here = folder / name
    done = run('check', '--json', '--as', 'all', '--trust', here / 'trust.pem', '--host',
               (here / 'host').read_text(), here / 'chain.pem')
    chains = done.verdicts()[0]['chains'] if done.code in (0, 1) and done.out else []
    return name, {row['verifier']: row for row in chains[0]['as']} if chains else None


def kinds_of(verifier, words):
    for pattern, kinds in WORDS[verifier]:
        if re.search(pattern, words):
            return kinds
    return None


def node_is_of_debian():
    """Debian's Node uses the system's OpenSSL, whose security level is 2 and not Node's own 1."""
    done = subprocess.run(['node', '-p', 'process.config.variables.node_shared_openssl'],
                          stdout=subprocess.PIPE, check=False)
    return done.stdout.strip() == b'true'


def compare_one(verifier, row, answer, words):
    """None where we agree, a pair (what differs, details) otherwise."""
    accepts = row['answer'] == 'accepts'
    if accepts != (answer == 'accept'):
        if verifier == 'node' and accepts and 'too weak' in words and node_is_of_debian():
            return ('handshake', 'security level 2')
        if answer == 'accept' and row.get('rule') in ONLY_IN_HANDSHAKES.get(verifier, ()):
            return ('handshake', row.get('rule'))
        return ('answer', 'ours %s %s, theirs %s %s' % (row['answer'], row.get('cause'), answer, words))
    kinds = None if accepts else kinds_of(verifier, words)
    if not accepts and (kinds is None or row.get('cause') not in kinds):
        return ('cause', 'ours %s (%s), theirs %s' % (row.get('cause'), row.get('rule'), words))
    return None


def compare(tap, verifier, cases, ours, theirs):
    found = {'answer': [], 'cause': [], 'handshake': []}
    n = n_refused = 0
    for number, case in enumerate(cases):
        name = '%03d' % number
        answer, words = theirs.get(name, ('skip', ''))
        if answer == 'skip':
            continue
        n += 1
        n_refused += answer == 'reject'
        differs = compare_one(verifier, ours[name][verifier], answer, words)
        if differs is not None and (verifier, case.name) not in KNOWN:
            found[differs[0]].append('%s: %s' % (case.name, differs[1]))
    tap.ok(n >= 30 and n_refused >= 10, '%s judged enough chains (%d, %d refused)' % (verifier, n, n_refused))
    n_known = sum(1 for v, _ in KNOWN if v == verifier)
    tap.ok(not found['answer'], '%s: %d of %d answers agree, %d seen in handshakes only' %
           (verifier, n - len(found['answer']) - len(found['handshake']) - n_known, n,
            len(found['handshake'])), *found['answer'])
    tap.ok(not found['cause'], '%s: %d of %d refusals agree in the kind of cause' %
           (verifier, n_refused - len(found['cause']), n_refused), *found['cause'])


def check_all(tap, folder, scratch, cases):
    names = (folder / 'list').read_text().split()
    ours = dict(in_parallel(ask_ours, [(folder, name) for name in names]))
    unanswered = [name for name in names if not ours[name]]
    if not tap.ok(not unanswered, 'every chain is judged by the eyes of all', *unanswered):
        return
    for verifier in WORDS:
        missing = why_missing(verifier)
        if missing is not None:
            tap.skip(verifier, missing)
            continue
        theirs, errors = ask_verifier(verifier, folder, scratch)
        if tap.ok(theirs, '%s answers' % verifier, errors):
            compare(tap, verifier, cases, ours, theirs)


def check_documents(tap):
    """docs/verifiers.md tells every verifier and every rule, in the words of the table."""
    told = (SOURCE / 'docs' / 'verifiers.md').read_text(encoding='utf-8')
    rules = (SOURCE / 'src' / 'check' / 'verifier_rules.def').read_text(encoding='utf-8')
    whom = (SOURCE / 'src' / 'check' / 'verifiers.def').read_text(encoding='utf-8')
    rows = re.findall(r'VERIFIER_RULE\(\w+, "([^"]+)",[^"]*"([^"]+)",\s*"([^"]+)"\)', rules)
    ids = re.findall(r'^VERIFIER\(\w+,\s*"([^"]+)"', whom, re.MULTILINE)
    untold = ['%s: %s' % (row[0], text) for row in rows for text in row if text not in told]
    untold += [verifier for verifier in ids if '| `%s` |' % verifier not in told]
    tap.ok(len(rows) > 50 and len(ids) >= 7 and not untold,
           'docs/verifiers.md has all %d rules of %d verifiers' % (len(rows), len(ids)), *untold)


def main():
    tap = Tap()
    warnings.simplefilter('ignore')
    check_documents(tap)
    try:
        import cases as chains
    except ImportError as error:
        tap.skip('other verifiers', 'python3-cryptography is needed: %s' % error)
        tap.done()
    with tempfile.TemporaryDirectory() as scratch:
        folder = pathlib.Path(scratch) / 'chains'
        folder.mkdir()
        cases = chains.write(folder)
        check_all(tap, folder, pathlib.Path(scratch), cases)
    tap.done()


if __name__ == '__main__':
    main()
