#!/usr/bin/env python3
"""The module's southbound side: verification inside the handshake, faults, sessions, kept-alive
connections. Each row is a location of one nginx and a backend; it checks the client's answer, what
the backend was told, and the verdict in the log.
"""
import pathlib
import ssl
import subprocess
import tempfile
import time

import harness
import nginx_module as lab
import peers
import pki

tap = harness.Tap()
FLOW = 'messaging.adaptors.http.flow.'
UNAVAILABLE = (503, FLOW + 'ServiceUnavailable', 'The Service is temporarily unavailable')
EOF = (502, FLOW + 'UnexpectedEOFAtTarget', 'Unexpected EOF at target')
OK = (200, None, None)
PATH_FAILED = 'SSL Handshake failed sun.security.validator.ValidatorException: PKIX path building failed: ' \
    'sun.security.provider.certpath.SunCertPathBuilderException: unable to find valid certification ' \
    'path to requested target'
NO_NAME = 'No subject alternative DNS name matching %s found'


def refused(words):
    return 503, FLOW + 'SslHandshakeFailed', words


class Row:
    def __init__(self, name, to, lines='', want=OK, alert=None, cause=None, path=''):
        self.name, self.to, self.lines, self.want = name, to, lines, want
        self.alert, self.cause, self.path = alert, cause, path


def verify(mode, trust=None, name=pki.HOST, more=''):
    return 'handfast_upstream_verify %s; %s proxy_ssl_name %s; proxy_ssl_server_name on; %s' % (
        mode, 'handfast_upstream_trusted %s;' % trust if trust else '', name, more)


def leaf_only(made, name):
    """The leaf of a chain as a trust file of its own."""
    path = made.folder / (name + '.leaf.pem')
    text = pathlib.Path(made.chain(name)).read_text()
    end = '-----END CERTIFICATE-----\n'
    path.write_text(text[:text.index(end) + len(end)])
    return str(path)


def verification_rows(made):
    root, other = made.root, made.other_root
    leaf = leaf_only(made, 'good')
    return [
        Row('full: good', 'good', verify('full', root)),
        Row('full: unknown CA', 'good', verify('full', other), refused(PATH_FAILED), 'unknown ca',
            'certificate-untrusted-ca'),
        Row('full: incomplete chain', 'incomplete', verify('full', root), refused(PATH_FAILED),
            'unknown ca', 'certificate-chain-incomplete'),
        Row('full: self-signed', 'self-signed', verify('full', root), refused(PATH_FAILED),
            'unknown ca', 'certificate-self-signed'),
        Row('full: expired', 'expired', verify('full', root), refused('NotAfter: '),
            'certificate expired', 'certificate-expired'),
        Row('full: not yet valid', 'not-yet', verify('full', root), refused('NotBefore: '),
            'bad certificate', 'certificate-not-yet-valid'),
        Row('full: unknown CA and wrong name', 'wrong-name', verify('full', other), refused(PATH_FAILED),
            'unknown ca', 'certificate-untrusted-ca'),
        Row('full: wrong name', 'wrong-name', verify('full', root), refused(NO_NAME % pki.HOST),
            'bad certificate', 'certificate-hostname-mismatch'),
        Row('full: purpose', 'wrong-purpose', verify('full', root), refused('PKIX path validation failed'),
            'unsupported certificate'),
        Row('full: the leaf is the anchor', 'good', verify('full', leaf)),
        Row('full: the intermediate is the anchor', 'incomplete', verify('full', made.intermediate)),
        Row('chain: wrong name goes', 'wrong-name', verify('chain', root)),
        Row('chain: unknown CA', 'wrong-name', verify('chain', other), refused(PATH_FAILED), 'unknown ca'),
        Row('name: self-signed goes', 'self-signed', verify('name')),
        Row('name: expired goes', 'expired', verify('name')),
        Row('name: unknown CA and incomplete go', 'incomplete', verify('name')),
        Row('name: self-signed and another', 'self-signed', verify('name', name='else.test'),
            refused(NO_NAME % 'else.test'), 'bad certificate'),
        Row('name: wrong name', 'wrong-name', verify('name'), refused(NO_NAME % pki.HOST),
            'bad certificate', 'certificate-hostname-mismatch'),
        Row('off: all goes', 'wrong-name', verify('off')),
        Row('off: expired goes', 'expired', verify('off')),
        Row('address as host: good', 'good', verify('full', root, '127.0.0.1')),
        Row('address as host: not in it', 'wrong-name', verify('full', root, '127.0.0.1'),
            refused('No subject alternative names matching IP address 127.0.0.1 found'), 'bad certificate'),
        Row('no name at all', 'good', verify('full', root, '""'), refused('No name matching'),
            'bad certificate'),
        Row('nothing said: as nginx', 'wrong-name', 'proxy_ssl_verify off;'),
    ]


