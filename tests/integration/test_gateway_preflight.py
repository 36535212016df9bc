#!/usr/bin/env python3
"""Preflight tells the truth: an operator's changes, right and wrong, to a gateway with deployed proxies and
virtual hosts. Each is asked for with preflight=true; then it is made without, and a call goes through: what
preflight took works, and what it refused does not.
"""
import dataclasses
import http.client
import pathlib
import ssl
import tempfile

from cryptography.x509.oid import ExtendedKeyUsageOID

import gateway_lab as lab
import harness
import peers
import pki

KEYSTORES, REFERENCES = lab.E + '/keystores', lab.E + '/references'
MANY = '?ignoreNewlineValidation=true&ignoreExpiryValidation=true&ignoreChainValidation=true'
END = b'-----END CERTIFICATE-----\n'
V = ssl.TLSVersion


def must(answer):
    if answer.status not in (200, 201):
        raise RuntimeError('refused: %r' % answer)
    return answer


@dataclasses.dataclass
class Change:
    name: str
    what: tuple            # method, path, body; how it is asked for
    back: tuple            # ... and undone; None: an upload of the alias as it was
    call: str              # base path of the proxy, or the virtual host, that uses it
    works: bool
    who: str = ''          # that the refusal names
    code: str = 'preflight.HandshakeWouldFail'


class Site:
    def __init__(self, folder, gateway):
        self.folder, self.gateway, self.made = folder, gateway, pki.make(folder / 'pki')
        self.backends = []
        self.ports = {}

    def pem(self, path):
        return pathlib.Path(path).read_bytes()

    def ask(self, call, preflight=False):
        method, path, body = call
        if preflight:
            path += ('&' if '?' in path else '?') + 'preflight=true'
        kind = 'application/octet-stream' if isinstance(body, bytes) else 'application/json'
        return self.gateway.api(method, path, body, kind)

    def backend(self, leaf, client_ca=None, most=None):
        backend = lab.Backend(leaf, self.made.chain(leaf), self.made.key(leaf), client_ca=client_ca)
        if most:
            backend.context.maximum_version = most
        self.backends.append(backend)
        return backend.port

    def keystore(self, name, **aliases):
        for alias, path in aliases.items():
            chain, key = path if isinstance(path, tuple) else (path, None)
            must(self.gateway.alias(name, alias, chain, key))

    def first_of(self, path):
        """The first certificate of a file, alone."""
        alone = self.folder / 'alone.pem'
        alone.write_bytes(self.pem(path).split(END)[0] + END)
        return alone

    def directly(self, folder):
        """A leaf that the root itself has issued: there is no intermediate to send."""
        maker, work = pki.Maker(), folder / 'direct'
        work.mkdir()
        maker.authority('direct-root')
        leaf, key = maker.leaf((pki.HOST,), (ExtendedKeyUsageOID.SERVER_AUTH,), issuer='direct-root')
        pki.write_leaf(work, 'own', [leaf], key)
        (work / 'root.pem').write_bytes(pki.pem(maker.authorities['direct-root'][0]))
        self.keystore('directroot', root=work / 'root.pem')
        roots = pathlib.Path(self.made.root)
        roots.write_bytes(roots.read_bytes() + (work / 'root.pem').read_bytes())  # clients trust it
        return work / 'own.crt', work / 'own.key'

    def own(self, leaf):
        return self.made.chain(leaf), self.made.key(leaf)

    def refer(self, name, keystore):
        must(self.gateway.api('POST', REFERENCES, {'name': name, 'refers': keystore, 'resourceType': 'KeyStore'}))

    def host(self, name, alias, keystore, **more):
        self.ports[name] = self.ports.get(name) or peers.free_port()
        return {'name': name, 'hostAliases': [alias], 'port': str(self.ports[name]),
                'sSLInfo': {'enabled': 'true', 'keyStore': keystore, 'keyAlias': 'own', **more.pop('ssl', {})}, **more}

    def target(self, ssl_info, port=None, **more):
        return {'name': 'server', 'host': '127.0.0.1', 'port': port or self.port, 'isEnabled': True,
                'sSLInfo': {'enabled': 'true', **ssl_info}, **more}

    # --- does it work? ---

    def call(self, where):
        """Through a proxy of that base path, or as a client of that virtual host."""
        if where.startswith('/'):
            answer = self.gateway.call(where)
            return answer.status == 200, answer
        context = peers.client_context(ca=self.made.root, chain=self.made.chain('client'), key=self.made.key('client'))
        try:
            answer = self.gateway.call('/hosts', host=pki.HOST, context=context, port=self.ports[where])
        except (OSError, http.client.HTTPException) as problem:
            return False, problem
        return answer.status == 200, answer


