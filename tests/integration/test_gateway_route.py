#!/usr/bin/env python3
"""Requests through both nginx: base paths, suffixes as they were sent, routes and their conditions,
target servers, TLS to backends, virtual hosts; and what must not get through.
"""
import pathlib
import socket
import ssl
import tempfile

import gateway_lab as lab
import harness
import pki

tap = harness.Tap()
ANY = lab.trusting_nobody()
FLOW = 'messaging.adaptors.http.flow.'


def check(gateway, answer, title, **want):
    """What the backend says that it was asked, and the status."""
    said = answer.json or {}
    got = {key: answer.status if key == 'status' else answer.fault if key == 'fault' else said.get(key) for key in want}
    tap.equal(got, want, title)
    return said


def server(name, port, ssl_info=None, **more):
    return {'name': name, 'host': '127.0.0.1', 'port': port, 'isEnabled': True,
            **({'sSLInfo': ssl_info} if ssl_info else {}), **more}


def must(answer, *statuses):
    """A step that the test builds on."""
    if answer.status not in (statuses or (200, 201)):
        raise RuntimeError('refused: %r' % answer)
    return answer


def deploy(gateway, name, archive):
    return must(gateway.deploy(name, archive))


def paths(gateway, made):
    backend = lab.Backend('one', made.chain('good'), made.key('good'))
    other = lab.Backend('two')
    url = 'https://127.0.0.1:%d/base' % backend.port
    deploy(gateway, 'weather', lab.bundle('weather', '/v1', '<URL>%s</URL>' % url))
    deploy(gateway, 'deeper', lab.bundle('deeper', '/v1/deep', '<URL>http://127.0.0.1:%d</URL>' % other.port))
    rows = [ # sent, who gets it, as what
        ('/v1', 'one', '/base'), ('/v1/', 'one', '/base/'), ('/v1/a', 'one', '/base/a'),
        ('/v1?x=1', 'one', '/base?x=1'), ('/v1/a%2Fb?x=%20', 'one', '/base/a%2Fb?x=%20'),
        ('/v1/%C3%A9', 'one', '/base/%C3%A9'), ('/v1/a;b=c', 'one', '/base/a;b=c'),
        ('/v1/deep', 'two', '/'), ('/v1/deep/x', 'two', '/x'), ('/v1/deeper', 'one', '/base/deeper'),
        ('/%76%31/a', 'one', '/base/a'), ('//v1//a', 'one', '/base/a'), ('/v1/./a', 'one', '/base/a'),
        ('/v1/x/../deep/y', 'two', '/y'), ('/v1/deep/../a', 'one', '/base/a'), ('/x/../v1/a', 'one', '/base/a'),
        ('/v1/%2e%2e/v1/a', 'one', '/base/a'),
    ]
    for sent, name, path in rows:
        for context in (ANY, None):
            check(gateway, gateway.call(sent, context=context), 'path %s%s' % (sent, '' if context else ', plain'),
                  status=200, name=name, path=path)
    for sent in ('/', '/v12', '/V1', '/v2/v1'):
        check(gateway, gateway.call(sent), 'path %s: nobody has it' % sent, status=404,
              fault=FLOW + 'ApplicationNotFound')
    for sent in ('/v1/../../etc/passwd', '/v1/..%2f..%2fx/../../..'):
        answer = gateway.call(sent)
        tap.ok(answer.status in (400, 404), 'path %s: does not climb' % sent, answer)
    said = check(gateway, gateway.call('/v1/p', 'POST', 'x' * 100000, context=ANY), 'a POST with its body',
                 status=200, method='POST', body='x' * 100000)
    tap.equal(said['headers']['Host'], '127.0.0.1:%d' % backend.port, "the backend's Host")
    head = gateway.call('/v1/h', 'HEAD')
    tap.ok(head.status == 200 and head.body == b'', 'HEAD')
    return backend