def name_rows(made):
    def named(name, more=''):
        return verify('full', made.root, 'other.test', 'handfast_upstream_name %s %s;' % (name, more))
    return [
        Row('CommonName apart from SNI', 'good', named(pki.HOST)),
        Row('CommonName: case does not count', 'good', named(pki.HOST.upper())),
        Row('CommonName: another', 'good', named('else.test'), refused(NO_NAME % 'else.test'),
            'bad certificate', 'certificate-hostname-mismatch'),
        Row('CommonName: a wildcard is literal', 'good', named('*.test'), refused('*.test'), 'bad certificate'),
        Row('CommonName: wildcard', 'good', named('*.test', 'wildcard')),
        Row('CommonName: wildcard of more labels', 'good', named('*.good.test', 'wildcard'),
            refused('*.good.test'), 'bad certificate'),
        Row('CommonName: with a variable', 'good', named('$arg_n'), path='?n=' + pki.HOST),
        Row('CommonName: with a variable that does not fit', 'good', named('$arg_n'),
            refused(NO_NAME % 'x.test'), 'bad certificate', path='?n=x.test'),
        Row('CommonName: hostile', 'good', named('$arg_n'), refused('No name matching the target found'),
            'bad certificate', path='?n=%22%7D<x>'),
    ]


def fault_rows():
    timeouts = 'proxy_connect_timeout 1s; proxy_read_timeout 1s; handfast_upstream_tls_timeout 700ms;'
    return [
        Row('TCP refused', 'refused', '', UNAVAILABLE),
        Row('TCP time-out', 'full-backlog', timeouts, UNAVAILABLE),
        Row('TLS time-out', 'silent', timeouts, (502, FLOW + 'BadGateway', 'Bad Gateway'), None,
            'handshake-timeout'),
        Row('closes in the handshake', 'closing', '', EOF),
        Row('resets in the handshake', 'resetting', '', EOF),
        Row('plain text to TLS', 'plaintext', '', refused('Unsupported or unrecognized SSL message'), None,
            'plaintext-server'),
        Row('a mail server', 'banner', '', refused('Unsupported or unrecognized SSL message'), None,
            'plaintext-server'),
        Row('a broken ServerHello', 'garbage', '', refused('SSL Handshake failed')),
        Row('messages out of order', 'out_of_order', '', refused('SSL Handshake failed')),
        Row('alert handshake_failure', 'alert-40', '', UNAVAILABLE),
        Row('alert protocol_version', 'alert-70', '', UNAVAILABLE, None, 'protocol-mismatch'),
        Row('close_notify instead of a ServerHello', 'alert-0', '', UNAVAILABLE),
        Row('no protocol in common', 'old', '', refused('No appropriate protocol'), 'internal error',
            'protocol-mismatch'),
        Row('client certificate missing', 'wants-client', '', UNAVAILABLE, None, 'client-certificate-missing'),
        Row('client certificate missing, TLS 1.2', 'wants-client-12', '', UNAVAILABLE, None,
            'client-certificate-missing'),
        Row('closes with no answer', 'mute', '', EOF),
        Row('slow answer', 'slow', timeouts, (504, FLOW + 'GatewayTimeout', 'Gateway Timeout')),
        Row('no HTTP', 'no-http', '', (502, FLOW + 'BadGateway', 'Bad Gateway')),
        Row('its own 404 passes', 'own-404', '', (404, None, 'mine')),
        Row('its own 503 passes', 'own-503', '', (503, None, 'mine')),
    ]


