#!/usr/bin/env python3
"""The guide, end to end: each of its failures set up through the management API alone, with real
clients and backends. Of each scenario: what the client sees, the verdict that the operator finds by
the id in the fault, and that the call succeeds once the verdict's own fix is made, blindly, or the
other side has done its part where the fix is theirs.

usage: test_gateway_guide.py [WORD...]     only the scenarios whose name has one of the words
"""
import dataclasses
import json
import os
import pathlib
import re
import socket
import ssl
import subprocess
import sys
import tempfile
import time

import gateway_lab as lab
import harness
import java_peers
import peers
import pki
from guide_peers import (Backend, Fixed, curl, gnutls, gnutls_client, java, java_client, nginx, node, openssl, plain_http, python,
                         python_client, raw, s_client, speaking)

FLOW = 'messaging.adaptors.http.flow.'
REFUSES = FLOW + 'SslHandshakeFailed'
UNAVAILABLE = (503, FLOW + 'ServiceUnavailable', 'The Service is temporarily unavailable')
EOF = (502, FLOW + 'UnexpectedEOFAtTarget', 'Unexpected EOF at target')
NO_PATH = (503, REFUSES, 'unable to find valid certification path to requested target')
NO_SSL = (503, REFUSES, 'Unsupported or unrecognized SSL message')
AES, CHACHA = 'ECDHE-ECDSA-AES128-GCM-SHA256', 'ECDHE-ECDSA-CHACHA20-POLY1305'
AES_JAVA, CHACHA_JAVA = 'TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256', 'TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256'
V = ssl.TLSVersion
VERDICT_S = 4
BLANK = re.compile(r'\b(ORG|ENV|KEYSTORE|TRUSTSTORE|ALIAS|REFERENCE|CERT|NAME)\b')  # of fixes, for one to fill in


# --- southbound: the Message Processor and a backend ---

@dataclasses.dataclass
class South:
    name: str
    backend: object          # (lab) -> Backend
    want: tuple              # status, error code, words of the fault
    cause: str
    who: tuple = (None, None)  # party, rejected_by (False: whoever)
    mend: object = 'fix'     # 'fix', 'workaround', or what the other side does: (lab, row)
    ssl: dict = None         # more of sSLInfo; False: TLS is off
    trust: str = None        # a certificate of the lab in a truststore of its own
    own: str = None          # a client certificate in a keystore of its own
    host: str = '127.0.0.1'
    properties: str = ''     # of the TargetEndpoint
    extra: str = None        # a certificate in a further keystore of the environment, for the fix to find
    also: tuple = ()         # other causes that are as true
    in_bundle: object = False  # no target server: URL and SSLInfo stand in a bundle of its own; 'route': the URL in a RouteRule
    pasted: bool = False     # its fix is made by the commands of the text
    needs: str = None        # a program; without it the row is skipped
    number: int = 0

    @property
    def path(self):
        return ('/bundle%d' if self.in_bundle else '/south/t%d') % self.number


def slow(connection):
    connection.recv(65536)
    time.sleep(3)


def gets(name, **settings):
    """The other side's part: its backend gets this certificate, or these settings."""
    def mend(lab_, row):
        row.made.serve = speaking(chain=lab_.made.chain(name), key=lab_.made.key(name), **settings)
    return mend


def retarget(lab_, row, backend):
    """Another backend in its place."""
    target = lab_.want(lab_.gateway.api('GET', '%s/targetservers/t%d' % (lab.E, row.number)), 200).json
    target['port'] = backend(lab_).port
    lab_.want(lab_.gateway.api('PUT', '%s/targetservers/t%d' % (lab.E, row.number), target), 200)


def is_started(lab_, row):
    lab_.group.raw(speaking(chain=lab_.made.chain('good'), key=lab_.made.key('good')), row.made.port)


def is_started_plain(lab_, row):
    lab_.group.raw(plain_http, row.made.port)


def speaks_at_last(lab_, row):
    row.made.serve = speaking(chain=lab_.made.chain('good'), key=lab_.made.key('good'))


SERVER, OWN = ('server', 'client'), ('client', 'server')
TIMES = '<Property name="connect.timeout.millis">1000</Property><Property name="io.timeout.millis">1000</Property>'