def forged(gateway):
    sent = {'X-Handfast-Vhost': 'other/prod/x', 'X-Handfast-Id': 'mine', 'Tls-Client-S-Dn': 'CN=admin',
            'X-Forwarded-Proto': 'gopher', 'X-Apigee-Message-ID': 'mine', 'X-Forwarded-Host': 'evil'}
    said = gateway.call('/v1/a', headers=sent, context=ANY).json
    got = {key.lower(): value for key, value in said['headers'].items()}
    tap.ok(not any(word in got.get(key.lower(), '') for key, word in
                   (('X-Handfast-Vhost', 'other'), ('X-Handfast-Id', 'mine'), ('Tls-Client-S-Dn', 'admin'),
                    ('X-Forwarded-Proto', 'gopher'), ('X-Forwarded-Host', 'evil'))),
           'headers of ours that a client sends do not get through', got)
    answer = gateway.call('/v1/a', context=ANY)
    tap.ok(not any(key.lower().startswith(('x-apigee', 'x-handfast')) for key in answer.headers.keys()),
           'a good answer has no headers of ours', answer)


ROUTES = ''.join('<RouteRule name="r%d">%s%s</RouteRule>' % (i, '<Condition>%s</Condition>' % c if c else '', to)
                 for i, (c, to) in enumerate((
    ('request.verb = "OPTIONS"', ''),
    ('(proxy.pathsuffix MatchesPath "/b/**") and (request.verb = "GET")', '<TargetEndpoint>two</TargetEndpoint>'),
    ('request.header.x-to = "two"', '<TargetEndpoint>two</TargetEndpoint>'),
    ('request.queryparam.to = "two" and not (request.verb = "PUT")', '<TargetEndpoint>two</TargetEndpoint>'),
    ('proxy.pathsuffix Matches "/n*" or proxy.pathsuffix = "/m"', ''),
    ('request.verb != "DELETE"', '<TargetEndpoint>default</TargetEndpoint>'))))


def routes(gateway):
    one, two = lab.Backend('one'), lab.Backend('two')
    deploy(gateway, 'routes', lab.bundle('routes', '/r', '<URL>http://127.0.0.1:%d</URL>' % one.port,
                                         {'two': '<URL>http://127.0.0.1:%d/two?k=1</URL>' % two.port},
                                         ROUTES))
    rows = [
        ('GET', '/r/a', {}, 'one', '/a'), ('GET', '/r/b/c', {}, 'two', '/two/b/c?k=1'),
        ('POST', '/r/b/c', {}, 'one', '/b/c'), ('POST', '/r/x?q=2', {'X-To': 'two'}, 'two', '/two/x?k=1&q=2'),
        ('GET', '/r/x?a=1&to=two', {}, 'two', '/two/x?k=1&a=1&to=two'), ('GET', '/r/x?nto=two', {}, 'one', '/x?nto=two'),
        ('PUT', '/r/x?to=two', {}, 'one', '/x?to=two'),
    ]
    for method, path, headers, name, want in rows:
        answer = gateway.call(path, method, 'b' if method != 'GET' else None, headers)
        check(gateway, answer, 'route: %s %s %s' % (method, path, headers or ''), status=200, name=name, path=want)
    for path in ('/r/nothing', '/r/m'):
        answer = gateway.call(path)
        tap.ok(answer.status == 200 and answer.body == b'', 'route: %s has none: 200' % path, answer)
    check(gateway, gateway.call('/r/x', 'DELETE'), 'route: no condition is true', status=500,
          fault='messaging.runtime.RouteFailed')


def balanced(name, *servers, more=''):
    return '<LoadBalancer>%s%s</LoadBalancer><Path>/p</Path>' % (
        ''.join('<Server name="%s">%s</Server>' % (s, '') if isinstance(s, str) else
                '<Server name="%s">%s</Server>' % s for s in servers), more)


def names_of(gateway, path, n):
    return [(gateway.call(path).json or {}).get('name') for _ in range(n)]


