#!/usr/bin/env python3
"""handfast check: inputs, verdicts, findings, repair, comparison, output; every JSON by its schema."""
import json
import pathlib
import shutil
import socket
import ssl
import subprocess
import tempfile
import threading

import jsonschema

import harness
import pki

SCHEMA = json.loads((harness.SOURCE / 'docs' / 'check.schema.json').read_text(encoding='utf-8'))
VALIDATOR = jsonschema.validators.validator_for(SCHEMA)(SCHEMA)


class Checker:
    def __init__(self, tap, folder):
        self.tap = tap
        self.folder = folder
        self.made = pki.make(folder / 'pki')

    def run(self, *arguments, **more):
        return harness.run('check', '--color', 'never', '--width', '100', *arguments, **more)

    def json(self, *arguments, **more):
        """The answer; what the schema does not allow, a crash and a wrong exit status are failures."""
        done = self.run('--json', *arguments, **more)
        name = ' '.join(str(a).replace(str(self.folder), '.') for a in arguments)
        if done.crashed or not done.out:
            self.tap.ok(False, name, done)
            return {'chains': [], 'truststores': [], 'valid': None, 'cause': None}
        answer = json.loads(done.text)
        wrong = ['%s: %s' % ('/'.join(str(p) for p in e.absolute_path), e.message[:200])
                 for e in VALIDATOR.iter_errors(answer)]
        if wrong:
            self.tap.ok(False, 'schema: ' + name, *wrong)
        expected = 3 if answer['errors'] else 0 if answer['valid'] else 1
        if done.code != expected:
            self.tap.equal(done.code, expected, 'exit status: ' + name)
        return answer

    def judged(self, *arguments, **more):
        answer = self.json(*arguments, **more)
        return answer['valid'], answer['cause'], answer['culprit']

    def findings(self, *arguments):
        return {f['id'] for c in self.json(*arguments)['chains'] for f in c.get('findings', [])}


def write(path, *parts):
    path.write_bytes(b''.join(pathlib.Path(p).read_bytes() if not isinstance(p, bytes) else p for p in parts))
    return path


def blocks(path):
    """The PEM blocks of certificates in a file."""
    end = b'-----END CERTIFICATE-----\n'
    return [part[part.index(b'-----BEGIN CERT'):] + end
            for part in pathlib.Path(path).read_bytes().split(end)[:-1]]