SOUTH = (
    # protocol
    South('backend does TLS 1.1 at most', openssl('good', '-tls1_1', '-cipher', 'DEFAULT:@SECLEVEL=0'), UNAVAILABLE, 'protocol-mismatch',
          (None, False), also=('signature-mismatch',)),
    South('backend does TLS 1.3 only, target TLS 1.2', python('good', least=V.TLSv1_3), UNAVAILABLE, 'protocol-mismatch', (None, 'server'),
          ssl={'protocols': ['TLSv1.2']}),
    South('backend does TLS 1.2 only, target TLS 1.3', nginx('good', 'ssl_protocols TLSv1.2;'), UNAVAILABLE, 'protocol-mismatch',
          (None, 'server'), ssl={'protocols': ['TLSv1.3']}),
    # cipher
    South('no cipher in common', python('good', most=V.TLSv1_2, ciphers=CHACHA), UNAVAILABLE, 'cipher-mismatch', (None, 'server'),
          ssl={'protocols': ['TLSv1.2'], 'ciphers': [AES_JAVA]}),
    South('no cipher in common, nginx', nginx('good', 'ssl_protocols TLSv1.2;', 'ssl_ciphers %s;' % AES), UNAVAILABLE, 'cipher-mismatch',
          (None, 'server'), ssl={'protocols': ['TLSv1.2'], 'ciphers': [CHACHA_JAVA]}),
    # host name
    South('host name, truststore', python('wrong-name'), (503, REFUSES, 'No subject alternative DNS name matching localhost found'),
          'certificate-hostname-mismatch', SERVER, trust='root', host='localhost'),
    South('host name, no truststore', nginx('wrong-name'), (503, REFUSES, 'No subject alternative DNS name matching localhost found'),
          'certificate-hostname-mismatch', SERVER, host='localhost'),
    South('host name, by address', openssl('wrong-name'), (503, REFUSES, 'No subject alternative names matching IP address 127.0.0.1 found'),
          'certificate-hostname-mismatch', SERVER, trust='root'),
    South('host name, by IPv6 address', python('good', host='::1'), (503, REFUSES, 'names matching IP address ::1 found'),
          'certificate-hostname-mismatch', SERVER, gets('ipv6'), trust='root', host='::1', needs='IPv6'),
    # chain
    South('incomplete chain', python('incomplete'), NO_PATH, 'certificate-chain-incomplete', SERVER, trust='root'),
    South('incomplete chain, nginx', nginx('incomplete'), NO_PATH, 'certificate-chain-incomplete', SERVER, trust='root'),
    South('incomplete chain, another keystore has the intermediate', python('incomplete'), NO_PATH, 'certificate-chain-incomplete', SERVER,
          trust='root', extra='intermediate'),
    South('incomplete chain, only a keystore says so', python('incomplete-reticent'), NO_PATH, 'certificate-chain-incomplete', SERVER,
          trust='root', extra='reticent'),
    South('a foreign intermediate', python('wrong-intermediate'), NO_PATH, 'certificate-chain-invalid', SERVER, trust='root',
          also=('certificate-chain-incomplete',)),
    South('unknown CA', python('good'), NO_PATH, 'certificate-untrusted-ca', SERVER, trust='other-root', pasted=True),
    South('unknown CA, openssl', openssl('untrusted'), NO_PATH, 'certificate-untrusted-ca', SERVER, trust='root'),
    South('unknown CA, its root is sent', nginx('untrusted-with-root'), NO_PATH, 'certificate-untrusted-ca', SERVER, trust='root'),
    South('enforced, no truststore', python('good'), NO_PATH, 'certificate-untrusted-ca', SERVER, ssl={'enforce': True}, pasted=True),
    South('self-signed', python('self-signed'), NO_PATH, 'certificate-self-signed', SERVER, trust='root'),
    # dates and purpose: the backend's to mend; the gateway can do without
    South('expired, the backend gets another', python('expired'), (503, REFUSES, 'NotAfter'), 'certificate-expired', SERVER, gets('good'),
          trust='root'),
    South('expired, its errors ignored', nginx('expired'), (503, REFUSES, 'NotAfter'), 'certificate-expired', SERVER, 'workaround',
          trust='root'),
    South('expired intermediate', python('expired-intermediate'), (503, REFUSES, ''), 'certificate-expired', SERVER, gets('good'),
          trust='root'),
    South('not yet valid', openssl('not-yet'), (503, REFUSES, 'NotBefore'), 'certificate-not-yet-valid', SERVER, 'workaround', trust='root'),
    South('for clients only', python('wrong-purpose'), (503, REFUSES, ''), 'certificate-wrong-purpose', SERVER, gets('good'), trust='root'),
    # SNI
    South('backend knows other names', python('good', names=('orders.test',)), UNAVAILABLE, 'sni-unrecognized', (None, 'server'),
          gets('good', names=('localhost',)), host='localhost'),
    # 2-way
    South('no client certificate', python('good', client_ca='ROOT'), UNAVAILABLE, 'client-certificate-missing', (None, 'server')),
    South('no client certificate, TLS 1.2', python('good', client_ca='ROOT', most=V.TLSv1_2), UNAVAILABLE, 'client-certificate-missing',
          (None, 'server')),
    South('client certificate expired', python('good', client_ca='ROOT'), UNAVAILABLE, 'certificate-expired', OWN, own='client-expired'),
    South('client certificate of an unknown CA', openssl('good', '-Verify', '5', '-verify_return_error', '-CAfile', 'ROOT'), UNAVAILABLE,
          'certificate-untrusted-ca', OWN, own='client-untrusted'),
    South('client certificate without its chain', python('good', client_ca='ROOT'), UNAVAILABLE, 'certificate-chain-incomplete', OWN,
          own='client-incomplete', also=('certificate-untrusted-ca',)),
    South('client certificate for servers', python('good', client_ca='ROOT'), UNAVAILABLE, 'certificate-wrong-purpose', OWN,
          own='client-wrong-purpose'),
    South('client certificate signed by itself', python('good', client_ca='ROOT', most=V.TLSv1_2), UNAVAILABLE, 'certificate-self-signed',
          OWN, own='client-self-signed', also=('certificate-untrusted-ca',)),
    # plain text
    South('TLS to a plain port', raw(plain_http), NO_SSL, 'plaintext-server', (None, 'client')),
    South('plain HTTP to TLS', python('good'), EOF, 'plaintext-client', (None, 'server'), ssl=False),
    South('plain HTTP to TLS, nginx', nginx('good'), (400, None, 'The plain HTTP request was sent to HTTPS port'), 'plaintext-client',
          ssl=False),
    # the way there
    South('handshake times out', raw(peers.silent), (502, FLOW + 'BadGateway', 'Bad Gateway'), 'handshake-timeout', (None, 'client'),
          speaks_at_last, properties=TIMES),
    South('closed in the handshake', raw(peers.closing), EOF, 'connection-closed', (None, 'server'), speaks_at_last),
    South('reset in the handshake', raw(peers.resetting), EOF, 'connection-reset', (None, 'server'), speaks_at_last),
    South('nobody listens', lambda _: Fixed(peers.free_port()), UNAVAILABLE, 'connection-refused', (None, 'server'), is_started),
    South('nobody listens, no TLS', lambda _: Fixed(peers.free_port()), UNAVAILABLE, 'connection-refused', (None, 'server'), is_started_plain,
          ssl=False),
    # the same in bundles: no target server
    South('in a bundle: unknown CA', python('good'), NO_PATH, 'certificate-untrusted-ca', SERVER, trust='other-root', in_bundle=True),
    South('in a bundle: enforced, no truststore', python('good'), NO_PATH, 'certificate-untrusted-ca', SERVER, ssl={'enforce': 'true'},
          in_bundle=True),
    South('in a bundle: self-signed', python('self-signed'), NO_PATH, 'certificate-self-signed', SERVER, trust='root', in_bundle=True),
    South('in a bundle: incomplete chain', python('incomplete'), NO_PATH, 'certificate-chain-incomplete', SERVER, trust='root',
          extra='intermediate', in_bundle=True),
    South('in a bundle: client certificate without its chain', python('good', client_ca='ROOT'), UNAVAILABLE, 'certificate-chain-incomplete',
          OWN, own='client-incomplete', extra='intermediate', in_bundle=True),
    South('in a bundle: backend does TLS 1.2 only, bundle TLS 1.3', python('good', most=V.TLSv1_2), UNAVAILABLE, 'protocol-mismatch',
          (None, 'server'), ssl={'protocols': ['TLSv1.3']}, trust='root', in_bundle=True),
    South('in a bundle: no cipher in common', python('good', most=V.TLSv1_2, ciphers=CHACHA), UNAVAILABLE, 'cipher-mismatch',
          (None, 'server'), ssl={'protocols': ['TLSv1.2'], 'ciphers': [AES_JAVA]}, in_bundle=True),
    South('in a bundle: host name', python('wrong-name'), (503, REFUSES, 'No subject alternative names matching IP address'),
          'certificate-hostname-mismatch', SERVER, in_bundle=True, pasted=True),
    South('in a bundle: no client certificate', python('good', client_ca='ROOT'), UNAVAILABLE, 'client-certificate-missing',
          (None, 'server'), in_bundle=True),
    South('in a bundle: expired, its errors ignored', python('expired'), (503, REFUSES, 'NotAfter'), 'certificate-expired', SERVER,
          'workaround', trust='root', in_bundle=True),
    South('in a bundle: TLS to a plain port', raw(plain_http), NO_SSL, 'plaintext-server', (None, 'client'), in_bundle=True),
    South('in a bundle: plain HTTP to TLS', python('good'), EOF, 'plaintext-client', (None, 'server'), ssl=False, in_bundle=True),
    # the URL in a RouteRule: there is no SSLInfo yet
    South('in a route: host name', python('wrong-name'), (503, REFUSES, 'No subject alternative names matching IP address'),
          'certificate-hostname-mismatch', SERVER, in_bundle='route', pasted=True),
    South('in a route: no client certificate', python('good', client_ca='ROOT'), UNAVAILABLE, 'client-certificate-missing',
          (None, 'server'), in_bundle='route'),
    South('in a route: backend does TLS 1.1 at most', openssl('good', '-tls1_1', '-cipher', 'DEFAULT:@SECLEVEL=0'), UNAVAILABLE,
          'protocol-mismatch', (None, False), also=('signature-mismatch',), in_bundle='route'),
    South('in a route: TLS to a plain port', raw(plain_http), NO_SSL, 'plaintext-server', (None, 'client'), in_bundle='route'),
    South('in a route: plain HTTP to TLS', python('good'), EOF, 'plaintext-client', (None, 'server'), ssl=False, in_bundle='route'),
    # other libraries than OpenSSL: the same faults in other words
    South('Java: TLS 1.2 only, target TLS 1.3', java('good', protocols='TLSv1.2'), UNAVAILABLE, 'protocol-mismatch', (None, 'server'),
          ssl={'protocols': ['TLSv1.3']}, needs='java'),
    South('Java: no cipher in common', java('good', protocols='TLSv1.2', ciphers=CHACHA_JAVA), UNAVAILABLE, 'cipher-mismatch',
          (None, 'server'), ssl={'protocols': ['TLSv1.2'], 'ciphers': [AES_JAVA]}, needs='java'),
    South('Java: unknown CA', java('untrusted', by='server'), NO_PATH, 'certificate-untrusted-ca', SERVER, trust='root', needs='java'),
    South('Java: knows other names', java('good', name=r'orders\.test'), UNAVAILABLE, 'sni-unrecognized', (None, 'server'),
          lambda lab_, row: retarget(lab_, row, java('good')), host='localhost', needs='java'),
    South('Java: no client certificate', java('good', ca='root'), UNAVAILABLE, 'client-certificate-missing', (None, 'server'), needs='java'),
    South('Java: client certificate expired', java('good', ca='root'), UNAVAILABLE, 'certificate-expired', OWN, own='client-expired',
          needs='java'),
    South('Java: client certificate without its chain', java('good', ca='root'), UNAVAILABLE, 'certificate-chain-incomplete',
          OWN, own='client-incomplete', needs='java'),
    South('GnuTLS: TLS 1.3 only, target TLS 1.2', gnutls('good', '--priority', 'NORMAL:-VERS-ALL:+VERS-TLS1.3'), UNAVAILABLE,
          'protocol-mismatch', (None, 'server'), ssl={'protocols': ['TLSv1.2']}, needs='gnutls-serv'),
    South('GnuTLS: client certificate of an unknown CA',
          gnutls('good', '--x509cafile', 'ROOT', '--require-client-cert', '--verify-client-cert'), UNAVAILABLE, 'certificate-untrusted-ca',
          OWN, own='client-untrusted', needs='gnutls-serv'),
    South('Node: client certificate of an unknown CA', node('good'), EOF, 'certificate-untrusted-ca', OWN, own='client-untrusted',
          needs='node'),
    # slow
    South('a slow answer', raw(slow), (504, FLOW + 'GatewayTimeout', 'Gateway Timeout'), None, mend=None, ssl=False, properties=TIMES),
)