def answering(text):
    def answer(tls):
        tls.recv(65536)
        tls.sendall(text.encode())
    return answer


def own(status):
    return answering('HTTP/1.1 %d No\r\nX-Apigee-fault-code: forged\r\nx-apigee_Fault_source: forged\r\n'
                     'Content-Length: 4\r\n\r\nmine' % status)


def full_backlog():
    """A listener whose queue is full: a further SYN is not answered."""
    import socket
    listener = socket.socket()
    listener.bind((lab.LOOPBACK, 0))
    listener.listen(0)
    port = listener.getsockname()[1]
    waiting = []
    for _ in range(4):
        one = socket.socket()
        one.setblocking(False)
        one.connect_ex((lab.LOOPBACK, port))
        waiting.append(one)
    time.sleep(0.1)
    return listener, waiting, port


def make_backends(group, made):
    def pair(name):
        return {'chain': made.chain(name), 'key': made.key(name)}

    backends = {name: group.backend(**pair(name)) for name in
                ('good', 'wrong-name', 'expired', 'not-yet', 'self-signed', 'wrong-purpose', 'incomplete')}
    good = pair('good')
    twelve = ssl.TLSVersion.TLSv1_2
    backends.update({
        'old': group.backend(least=ssl.TLSVersion.TLSv1, most=ssl.TLSVersion.TLSv1_1, **good),
        'wants-client': group.backend(client_ca=made.root, **good),
        'wants-client-12': group.backend(client_ca=made.root, most=twelve, **good),
        'mute': group.backend(answer=lambda tls: tls.recv(4096), **good),
        'slow': group.backend(answer=lambda tls: (tls.recv(4096), time.sleep(3)), **good),
        'no-http': group.backend(answer=answering('HTTP/1.1 200 OK\r\nA\0b: c\r\n\r\n'), **good),
        'own-404': group.backend(answer=own(404), **good),
        'own-503': group.backend(answer=own(503), **good),
    })
    return backends


def make_ports(group, backends, backlog_port):
    ports = {name: backend.port for name, backend in backends.items()}
    ports.update({name: group.raw(getattr(peers, name)) for name in
                  ('silent', 'plaintext', 'closing', 'resetting', 'banner', 'garbage', 'out_of_order')})
    ports.update({'alert-%d' % n: group.raw(peers.alerting(n)) for n in (0, 40, 70)})
    ports.update({'refused': lab.unused_port(), 'full-backlog': backlog_port})
    return ports


def check_answer(row, answer):
    status, code, words = row.want
    name = row.name
    tap.ok(answer.status == status, '%s: status %d' % (name, status), answer.status, answer.body)
    if code is None:
        tap.ok(words is None or words == answer.body, '%s: the body passes' % name, answer.body)
        return
    fault = (answer.json() or {}).get('fault', {})
    tap.equal(fault.get('detail'), {'errorcode': code}, '%s: errorcode' % name)
    tap.ok(words in fault.get('faultstring', ''), '%s: faultstring' % name, answer.body, words)
    tap.ok(answer.headers.get('content-type') == 'application/json' and answer.headers.get('x-handfast-id'),
           '%s: type and id' % name, answer.headers)
    tap.ok('x-apigee-fault-code' not in answer.headers, '%s: no internals' % name, answer.headers)


def check_row(site, port, backends, row, number):
    lines = len(site.lines())
    backend = backends.get(row.to)
    if backend:
        backend.forget()

    def ask():
        return lab.get(port, '/%d/%s' % (number, row.path))
    answer = lab.until_told(site, ask)[0] if row.cause else ask()
    check_answer(row, answer)
    if row.alert:
        lab.wait_for(lambda: backend.seen)
        tap.ok(backend.seen and row.alert in backend.seen[0].replace('_', ' '),
               '%s: the backend got "%s"' % (row.name, row.alert), backend.seen)
    if row.cause:
        tap.equal(site.field('cause', lines)[:1], [row.cause], '%s: verdict' % row.name)
        tap.equal(site.field('direction', lines)[:1], ['southbound'], '%s: direction' % row.name)
        tap.equal(site.field('id', lines)[:1], [answer.headers.get('x-handfast-id')]
                  if row.want[1] else site.field('id', lines)[:1], '%s: the id is the client\'s' % row.name)
    if row.want[0] == 200:
        time.sleep(0.02)
        tap.equal(site.lines()[lines:], [], '%s: nothing is logged' % row.name)