def openssl(*arguments):
    subprocess.run(('openssl',) + arguments, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


# --- verdicts ---

VERDICTS = (
    ('good', (), (True, None, None)),
    ('good-rsa', (), (True, None, None)),
    ('expired', (), (False, 'certificate-expired', 0)),
    ('not-yet', (), (False, 'certificate-not-yet-valid', 0)),
    ('wrong-name', (), (False, 'certificate-hostname-mismatch', 0)),
    ('self-signed', (), (False, 'certificate-self-signed', 0)),
    ('incomplete', (), (False, 'certificate-chain-incomplete', 0)),
    ('untrusted-with-root', (), (False, 'certificate-untrusted-ca', 2)),
    ('not-a-ca', (), (False, 'certificate-chain-invalid', 1)),
    ('expired-intermediate', (), (False, 'certificate-expired', 1)),
    ('wrong-purpose', (), (False, 'certificate-wrong-purpose', 0)),
    ('weak-key', (), (False, 'weak-crypto-refused', 0)),
)


def check_verdicts(t):
    for name, options, want in VERDICTS:
        got = t.judged('--trust', t.made.root, '--host', pki.HOST, *options, t.made.chain(name))
        t.tap.equal(got, want, 'verdict: %s' % name)
    crl = ('--crl', t.made.crl)
    t.tap.equal(t.judged('--trust', t.made.root, *crl, t.made.chain('revoked')),
                (False, 'certificate-revoked', 0), 'verdict: revoked')
    t.tap.equal(t.judged('--trust', t.made.root, *crl, t.made.chain('good')), (True, None, None), 'verdict: not revoked')
    t.tap.equal(t.judged('--trust', t.made.root, '--purpose', 'client', t.made.chain('client')),
                (True, None, None), 'verdict: a client')
    t.tap.equal(t.judged('--trust', t.made.root, '--purpose', 'client', t.made.chain('good'))[1],
                'certificate-wrong-purpose', 'verdict: a server as client')
    t.tap.equal(t.judged('--trust', t.made.root, '--at', '2090-01-01', t.made.chain('good'))[1],
                'certificate-expired', '--at')
    t.tap.equal(t.judged('--trust', t.made.root, '--strength', '192', t.made.chain('good'))[1],
                'weak-crypto-refused', '--strength')


def check_partial_chain(t):
    arguments = ('--trust', t.made.intermediate, t.made.chain('incomplete'))
    t.tap.ok('partial-chain' in t.findings(*arguments), 'a path that ends at an intermediate is said')
    t.tap.equal(t.judged(*arguments)[0], True, 'any trusted certificate is an anchor')
    t.tap.equal(t.judged('--no-partial-chain', *arguments)[0], False, '--no-partial-chain')


def check_ocsp(t):
    bad = write(t.folder / 'bad.ocsp', b'0\x03\n\x01\x06')
    answer = t.json('--trust', t.made.root, '--ocsp', bad, t.made.chain('good'))
    t.tap.equal(answer['cause'], 'certificate-revocation-unknown', 'an OCSP response of no use')
    t.tap.ok(answer['chains'][0]['ocsp'] not in (None, 'good'), 'and why', answer['chains'][0]['ocsp'])


# --- several faults ---

def check_order_of_faults(t):
    answer = t.json('--trust', t.made.root, '--host', 'nobody.test', '--at', '2090-01-01', t.made.chain('incomplete'))
    chain = answer['chains'][0]
    causes = [f['cause'] for f in chain['faults']]
    t.tap.equal(causes[0], 'certificate-chain-incomplete', 'the first that a verifier meets is the cause')
    t.tap.ok({'certificate-expired', 'certificate-hostname-mismatch'} <= set(causes), 'all are listed', causes)
    t.tap.ok(len(chain['remaining']) >= 2, 'what remains is said', chain['remaining'])


# --- names ---

def leaf_with(t, names, common='plain.test'):
    """A self-signed certificate, as PEM, with these subjectAltNames ('' for none)."""
    out = t.folder / ('names-%d.pem' % len(list(t.folder.glob('names-*'))))
    extra = ['-addext', 'subjectAltName=' + names] if names else []
    openssl('req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '90', '-subj',
            '/CN=' + common, '-addext', 'basicConstraints=critical,CA:FALSE',
            '-addext', 'extendedKeyUsage=serverAuth', *extra, '-keyout', str(t.folder / 'names.key'), '-out', str(out))
    return out


NAMES = (
    ('DNS:*.a.test', 'x.y.a.test', 'wildcard-depth'),
    ('DNS:*.a.test', 'a.test', 'wildcard-depth'),
    ('DNS:192.0.2.1', '192.0.2.1', 'address-as-name'),
    ('IP:192.0.2.2', '192.0.2.1', 'other-address'),
    ('DNS:b.test', 'a.test', 'other-name'),
    ('', 'plain.test', 'common-name'),
    ('DNS:w*.a.test', 'www.a.test', 'wildcard-place'),
)


def check_names(t):
    for names, host, rule in NAMES:
        path = leaf_with(t, names)
        answer = t.json('--trust', path, '--profile', 'tls', '--host', host, path)
        checked = answer['chains'][0].get('name_check', {})
        t.tap.equal(answer['cause'], 'certificate-hostname-mismatch', 'name: %s for %s' % (names or 'CN', host))
        rules = {checked.get('rule')} | {n['rule'] for n in checked.get('names', [])}
        t.tap.ok(rule in rules, 'and the rule: %s' % rule, checked)
        text = t.run('--trust', path, '--profile', 'tls', '--host', host, path).text
        t.tap.ok('The names it holds' in text, 'and the names in the text', text)
    path = leaf_with(t, 'DNS:xn--bcher-kva.test')
    t.tap.equal(t.judged('--trust', path, '--host', 'b\u00fccher.test', path)[0], True, 'an IDN by its U-label')
    t.tap.ok('common-name-only' in t.findings('--trust', leaf_with(t, ''), leaf_with(t, '')), 'a common name alone')


# --- inputs ---

def check_inputs(t):
    leaf, intermediate = blocks(t.made.chain('good'))
    arguments = ('--trust', t.made.root, '--host', pki.HOST)
    notes = write(t.folder / 'notes.pem', b'\xef\xbb\xbfSubject: x\r\n', leaf.replace(b'\n', b'\r\n'), b'text\r\n',
                  intermediate.replace(b'\n', b'\r\n'))
    t.tap.equal(t.judged(*arguments, notes)[0], True, 'PEM with BOM, CRLF and text')
    der = t.folder / 'leaf.der'
    openssl('x509', '-in', t.made.chain('good'), '-outform', 'DER', '-out', str(der))
    t.tap.equal(t.judged(*arguments, der, t.made.intermediate)[1], 'certificate-chain-incomplete', 'DER')
    p7 = t.folder / 'chain.p7b'
    openssl('crl2pkcs7', '-nocrl', '-certfile', t.made.chain('good'), '-out', str(p7))
    t.tap.equal(t.judged(*arguments, p7)[0], True, 'PKCS#7')
    p12 = t.folder / 'store.p12'
    openssl('pkcs12', '-export', '-in', t.made.chain('good'), '-inkey', t.made.key('good'), '-name', 'web',
            '-passout', 'pass:secret', '-out', str(p12))
    password = write(t.folder / 'password', b'secret\n')
    answer = t.json(*arguments, '--password-file', password, p12)
    t.tap.equal((answer['valid'], answer['chains'][0]['has_key']), (True, True), 'PKCS#12 with its key')
    t.tap.equal(t.judged(*arguments, p12, env={'HANDFAST_PASSWORD': 'secret'})[0], True, 'a password from the environment')
    wrong = t.run(*arguments, p12, env={'HANDFAST_PASSWORD': 'wrong'})
    t.tap.ok(wrong.code == 3 and 'password' in wrong.errors and not wrong.crashed, 'a wrong password', wrong)
    piped = t.json(*arguments, '-', stdin=leaf + intermediate)
    t.tap.equal(piped['valid'], True, 'standard input')
    missing = t.run('no-such-file.pem')
    t.tap.ok(missing.code == 3 and 'no-such-file.pem' in missing.errors, 'a file that is not there', missing)
    host = t.run('no-such-host')
    t.tap.ok(host.code == 3 and 'no-such-host:443' in host.errors, 'a server without its port', host)
    t.tap.equal(t.run().code, 2, 'nothing to check is misuse')
    t.tap.equal(t.run('--purpose', 'both', t.made.chain('good')).code, 2, 'a wrong purpose is misuse')


def check_leaves(t):
    leaf, intermediate = blocks(t.made.chain('good'))
    other = blocks(t.made.chain('good-rsa'))[0]
    arguments = ('--trust', t.made.root)
    turned = write(t.folder / 'turned.pem', intermediate, leaf)
    answer = t.json(*arguments, turned)
    t.tap.equal(answer['chains'][0]['certificates'][0]['position'], 1, 'the leaf issues none of the others')
    t.tap.ok('wrong-order' in t.findings(*arguments, turned), 'and is not the first')
    several = t.json(*arguments, write(t.folder / 'several.pem', leaf, other, intermediate))
    t.tap.equal([c['valid'] for c in several['chains']], [True, True], 'several leaves are judged on their own')
    keyed = write(t.folder / 'keyed.pem', other, leaf, intermediate, t.made.key('good'))
    answer = t.json(*arguments, keyed)
    chain = answer['chains'][0]
    t.tap.equal((len(answer['chains']), chain['has_key'], chain['certificates'][0]['position']), (1, True, 1),
                'the leaf is the one whose key is there')
    for done in (t.run(*arguments, keyed), t.run('--json', *arguments, keyed)):
        t.tap.ok('PRIVATE' not in done.text + done.errors, 'no private key is printed', done)
    alone = t.json(*arguments, t.made.chain('good'), t.made.key('good-rsa'))
    t.tap.ok(any('no certificate' in n for n in alone['notes']), 'a key without its certificate', alone['notes'])
    t.tap.ok('key-missing' in t.findings(*arguments, t.made.chain('good'), t.made.key('good-rsa')),
             'a certificate without its key')


def check_findings(t):
    leaf, intermediate = blocks(t.made.chain('good'))
    root = blocks(t.made.root)[0]
    stranger = blocks(t.made.chain('untrusted'))[1]
    arguments = ('--trust', t.made.root)
    rows = (
        ('root-sent', (leaf, intermediate, root)),
        ('duplicate', (leaf, intermediate, intermediate)),
        ('unrelated', (leaf, intermediate, stranger)),
        ('wrong-order', (leaf, root, intermediate)),
    )
    for name, parts in rows:
        path = write(t.folder / (name + '.pem'), *parts)
        t.tap.ok(name in t.findings(*arguments, path), 'finding: ' + name, t.findings(*arguments, path))
        t.tap.equal(t.judged(*arguments, path)[0], True, 'and acceptable all the same')
    t.tap.ok('expires-soon' in t.findings(*arguments, '--warn', '400', t.made.chain('good')), 'finding: expires-soon')
    t.tap.ok('expires-soon' not in t.findings(*arguments, t.made.chain('good')), '30 days by default')
    again = pki.make(t.folder / 'again')  # the same names, other keys
    mixed = write(t.folder / 'mixed.pem', leaf, blocks(again.intermediate)[0])
    t.tap.ok('same-name-other-key' in t.findings(*arguments, mixed), 'finding: same name, another key')
    t.tap.equal(t.judged(*arguments, mixed)[1], 'certificate-chain-invalid', 'and its cause')


def check_truststores(t):
    good = t.json(t.made.root)
    t.tap.equal((good['valid'], len(good['truststores'][0]['anchors'])), (True, 2), 'CA certificates alone: a trust store')
    again = pki.make(t.folder / 'again') if not (t.folder / 'again').exists() else pki.Pki(t.folder / 'again')
    path = write(t.folder / 'anchors.pem', t.made.root, t.made.root, again.root)
    ids = {f['id'] for f in t.json(path)['truststores'][0]['findings']}
    t.tap.ok({'duplicate', 'same-name-other-key'} <= ids, 'duplicates and namesakes in it', ids)
    late = t.json('--at', '2090-01-01', t.made.root)
    t.tap.equal((late['valid'], late['cause'], late['culprit']), (False, 'certificate-expired', 'trust'), 'expired anchors')


# --- missing and --fix ---

def check_missing(t):
    alone = t.json('--trust', t.made.root, t.made.chain('incomplete'))['chains'][0]['missing']
    t.tap.equal([m['found_in'] for m in alone], [None], 'missing, and found nowhere')
    t.tap.ok('intermediate' in alone[0]['subject'] and alone[0]['key_id'], 'by its name and key identifier', alone)
    answer = t.json('--trust', t.made.root, t.made.chain('incomplete'), t.made.intermediate)
    found = answer['chains'][0]['missing']
    t.tap.ok(found and 'intermediate.pem' in (found[0]['found_in'] or ''), 'found in another input', found)
    t.tap.equal(len(answer['chains']), 1, 'a file of CA certificates beside a leaf only helps')
    root = t.json('--trust', t.made.root, t.made.chain('untrusted-with-root'))['chains'][0]['missing']
    t.tap.ok(root and root[0]['belongs_to'] == 'trust' and root[0]['sha256'], 'a root that is not trusted', root)


def check_fix(t):
    leaf, intermediate = blocks(t.made.chain('good'))
    root = blocks(t.made.root)[0]
    messy = write(t.folder / 'messy.pem', root, intermediate, leaf, intermediate)
    out = t.folder / 'fixed'
    answer = t.json('--trust', t.made.root, '--fix', out, messy)
    fixed = answer['chains'][0]['fixed']
    t.tap.ok(fixed['path'] and fixed['valid'], '--fix writes a chain and judges it', fixed)
    t.tap.equal(blocks(fixed['path']), [leaf, intermediate], 'in order, without the root and duplicates')
    before = pathlib.Path(fixed['path']).read_bytes()
    second = t.json('--trust', t.made.root, '--fix', out, messy)['chains'][0]['fixed']
    t.tap.ok(second['path'] != fixed['path'] and pathlib.Path(fixed['path']).read_bytes() == before,
             'nothing is overwritten', second)
    added = t.json('--trust', t.made.root, '--fix', out, t.made.chain('incomplete'), t.made.intermediate)
    fixed = added['chains'][0]['fixed']
    t.tap.ok(fixed['valid'] and len(blocks(fixed['path'])) == 2, 'an intermediate found elsewhere is put in', fixed)
    nothing = t.json('--trust', t.made.root, '--fix', out, t.made.chain('good'))['chains'][0]['fixed']
    t.tap.equal(nothing['path'], None, 'a chain in order is left alone')
    hopeless = t.json('--trust', t.made.root, '--fix', out, t.made.chain('expired'))['chains'][0]['fixed']
    t.tap.equal((hopeless['path'], hopeless['valid']), (None, False), 'and one that no order mends')
    blocked = write(t.folder / 'blocked', b'')
    done = t.run('--trust', t.made.root, '--fix', blocked, messy)
    t.tap.ok(done.code == 3 and 'blocked' in done.errors, 'a folder that is none', done)


# --- servers, --against ---

class Server:
    """A TLS server on a free port, until the end of the test."""

    def __init__(self, pair):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(pair)
        self.socket = socket.create_server(('127.0.0.1', 0))
        self.context = context
        self.name = '127.0.0.1:%d' % self.socket.getsockname()[1]
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        while True:
            try:
                connection, _ = self.socket.accept()
            except OSError:
                return
            try:
                connection.settimeout(10)
                self.context.wrap_socket(connection, server_side=True).close()
            except OSError:
                connection.close()

    def __enter__(self):
        return self.name

    def __exit__(self, *_):
        self.socket.close()


class MailServer(Server):
    """The same behind SMTP's STARTTLS (RFC 3207)."""

    def serve(self):
        while True:
            try:
                connection, _ = self.socket.accept()
            except OSError:
                return
            try:
                connection.settimeout(10)
                connection.sendall(b'220 mail.test ESMTP\r\n')
                connection.recv(512)
                connection.sendall(b'250-mail.test\r\n250 STARTTLS\r\n')
                connection.recv(512)
                connection.sendall(b'220 go ahead\r\n')
                self.context.wrap_socket(connection, server_side=True).close()
            except OSError:
                connection.close()


class AskingServer:
    """One that asks for a client's certificate and names its CAs, which Python's own does not."""

    def __init__(self, pair, client_ca):
        self.process = subprocess.Popen(
            ['openssl', 's_server', '-accept', '127.0.0.1:0', '-cert', pair, '-key', pair, '-CAfile', client_ca,
             '-verify', '3'], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        self.name = None
        for line in self.process.stdout:
            if line.startswith(b'ACCEPT'):
                self.name = '127.0.0.1:%d' % int(line.rsplit(b':', 1)[1])
                break

    def __enter__(self):
        return self.name

    def __exit__(self, *_):
        self.process.kill()
        self.process.communicate()


def advice(answer):
    return {a['id'] for a in answer['comparison']['advice']}


def check_servers(t):
    with Server(t.made.pair('good')) as name:
        t.tap.equal(t.judged('--trust', t.made.root, name)[0], True, 'a server')
        t.tap.equal(t.judged('--trust', t.made.root, '--host', 'x.test', name)[1], 'certificate-hostname-mismatch',
                    'and another name')
        same = t.json(t.made.pair('good'), '--against', name)
        t.tap.equal((same['comparison']['fits'], advice(same)), (True, {'leaf-same'}), 'a store that is served')
        other = t.json(t.made.pair('good-rsa'), '--against', name)
        t.tap.ok(not other['comparison']['fits'] and advice(other) & {'leaf-differs', 'stale-certificate'},
                 'a store that is not', other['comparison'])
        trusts = t.json(t.made.root, '--against', name)
        t.tap.equal(advice(trusts), {'accepted'}, 'a trust store that accepts a server')
        lacks = t.json(t.made.other_root, '--against', name)
        t.tap.ok('root-not-trusted' in advice(lacks), 'and one that does not', lacks['comparison'])
    with MailServer(t.made.pair('good')) as name:
        t.tap.equal(t.judged('--trust', t.made.root, '--starttls', 'smtp', name)[0], True, '--starttls smtp')
        t.tap.equal(t.judged('--trust', t.made.root, 'smtp://' + name)[0], True, 'and smtp://HOST:PORT')
        t.tap.equal(t.judged('--trust', t.made.other_root, 'smtp://' + name)[1], 'certificate-untrusted-ca',
                    'and judged')
    with Server(t.made.pair('incomplete')) as name:
        short = t.json(t.made.root, '--against', name)
        t.tap.ok('intermediate-not-sent' in advice(short), 'a server that sends no intermediate', short['comparison'])
        stored = t.json(t.made.pair('good'), '--against', name)
        t.tap.ok('chain-shorter' in advice(stored), 'a chain shorter than the store\'s', stored['comparison'])
    with AskingServer(t.made.pair('good'), t.made.other_root) as name:
        asked = t.json('--purpose', 'client', t.made.pair('client'), '--against', name)
        t.tap.ok('ca-not-asked-for' in advice(asked), 'CAs that a server asks for', asked['comparison'])
        asked = t.json('--purpose', 'client', t.made.pair('client-untrusted'), '--against', name)
        t.tap.ok('ca-asked-for' in advice(asked), 'and the one it asks for', asked['comparison'])
    gone = socket.create_server(('127.0.0.1', 0))
    port = gone.getsockname()[1]
    gone.close()
    t.tap.equal(t.run('127.0.0.1:%d' % port).code, 3, 'a server that is not there')


def check_stores(t):
    missing = t.json(t.made.chain('incomplete'), t.made.intermediate, '--against', t.made.root)
    t.tap.ok('intermediate-not-sent' in advice(missing), 'what a key store serves and the peer will miss',
             missing['comparison'])
    root = t.json(t.made.other_root, '--against', t.made.chain('good'))
    t.tap.ok('root-not-trusted' in advice(root), 'what a trust store lacks', root['comparison'])
    sent = t.json(t.made.root, '--against', t.made.chain('untrusted-with-root'))
    t.tap.ok(any(a['sha256'] for a in sent['comparison']['advice']), 'the certificate to upload, by its fingerprint', sent)

    upload = next(a for a in sent['comparison']['advice'] if a['id'] == 'root-not-trusted')
    t.tap.equal(upload['pem'].encode(), blocks(t.made.other_root)[0], 'and itself, as PEM')
    t.tap.ok('untrusted-with-root' in upload['found_in'] and 'target server' in upload['action'],
             'where it is, and where it has to go', upload)
    two = write(t.folder / 'two.pem', blocks(t.made.chain('good'))[0], blocks(t.made.chain('untrusted'))[0],
                t.made.intermediate, blocks(t.made.chain('untrusted'))[1], t.made.other_root)
    each = t.json(t.made.root, '--against', two)
    t.tap.equal(sorted(a['id'] for a in each['comparison']['advice']), ['accepted', 'root-not-trusted'],
                'each of several chains in a file')
    same = t.json(two, '--against', t.made.chain('good'))
    t.tap.ok({'leaf-same'} <= advice(same), 'of several the one that the other side has', same['comparison'])
    client = t.json('--purpose', 'client', t.made.root, '--against', t.made.chain('client-untrusted'))
    t.tap.ok(any('virtual host' in (a['action'] or '') for a in client['comparison']['advice']),
             'a client\'s chain: the truststore of the virtual host', client['comparison'])


def check_captures(t):
    name = 'certificate-chain-incomplete.pcap'
    capture = harness.CAPTURES / name
    trust = ('--trust', harness.CAPTURES / 'ca' / 'lab-root.pem', '--at', 'capture')
    t.tap.equal(t.judged(*trust, capture)[1], 'certificate-chain-incomplete', 'what the wire showed')
    t.tap.equal(t.judged(*trust, '%s:0' % capture)[1], 'certificate-chain-incomplete', 'one stream of it')
    t.tap.equal(t.run(*trust, '%s:99' % capture).code, 3, 'a stream that is not there')
    answer = t.json(*trust, capture)
    t.tap.equal((answer['chains'][0]['source'], answer['chains'][0]['host']), ('capture', 'app.lab.test'),
                'by the name that the client asked for')
    against = t.json('--at', 'capture', harness.CAPTURES / 'ca' / 'lab-root.pem', '--against', capture)
    t.tap.ok('intermediate-not-sent' in advice(against), 'a trust store against a capture', against['comparison'])


# --- output ---

CERT_INFO = {'basicConstraints', 'expiryDate', 'isValid', 'issuer', 'publicKey', 'serialNumber', 'sigAlgName',
             'subject', 'subjectAlternativeNames', 'validFrom', 'version'}


def check_output(t):
    info = t.json('--trust', t.made.root, t.made.chain('good'))['chains'][0]['certificates'][0]['certInfo']
    t.tap.equal(set(info), CERT_INFO, 'certInfo has the fields that consoles show')
    t.tap.ok(info['subject'].startswith('CN=') and ', O=' in info['subject'], 'names in the order of Java', info)
    text = t.run('--trust', t.made.root, '--host', pki.HOST, t.made.chain('expired-intermediate')).text
    lines = text.splitlines()
    marked = next(i for i, line in enumerate(lines) if '>> certificate-expired' in line)
    t.tap.ok(lines[marked - 1].strip().startswith('1 '), 'the fault is marked at its certificate', text)
    t.tap.ok('NOT ACCEPTABLE' in lines[1] and 'To fix' in text, 'verdict first, then what to do', text)
    t.tap.ok(b'\x1b' not in t.run('--trust', t.made.root, t.made.chain('good')).out, 'no colour in a pipe')
    eyes = t.json('--trust', t.made.root, '--as', 'openssl,java', t.made.chain('good'))['chains'][0]['as']
    t.tap.equal([e['verifier'] for e in eyes], ['openssl', 'java'], '--as')
    text = t.run('--no-partial-chain', '--trust', t.made.intermediate, '--as', 'openssl,java,go',
                 t.made.chain('incomplete')).text
    rows = [line.split() for line in text.splitlines() if line.split()[-1:] == ['path/anchor-not-root']]
    t.tap.equal([row[:2] for row in rows], [['openssl', 'refuses'], ['java', 'accepts'], ['go', 'accepts']],
                '--as in text: a table')
    t.tap.equal(text.count('- path/anchor-not-root:'), 1, 'and a shared reason once')
    unknown = t.json('--trust', 'none', t.made.chain('good'))
    t.tap.ok(unknown['valid'] and unknown['trust']['source'] == 'none', '--trust none')
    folder = t.folder / 'folder'
    folder.mkdir()
    for name in ('good', 'good-rsa', 'expired'):
        shutil.copy(t.made.chain(name), folder / (name + '.pem'))
    write(folder / 'README.txt', b'nothing of interest')
    answer = t.json('--trust', t.made.root, folder)
    t.tap.equal(sorted(c['valid'] for c in answer['chains']), [False, True, True], 'a folder')
    text = t.run('--trust', t.made.root, folder).text
    t.tap.ok('3 judged: 2 acceptable, 1 not' in text, 'and its summary', text)
    for words, want in ((('help', 'check'), 'usage: handfast check'), (('chek',), "did you mean 'check'")):
        done = harness.run(*words)
        t.tap.ok(want in done.text + done.errors, ' '.join(words), done)


def main():
    tap = harness.Tap()
    with tempfile.TemporaryDirectory() as name:
        t = Checker(tap, pathlib.Path(name))
        for check in (check_verdicts, check_partial_chain, check_ocsp, check_order_of_faults, check_names, check_inputs,
                      check_leaves, check_findings, check_truststores, check_missing, check_fix, check_servers,
                      check_stores, check_captures, check_output):
            check(t)
    tap.done()


if __name__ == '__main__':
    main()