# --- northbound: a client app and the Router ---

@dataclasses.dataclass
class North:
    name: str
    client: object           # (lab, row) -> what the client saw: (status or 0, words)
    want: tuple              # status (0: none), words
    cause: str
    who: tuple = (None, None)
    mend: object = 'fix'     # 'fix', 'workaround', or the client that does its part
    own: str = 'good'        # the Router's certificate
    trust: str = None        # of client certificates: asked for where it is set
    properties: dict = dataclasses.field(default_factory=dict)
    alias: str = pki.HOST
    tls: bool = True
    reference: bool = False  # its keystore is named by one, and goes on to be
    extra: str = None        # a certificate in a further keystore, for the fix to find
    also: tuple = ()
    needs: str = None        # a program; without it the row is skipped
    number: int = 0


NO_CERTIFICATE = (400, 'No required SSL certificate was sent')
BAD_CERTIFICATE = (400, 'The SSL certificate error')
OLD = ('-tls1_1', '-cipher', 'DEFAULT:@SECLEVEL=0')

NORTH = (
    # protocol
    North('client does TLS 1.2, the host TLS 1.3', curl('--tls-max', '1.2'), (0, 'alert protocol version'), 'protocol-mismatch',
          (None, 'server'), properties={'ssl_protocols': 'TLSv1.3'}),
    North('client does TLS 1.3, the host TLS 1.2', python_client(least=V.TLSv1_3), (0, ''), 'protocol-mismatch', (None, 'server'),
          properties={'ssl_protocols': 'TLSv1.2'}),
    North('client does TLS 1.1', s_client(*OLD), (0, 'alert'), 'protocol-mismatch', (None, 'server')),
    # cipher
    North('no cipher in common', curl('--tls-max', '1.2', '--ciphers', AES), (0, 'alert handshake failure'), 'cipher-mismatch',
          (None, 'server'), properties={'ssl_ciphers': CHACHA, 'ssl_protocols': 'TLSv1.2'}),
    North('no cipher in common, openssl', s_client('-tls1_2', '-cipher', CHACHA), (0, 'alert handshake failure'), 'cipher-mismatch',
          (None, 'server'), properties={'ssl_ciphers': AES}),
    North('the client has no suite for the key', curl('--tls-max', '1.2', '--ciphers', AES), (0, 'alert handshake failure'),
          'cipher-mismatch', (None, 'server'), own='good-rsa'),
    # host name
    North('host name', curl(), (0, 'no alternative certificate subject name matches'), 'certificate-hostname-mismatch',
          ('server', 'client'), own='wrong-name'),
    North('host name, Python', python_client(), (0, 'Hostname mismatch'), 'certificate-hostname-mismatch', ('server', 'client'),
          own='wrong-name'),
    # chain
    North('incomplete chain', curl(), (0, 'unable to get local issuer certificate'), 'certificate-chain-incomplete', ('server', 'client'),
          own='incomplete', extra='intermediate'),
    North('incomplete chain, Python', python_client(), (0, 'unable to get local issuer certificate'), 'certificate-chain-incomplete',
          ('server', 'client'), own='incomplete', extra='intermediate'),
    North('unknown CA, the client gets it', curl(), (0, 'unable to get local issuer certificate'), 'certificate-untrusted-ca',
          ('server', 'client'), curl(ca='other_root'), own='untrusted', also=('certificate-chain-incomplete',)),
    North('self-signed', s_client(), (0, 'self-signed certificate'), 'certificate-self-signed', ('server', 'client'), own='self-signed'),
    # dates
    North('expired', curl(), (0, 'certificate has expired'), 'certificate-expired', ('server', 'client'), own='expired'),
    North('expired, by reference', curl(), (0, 'certificate has expired'), 'certificate-expired', ('server', 'client'), own='expired',
          reference=True),
    North('not yet valid', python_client(), (0, 'not yet valid'), 'certificate-not-yet-valid', ('server', 'client'), own='not-yet'),
    # SNI
    North('a name that no host has', s_client(name='localhost'), (0, 'unrecognized name'), 'sni-unrecognized', (None, 'server')),
    North('no name is sent', s_client(name=None), (0, 'unrecognized name'), 'sni-missing', (None, 'server'), s_client()),
    # 2-way
    North('no client certificate, the client gets one', curl(), NO_CERTIFICATE, 'client-certificate-missing', (None, 'server'),
          curl(certificate='client'), trust='root'),
    North('no client certificate, none is asked for', python_client(), NO_CERTIFICATE, 'client-certificate-missing', (None, 'server'),
          'workaround', trust='root'),
    North('client certificate expired', curl(certificate='client-expired'), BAD_CERTIFICATE, 'certificate-expired', ('client', 'server'),
          curl(certificate='client'), trust='root'),
    North('client certificate not yet valid', python_client(certificate='client-not-yet'), BAD_CERTIFICATE, 'certificate-not-yet-valid',
          ('client', 'server'), python_client(certificate='client'), trust='root'),
    North('client certificate of an unknown CA', curl(certificate='client-untrusted'), BAD_CERTIFICATE, 'certificate-untrusted-ca',
          ('client', 'server'), trust='root'),
    North('client certificate without its chain', python_client(certificate='client-incomplete'), BAD_CERTIFICATE,
          'certificate-chain-incomplete', ('client', 'server'), trust='root', also=('certificate-untrusted-ca',)),
    North('client certificate signed by itself', curl(certificate='client-self-signed'), BAD_CERTIFICATE, 'certificate-self-signed',
          ('client', 'server'), trust='root'),
    North('client certificate for servers', curl(certificate='client-wrong-purpose'), BAD_CERTIFICATE, 'certificate-wrong-purpose',
          ('client', 'server'), curl(certificate='client'), trust='root'),
    # plain text
    North('plain HTTP to TLS', curl(scheme='http'), (400, 'The plain HTTP request was sent to HTTPS port'), 'plaintext-client',
          (None, 'server'), curl()),
    North('TLS to a plain port', curl(), (0, ''), 'plaintext-server', (None, False), curl(scheme='http'), tls=False),
    # other libraries than OpenSSL
    North('Java: no cipher in common', java_client('client', protocols='TLSv1.2', ciphers=AES_JAVA), (0, 'handshake_failure'),
          'cipher-mismatch', (None, 'server'), properties={'ssl_ciphers': CHACHA, 'ssl_protocols': 'TLSv1.2'}, needs='java'),
    North('Java: host name', java_client(), (0, 'No subject alternative DNS name matching good.test found'),
          'certificate-hostname-mismatch', ('server', 'client'), own='wrong-name', needs='java'),
    North('Java: unknown CA, the client gets it', java_client(), (0, 'unable to find valid certification path'), 'certificate-untrusted-ca',
          ('server', 'client'), java_client(ca='other_root'), own='untrusted', needs='java'),
    North('Java: expired', java_client(), (0, 'NotAfter'), 'certificate-expired', ('server', 'client'), own='expired', needs='java'),
    North('Java: no name is sent', java_client('socket'), (0, 'unrecognized_name'), 'sni-missing', (None, 'server'), java_client(),
          needs='java'),
    North('Java: no client certificate', java_client(), NO_CERTIFICATE, 'client-certificate-missing', (None, 'server'),
          java_client(certificate='client'), trust='root', needs='java'),
    North('Java: withholds a certificate of another CA', java_client(certificate='client-untrusted'), NO_CERTIFICATE,
          'client-certificate-missing', (None, 'server'), java_client(certificate='client'), trust='root', needs='java'),
    North('GnuTLS: expired', gnutls_client(), (0, 'expired'), 'certificate-expired', ('server', 'client'), own='expired',
          needs='gnutls-cli'),
)