def set_up(site, folder):
    made, gateway = site.made, site.gateway
    site.keystore('trust', root=made.root)
    site.keystore('other', root=made.other_root)
    site.keystore('direct', root=made.root)
    site.keystore('many', first=made.root, second=made.other_root)
    site.keystore('halfway', intermediate=made.intermediate)
    site.keystore('leaf', leaf=made.chain('good'))
    site.keystore('clients', own=site.own('client'))
    site.keystore('clients2', own=site.own('client-expired'))
    site.keystore('clients3', own=site.own('client-rsa'))
    site.keystore('nobody', someone=site.own('client'))
    site.keystore('keys', own=site.own('good'))
    site.keystore('rsakeys', own=site.own('good-rsa'))
    site.keystore('directkeys', own=site.directly(folder))
    site.keystore('oldkeys', own=site.own('expired'))
    site.keystore('barekeys', own=site.own('incomplete'))
    site.keystore('wrongkeys', own=site.own('wrong-name'))
    site.keystore('expiredonly', one=site.first_of(made.chain('client-expired')))
    must(gateway.api('POST', KEYSTORES, {'name': 'empty'}))
    for name, keystore in (('roots', 'trust'), ('client-keys', 'clients'), ('site-keys', 'keys'), ('client-roots', 'trust'),
                           ('idle', 'trust')):
        site.refer(name, keystore)
    site.port = site.backend('good')
    two_way = site.backend('good', client_ca=made.root)
    site.old = site.backend('good', most=V.TLSv1_2)
    site.untrusted = site.backend('untrusted')
    url = '<URL>https://127.0.0.1:%d</URL><SSLInfo><Enabled>true</Enabled>%s</SSLInfo>'
    for name, port, ssl_info in (
            ('direct', site.port, '<TrustStore>direct</TrustStore>'),
            ('many', site.port, '<TrustStore>many</TrustStore>'),
            ('referring', site.port, '<TrustStore>ref://roots</TrustStore>'),
            ('twoway', two_way, '<ClientAuthEnabled>true</ClientAuthEnabled><KeyStore>ref://client-keys</KeyStore>'
                                '<KeyAlias>own</KeyAlias><TrustStore>trust</TrustStore>')):
        must(gateway.deploy(name, lab.bundle(name, '/' + name, url % (port, ssl_info))))
    must(gateway.api('POST', lab.E + '/targetservers', site.target({'trustStore': 'trust'})))
    must(gateway.deploy('server', lab.bundle('server', '/server', '<LoadBalancer><Server name="server"/></LoadBalancer>')))
    must(gateway.api('POST', lab.E + '/virtualhosts', site.host('site', pki.HOST, 'ref://site-keys')))
    must(gateway.api('POST', lab.E + '/virtualhosts', site.host('mutual', pki.HOST, 'keys', ssl=ASKS)))
    plain = lab.Backend('plain')
    site.backends.append(plain)
    must(gateway.deploy('hosts', lab.bundle('hosts', '/hosts', '<URL>http://127.0.0.1:%d</URL>' % plain.port,
                                            hosts=['site', 'mutual'])))
    # unrouted, off, or without effect: what they name is nobody's handshake
    must(gateway.deploy('idle', lab.bundle('idle', '/idle', '<URL>http://127.0.0.1:%d</URL>' % plain.port, targets={
        'unrouted': url % (site.untrusted, '<TrustStore>ref://idle</TrustStore>'),
        'off': (url % (site.untrusted, '<TrustStore>ref://idle</TrustStore>')).replace('<Enabled>true', '<Enabled>false')})))


ASKS = {'clientAuthEnabled': 'true', 'trustStore': 'ref://client-roots'}


def refers(name, keystore, was):
    def call(to):
        return 'PUT', '%s/%s' % (REFERENCES, name), {'name': name, 'refers': to, 'resourceType': 'KeyStore'}
    return call(keystore), call(was)


