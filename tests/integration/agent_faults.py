"""The faults that programs are run through: what is set up, and what the verdict must say."""
import dataclasses
import socket
import ssl
import struct
import subprocess

import peers
from peers import LOOPBACK

OLD = ssl.TLSVersion
AES_ONLY = 'ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256'
CHACHA_ONLY = 'ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305'


@dataclasses.dataclass
class Fault:
    """One row for a program that is the client."""
    id: str
    peer: str                 # a key of start_peers()
    cause: str                # None: nothing fails
    party: str = None
    rejected_by: str = None   # 'either': whose limit it meets first depends on the library's defaults
    dial: dict = dataclasses.field(default_factory=dict)
    says: str = ''            # a regular expression that the program's own words match
    detail: str = None        # where it must be named
    needs: str = ''           # a setting that some programs lack
    also: tuple = ()          # other causes that causes.md allows
    only: tuple = ()          # of these programs alone


SERVER_CERTIFICATE = ('server', 'client')  # party, rejected_by
CLIENT_CERTIFICATE = ('client', 'server')
ALERTED = r'alert|handshake|closed|EOF|reset|SSL|TLS|ssl|failed|errno'

CLIENT_FAULTS = (
    Fault('good', 'good', None),
    Fault('good-rsa', 'good-rsa', None),
    Fault('wrong-name', 'wrong-name', 'certificate-hostname-mismatch', *SERVER_CERTIFICATE,
          says=r'(?i)name|match|verif|subject'),
    Fault('wrong-name-1.2', 'wrong-name', 'certificate-hostname-mismatch', *SERVER_CERTIFICATE, {'most': '1.2'}),
    Fault('wrong-address', 'wrong-name', 'certificate-hostname-mismatch', *SERVER_CERTIFICATE, {'name': None},
          r'(?i)name|match|verif|subject', only=('curl', 'node-https')),
    Fault('wrong-address-1.2', 'wrong-name', 'certificate-hostname-mismatch', *SERVER_CERTIFICATE,
          {'name': None, 'most': '1.2'}, only=('curl', 'node-https')),
    Fault('expired', 'expired', 'certificate-expired', *SERVER_CERTIFICATE, says=r'(?i)expired|verif'),
    Fault('expired-1.2', 'expired', 'certificate-expired', *SERVER_CERTIFICATE, {'most': '1.2'}, r'(?i)expired|verif'),
    Fault('expired-intermediate', 'expired-intermediate', 'certificate-expired', *SERVER_CERTIFICATE,
          says=r'(?i)expired|verif'),
    Fault('not-yet', 'not-yet', 'certificate-not-yet-valid', *SERVER_CERTIFICATE, says=r'(?i)not yet|verif'),
    Fault('incomplete', 'incomplete', 'certificate-chain-incomplete', *SERVER_CERTIFICATE,
          says=r'(?i)issuer|first cert|verif'),
    Fault('untrusted', 'untrusted', 'certificate-untrusted-ca', *SERVER_CERTIFICATE, says=r'(?i)issuer|verif|local'),
    Fault('untrusted-root', 'untrusted-with-root', 'certificate-untrusted-ca', *SERVER_CERTIFICATE,
          says=r'(?i)self.signed|verif|not trusted'),
    Fault('self-signed', 'self-signed', 'certificate-self-signed', *SERVER_CERTIFICATE, says=r'(?i)self.signed|verif|not trusted'),
    Fault('wrong-intermediate', 'wrong-intermediate', 'certificate-chain-invalid', *SERVER_CERTIFICATE,
          says=r'(?i)issuer|first cert|verif', also=('certificate-chain-incomplete',)),
    Fault('not-a-ca', 'not-a-ca', 'certificate-chain-invalid', *SERVER_CERTIFICATE, says=r'(?i)CA|verif'),
    Fault('wrong-purpose', 'wrong-purpose', 'certificate-wrong-purpose', *SERVER_CERTIFICATE,
          says=r'(?i)purpose|verif|unsuitable'),
    Fault('weak-key', 'weak-key', 'weak-crypto-refused', *SERVER_CERTIFICATE, says=r'(?i)too small|weak|verif',
          detail='certificate-key-too-small', needs='level2'),
    Fault('weak-digest', 'weak-digest', 'weak-crypto-refused', *SERVER_CERTIFICATE, says=r'(?i)too weak|verif',
          detail='signature-digest-too-weak'),
    Fault('revoked', 'revoked', 'certificate-revoked', *SERVER_CERTIFICATE, {'crl': 'crl'}, r'(?i)revoked|verif',
          needs='crl'),
    Fault('crl-missing', 'good', 'certificate-revocation-unknown', *SERVER_CERTIFICATE, {'crl': 'crl_missing'},
          r'(?i)CRL|verif', needs='crl'),
    Fault('crl-stale', 'good', 'certificate-revocation-unknown', *SERVER_CERTIFICATE, {'crl': 'crl_stale'},
          r'(?i)CRL|verif', needs='crl'),
    Fault('version-1.3-only', 'tls13', 'protocol-mismatch', None, 'server', {'most': '1.2'}, ALERTED),
    Fault('version-1.1-only', 'tls11', 'protocol-mismatch', None, 'either', {}, ALERTED),
    Fault('suite', 'chacha', 'cipher-mismatch', None, 'server', {'most': '1.2', 'ciphers': AES_ONLY}, ALERTED),
    Fault('group', 'p521', 'group-mismatch', None, 'server', {'groups': 'P-256'}, ALERTED),
    Fault('signature', 'good-rsa', 'signature-mismatch', None, 'server', {'signatures': 'ECDSA+SHA256'}, ALERTED),
    Fault('dh-small', 'dh', 'weak-crypto-refused', None, 'client', {'most': '1.2'}, r'(?i)dh key too small|SSL',
          detail='dh-key-too-small', needs='dhe'),
    Fault('sni-unknown', 'names', 'sni-unrecognized', None, 'server', {}, r'(?i)unrecognized|SSL|handshake'),
    Fault('sni-missing', 'names', 'sni-missing', None, 'server', {'name': None}, r'(?i)unrecognized|SSL|handshake'),
    Fault('alpn', 'alpn', 'alpn-mismatch', None, 'server', {'alpn': ('h2',)}, r'(?i)application|alert|SSL', needs='alpn'),
    Fault('client-missing', 'mutual', 'client-certificate-missing', None, 'server', {}, ALERTED),
    Fault('client-missing-1.2', 'mutual', 'client-certificate-missing', None, 'server', {'most': '1.2'}, ALERTED),
    Fault('client-good', 'mutual-good', None, None, None, {'certificate': 'client'}),
    Fault('client-untrusted', 'mutual', 'certificate-untrusted-ca', *CLIENT_CERTIFICATE,
          {'certificate': 'client-untrusted'}, ALERTED),
    Fault('client-expired', 'mutual', 'certificate-expired', *CLIENT_CERTIFICATE, {'certificate': 'client-expired'},
          ALERTED),
    Fault('client-expired-1.2', 'mutual', 'certificate-expired', *CLIENT_CERTIFICATE,
          {'certificate': 'client-expired', 'most': '1.2'}, ALERTED),
    Fault('client-wrong-purpose', 'mutual', 'certificate-wrong-purpose', *CLIENT_CERTIFICATE,
          {'certificate': 'client-wrong-purpose'}, ALERTED),
    Fault('client-self-signed', 'mutual', 'certificate-self-signed', *CLIENT_CERTIFICATE,
          {'certificate': 'client-self-signed'}, ALERTED),
    Fault('plaintext-server', 'plaintext', 'plaintext-server', None, 'client', {}, r'(?i)wrong version|http|SSL|TLS'),
    Fault('mail-server', 'banner', 'plaintext-server', None, 'client', {}, r'(?i)wrong version|SSL|TLS',
          needs='banner'),
    Fault('closed', 'closing', 'connection-closed', None, 'server', {}, r'(?i)eof|closed|SSL|disconnected|TLS'),
    Fault('reset', 'resetting', 'connection-reset', None, 'server', {}, r'(?i)reset|SSL|TLS|errno'),
    Fault('malformed', 'garbage', 'protocol-violation', None, 'client', {}, r'(?i)length|SSL|TLS'),
    Fault('out-of-order', 'out-of-order', 'protocol-violation', None, 'client', {}, r'(?i)unexpected|SSL|TLS'),
    Fault('legacy-server', 'no-renegotiation-info', 'renegotiation-refused', None, 'client', {}, r'(?i)legacy|SSL|TLS',
          detail='insecure-renegotiation'),
    Fault('altered', 'altered', 'integrity-failure', None, 'client', {}, r'(?i)mac|SSL|TLS|decryption'),
    Fault('timeout', 'silent', 'handshake-timeout', None, 'client', {'timeout_s': 6}, r'(?i)tim', needs='timeout'),
    Fault('internal-error', 'internal-error', 'peer-internal-error', None, 'server', {}, r'(?i)internal|SSL|TLS'),
)