def run_rows(group, made):
    listener, waiting, backlog_port = full_backlog()
    backends = make_backends(group, made)
    ports = make_ports(group, backends, backlog_port)
    rows = verification_rows(made) + name_rows(made) + fault_rows()
    locations = ''.join('location /%d/ { proxy_pass https://127.0.0.1:%d/; %s }\n' % (i, ports[row.to], row.lines)
                        for i, row in enumerate(rows))
    site = group.nginx_site('handfast on; handfast_fault on; proxy_http_version 1.1;\n'
                            'server { listen PORT0; %s }' % locations)
    for i, row in enumerate(rows):
        check_row(site, site.ports[0], backends, row, i)
    listener.close()
    for one in waiting:
        one.close()
    return site


def check_forms(group, made):
    """XML, HEAD, headers for a proxy in front, nothing up, no address, a page of one's own."""
    own_404 = group.backend(answer=own(404), chain=made.chain('good'), key=made.key('good'))
    refused_port = lab.unused_port()
    site = group.nginx_site('''
        handfast on; resolver 127.0.0.1:%(dead)d ipv6=off; resolver_timeout 300ms;
        upstream nobody { server 127.0.0.1:%(dead)d down; server 127.0.0.1:%(dead)d down; }
        upstream ailing { server 127.0.0.1:%(dead)d max_fails=1; server 127.0.0.1:%(dead)d down; }
        server { listen PORT0; handfast_fault headers;
            location /refused { proxy_pass https://127.0.0.1:%(dead)d; }
            location /nobody { proxy_pass https://nobody; }
            location /ailing { proxy_pass https://ailing; }
            location /unknown { proxy_pass https://$arg_host; }
            location /own { proxy_pass https://127.0.0.1:%(own)d; }
            location /page { proxy_pass https://127.0.0.1:%(dead)d; error_page 502 /mine.html; }
            location = /mine.html { internal; return 502 "a page of mine"; }
            location /off { handfast_fault off; proxy_pass https://127.0.0.1:%(dead)d; }
        }''' % {'dead': refused_port, 'own': own_404.port})
    port = site.ports[0]
    fault = lab.get(port, '/refused', headers={'Accept': 'application/xml'})
    tap.equal((fault.status, fault.headers.get('content-type'), fault.body),
              (503, 'application/xml', '<fault><faultstring>%s</faultstring><detail><errorcode>%s</errorcode>'
               '</detail></fault>' % (UNAVAILABLE[2], UNAVAILABLE[1])), 'XML for those who ask for it')
    fault = lab.get(port, '/refused', headers={'Accept': 'application/json, application/xml'})
    tap.equal(fault.headers.get('content-type'), 'application/json', 'JSON where both would do')
    fault = lab.get(port, '/refused', method='HEAD')
    tap.equal((fault.status, fault.body), (503, ''), 'HEAD has no body')
    seen = {k: v for k, v in fault.headers.items() if k.startswith('x-apigee-fault')}
    tap.equal(seen, {'x-apigee-fault-code': UNAVAILABLE[1], 'x-apigee-fault-source': 'target',
                     'x-apigee-fault-flag': 'true', 'x-apigee-fault-policy': 'null/null'}, 'headers of a fault')
    tap.ok(fault.headers.get('x-apigee-message-id') == fault.headers.get('x-handfast-id'), 'its message id')
    for path, code in (('/nobody', 'NoActiveTargets'), ('/ailing', 'ServiceUnavailable'),
                       ('/unknown?host=nowhere.test', 'ServiceUnavailable')):
        fault = lab.get(port, path)
        tap.equal((fault.status, ((fault.json() or {}).get('fault') or {}).get('detail')),
                  (503, {'errorcode': FLOW + code}), '%s: %s' % (path, code))
    fault = lab.get(port, '/own')
    tap.equal((fault.status, fault.body, fault.headers.get('x-apigee-fault-code'),
               fault.headers.get('x-apigee-fault-flag')),
              (404, 'mine', FLOW + 'ErrorResponseCode', 'false'), 'the backend\'s own error, and no forged code')
    tap.ok('forged' not in fault.headers.values(), 'nor one that a variable would take for it', fault.headers)
    tap.equal(lab.get(port, '/page').body, 'a page of mine', 'a page of one\'s own stays')
    tap.equal(lab.get(port, '/off').status, 502, 'off: nginx\'s own page')