def changes(site):
    made = site.made
    root, other = site.pem(made.root), site.pem(made.other_root)
    first = root.split(END)[0] + END

    def put(keystore, alias, pem, was):
        path = '%s/%s/aliases/%s%s' % (KEYSTORES, keystore, alias, MANY)
        return ('PUT', path, pem), ('PUT', path, was)

    def server(is_now, was={'trustStore': 'trust'}, **more):
        path = lab.E + '/targetservers/server'
        return ('PUT', path, site.target(is_now, **more)), ('PUT', path, site.target(was))

    def host(name, **more):
        path, keystore = '%s/virtualhosts/%s' % (lab.E, name), 'ref://site-keys' if name == 'site' else 'keys'
        info = ASKS if name == 'mutual' else {}
        alias = more.pop('alias', pki.HOST)
        return (('PUT', path, site.host(name, alias, more.pop('keystore', keystore), ssl=more.pop('ssl', info), **more)),
                ('PUT', path, site.host(name, pki.HOST, keystore, ssl=info)))

    def tls(protocols, ciphers=None):
        listed = [('ssl_protocols', protocols)] + [('ssl_ciphers', ciphers)] * (ciphers is not None)
        return {'properties': {'property': [{'name': n, 'value': v} for n, v in listed]}}

    endpoint = 'target endpoint default of API proxy '
    return [
        # bundles
        Change('bundle: its truststore gets another root', *put('direct', 'root', other, root), '/direct', False, endpoint + 'direct'),
        Change('bundle: its truststore gets a root anew', *put('direct', 'root', first, root), '/direct', True),
        Change('bundle: the reference to another root', *refers('roots', 'other', 'trust'), '/referring', False, endpoint + 'referring'),
        Change('bundle: the reference to the intermediate', *refers('roots', 'halfway', 'trust'), '/referring', True),
        Change('bundle: the reference to the very certificate', *refers('roots', 'leaf', 'trust'), '/referring', True),
        Change('bundle: the reference to an empty truststore', *refers('roots', 'empty', 'trust'), '/referring', False,
               endpoint + 'referring'),
        Change('bundle: the reference to a client certificate that expired', *refers('client-keys', 'clients2', 'clients'), '/twoway',
               False, endpoint + 'twoway'),
        Change('bundle: the reference to another client certificate', *refers('client-keys', 'clients3', 'clients'), '/twoway', True),
        Change('bundle: the reference to a keystore without the alias', *refers('client-keys', 'nobody', 'clients'), '/twoway', False,
               endpoint + 'twoway'),
        Change('bundle: the older path, the root that is needed', ('DELETE', KEYSTORES + '/many/certs/first', None),
               ('first', made.root), '/many', False, endpoint + 'many'),
        Change('bundle: the older path, a root that nobody needs', ('DELETE', KEYSTORES + '/many/certs/second', None),
               ('second', made.other_root), '/many', True),
        Change('bundle: the root that is needed', ('DELETE', KEYSTORES + '/many/aliases/first', None), ('first', made.root), '/many',
               False, endpoint + 'many'),
        Change('bundle: only those that no route leads to', *refers('idle', 'other', 'trust'), '/idle', True),
        # target servers
        Change('server: TLS 1.3 only', *server({'protocols': ['TLSv1.3']}), '/server', True),
        Change('server: TLS 1.3 only, the backend 1.2', *server({'protocols': ['TLSv1.3']}, port=site.old), '/server', False),
        Change('server: another root', *server({'trustStore': 'other'}), '/server', False),
        Change('server: another root, errors ignored', *server({'trustStore': 'other', 'ignoreValidationErrors': True}), '/server', True),
        Change('server: enforced by the system\'s roots', *server({'enforce': True}), '/server', False),
        Change('server: another name', *server({'trustStore': 'trust', 'commonName': {'value': 'elsewhere.test'}}), '/server', False),
        Change('server: a name that the certificate has', *server({'trustStore': 'trust', 'commonName': {'value': pki.HOST}}),
               '/server', True),
        Change('server: a pattern that a name of the certificate fits',
               *server({'trustStore': 'trust', 'commonName': {'value': '*.test', 'wildcardMatch': True}}), '/server', True),
        Change('server: a pattern that is not meant as one',
               *server({'trustStore': 'trust', 'commonName': {'value': '*.test', 'wildcardMatch': False}}), '/server', False),
        Change('server: a client certificate nobody asks for', *server({'trustStore': 'trust', 'clientAuthEnabled': 'true',
                                                                       'keyStore': 'clients', 'keyAlias': 'own'}), '/server', True),
        # virtual hosts
        Change('host: the reference to an RSA key', *refers('site-keys', 'rsakeys', 'keys'), 'site', True),
        Change('host: the reference to a leaf below a root that the environment has', *refers('site-keys', 'directkeys', 'keys'),
               'site', True),
        Change('host: the reference to an expired certificate', *refers('site-keys', 'oldkeys', 'keys'), 'site', False,
               'virtual host site'),
        Change('host: the reference to a chain without its intermediate', *refers('site-keys', 'barekeys', 'keys'), 'site', False,
               'virtual host site'),
        Change('host: the reference to a certificate for another name', *refers('site-keys', 'wrongkeys', 'keys'), 'site', False,
               'virtual host site'),
        Change('host: suites for RSA, an EC key', *host('site', **tls('TLSv1.2', 'ECDHE-RSA-AES128-GCM-SHA256')), 'site', False),
        Change('host: the same, and TLS 1.3', *host('site', **tls('TLSv1.2 TLSv1.3', 'ECDHE-RSA-AES128-GCM-SHA256')), 'site', True),
        Change('host: any name', *host('site', alias='*'), 'site', True),
        Change('host: another name', *host('site', alias='other.test'), 'site', False),
        Change('2-way host: the reference to an empty truststore', *refers('client-roots', 'empty', 'trust'), 'mutual', False,
               'virtual host mutual'),
        Change('2-way host: the reference to an expired certificate', *refers('client-roots', 'expiredonly', 'trust'), 'mutual', False,
               'virtual host mutual'),
        Change('2-way host: the reference to the intermediate', *refers('client-roots', 'halfway', 'trust'), 'mutual', True),
        Change('2-way host: none is asked for', *host('mutual', ssl={}), 'mutual', True),
    ]