def load_balancers(gateway, made):
    one, two, three = (lab.Backend(name) for name in ('one', 'two', 'three'))
    secure = lab.Backend('secure', made.chain('good'), made.key('good'))
    dead = lab.peers.free_port()
    for name, port, ssl_info in (('s1', one.port, None), ('s2', two.port, None), ('s3', three.port, None),
                                 ('tls', secure.port, {'enabled': 'true'}), ('dead', dead, None)):
        must(gateway.api('POST', lab.E + '/targetservers', server(name, port, ssl_info)))
    deploy(gateway, 'alone', lab.bundle('alone', '/lb1', balanced('alone', 'tls')))
    said = check(gateway, gateway.call('/lb1/x?y'), 'one target server, with TLS', status=200, name='secure',
                 path='/p/x?y')
    tap.equal(said.get('headers', {}).get('Host'), '127.0.0.1:%d' % secure.port, "one target server: its Host")
    deploy(gateway, 'several', lab.bundle('several', '/lb2', balanced('several', 's1', 's2', 'tls')))
    got = names_of(gateway, '/lb2', 12)
    tap.equal(sorted(set(got)), ['one', 'secure', 'two'], 'round robin: each gets some, one of them with TLS')
    tap.ok(max(got.count(name) for name in set(got)) <= 6, 'round robin: about the same', got)
    deploy(gateway, 'weights', lab.bundle('weights', '/lb3', balanced(
        'weights', ('s1', '<Weight>1</Weight>'), ('s2', '<Weight>3</Weight>'),
        more='<Algorithm>Weighted</Algorithm>')))
    got = names_of(gateway, '/lb3', 16)
    tap.ok(got.count('two') > got.count('one') > 0, 'weighted: one of four', got)
    deploy(gateway, 'retry', lab.bundle('retry', '/lb4', balanced('retry', 'dead', 's1')))
    tap.equal(set(names_of(gateway, '/lb4', 6)), {'one'}, 'a server that is down: the next one is tried')
    deploy(gateway, 'fallback', lab.bundle('fallback', '/lb5', balanced(
        'fallback', 's1', ('s2', '<IsFallback>true</IsFallback>'))))
    tap.equal(set(names_of(gateway, '/lb5', 6)), {'one'}, 'a fallback is not asked while another is there')
    must(gateway.api('PUT', lab.E + '/targetservers/s1', server('s1', dead)))
    tap.equal(set(names_of(gateway, '/lb5', 4)), {'two'}, 'a fallback is asked when the other is gone')
    must(gateway.api('PUT', lab.E + '/targetservers/s1', server('s1', three.port)))
    tap.equal((gateway.call('/lb5').json or {}).get('name'), 'three', 'a target server changes at once')
    deploy(gateway, 'off', lab.bundle('off', '/lb6', balanced('off', 's3')))
    must(gateway.api('PUT', lab.E + '/targetservers/s3', server('s3', three.port, isEnabled=False)))
    check(gateway, gateway.call('/lb6'), 'all servers off', status=503, fault=FLOW + 'NoActiveTargets')
    deploy(gateway, 'dead', lab.bundle('dead', '/lb7', balanced('dead', 'dead')))
    check(gateway, gateway.call('/lb7'), 'the one server is down', status=503, fault=FLOW + 'ServiceUnavailable')