class Lab:
    def __init__(self, folder, group, gateway):
        self.folder, self.group, self.gateway = folder, group, gateway
        self.made = pki.make(folder / 'pki')
        self.plain = group.raw(peers.http_answer)
        self.latest = 0
        self.java = java_peers.Java(folder) if java_peers.find() else None

    def want(self, answer, *statuses):
        if answer.status not in statuses:
            raise AssertionError('the API says %r' % answer)
        return answer

    def store(self, keystore, name, path, key=None):
        self.want(self.gateway.alias(keystore, name, path, key), 200, 201)

    def certificate_path(self, name):
        return {'root': self.made.root, 'other-root': self.made.other_root, 'intermediate': self.made.intermediate}.get(
            name) or self.made.chain(name)

    # --- what the operator finds ---

    def verdict(self, id_):
        return self.gateway.api('GET', '%s/handshakes/%s' % (lab.E, id_))

    def northbound(self):
        """Events of clients that came since the last look."""
        answer = self.gateway.api('GET', lab.E + '/handshakes?direction=northbound&limit=20')
        new = [e for e in (answer.json or {}).get('handshakes', []) if e['number'] > self.latest]
        self.latest = max([self.latest] + [e['number'] for e in new])
        return new

    def wait_northbound(self):
        until = time.monotonic() + VERDICT_S
        while time.monotonic() < until:
            found = self.northbound()
            if found:
                return found
            time.sleep(0.05)
        return []

    def apply(self, call):
        """Blindly, as it stands; what is to be changed in a bundle as the call says it."""
        for before in call.get('first', []):
            self.want(self.apply(before), 200, 201)
        if 'change' in call:
            return self.apply_change(call, call['change'])
        return self.gateway.api(call['method'], call['path'], call.get('body'), call.get('contentType'))


    def paste(self, id_):
        """The commands that the verdict's text ends with, into a shell; problems."""
        text = self.gateway.api('GET', '%s/handshakes/%s' % (lab.E, id_), accept='text/plain').body.decode()
        commands = text[text.index('\n  curl '):].split('\nwhich ')[0].replace('-u USER', '-fsS -u "$USER"')
        done = subprocess.run(['sh', '-euc', commands], cwd=self.folder, capture_output=True, timeout=60, check=False,
                              env={**os.environ, 'API': 'http://127.0.0.1:%d' % self.gateway.api_port,
                                   'USER': 'admin@localhost:' + self.gateway.password})
        return [] if done.returncode == 0 else ['pasted: %r, %s' % (done, commands)]

    def apply_change(self, call, change):
        """The bundle is imported as it is, and the new revision gets what changes before it is deployed."""
        archive = self.want(self.gateway.api('GET', change['bundle']), 200).body
        self.want(self.gateway.api(call['method'], call['path'], archive, call['contentType']), 200, 201)
        for part in change['parts']:
            self.want(self.apply(part), 200, 201)
        return self.apply(change['then'])