# For GnuTLS programs, which cannot be observed: what differs does not matter.
UNOBSERVED_FAULTS = ('good', 'wrong-name', 'expired', 'self-signed', 'untrusted')


def nginx_lines(pki, name, *more):
    return ['ssl_certificate %s;' % pki.chain(name), 'ssl_certificate_key %s;' % pki.key(name),
            'ssl_ciphers DEFAULT:@SECLEVEL=0;', *more]


def start_peers(group, pki, folder):
    """{peer: [(kind, port)]}: the same fault from different servers where it can be."""
    plain = ('good', 'good-rsa', 'wrong-name', 'expired', 'expired-intermediate', 'not-yet', 'incomplete',
             'untrusted', 'untrusted-with-root', 'self-signed', 'wrong-intermediate', 'not-a-ca',
             'wrong-purpose', 'weak-key', 'weak-digest', 'revoked')
    found = {name: [('python', group.tls(chain=pki.chain(name), key=pki.key(name)))] for name in plain}
    good = {'chain': pki.chain('good'), 'key': pki.key('good')}
    rsa = {'chain': pki.chain('good-rsa'), 'key': pki.key('good-rsa')}
    dh = folder / 'dh1024.pem'
    dh.write_text(DH_1024)
    special = {
        'tls13': dict(good, least=OLD.TLSv1_3),
        'tls11': dict(good, least=OLD.TLSv1, most=OLD.TLSv1_1),
        'chacha': dict(good, most=OLD.TLSv1_2, ciphers=CHACHA_ONLY),
        'p521': dict(good, group='secp521r1'),
        'names': dict(good, refuse_names=True),
        'mutual': dict(good, client_ca=pki.root),
        'mutual-good': dict(good, client_ca=pki.root),
        'dh': dict(rsa, most=OLD.TLSv1_2, ciphers='DHE-RSA-AES128-GCM-SHA256:DHE-RSA-AES256-SHA256:'
                   'DHE-RSA-AES128-SHA:@SECLEVEL=0', dh=str(dh)),
    }
    for name, settings in special.items():
        found[name] = [('python', group.tls(**settings))]
    raw = {'plaintext': peers.plaintext, 'banner': peers.banner, 'closing': peers.closing,
           'resetting': peers.resetting, 'garbage': peers.garbage, 'out-of-order': peers.out_of_order,
           'no-renegotiation-info': peers.no_renegotiation_info, 'silent': peers.silent,
           'altered': peers.altering(group.tls(**good)), 'internal-error': peers.alerting(80)}
    for name, serve in raw.items():
        found[name] = [('python', group.raw(after_prelude(serve)))]
    if peers.find('nginx'):
        add_nginx(group, pki, plain, found)
    if peers.find('openssl'):
        add_openssl(group, pki, found)
    if peers.find('gnutls-serv'):
        add_gnutls(group, pki, found)
    return found


