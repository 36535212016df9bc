#!/usr/bin/env python3
"""Replays to nginx, HAProxy and gnutls-serv as they are set up wrongly: the right change is named."""
import concurrent.futures
import pathlib

import harness
import hello_lab as lab
import peers
import test_probe_replay as replays

OLD = dict(versions=(), suites=(0xc02f, 0xc030), groups=(lab.P256,))
CHACHA = 'ECDHE-RSA-CHACHA20-POLY1305'


def nginx(group, keys, *lines, default=''):
    pair = 'ssl_certificate %s; ssl_certificate_key %s;' % (keys[3], keys[1])
    port = peers.free_port()
    folder = group.folder / ('nginx-%d' % port)
    folder.mkdir()
    listen = 'server { listen %s:%d ssl%s; ' % (peers.LOOPBACK, port, '%s')
    http = (listen % ' default_server' + 'ssl_reject_handshake on; }\n' if default else '') + \
        listen % '' + 'server_name localhost; %s %s location / { return 200; } }' % (pair, ' '.join(lines))
    group.start([peers.find('nginx'), '-e', folder / 'error.log', '-c', peers.nginx_config(folder, http)],
                [port], log=folder / 'out.log')
    return port


def haproxy(group, keys, words):
    port = peers.free_port()
    folder = group.folder / ('haproxy-%d' % port)
    folder.mkdir()
    pair = folder / 'pair.pem'
    pair.write_text(pathlib.Path(keys[3]).read_text() + pathlib.Path(keys[1]).read_text())
    config = folder / 'haproxy.cfg'
    config.write_text('global\n nbthread 1\n maxconn 200\ndefaults\n mode http\n timeout client 12s\n'
                      ' timeout server 12s\n timeout connect 12s\nfrontend f\n bind %s:%d ssl crt %s %s\n'
                      ' http-request return status 200\n' % (peers.LOOPBACK, port, pair, words))
    group.start([peers.find('haproxy'), '-db', '-f', config], [port], log=folder / 'out.log')
    return port


def gnutls(group, keys, *options):
    return group.gnutls_server('--x509certfile', keys[3], '--x509keyfile', keys[1], *options)


# name, program, starts it, hello, cause
ROWS = [
    ('nginx: rejects without a name', 'nginx', lambda g, k: nginx(g, k, default='reject'), lab.hello(),
     'sni-missing'),
    ('nginx: rejects another name', 'nginx', lambda g, k: nginx(g, k, default='reject'),
     lab.hello(name='other.example'), 'sni-unrecognized'),
    ('nginx: version', 'nginx', lambda g, k: nginx(g, k, 'ssl_protocols TLSv1.3;'), lab.hello(**OLD),
     'protocol-mismatch'),
    ('nginx: suite', 'nginx', lambda g, k: nginx(g, k, 'ssl_protocols TLSv1.2; ssl_ciphers %s;' % CHACHA),
     lab.hello(**OLD), 'cipher-mismatch'),
    ('nginx: group', 'nginx', lambda g, k: nginx(g, k, 'ssl_protocols TLSv1.2; ssl_ecdh_curve secp521r1;',
                                                 'ssl_ciphers ECDHE;'),
     lab.hello(**OLD), 'group-mismatch'),
    ('HAProxy: strict-sni', 'haproxy', lambda g, k: haproxy(g, k, 'strict-sni'), lab.hello(), 'sni-missing'),
    ('HAProxy: suite', 'haproxy', lambda g, k: haproxy(g, k, 'ssl-max-ver TLSv1.2 ciphers ' + CHACHA),
     lab.hello(**OLD), 'cipher-mismatch'),
    ('HAProxy: group', 'haproxy', lambda g, k: haproxy(g, k, 'ssl-min-ver TLSv1.3 curves P-521'), lab.hello(),
     'group-mismatch'),
    ('GnuTLS: version', 'gnutls-serv', lambda g, k: gnutls(g, k, '--priority', 'NORMAL:-VERS-ALL:+VERS-TLS1.3'),
     lab.hello(**OLD), 'protocol-mismatch'),
    ('GnuTLS: suite', 'gnutls-serv',
     lambda g, k: gnutls(g, k, '--priority', 'NORMAL:-VERS-TLS1.3:-CIPHER-ALL:+CHACHA20-POLY1305'),
     lab.hello(**OLD), 'cipher-mismatch'),
    ('GnuTLS: ALPN', 'gnutls-serv', lambda g, k: gnutls(g, k, '--alpn', 'http/1.1', '--alpn-fatal'),
     lab.hello(alpn=('h2',)), 'alpn-mismatch'),
]


def run_row(group, keys, row):
    name, _, start, body, cause = row
    port = start(group, keys)
    wanted = (name, None, body, 'proved', cause, None, None)
    return wanted, replays.try_server(wanted, port)


def main():
    tap = harness.Tap()
    if peers.find('openssl') is None:
        tap.skip('replays to real servers', 'no openssl to make a certificate')
        tap.done()
        return
    keys = replays.certificate('rsa')
    present = [row for row in ROWS if peers.find(row[1])]
    for row in ROWS:
        if row not in present:
            tap.skip(row[0], '%s is not installed' % row[1])
    with peers.Group(pathlib.Path(replays.DIRECTORY.name) / 'servers') as group, \
            concurrent.futures.ThreadPoolExecutor(4) as pool:
        for row, run in pool.map(lambda row: run_row(group, keys, row), present):
            replays.check(tap, row, run)
    tap.equal(replays.COUNTED['wrongly certain'], 0, 'no proof of a wrong cause')
    tap.done()


if __name__ == '__main__':
    main()
