#!/usr/bin/env python3
"""The module's northbound side: protocols of each server of a port, certificates of clients, what
HTTP shows as 400, names that nobody has. Each row checks the client's outcome and the verdict in
the log.
"""
import http.client
import pathlib
import socket
import ssl
import struct
import tempfile

import harness
import nginx_module as lab
import peers
import pki

tap = harness.Tap()
V12, V13 = ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3


def shake(port, name, least=V12, most=V13, ciphers=None, chain=None, key=None, session=None):
    """One handshake and a request: (version, cipher, status, body), or the error's text."""
    context = peers.client_context(least=least, most=most, ciphers=ciphers, chain=chain, key=key)
    try:
        with socket.create_connection((lab.LOOPBACK, port), 10) as plain:
            with context.wrap_socket(plain, server_hostname=name) as tls:
                tls.sendall(b'GET / HTTP/1.1\r\nHost: %s\r\nConnection: close\r\n\r\n' % (name or 'a').encode())
                answer = http.client.HTTPResponse(tls)
                answer.begin()
                return tls.version(), tls.cipher()[0], answer.status, answer.read().decode()
    except (OSError, http.client.HTTPException) as problem:
        return str(problem)


def check_protocols(group, made, is_on):
    """Three servers on one port, the default one with both versions; and one whose default is 1.3 only."""
    pair = 'ssl_certificate %s; ssl_certificate_key %s;' % (made.chain('good'), made.key('good'))
    site = group.nginx_site('''
        handfast on; handfast_server_protocols %s; %s
        server { listen PORT0 ssl default_server; server_name both.test; ssl_protocols TLSv1.2 TLSv1.3;
                 location / { return 200 both; } }
        server { listen PORT0 ssl; server_name new.test *.new.test ~^re[0-9]\\.test$; ssl_protocols TLSv1.3;
                 location / { return 200 new; } }
        server { listen PORT0 ssl; server_name old.test; ssl_protocols TLSv1.2;
                 ssl_ciphers ECDHE-ECDSA-AES256-GCM-SHA384; location / { return 200 old; } }
        server { listen PORT1 ssl default_server; server_name new.test; ssl_protocols TLSv1.3;
                 location / { return 200 new; } }
        server { listen PORT1 ssl; server_name old.test; ssl_protocols TLSv1.2; location / { return 200 old; } }
        server { listen PORT1 ssl; server_name strong.test; ssl_protocols TLSv1.3;
                 ssl_conf_command Ciphersuites TLS_CHACHA20_POLY1305_SHA256; location / { return 200 strong; } }
        ''' % ('on' if is_on else 'off', pair), n_ports=2)
    first, second = site.ports
    if not is_on:
        got = shake(first, 'new.test', most=V12)
        tap.ok(got[0] == 'TLSv1.2', 'off: a 1.3-only server took TLS 1.2, as nginx does it', got)
        return
    refused = 'protocol version'
    rows = (
        ('both, 1.2', first, 'both.test', V12, V12, 'TLSv1.2'),
        ('both, 1.3', first, 'both.test', V12, V13, 'TLSv1.3'),
        ('1.3 only, asked with 1.3', first, 'new.test', V12, V13, 'TLSv1.3'),
        ('1.3 only, asked with 1.2', first, 'new.test', V12, V12, refused),
        ('1.3 only, wildcard', first, 'a.new.test', V12, V12, refused),
        ('1.3 only, pattern', first, 're7.test', V12, V12, refused),
        ('1.3 only, in capitals', first, 'NEW.TEST', V12, V12, refused),
        ('1.2 only, asked with both', first, 'old.test', V12, V13, 'TLSv1.2'),
        ('1.2 only, asked with 1.3', first, 'old.test', V13, V13, refused),
        ('default is 1.3 only, its own name', second, 'new.test', V12, V12, refused),
        ('default is 1.3 only, 1.2 of another', second, 'old.test', V12, V12, 'TLSv1.2'),
        ('default is 1.3 only, 1.2 of another, offered both', second, 'old.test', V12, V13, 'TLSv1.2'),
        ('default is 1.3 only, unknown name', second, 'nobody.test', V12, V12, refused),
        ('default is 1.3 only, no name', second, None, V12, V12, refused),
    )
    for name, port, host, least, most, want in rows:
        if want == refused:
            got, lines = lab.until_told(site, lambda p=port, h=host, l=least, m=most: shake(p, h, l, m))
        else:
            got, lines = shake(port, host, least, most), len(site.lines())
        outcome = got[0] if isinstance(got, tuple) else got.replace('_', ' ').lower()
        tap.ok(want in outcome, 'protocols: ' + name, got)
        if want == refused:
            tap.equal(site.field('cause', lines)[:1], ['protocol-mismatch'], 'protocols: %s: verdict' % name)
    got = shake(first, 'old.test', most=V12)
    tap.equal(got[1], 'ECDHE-ECDSA-AES256-GCM-SHA384', 'ciphers of the server')
    got = shake(first, 'old.test', most=V12, ciphers='ECDHE-ECDSA-AES128-GCM-SHA256')
    tap.ok('handshake' in str(got).lower(), 'ciphers of the server: none in common', got)
    tap.equal(shake(second, 'strong.test')[1], 'TLS_CHACHA20_POLY1305_SHA256', 'suites of TLS 1.3 of the server')
    check_hostile_names(first)
    check_resumption(first)
    tap.ok('exited on signal' not in site.errors(), 'no worker crashed')