def check_sessions(group, made, most):
    """A session is not offered under other demands; kept-alive connections are not used so."""
    version = 'TLS 1.2' if most == ssl.TLSVersion.TLSv1_2 else 'TLS 1.3'
    backend = group.backend(answer=keep_alive(), chain=made.chain('self-signed'), key=made.key('self-signed'),
                            most=most)
    site = group.nginx_site('''
        handfast on; handfast_fault on; proxy_http_version 1.1; proxy_set_header Connection "";
        proxy_ssl_server_name on; proxy_ssl_name good.test;
        upstream plain { server 127.0.0.1:%(port)d; }
        upstream kept { server 127.0.0.1:%(port)d; keepalive 8; }
        upstream open { server 127.0.0.1:%(port)d; keepalive 8; }
        server { listen PORT0;
            location /plain/none { proxy_pass https://plain; }
            location /plain/off { proxy_pass https://plain; handfast_upstream_verify off; }
            location /plain/name { proxy_pass https://plain; handfast_upstream_verify name; }
            location /plain/var { proxy_pass https://plain; handfast_upstream_verify name;
                                  handfast_upstream_name $arg_n; }
            location /plain/full { proxy_pass https://plain; %(full)s }
            location /kept/off { proxy_pass https://kept; handfast_upstream_verify off; }
            location /kept/name { proxy_pass https://kept; handfast_upstream_verify name; }
            location /kept/var { proxy_pass https://kept; handfast_upstream_verify name;
                                 handfast_upstream_name $arg_n; }
            location /open/none { proxy_pass https://open; }
            location /open/name { proxy_pass https://open; handfast_upstream_verify name; }
            location /kept/full { proxy_pass https://kept; %(full)s }
        }''' % {'port': backend.port, 'full': 'handfast_upstream_verify full; handfast_upstream_trusted %s;'
                % made.root})
    port = site.ports[0]

    def ask(path, status, resumed, connections, name):
        backend.forget()
        answer = lab.get(port, path)
        time.sleep(0.05)
        tap.equal((answer.status, backend.resumed[:1], backend.connections), (status, resumed, connections),
                  '%s, %s: %s' % (version, path, name))

    ask('/plain/off', 200, [False], 1, 'the first')
    ask('/plain/off', 200, [True], 1, 'the same again is resumed')
    ask('/plain/name', 200, [False], 1, 'other demands, whole handshake')
    ask('/plain/name', 200, [True], 1, 'the same again is resumed')
    ask('/plain/full', 503, [], 1, 'refused, whatever was agreed on before')
    ask('/plain/none', 200, [False], 1, 'no demands: no session of others')
    ask('/plain/none', 200, [True], 1, 'the same again is resumed')
    ask('/plain/full', 503, [], 1, 'refused, with a session made without demands')
    ask('/plain/name', 200, [False], 1, 'the name is checked again')
    ask('/plain/var?n=good.test', 200, [False], 1, 'a name from a variable')
    ask('/plain/var?n=evil.test', 503, [], 1, 'another name is not covered by the session')
    ask('/kept/off', 200, [False], 1, 'the first')
    ask('/kept/off', 200, [], 0, 'the same again is kept alive')
    ask('/kept/full', 503, [], 1, 'a connection made without verification is not used')
    ask('/kept/name', 200, [False], 1, 'a new connection')
    ask('/kept/name', 200, [], 0, 'kept alive')
    ask('/kept/var?n=good.test', 200, [False], 1, 'the name is part of it')
    ask('/kept/var?n=good.test', 200, [], 0, 'the same name again')
    ask('/kept/var?n=evil.test', 503, [], 1, 'another name')
    ask('/open/none', 200, [False], 1, 'made without demands')
    ask('/open/none', 200, [], 0, 'kept alive')
    ask('/open/name', 200, [False], 1, 'a connection made without demands is not used')
    ask('/open/name', 200, [], 0, 'kept alive')