# --- setting up ---

def as_xml(info):
    """sSLInfo as it stands in a bundle."""
    inside = ''
    for name in ('enabled', 'enforce', 'clientAuthEnabled', 'keyStore', 'keyAlias', 'trustStore', 'ciphers', 'protocols'):
        element, value = name[0].upper() + name[1:], info.get(name)
        if isinstance(value, list):
            value = ''.join('<%s>%s</%s>' % (element[:-1], one, element[:-1]) for one in value)
        inside += '<%s>%s</%s>' % (element, value, element) if value else ''
    return '<SSLInfo>%s</SSLInfo>' % inside


def set_up_bundle(lab_, row):
    url = '<URL>%s://%s:%d/</URL>' % ('http' if row.ssl is False else 'https', row.host, row.made.port)
    if row.in_bundle == 'route':
        routes = '<!-- one --><RouteRule name="by verb"><Condition>request.verb != "GET"</Condition></RouteRule>' \
            '<RouteRule name="r &amp; s">%s</RouteRule>' % url
        archive = lab.bundle('bundle%d' % row.number, row.path, routes=routes, targets={'r---s': '<URL>http://127.0.0.1:1</URL>'})
        lab_.want(lab_.gateway.deploy('bundle%d' % row.number, archive), 200)
        return
    info = '' if row.ssl is False else as_xml(ssl_info(lab_, row, 'target'))
    lab_.want(lab_.gateway.deploy('bundle%d' % row.number, lab.bundle('bundle%d' % row.number, row.path, info + url)), 200)