def tls_south(gateway, made):
    """Each: the SSLInfo, and the fault that it must come to, or None."""
    must(gateway.alias('right', 'root', made.root))
    must(gateway.alias('wrong', 'root', made.other_root))
    must(gateway.alias('own', 'client', made.chain('client'), made.key('client')))
    backends = {name: lab.Backend(name, made.chain(name), made.key(name))
                for name in ('good', 'wrong-name', 'self-signed', 'expired')}
    two_way = lab.Backend('two-way', made.chain('good'), made.key('good'), client_ca=made.root)
    refused = FLOW + 'SslHandshakeFailed'
    trust = '<TrustStore>right</TrustStore>'
    ignore = '<IgnoreValidationErrors>true</IgnoreValidationErrors>'
    own = '<ClientAuthEnabled>true</ClientAuthEnabled><KeyStore>own</KeyStore><KeyAlias>client</KeyAlias>'
    rows = [
        ('no SSLInfo: the name is checked', backends['good'], None, None),
        ('no SSLInfo: and is wrong', backends['wrong-name'], None, refused),
        ('no SSLInfo: the chain is not', backends['self-signed'], None, None),
        ('truststore', backends['good'], trust, None),
        ('truststore: another', backends['good'], '<TrustStore>wrong</TrustStore>', refused),
        ('truststore: self-signed', backends['self-signed'], trust, refused),
        ('truststore: expired', backends['expired'], trust, refused),
        ('errors ignored', backends['wrong-name'], trust + ignore, None),
        ('two-way', two_way, trust + own, None),
        ('two-way, no certificate sent', two_way, trust, FLOW + 'ServiceUnavailable'),
        ('CommonName', backends['wrong-name'], trust + '<CommonName>elsewhere.test</CommonName>', None),
        ('a protocol that it has', backends['good'], '<Protocols><Protocol>TLSv1.2</Protocol></Protocols>', None),
        ('a cipher that it has', backends['good'],
         '<Ciphers><Cipher>TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256</Cipher></Ciphers>', None),
        ('a cipher that it has not', backends['good'],
         '<Ciphers><Cipher>TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256</Cipher></Ciphers>', FLOW + 'ServiceUnavailable'),
    ]
    for i, (name, backend, inside, fault) in enumerate(rows):
        info = '' if inside is None else '<SSLInfo><Enabled>true</Enabled>%s</SSLInfo>' % inside
        deploy(gateway, 'south%d' % i, lab.bundle('south%d' % i, '/south%d' % i,
                                                  info + '<URL>https://127.0.0.1:%d</URL>' % backend.port))
        answer = gateway.call('/south%d/x' % i)
        tap.equal((answer.status, answer.fault), (200, None) if fault is None else (503, fault), 'south: ' + name)
        if fault:
            tap.ok(answer.headers.get('X-Handfast-Id'), 'south: %s: the id is there' % name)
    deploy(gateway, 'nowhere', lab.bundle('nowhere', '/nowhere', '<URL>https://no-such-host.invalid/</URL>'))
    check(gateway, gateway.call('/nowhere'), 'a host that does not resolve', status=503, fault=FLOW + 'ServiceUnavailable')
    sni(gateway, backends['good'])


def sni(gateway, backend):
    deploy(gateway, 'sni', lab.bundle('sni', '/sni', '<SSLInfo><Enabled>true</Enabled><IgnoreValidationErrors>true'
                                      '</IgnoreValidationErrors></SSLInfo><URL>https://localhost:%d</URL>' % backend.port))
    backend.sni.clear()
    gateway.call('/sni')
    tap.equal(backend.sni, ['localhost'], 'SNI is sent')
    (gateway.dir / 'message-processor.properties').write_text('conf_system_jsse.enableSNIExtension=false\n')
    gateway.order('restart', 'message-processor')
    backend.sni.clear()
    gateway.call('/sni')
    tap.equal(backend.sni, [None], 'SNI is not sent with jsse.enableSNIExtension=false')
    (gateway.dir / 'message-processor.properties').unlink()
    gateway.order('restart', 'message-processor')


def host(name, port, aliases, **more):
    return {'name': name, 'port': str(port), 'hostAliases': aliases, **more}


def served(gateway, name, port, chain=None):
    """The subject that a client of that name is shown; None: the handshake failed."""
    context = lab.trusting_nobody()
    if chain:
        context.load_cert_chain(*chain)
    try:
        with socket.create_connection(('127.0.0.1', port), 10) as raw, \
                context.wrap_socket(raw, server_hostname=name) as tls:
            return ssl.DER_cert_to_PEM_cert(tls.getpeercert(True))
    except OSError:
        return None


def leaf(path):
    text = pathlib.Path(path).read_text()
    end = '-----END CERTIFICATE-----\n'
    return text[:text.index(end) + len(end)]