def client_hello_names(names):
    """A TLS 1.2-only ClientHello with these bytes as its server_name extension."""
    extension = struct.pack('!HH', 0, len(names)) + names
    more = bytes.fromhex('000a00040002001d' '000d0006000404030804' '000b00020100')
    body = b'\x03\x03' + b'R' * 32 + b'\x00' + struct.pack('!H', 4) + b'\xc0\x2c\xc0\x2b' + b'\x01\x00' + \
        struct.pack('!H', len(extension) + len(more)) + extension + more
    return peers.record(22, peers.handshake(1, body), 0x0301)


def first_answer(port, octets):
    with socket.create_connection((lab.LOOPBACK, port), 10) as plain:
        plain.settimeout(5)
        try:
            plain.sendall(octets)
            return plain.recv(64)
        except OSError:
            return b''


def sni(text):
    return struct.pack('!HBH', len(text) + 3, 0, len(text)) + text


def check_hostile_names(port):
    """Spellings under which nginx finds the server must not get round its protocols; broken
    extensions harm nobody."""
    for text in (b'new.test.', b'new.test:443', b'NEW.test', b'new.test:'):
        answer = first_answer(port, client_hello_names(sni(text)))
        tap.ok(answer[:1] == b'\x15' and answer[6:7] == b'\x46', 'the name as %s: protocol_version' % text.decode(),
               answer)
    for octets in (b'', b'\x00', b'\x00\x00', b'\xff\xff\x00', b'\x00\x03\x00\xff\xff', sni(b''), sni(b'a' * 300),
                   sni(b'a\x00b'), sni(b'..'), sni(b'['), sni(b'[::1]'), sni(b'/'), sni(b':'), sni(b'.'),
                   sni(b'\xff\xfe'), sni(b'new.test') + b'x', struct.pack('!HB', 4, 9) + b'new'):
        first_answer(port, client_hello_names(octets))
    tap.equal(shake(port, 'both.test')[3], 'both', 'after broken names the server answers')


def check_resumption(port):
    for name, most in (('old.test', V12), ('new.test', V13)):
        context = peers.client_context(most=most)
        session, reused = None, []
        for _ in range(3):
            with socket.create_connection((lab.LOOPBACK, port), 10) as plain:
                with context.wrap_socket(plain, server_hostname=name, session=session) as tls:
                    tls.sendall(b'GET / HTTP/1.1\r\nHost: %s\r\nConnection: close\r\n\r\n' % name.encode())
                    while tls.recv(4096):
                        pass
                    session = tls.session
                    reused.append(tls.session_reused)
        tap.equal(reused, [False, True, True], 'sessions of %s are resumed' % name)