def ssl_info(lab_, row, kind):
    info = {'enabled': 'true', **(row.ssl or {})} if kind == 'target' else {'enabled': 'true'}
    if row.trust:
        store = '%strust%d' % (kind, row.number)
        lab_.store(store, 'ca', lab_.certificate_path(row.trust))
        info['trustStore'] = store
    if row.own:
        store = '%skeys%d' % (kind, row.number)
        lab_.store(store, 'own', lab_.made.chain(row.own), lab_.made.key(row.own))
        if getattr(row, 'reference', False):
            lab_.want(lab_.gateway.api('POST', lab.E + '/references', {'name': store, 'refers': store, 'resourceType': 'KeyStore'}), 201)
            store = 'ref://' + store
        info.update(keyStore=store, keyAlias='own')
    if (kind == 'host' and row.trust) or (kind == 'target' and row.own):
        info['clientAuthEnabled'] = 'true'
    if row.extra:
        lab_.store('%sextra%d' % (kind, row.number), 'one', lab_.certificate_path(row.extra))
    return info


def set_up_south(lab_, rows):
    targets, routes = {}, ''
    for row in rows:
        row.made = row.backend(lab_)
        if row.in_bundle:
            set_up_bundle(lab_, row)
            continue
        target = {'name': 't%d' % row.number, 'host': row.host, 'port': row.made.port, 'isEnabled': True}
        if row.ssl is not False:
            target['sSLInfo'] = ssl_info(lab_, row, 'target')
        lab_.want(lab_.gateway.api('POST', lab.E + '/targetservers', target), 201)
        targets['t%d' % row.number] = '<LoadBalancer><Server name="t%d"/></LoadBalancer><Properties>%s</Properties>' % (
            row.number, row.properties)
        routes += '<RouteRule name="r%d"><Condition>proxy.pathsuffix MatchesPath "/t%d"</Condition><TargetEndpoint>t%d</TargetEndpoint>' \
            '</RouteRule>' % (row.number, row.number, row.number)
    if targets:
        lab_.want(lab_.gateway.deploy('south', lab.bundle('south', '/south', targets=targets, routes=routes)), 200)


def set_up_north(lab_, rows):
    for row in rows:
        row.ssl, row.port = None, peers.free_port()
        host = {'name': 'n%d' % row.number, 'hostAliases': [row.alias], 'port': str(row.port), 'interfaces': [], 'listenOptions': []}
        if row.tls:
            host['sSLInfo'] = ssl_info(lab_, row, 'host')
        if row.properties:
            host['properties'] = {'property': [{'name': k, 'value': v} for k, v in row.properties.items()]}
        lab_.want(lab_.gateway.api('POST', lab.E + '/virtualhosts', host), 200, 201)
    if rows:
        lab_.want(lab_.gateway.deploy('north', lab.bundle('north', '/north', '<URL>http://127.0.0.1:%d</URL>' % lab_.plain,
                                                          hosts=['n%d' % row.number for row in rows])), 200)