def keep_alive():
    return lab.keep_alive_answer


def check_certificates(group, made):
    """Two locations, one upstream block, two certificates of our own: never the wrong one."""
    backend = group.backend(answer=keep_alive(), chain=made.chain('good'), key=made.key('good'),
                            client_ca=made.root)
    shared = 'handfast_upstream_verify full; handfast_upstream_trusted %s; proxy_ssl_name good.test;' % made.root

    def own_pair(name):
        return 'proxy_ssl_certificate %s; proxy_ssl_certificate_key %s;' % (made.chain(name), made.key(name))
    site = group.nginx_site('''
        handfast on; handfast_fault on; proxy_http_version 1.1; proxy_set_header Connection "";
        upstream one { server 127.0.0.1:%d; keepalive 8; }
        server { listen PORT0; %s
            location /a { proxy_pass https://one; %s }
            location /bad { proxy_pass https://one; %s }
            location /none { proxy_pass https://one; }
        }''' % (backend.port, shared, own_pair('client'), own_pair('client-untrusted')))
    port = site.ports[0]
    for path, status in (('/a', 200), ('/bad', 503), ('/none', 503), ('/a', 200), ('/bad', 503)):
        answer = lab.get(port, path)
        tap.equal(answer.status, status, 'own certificate %s: status' % path)
        if status == 503:
            tap.equal((answer.json() or {}).get('fault', {}).get('detail'), {'errorcode': UNAVAILABLE[1]},
                      'own certificate %s: refused by the backend' % path)


def check_variables(group, made):
    """Upstreams that stand in a variable: an address, and the name of a block."""
    good = group.backend(chain=made.chain('good'), key=made.key('good'))
    bad = group.backend(chain=made.chain('wrong-name'), key=made.key('wrong-name'))
    site = group.nginx_site('''
        handfast on; handfast_fault on; handfast_upstream_verify full; handfast_upstream_trusted %s;
        upstream good.test { server 127.0.0.1:%d; keepalive 2; }
        server { listen PORT0;
            location /named { proxy_ssl_name good.test; proxy_pass https://$arg_to; }
            location /bare { proxy_pass https://$arg_to; } }''' % (made.root, good.port))
    port = site.ports[0]
    for path, to, status in (('named', '127.0.0.1:%d' % good.port, 200), ('named', '127.0.0.1:%d' % bad.port, 503),
                             ('bare', '127.0.0.1:%d' % good.port, 200), ('bare', '127.0.0.1:%d' % bad.port, 503),
                             ('bare', 'good.test', 200), ('named', 'good.test', 200)):
        answer = lab.get(port, '/%s?to=%s' % (path, to))
        tap.ok(answer.status == status and (status == 200 or 'SslHandshakeFailed' in answer.body),
               'proxy_pass with a variable: %s to %s: %d' % (path, 'good' if status == 200 else 'wrong-name', status),
               answer.status, answer.body)


def check_ending(group, made):
    """A certificate that ends while its session is still good: the session does not save it."""
    maker = pki.Maker()
    maker.authority('root')
    leaf, key = maker.leaf((pki.HOST,), (pki.ExtendedKeyUsageOID.SERVER_AUTH,), issuer='root', days=(-1, 6 / 86400))
    folder = made.folder / 'ending'
    folder.mkdir()
    pki.write_leaf(folder, 'ending', [leaf], key)
    (folder / 'root.pem').write_bytes(pki.pem(maker.authorities['root'][0]))
    backend = group.backend(chain=str(folder / 'ending.crt'), key=str(folder / 'ending.key'))
    site = group.nginx_site('''handfast on; handfast_fault on; upstream one { server 127.0.0.1:%d; }
        server { listen PORT0; location / { proxy_pass https://one; %s } }'''
                            % (backend.port, verify('full', folder / 'root.pem')))
    port = site.ports[0]
    tap.equal([lab.get(port, '/').status for _ in range(2)], [200, 200], 'before its end')
    tap.ok(lab.wait_for(lambda: backend.resumed[:2] == [False, True]), 'resumed before its end', backend.resumed)
    time.sleep(max(0.0, (leaf.not_valid_after - pki.datetime.datetime.utcnow()).total_seconds() + 1.2))
    answer = lab.get(port, '/')
    tap.ok(answer.status == 503 and 'CertificateExpiredException' in answer.body, 'refused behind its end',
           answer.status, answer.body)