def check_clients(group, made):
    leaf = made.folder / 'client.only.pem'
    text = pathlib.Path(made.chain('client')).read_text()
    end = '-----END CERTIFICATE-----\n'
    leaf.write_text(text[:text.index(end) + len(end)])
    servers = {
        'root.test': 'ssl_client_certificate %s; ssl_verify_depth 3;' % made.root,
        'leaf.test': 'ssl_client_certificate %s; handfast_client_partial_chain on;' % leaf,
        'inter.test': 'ssl_client_certificate %s; handfast_client_partial_chain on;' % made.intermediate,
        'strict.test': 'ssl_client_certificate %s;' % made.intermediate,
        'lax.test': 'ssl_client_certificate %s; handfast_client_ignore_errors on;' % made.root,
    }
    blocks = ''.join('server { listen PORT0 ssl; server_name %s; ssl_verify_client on; '
                     'access_log FOLDER/access.log causes; %s location / { return 200 '
                     '"$ssl_client_verify"; } }\n' % row for row in servers.items())
    site = group.nginx_site('''handfast on; server_tokens off; ssl_protocols TLSv1.2 TLSv1.3;
        log_format causes '$status $handfast_cause $handfast_direction $handfast_id';
        ssl_certificate %s; ssl_certificate_key %s;
        %s''' % (made.chain('good'), made.key('good'), blocks))
    port = site.ports[0]
    rows = (
        ('root.test', 'client', 200, None),
        ('root.test', None, 400, 'client-certificate-missing'),
        ('root.test', 'client-expired', 400, 'certificate-expired'),
        ('root.test', 'client-not-yet', 400, 'certificate-not-yet-valid'),
        ('root.test', 'client-untrusted', 400, 'certificate-untrusted-ca'),
        ('root.test', 'client-self-signed', 400, 'certificate-self-signed'),
        ('root.test', 'client-incomplete', 400, 'certificate-chain-incomplete'),
        ('leaf.test', 'client', 200, None),
        ('leaf.test', 'client-rsa', 400, 'certificate-'),
        ('inter.test', 'client', 200, None),
        ('inter.test', 'client-incomplete', 200, None),
        ('inter.test', 'client-untrusted', 400, 'certificate-untrusted-ca'),
        ('strict.test', 'client', 400, 'certificate-'),
        ('lax.test', 'client', 200, None),
        ('lax.test', 'client-expired', 200, None),
        ('lax.test', 'client-untrusted', 200, None),
        ('lax.test', 'client-self-signed', 200, None),
        ('lax.test', None, 400, 'client-certificate-missing'),
    )
    for name, who, status, cause in rows:
        for version in (V12, V13):
            check_client(site, port, (name, who, status, cause), version, made)
    return site


def check_client(site, port, row, version, made):
    name, who, status, cause = row
    what = '%s, %s, %s' % (name, who or 'no certificate', version.name)
    pair = {'chain': made.chain(who), 'key': made.key(who)} if who else {}

    def ask():
        return n_logged(site), shake(port, name, most=version, least=version, **pair)
    if cause is None:
        lines = len(site.lines())
        n_requests, got = ask()
    else:
        (n_requests, got), lines = lab.until_told(site, ask)
    tap.ok(isinstance(got, tuple) and got[2] == status, '%s: status %d' % (what, status), got)
    if cause is None:
        tap.ok(isinstance(got, tuple) and got[3] == 'SUCCESS', '%s: verified' % what, got)
        tap.equal(site.lines()[lines:], [], '%s: nothing is logged' % what)
        log_line(site, n_requests)
        return
    words = 'No required SSL certificate was sent' if who is None else 'The SSL certificate error'
    tap.ok(words in str(got), '%s: nginx\'s page' % what, got)
    found = (site.field('cause', lines) + [''])[0]
    tap.ok(found.startswith(cause), '%s: verdict %s' % (what, cause), found, site.lines()[lines:])
    tap.equal(site.field('direction', lines)[:1], ['northbound'], '%s: direction' % what)
    access = log_line(site, n_requests)
    tap.equal(access[:3], ['400', found, 'northbound'], '%s: variables' % what)
    ids = site.field('id', lines)
    tap.ok(ids and access[3].startswith(ids[0] + '.'), '%s: the id leads to it' % what, access, ids)