def virtual_hosts(gateway, made):
    port = lab.peers.free_port()
    must(gateway.alias('a', 'a', made.chain('good'), made.key('good')))
    must(gateway.alias('b', 'b', made.chain('good-rsa'), made.key('good-rsa')))
    info = {'enabled': 'true', 'keyStore': 'a', 'keyAlias': 'a'}
    must(gateway.api('POST', lab.E + '/virtualhosts', host('a', port, ['a.test'], sSLInfo=info)))
    must(gateway.api('POST', lab.E + '/virtualhosts', host(
        'b', port, ['*.b.test'], sSLInfo={**info, 'keyStore': 'b', 'keyAlias': 'b'})))
    tap.equal(served(gateway, 'a.test', port), leaf(made.chain('good')), 'two on one port: the first')
    tap.equal(served(gateway, 'x.b.test', port), leaf(made.chain('good-rsa')), 'two on one port: the wildcard')
    for name in ('x.y.b.test', 'b.test', 'else.test'):
        tap.equal(served(gateway, name, port), None, 'nobody is %s: refused' % name)
    must(gateway.api('POST', lab.E + '/references', {'name': 'r', 'refers': 'right', 'resourceType': 'KeyStore'}))
    must(gateway.api('PUT', lab.E + '/virtualhosts/a', host('a', port, ['a.test'], sSLInfo={
        **info, 'clientAuthEnabled': 'true', 'trustStore': 'ref://r'})))
    two_way(gateway, made, port)
    clash = gateway.api('POST', lab.E + '/virtualhosts', host('c', port, ['c.test']))
    tap.ok(clash.status in (400, 409), 'with and without TLS on one port: refused', clash)
    with socket.create_server(('0.0.0.0', 0)) as taken:
        number = taken.getsockname()[1]
        said = gateway.api('POST', lab.E + '/virtualhosts', host('d', number, ['d.test']))
        tap.ok(400 <= said.status < 500 and b'listens' in said.body, 'a port that is taken: refused, by whom', said)
    tap.equal(served(gateway, 'x.b.test', port), leaf(made.chain('good-rsa')), 'a refused change harms nothing')


def two_way(gateway, made, port):
    def call(name):
        context = lab.trusting_nobody()
        if name:
            context.load_cert_chain(made.chain(name), made.key(name))
        return gateway.call('/v1/a', context=context, host='a.test', port=port)
    tap.equal(call('client').status, 404, 'two-way: the right certificate')
    for name, words in ((None, b'No required SSL certificate was sent'), ('client-expired', b'The SSL certificate error'),
                        ('client-untrusted', b'The SSL certificate error')):
        answer = call(name)
        tap.ok(answer.status == 400 and words in answer.body, 'two-way: %s' % (name or 'none'), answer)


def hostile(gateway):
    """Documents that would be configuration if they were not quoted."""
    evil = ['x;return 200 "pwned"', 'x"; return 200 pwned; #', 'x\nreturn 200 pwned;', '$host', '${x}', '}', '\\"; }']
    for i, word in enumerate(evil):
        for xml in ('<URL>http://127.0.0.1:1/%s</URL>', '<SSLInfo><Enabled>true</Enabled><CommonName>%s</CommonName>'
                    '</SSLInfo><URL>https://127.0.0.1:1/</URL>'):
            inside = xml % word.replace('"', '&quot;').replace('<', '&lt;')
            gateway.deploy('evil%d' % i, lab.bundle('evil%d' % i, '/evil%d' % i, inside))
            answer = gateway.call('/evil%d' % i)
            tap.ok(b'pwned' not in answer.body, 'hostile: %r in %s' % (word, xml[:12]), answer)
        gateway.deploy('base%d' % i, lab.bundle('base%d' % i, '/q' + word.replace('"', '&quot;'), '<URL>http://127.0.0.1:1/</URL>'))
    check(gateway, gateway.call('/v1/a'), 'after all that: as before', status=200, name='one')


def main():
    lab.need(tap)
    with tempfile.TemporaryDirectory() as name:
        made = pki.make(pathlib.Path(name))
        with lab.Gateway(name) as gateway:
            paths(gateway, made)
            forged(gateway)
            routes(gateway)
            load_balancers(gateway, made)
            tls_south(gateway, made)
            virtual_hosts(gateway, made)
            hostile(gateway)
    tap.done()


main()