def undo(site, change):
    if len(change.back) == 2:  # an upload
        must(site.gateway.alias('many', *change.back))
    else:
        must(site.ask(change.back))


def play(tap, site, change):
    """With preflight, and then without."""
    asked = site.ask(change.what, preflight=True)
    if change.works:
        tap.ok(asked.status == 200, change.name + ': preflight takes it', asked)
    else:
        said = asked.json or {}
        tap.ok(asked.status == 400 and said.get('code') == change.code and change.who in said.get('message', ''),
               change.name + ': preflight refuses', asked)
        works, answer = site.call(change.call)
        tap.ok(works, change.name + ': what runs is not touched', answer)
    made = asked if asked.status == 200 else site.ask(change.what)
    works, answer = site.call(change.call)
    refused = made.status == 400 and made.json.get('code') == 'configuration.NotAcceptable'  # by nginx: as good as failing
    tap.ok((works and not refused) == change.works, change.name + ': and so it is', made, answer)
    if not refused:
        undo(site, change)
    works, answer = site.call(change.call)
    if not works:
        raise RuntimeError('%s: not undone: %r' % (change.name, answer))


def beside(tap, site):
    """What is no question of a handshake, or has no answer."""
    gateway = site.gateway
    off = site.target({'trustStore': 'trust'}, port=peers.free_port(), name='off', isEnabled=False)
    must(gateway.api('POST', lab.E + '/targetservers', {**off, 'isEnabled': True}))
    asked = gateway.api('PUT', lab.E + '/targetservers/off?preflight=true', off)
    tap.equal(asked.status, 200, 'server: one that is taken out of use makes no handshakes')
    must(gateway.api('PUT', lab.E + '/targetservers/off', {**off, 'isEnabled': True, 'sSLInfo': {'enabled': 'true', 'trustStore': 'ref://idle'}}))
    asked = gateway.api('PUT', REFERENCES + '/idle?preflight=true', {'name': 'idle', 'refers': 'many', 'resourceType': 'KeyStore'})
    told = (asked.json or {}).get('contexts') or [{}]
    tap.equal((asked.status, told[0].get('where'), told[0].get('level')), (200, 'target server off', 'warning'),
              'a backend that nobody reaches stops no change, and the answer names it')
    place = lab.E + '/virtualhosts/site/sslinfo'
    asked = gateway.api('POST', place + '?preflight=true', {'enabled': 'true', 'keyStore': 'oldkeys', 'keyAlias': 'own'})
    tap.equal((asked.status, asked.json.get('code')), (400, 'preflight.HandshakeWouldFail'), 'host: its sSLInfo alone, expired')
    asked = gateway.api('POST', place + '?preflight=true', {'enabled': 'true', 'keyStore': 'rsakeys', 'keyAlias': 'own'})
    tap.equal(asked.status, 200, 'host: its sSLInfo alone, another key')
    for path, code in ((KEYSTORES + '/direct', 409), (KEYSTORES + '/clients', 409), (KEYSTORES + '/rsakeys', 409),
                       (KEYSTORES + '/clients/aliases/own', 409), (KEYSTORES + '/clients/certs/own', 409),
                       (REFERENCES + '/client-keys', 409), (lab.E + '/targetservers/server', 400), (lab.E + '/virtualhosts/site', 400)):
        for query in ('', '?preflight=true'):
            gone = gateway.api('DELETE', path + query)
            tap.equal(gone.status, code, 'in use, not deleted: %s%s' % (path[len(lab.E):], query))
    tap.equal(gateway.api('DELETE', KEYSTORES + '/clients/certs/none?preflight=true').status, 404, 'a certificate that is none')
    for path in ('/keystores/{k}/certs/{c}', '/keystores/{k}/aliases/{a}'):
        whole = '/v1/organizations/{o}/environments/{e}' + path
        described = gateway.api('GET', '/v1/openapi.json').json['paths'].get(whole) or \
            gateway.api('GET', '/v1/openapi.json').json['paths'][whole[3:]]
        tap.ok('preflight' in str(described['delete']['parameters']), 'described: DELETE ' + path, described)