def n_logged(site):
    path = site.folder / 'access.log'
    return len(path.read_text().splitlines()) if path.exists() else 0


def log_line(site, after):
    """The words of the next line of the access log, which comes after the answer."""
    lab.wait_for(lambda: n_logged(site) > after)
    return ((site.folder / 'access.log').read_text().splitlines()[after:] or ['- - - -'])[0].split()


def check_names(group, made):
    """A port where names are needed: none sent, and an unknown one."""
    site = group.nginx_site('''handfast on; ssl_protocols TLSv1.2 TLSv1.3;
        server { listen PORT0 ssl default_server; ssl_reject_handshake on; }
        server { listen PORT0 ssl; server_name known.test; ssl_certificate %s; ssl_certificate_key %s;
                 location / { return 200 known; } }''' % (made.chain('good'), made.key('good')))
    port = site.ports[0]
    tap.equal(shake(port, 'known.test')[3], 'known', 'the known name')
    for name, cause in (('unknown.test', 'sni-unrecognized'), (None, 'sni-missing')):
        for version in (V12, V13):
            got, lines = lab.until_told(site, lambda n=name, v=version: shake(port, n, most=v, least=v))
            tap.ok('unrecognized name' in str(got).replace('_', ' ').lower(), '%s, %s: alert' % (name, version.name), got)
            tap.equal(site.field('cause', lines)[:1], [cause], '%s, %s: verdict' % (name, version.name))


def check_plaintext(group, made):
    site = group.nginx_site('''handfast on; handfast_zone ring 1m;
        log_format causes '$status $handfast_cause $handfast_direction $handfast_id';
        server { listen PORT0 ssl; access_log FOLDER/access.log causes; ssl_certificate %s; ssl_certificate_key %s; }
        server { listen PORT1; location / { handfast_status; } }
        server { listen PORT2 ssl; ssl_certificate %s; ssl_certificate_key %s;
                 error_page 497 =301 https://$host$request_uri; }'''
                            % ((made.chain('good'), made.key('good')) * 2), n_ports=3)
    answer = lab.get(site.ports[0], '/secret?token=1')
    tap.ok(answer.status == 400 and 'plain HTTP request was sent to HTTPS port' in answer.body, 'plain HTTP: 400',
           answer.status, answer.body)
    tap.equal(site.field('cause')[:1], ['plaintext-client'], 'plain HTTP: verdict')
    access = log_line(site, 0)
    tap.equal(access[:3], ['400', 'plaintext-client', 'northbound'], 'plain HTTP: variables')
    tap.equal(access[3:4], site.field('id')[:1], 'plain HTTP: the same id')
    ring = lab.get(site.ports[1], '/').body
    tap.ok('plaintext-client' in ring and 'secret' not in ring, 'plain HTTP: in the ring, without the request', ring[:500])
    lines = len(site.lines())
    tap.equal(lab.get(site.ports[2], '/').status, 301, 'plain HTTP, redirected: 301')
    tap.ok(not site.field('cause', lines, wait_s=0.3), 'plain HTTP, redirected: no verdict', site.lines()[lines:])


def main():
    lab.need(tap)
    with tempfile.TemporaryDirectory(prefix='handfast-north-') as folder:
        folder = pathlib.Path(folder)
        made = pki.make(folder / 'pki')
        with lab.Lab(folder / 'run') as group:
            check_protocols(group, made, False)
            check_protocols(group, made, True)
            check_clients(group, made)
            check_names(group, made)
            check_plaintext(group, made)
    tap.done()


if __name__ == '__main__':
    main()