# --- playing ---

def is_right(row, found, direction):
    problems = []
    verdict = found.get('verdict') or {}
    if found.get('direction') != direction:
        problems.append('direction %s' % found.get('direction'))
    if found.get('cause') not in (row.cause, *row.also):
        problems.append('cause %s, should be %s' % (found.get('cause'), row.cause))
    if row.who[0] is not None and found.get('party') != row.who[0]:
        problems.append('party %s, should be %s' % (found.get('party'), row.who[0]))
    if row.who[1] is not False and row.who[1] is not None and found.get('rejectedBy') != row.who[1]:
        problems.append('rejected by %s, should be %s' % (found.get('rejectedBy'), row.who[1]))
    if getattr(row, 'needs', None) == 'IPv6' and row.host + ',' not in found.get('sentence', ''):
        problems.append('the address is not told')
    if not found.get('text') or not verdict.get('sentence'):
        problems.append('no text')
    blanks = [step['text'] for step in verdict.get('fix', []) if step.get('software') == 'gateway' and BLANK.search(step['text'])
              and row.cause != 'sni-unrecognized']  # of no host yet
    if blanks:
        problems.append('names that are known are not told: %s' % blanks)
    return problems


def told(found):
    return '%s; %s by %s, %s: %s' % (found.get('cause'), found.get('detail'), found.get('rejectedBy'), found.get('confidence'),
                                     found.get('sentence'))


def fault_of(said):
    try:
        fault = json.loads(said)['fault']
        return fault['detail']['errorcode'], fault['faultstring']
    except (ValueError, KeyError, TypeError):
        return None, said.decode('utf-8', 'replace')


def mended(lab_, row, found):
    """Problems of the fix itself."""
    if callable(row.mend):
        row.mend(lab_, row)
        return []
    call = found.get(row.mend)
    if not call:
        return ['the verdict has no %s' % row.mend]
    if getattr(row, 'pasted', False):
        return lab_.paste(found['id'])
    answer = lab_.apply(call)
    return [] if answer.status in (200, 201) else ['its %s: %s %s: %r' % (row.mend, call['method'], call['path'], answer)]


def play_south(tap, lab_, row):
    name = 'south: ' + row.name
    path = row.path
    answer = lab_.gateway.call(path)
    code, words = fault_of(answer.body)
    tap.ok(answer.status == row.want[0] and code == row.want[1] and row.want[2] in words, name + ': the client', row.want, answer)
    id_ = answer.headers.get('X-Handfast-Id')
    if row.cause is None:
        found = lab_.verdict(id_).json or {}
        tap.equal((found.get('outcome'), found.get('detail')), ('completed', 'answer-timeout'), name + ': the verdict: it is not TLS')
        return
    shown = lab_.verdict(id_) if id_ else None
    found = shown.json if shown is not None and shown.status == 200 else None
    if not tap.ok(found is not None, name + ': the verdict is found by the id in the fault', id_, shown, answer):
        return
    problems = is_right(row, found, 'southbound')
    if row.in_bundle and row.trust and 'the truststore targettrust%d of environment' % row.number not in ' '.join(
            (found.get('text') or '').split()) and row.cause.startswith('certificate-'):
        problems.append('the truststore is not named')
    if not found.get('server'):
        problems.append('no address of the server')
    tap.ok(not problems, name + ': the verdict', '; '.join(problems), told(found), found.get('text'))
    problems = mended(lab_, row, found)
    again = lab_.gateway.call(path)
    tap.ok(not problems and again.status == 200, name + ': mended', '; '.join(problems), again, told(found), json.dumps(found.get('fix'))[:900])


def play_north(tap, lab_, row):
    name = 'north: ' + row.name
    lab_.northbound()
    status, words = row.client(lab_, row)
    tap.ok(status == row.want[0] and row.want[1] in words, name + ': the client', row.want, status, words[-900:])
    events = lab_.wait_northbound()
    if not tap.ok(len(events) == 1, name + ': one event', [told(e) for e in events]):
        return
    shown = lab_.verdict(events[0]['id'])
    found = shown.json if shown.status == 200 else None
    if not tap.ok(found is not None, name + ': its verdict', shown):
        return
    problems = is_right(row, found, 'northbound')
    if found.get('virtualHost') not in ('n%d' % row.number, None if row.cause.startswith('sni-') else 0):
        problems.append('virtual host %s' % found.get('virtualHost'))
    tap.ok(not problems, name + ': the verdict', '; '.join(problems), told(found), found.get('text'))
    if callable(row.mend):
        status, words = row.mend(lab_, row)
        tap.ok(status == 200, name + ': the client does its part', status, words[-900:])
        return
    problems = mended(lab_, row, found)
    if row.reference and '/references/' not in found['fix']['path']:
        problems.append('its fix is not to the reference')
    status, words = row.client(lab_, row)
    tap.ok(not problems and status == 200, name + ': mended', '; '.join(problems), status, words[-900:], told(found),
           json.dumps(found.get(row.mend))[:900])


# --- the guide's own ways with files of properties ---