def deployments(tap, site):
    """A revision's backends are tried before it is deployed."""
    gateway, made = site.gateway, site.made
    url = '<URL>https://127.0.0.1:%d</URL><SSLInfo><Enabled>true</Enabled><TrustStore>%s</TrustStore></SSLInfo>'
    for name, port in (('goodserver', site.port), ('badserver', site.untrusted), ('gone', peers.free_port())):
        must(gateway.api('POST', lab.E + '/targetservers', site.target({'trustStore': 'trust'}, port=port, name=name)))
    wrong = site.backend('wrong-name')
    balanced = '<LoadBalancer>%s</LoadBalancer>'
    server = '<Server name="%s"/>'
    rows = (  # what the revision has, whether it works, whom the refusal names
        ('trusted', {'target': url % (site.port, 'trust')}, True, ''),
        ('untrusted', {'target': url % (site.untrusted, 'trust')}, False, 'target endpoint default of API proxy rev'),
        ('no SSLInfo, the name is wrong', {'target': '<URL>https://127.0.0.1:%d</URL>' % wrong}, False, 'target endpoint default'),
        ('no SSLInfo', {'target': '<URL>https://127.0.0.1:%d</URL>' % site.untrusted}, True, ''),
        ('the rule has the URL', {'routes': '<RouteRule name="r"><URL>https://127.0.0.1:%d</URL></RouteRule>' % wrong}, False, 'route rule r'),
        ('its servers', {'target': balanced % (server % 'goodserver')}, True, ''),
        ('one of its servers', {'target': balanced % (server % 'goodserver' + server % 'badserver')}, False, 'target server badserver'),
        ('unrouted', {'target': url % (site.port, 'trust'), 'targets': {'other': url % (site.untrusted, 'trust')}}, True, ''),
        ('nobody listens', {'target': balanced % (server % 'gone')}, None, 'target server gone'),
    )
    for number, (name, inside, works, who) in enumerate(rows, 1):
        made = must(gateway.api('POST', lab.O + '/apis?action=import&name=rev', lab.bundle('rev', '/rev', **inside),
                                'application/octet-stream')).json
        place = '%s/apis/rev/revisions/%s/deployments' % (lab.E, made['revision'])
        asked = gateway.api('POST', place + '?preflight=true', 'override=true', 'application/x-www-form-urlencoded')
        said = asked.json or {}
        if works is False:
            tap.ok(asked.status == 400 and said.get('code') == 'preflight.HandshakeWouldFail' and who in said.get('message', '')
                   and said['contexts'][0].get('cause', '').startswith('certificate-'), 'deployment: %s: refused' % name, asked)
            tap.equal(gateway.api('GET', place).json.get('state'), 'undeployed', 'deployment: %s: it is not' % name)
        else:
            told = (said.get('contexts') or [{}])[0].get('where', '')
            tap.ok(asked.status == 200 and who == told, 'deployment: %s: taken' % name, asked)
            answer = gateway.call('/rev')
            tap.equal(answer.status, 200 if works else 503, 'deployment: %s: and so it is' % name)
    asked = gateway.api('POST', lab.E + '/apis/rev/revisions/99/deployments?preflight=true')
    tap.equal(asked.status, 404, 'deployment: no such revision')


def main():
    tap = harness.Tap()
    lab.need(tap)
    with tempfile.TemporaryDirectory(prefix='handfast-preflight-') as name:
        folder = pathlib.Path(name)
        folder.chmod(0o755)
        with lab.Gateway(folder) as gateway:
            site = Site(folder, gateway)
            set_up(site, folder)
            for where in ('/direct', '/many', '/referring', '/twoway', '/server', '/idle', 'site', 'mutual'):
                works, answer = site.call(where)
                tap.ok(works, where + ': it works to begin with', answer)
            for change in changes(site):
                play(tap, site, change)
            beside(tap, site)
            deployments(tap, site)
        for backend in site.backends:
            backend.close()
    tap.done()


if __name__ == '__main__':
    main()