def after_prelude(serve):
    def answer(connection):
        peers.postgres_prelude(connection)
        serve(connection)
    return answer


def add_nginx(group, pki, plain, found):
    rows = {name: nginx_lines(pki, name) for name in plain}
    rows['tls13'] = nginx_lines(pki, 'good', 'ssl_protocols TLSv1.3;')
    rows['chacha'] = nginx_lines(pki, 'good')[:2] + ['ssl_protocols TLSv1.2;', 'ssl_ciphers %s;' % CHACHA_ONLY]
    rows['p521'] = nginx_lines(pki, 'good', 'ssl_ecdh_curve secp521r1;')
    rows['names'] = ['ssl_reject_handshake on;']
    for name, port in zip(rows, group.nginx(list(rows.values()))):
        found[name].append(('nginx', port))


def add_openssl(group, pki, found):
    pair = ('-cert', pki.chain('good'), '-cert_chain', pki.chain('good'), '-key', pki.key('good'))
    found['alpn'] = [('openssl', group.openssl_server(*pair, '-alpn', 'other'))]
    found['mutual'].append(('openssl', group.openssl_server(
        *pair, '-Verify', '5', '-verify_return_error', '-CAfile', pki.root)))


def add_gnutls(group, pki, found):
    for name in ('expired', 'wrong-name', 'untrusted', 'incomplete'):
        found[name].append(('gnutls', group.gnutls_server(
            '--x509certfile', pki.chain(name), '--x509keyfile', pki.key(name))))
    found['tls13'].append(('gnutls', group.gnutls_server(
        '--x509certfile', pki.chain('good'), '--x509keyfile', pki.key('good'),
        '--priority', 'NORMAL:-VERS-ALL:+VERS-TLS1.3')))
    found['p521'].append(('gnutls', group.gnutls_server(
        '--x509certfile', pki.chain('good'), '--x509keyfile', pki.key('good'),
        '--priority', 'NORMAL:-GROUP-ALL:+GROUP-SECP521R1')))