def play_sni_property(tap, lab_):
    """SNI switched off for the Message Processor, as in the guide, and on again."""
    name = 'south: the Message Processor sends no name'
    backend = Backend(lab_, speaking(chain=lab_.made.chain('good'), key=lab_.made.key('good'), names=('localhost',)))
    target = {'name': 'sni', 'host': 'localhost', 'port': backend.port, 'isEnabled': True, 'sSLInfo': {'enabled': 'true'}}
    lab_.want(lab_.gateway.api('POST', lab.E + '/targetservers', target), 201)
    lab_.want(lab_.gateway.deploy('sni', lab.bundle('sni', '/sni', '<LoadBalancer><Server name="sni"/></LoadBalancer>')), 200)
    place = lab_.gateway.dir / 'message-processor.properties'
    place.write_text('conf_system_jsse.enableSNIExtension=false\n')
    lab_.gateway.order('restart', 'message-processor')
    answer = lab_.gateway.call('/sni')
    tap.ok(answer.status == 503 and answer.fault == FLOW + 'ServiceUnavailable', name + ': the client', answer)
    shown = lab_.verdict(answer.headers.get('X-Handfast-Id'))
    found = shown.json or {}
    tap.ok((found.get('cause'), found.get('rejectedBy')) == ('sni-missing', 'server'), name + ': the verdict', told(found), found.get('text'))
    place.write_text('conf_system_jsse.enableSNIExtension=true\n')
    lab_.gateway.order('restart', 'message-processor')
    again = lab_.gateway.call('/sni')
    tap.ok(again.status == 200, name + ': mended by the property', again)


def play_protocols_property(tap, lab_):
    """Too few protocols for all targets: the fix asks for no older ones."""
    name = 'south: the Message Processor does TLS 1.2 only'
    backend = Backend(lab_, speaking(chain=lab_.made.chain('good'), key=lab_.made.key('good'), least=V.TLSv1_3))
    target = {'name': 'newer', 'host': '127.0.0.1', 'port': backend.port, 'isEnabled': True, 'sSLInfo': {'enabled': 'true'}}
    lab_.want(lab_.gateway.api('POST', lab.E + '/targetservers', target), 201)
    lab_.want(lab_.gateway.deploy('newer', lab.bundle('newer', '/newer', '<LoadBalancer><Server name="newer"/></LoadBalancer>')), 200)
    (lab_.gateway.dir / 'message-processor.properties').write_text('conf_system_https.protocols=TLSv1.2\n')
    lab_.gateway.order('restart', 'message-processor')
    answer = lab_.gateway.call('/newer')
    found = lab_.verdict(answer.headers.get('X-Handfast-Id')).json or {}
    fix = found.get('fix') or {'body': ''}
    tap.ok(found.get('cause') == 'protocol-mismatch' and 'TLSv1.3' in fix['body'] and 'TLSv1.1' not in fix['body'], name + ': the verdict',
           told(found), fix)
    tap.equal((lab_.apply(fix).status, lab_.gateway.call('/newer').status), (200, 200), name + ': mended')


def substitute(lab_):
    """ROOT in what rows give to servers."""
    real = peers.server_context

    def with_root(*given, client_ca=None, **more):
        return real(*given, client_ca=lab_.made.root if client_ca == 'ROOT' else client_ca, **more)
    peers.server_context = with_root
    for name in ('openssl_server', 'gnutls_server'):
        start = getattr(lab_.group, name)
        setattr(lab_.group, name, lambda *options, start=start: start(*[lab_.made.root if o == 'ROOT' else o for o in options]))


def has_ipv6():
    try:
        with socket.create_server(('::1', 0), family=socket.AF_INET6):
            return True
    except OSError:
        return False


def without_missing(tap, rows):
    """The rows whose program is there; the others are skipped, saying so."""
    has = {None: True, 'java': java_peers.find() is not None, 'IPv6': has_ipv6()}
    for row in rows:
        if not has.setdefault(row.needs, peers.find(row.needs or '') is not None):
            tap.skip(row.name, 'no ' + row.needs)
    return [row for row in rows if has[row.needs]]


def main():
    words = sys.argv[1:]
    tap = harness.Tap()
    lab.need(tap)
    wanted = lambda name: not words or any(word in name for word in words)
    south = [row for row in SOUTH if wanted('south: ' + row.name)]
    north = [row for row in NORTH if wanted('north: ' + row.name)]
    south, north = (without_missing(tap, rows) for rows in (south, north))
    for number, row in enumerate(south + north):
        row.number = number
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix='handfast-guide-') as scratch:
        folder = pathlib.Path(scratch)
        folder.chmod(0o755)
        with peers.Group(folder / 'peers') as group, lab.Gateway(folder) as gateway:
            lab_ = Lab(folder, group, gateway)
            if lab_.java is not None:
                group.processes.append(lab_.java.process)
            substitute(lab_)
            lab_.store('spare', 'own', lab_.made.chain('client'), lab_.made.key('client'))
            lab_.store('spare', 'server', lab_.made.chain('good'), lab_.made.key('good'))
            set_up_south(lab_, south)
            set_up_north(lab_, north)
            print('# set up in %.1f s' % (time.monotonic() - began))
            for row in south:
                play_south(tap, lab_, row)
            for row in north:
                play_north(tap, lab_, row)
            if wanted('south: the Message Processor sends no name'):
                play_sni_property(tap, lab_)
                play_protocols_property(tap, lab_)
    print('# %d scenarios in %.0f s' % (len(south) + len(north) + 1, time.monotonic() - began))
    tap.done()


if __name__ == '__main__':
    main()