def check_retries(group, made):
    """The next server of the block is asked; HTTP/2 clients, subrequests, several at once."""
    bad = group.backend(chain=made.chain('self-signed'), key=made.key('self-signed'))
    good = group.backend(chain=made.chain('good'), key=made.key('good'))
    site = group.nginx_site('''
        handfast on; handfast_fault on; proxy_http_version 1.1;
        %(full)s
        upstream both { server 127.0.0.1:%(bad)d max_fails=0; server 127.0.0.1:%(good)d max_fails=0; }
        upstream neither { server 127.0.0.1:%(dead)d max_fails=0; server 127.0.0.1:%(bad)d max_fails=0; }
        server { listen PORT0; listen PORT1 ssl http2;
            ssl_certificate %(chain)s; ssl_certificate_key %(key)s;
            location /both { proxy_pass https://both; }
            location /neither { proxy_pass https://neither; }
            location /bad { proxy_pass https://127.0.0.1:%(bad)d; }
            location /guarded { auth_request /bad; proxy_pass https://both; }
        }''' % {'full': verify('full', made.root), 'bad': bad.port, 'good': good.port,
                'dead': lab.unused_port(), 'chain': made.chain('good'), 'key': made.key('good')}, n_ports=2)
    port, port2 = site.ports
    tap.equal([lab.get(port, '/both').status for _ in range(6)], [200] * 6, 'the next server is asked')
    tap.ok(any('unknown ca' in seen for seen in bad.seen), 'the first was told', bad.seen)
    codes = {((lab.get(port, '/neither').json() or {}).get('fault') or {}).get('detail', {}).get('errorcode')
             for _ in range(4)}
    tap.equal(codes, {FLOW + 'SslHandshakeFailed', FLOW + 'ServiceUnavailable'}, 'the last server decides')
    answer = lab.get(port, '/guarded')
    tap.equal(answer.status, 500, 'a subrequest that fails fails its request')
    curl = peers.find('curl')
    if curl is None:
        tap.skip('HTTP/2', 'no curl')
        return
    import subprocess
    done = subprocess.run([curl, '-sk', '--http2', '-w', ' %{http_version} %{http_code}'] + [
        'https://127.0.0.1:%d/%s' % (port2, path) for path in ('bad', 'both', 'bad')], capture_output=True,
        check=False, timeout=20)
    text = done.stdout.decode()
    tap.ok(text.count(' 2 503') == 2 and text.count('SslHandshakeFailed') == 2 and ' 2 200' in text,
           'HTTP/2: faults and answers on one connection', text)


def check_reload(group, made):
    """A new truststore counts at once: kept sessions and connections do not outlive it."""
    backend = group.backend(answer=keep_alive(), chain=made.chain('good'), key=made.key('good'))
    block = '''handfast on; handfast_fault on; proxy_http_version 1.1; proxy_set_header Connection "";
        upstream one { zone one 64k; server 127.0.0.1:%d; keepalive 4; }
        server { listen PORT0; location / { proxy_pass https://one; %s } }'''
    site = group.nginx_site(block % (backend.port, verify('full', made.root)))
    port = site.ports[0]
    tap.equal([lab.get(port, '/').status for _ in range(3)], [200] * 3, 'before the reload')
    site.write(block % (backend.port, verify('full', made.other_root)))
    old = site.pids()
    site.reload()
    # For a moment both workers accept.
    tap.ok(lab.wait_for(lambda: not site.pids() & old), 'the old worker goes')
    tap.equal([lab.get(port, '/').status for _ in range(10)], [503] * 10, 'the new truststore is in force')