# --- rows for a program that is the server ---

@dataclasses.dataclass
class ServerFault:
    id: str
    talk: object              # (port, pki) -> what the client saw
    cause: str
    party: str = None
    rejected_by: str = None
    serve: dict = dataclasses.field(default_factory=dict)
    needs: str = ''
    detail: str = None
    also: tuple = ()


def python_client(name='good.test', ca='root', certificate=None, **settings):
    """A client of Python's ssl module."""
    def talk(port, pki):
        if certificate:
            settings.update(chain=pki.chain(certificate), key=pki.key(certificate))
        context = peers.client_context(ca={'root': pki.root, 'other-root': pki.other_root}.get(ca), **settings)
        return peers.converse(port, context, name)
    return talk


def openssl_client(*options):
    """openssl s_client; what it says of alerts."""
    def talk(port, pki):
        argv = [peers.find('openssl'), 's_client', '-quiet', '-no_ign_eof', '-connect', '%s:%d' % (LOOPBACK, port),
                '-servername', 'good.test', '-CAfile', pki.root, '-verify_return_error', *options]
        done = subprocess.run(argv, input=b'GET / HTTP/1.0\r\n\r\n', stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, timeout=20, check=False)
        return 'exit %d' % done.returncode
    return talk


def client_hello(name='good.test'):
    """The bytes of one, as OpenSSL sends it."""
    out = ssl.MemoryBIO()
    tls = peers.client_context().wrap_bio(ssl.MemoryBIO(), out, server_hostname=name)
    try:
        tls.do_handshake()
    except ssl.SSLWantReadError:
        pass
    return out.read()


def hello_then(linger):
    """Sends a ClientHello, waits for the first of the answer, then leaves."""
    def talk(port, _):
        with socket.create_connection((LOOPBACK, port), peers.TALK_S) as connection:
            connection.sendall(client_hello())
            connection.recv(1)
            if linger is not None:
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack('ii', 1, linger))
            else:
                peers.drain(connection)
        return 'left'
    return talk


def leaves(**settings):
    """A client that finishes the handshake and goes, close_notify first, without a word of its own."""
    def talk(port, _):
        context = peers.client_context(**settings)
        with socket.create_connection((LOOPBACK, port), peers.TALK_S) as connection:
            tls = context.wrap_socket(connection, server_hostname='good.test')
            try:
                tls.settimeout(peers.TALK_S)
                tls.unwrap()
            except OSError:
                pass
            tls.close()
        return 'answer: HTTP/1.1 200, as it were'
    return talk


def speaks(words):
    def talk(port, _):
        return peers.say(port, words)
    return talk


MALFORMED_HELLO = peers.record(22, peers.handshake(1, b'\x03\x03' + b'R' * 32 + b'\xff' + b'S' * 40), 0x0301)
TLS12, TLS11 = OLD.TLSv1_2, OLD.TLSv1_1
MUTUAL = {'client_ca': True}

SERVER_FAULTS = (
    ServerFault('good', python_client(), None),
    ServerFault('good-client', python_client(certificate='client'), None, serve=MUTUAL),
    ServerFault('abandoned', leaves(), None),
    ServerFault('abandoned-1.2', leaves(most=TLS12), None),
    ServerFault('abandoned-wrong-name', leaves(most=TLS12), 'certificate-hostname-mismatch', *SERVER_CERTIFICATE,
                {'chain': 'wrong-name'}),
    ServerFault('untrusted', python_client(ca='other-root'), 'certificate-untrusted-ca', *SERVER_CERTIFICATE),
    ServerFault('expired', python_client(), 'certificate-expired', *SERVER_CERTIFICATE, {'chain': 'expired'}),
    ServerFault('expired-1.2', python_client(most=TLS12), 'certificate-expired', *SERVER_CERTIFICATE,
                {'chain': 'expired'}),
    ServerFault('not-yet', python_client(), 'certificate-not-yet-valid', *SERVER_CERTIFICATE, {'chain': 'not-yet'}),
    ServerFault('wrong-name', python_client(), 'certificate-hostname-mismatch', *SERVER_CERTIFICATE,
                {'chain': 'wrong-name'}),
    ServerFault('self-signed', python_client(), 'certificate-self-signed', *SERVER_CERTIFICATE,
                {'chain': 'self-signed'}),
    ServerFault('incomplete', python_client(), 'certificate-chain-incomplete', *SERVER_CERTIFICATE,
                {'chain': 'incomplete'}),
    ServerFault('wrong-intermediate', python_client(), 'certificate-chain-invalid', *SERVER_CERTIFICATE,
                {'chain': 'wrong-intermediate'}, also=('certificate-chain-incomplete',)),
    ServerFault('wrong-purpose', python_client(), 'certificate-wrong-purpose', *SERVER_CERTIFICATE,
                {'chain': 'wrong-purpose'}),
    ServerFault('version-old-client', python_client(least=OLD.TLSv1, most=TLS11, ciphers='DEFAULT:@SECLEVEL=0'),
                'protocol-mismatch', None, 'server'),
    ServerFault('version-1.3-only', python_client(most=TLS12), 'protocol-mismatch', None, 'server',
                {'least': '1.3'}),
    ServerFault('suite', python_client(most=TLS12, ciphers=CHACHA_ONLY), 'cipher-mismatch', None, 'server',
                {'most': '1.2', 'ciphers': AES_ONLY}),
    ServerFault('group', python_client(group='secp521r1'), 'group-mismatch', None, 'server',
                {'groups': 'prime256v1'}),
    ServerFault('signature', openssl_client('-sigalgs', 'RSA+SHA256:RSA-PSS+SHA256'), 'signature-mismatch', None,
                'server'),
    ServerFault('alpn', python_client(alpn=['lab/1']), 'alpn-mismatch', None, 'server', {'alpn': ('h2',)}, 'alpn'),
    ServerFault('sni-unknown', python_client(name='nobody.test'), 'sni-unrecognized', None, 'server',
                {'strict_names': True}, 'strict_names'),
    ServerFault('sni-missing', python_client(name=None, check_name=False), 'sni-missing', None, 'server',
                {'strict_names': True}, 'strict_names'),
    ServerFault('client-missing', python_client(), 'client-certificate-missing', None, 'server', MUTUAL),
    ServerFault('client-missing-1.2', python_client(most=TLS12), 'client-certificate-missing', None, 'server', MUTUAL),
    ServerFault('client-untrusted', python_client(certificate='client-untrusted'), 'certificate-untrusted-ca',
                *CLIENT_CERTIFICATE, MUTUAL),
    ServerFault('client-incomplete', python_client(certificate='client-incomplete'), 'certificate-chain-incomplete',
                *CLIENT_CERTIFICATE, MUTUAL),
    ServerFault('client-expired', python_client(certificate='client-expired'), 'certificate-expired',
                *CLIENT_CERTIFICATE, MUTUAL),
    ServerFault('client-not-yet', python_client(certificate='client-not-yet'), 'certificate-not-yet-valid',
                *CLIENT_CERTIFICATE, MUTUAL),
    ServerFault('client-wrong-purpose', python_client(certificate='client-wrong-purpose'),
                'certificate-wrong-purpose', *CLIENT_CERTIFICATE, MUTUAL),
    ServerFault('client-self-signed', python_client(certificate='client-self-signed'), 'certificate-self-signed',
                *CLIENT_CERTIFICATE, MUTUAL),
    ServerFault('client-revoked', python_client(certificate='client-revoked'), 'certificate-revoked',
                *CLIENT_CERTIFICATE, dict(MUTUAL, crl='crl')),
    ServerFault('plaintext-client', speaks(b'GET / HTTP/1.0\r\n\r\n'), 'plaintext-client', None, 'server'),
    ServerFault('fallback', openssl_client('-fallback_scsv', '-max_protocol', 'TLSv1.2'), 'fallback-refused', None,
                'server'),
    ServerFault('malformed', speaks(MALFORMED_HELLO), 'protocol-violation', None, 'server'),
    ServerFault('closed', hello_then(None), 'connection-closed', None, 'client'),
    ServerFault('reset', hello_then(0), 'connection-reset', None, 'client'),
)

DH_1024 = '''-----BEGIN DH PARAMETERS-----
MIGHAoGBAPUYz+MhVyD771kDwcANzJy0lRWrqqCjGyaDeaS+YlSJ+ocgk4fnvdcb
3W5wVszDn5oJ7DDtjAGLqmhrYVQ/YB0cI2z/wiAR4hTc9iZ1bc1Q2hHG8HETndn8
QfM/6ggUdSDfIVfyyxL6dg9SH44tIWLUKsTNVq/BR/2nWvRIZLyHAgEC
-----END DH PARAMETERS-----
'''