def check_renegotiation(group, made):
    """A kept-alive upstream shakes hands again, in the request of somebody else than the first: of what
    that one was nothing is there any more."""
    port, log = peers.free_port(), group.folder / 'renegotiating.log'
    command = [peers.find('openssl'), 's_server', '-accept', '%s:%d' % (lab.LOOPBACK, port), '-tls1_2', '-msg',
               '-cert', made.chain('good'), '-key', made.key('good')]
    with open(log, 'wb') as out:
        server = subprocess.Popen([str(word) for word in command], stdin=subprocess.PIPE, stdout=out,
                                  stderr=subprocess.STDOUT)
    group.processes.append(server)
    tap.ok(peers.wait_listening([port], server), 'renegotiation: a server')
    site = group.nginx_site('''handfast on; proxy_http_version 1.1; proxy_set_header Connection "";
        upstream kept { server 127.0.0.1:%d; keepalive 4; }
        server { listen PORT0;
            location /watched { proxy_pass https://kept; }
            location /unwatched { handfast off; proxy_pass https://kept; }
            location /hf { handfast_status; }
        }''' % port)

    def say(words):
        server.stdin.write(words)
        server.stdin.flush()

    def heard(word, times):
        return lab.wait_for(lambda: log.read_bytes().count(word) >= times)

    def ask(path):
        answers.append(lab.get(site.ports[0], path).status)
        return answers

    answers = []
    for path, n_finished in (('/watched', 2), ('/unwatched', 4)):
        asking = lab.in_thread(ask, path)
        tap.ok(heard(b'GET ' + path.encode(), 1), 'renegotiation: %s is asked for' % path)
        if n_finished > 2:
            say(b'r\n')
        tap.ok(heard(b', Finished', n_finished), 'renegotiation: %d messages Finished' % n_finished)
        say(b'HTTP/1.1 200 OK\r\nContent-Length: 3\r\nConnection: keep-alive\r\n\r\nok\n')
        asking.join()
    tap.equal(answers, [200, 200], 'renegotiation: answered')
    completed = 'handfast_handshakes_total{direction="southbound",outcome="completed"} 1\n'
    tap.ok(completed in lab.get(site.ports[0], '/hf/metrics').body, 'renegotiation: counted where it is watched')


def check_configuration(group, made):
    """What makes no sense is refused when the configuration is read."""
    empty = group.folder / 'empty.pem'
    empty.write_text('')
    broken = group.folder / 'broken.pem'
    broken.write_text('-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n')
    site = group.nginx_site('server { listen PORT0; }')
    rows = (
        ('verify without a truststore', 'handfast_upstream_verify full;', 'need "handfast_upstream_trusted"'),
        ('no such mode', 'handfast_upstream_verify maybe;', 'invalid value "maybe"'),
        ('no such file', 'handfast_upstream_verify full; handfast_upstream_trusted /nowhere.pem;', 'cannot be read'),
        ('an empty file', 'handfast_upstream_verify full; handfast_upstream_trusted %s;' % empty,
         'no certificate in'),
        ('a broken file', 'handfast_upstream_verify full; handfast_upstream_trusted %s;' % broken, 'cannot be read'),
        ('a third word', 'handfast_upstream_name a.test wild;', 'at most "wildcard"'),
    )
    for name, lines, words in rows:
        site.write('server { listen PORT0; %s location / { proxy_pass https://127.0.0.1:1; } }' % lines)
        code, text = site.check()
        tap.ok(code != 0 and words in text, 'configuration: ' + name, text)


def main():
    lab.need(tap)
    with tempfile.TemporaryDirectory(prefix='handfast-south-') as folder:
        folder = pathlib.Path(folder)
        made = pki.make(folder / 'pki')
        with lab.Lab(folder / 'run') as group:
            site = run_rows(group, made)
            check_forms(group, made)
            check_sessions(group, made, ssl.TLSVersion.TLSv1_2)
            check_sessions(group, made, None)
            check_certificates(group, made)
            check_retries(group, made)
            check_variables(group, made)
            check_ending(group, made)
            check_reload(group, made)
            check_renegotiation(group, made)
            check_configuration(group, made)
            tap.ok('signal 11' not in site.errors() and 'exited on signal' not in site.errors(), 'no worker crashed')
    tap.done()


if __name__ == '__main__':
    main()
