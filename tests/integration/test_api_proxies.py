#!/usr/bin/env python3
"""Virtual hosts, target servers, API proxies and deployments over the API alone."""
import io
import sys
import zipfile

import api_client
import harness

ENV = '/v1/o/acme/e/test'
OCTETS = {'Content-Type': 'application/octet-stream'}
XML = {'Content-Type': 'application/xml'}
PROXY = ("<ProxyEndpoint name='default'>%s<HTTPProxyConnection><BasePath>%s</BasePath><VirtualHost>%s</VirtualHost>"
         "</HTTPProxyConnection><RouteRule name='r'><TargetEndpoint>default</TargetEndpoint></RouteRule></ProxyEndpoint>")
TARGET = "<TargetEndpoint name='default'><HTTPTargetConnection>%s</HTTPTargetConnection></TargetEndpoint>"
URL = '<URL>https://backend.example</URL>'
STEP = "<PreFlow name='PreFlow'><Request><Step><Name>key</Name></Step></Request></PreFlow>"
BALANCER = "<LoadBalancer><Server name='backend'/></LoadBalancer>"


def bundle(proxy=None, target=None, **more):
    files = {'apiproxy/p.xml': "<APIProxy name='p'/>"}
    if proxy:
        files['apiproxy/proxies/default.xml'] = proxy
    if target:
        files['apiproxy/targets/default.xml'] = target
    files.update(('apiproxy/policies/%s.xml' % name, text) for name, text in more.items())
    out = io.BytesIO()
    with zipfile.ZipFile(out, 'w') as archive:
        for name, text in files.items():
            archive.writestr(name, text)
    return out.getvalue()


def whole(path='/w', host='secure', flow='', target=URL, **more):
    return bundle(PROXY % (flow, path, host), TARGET % target, **more)


class Rows:
    """Each row: what is asked, and what has to come back."""

    def __init__(self, tap, client):
        self.tap, self.client = tap, client

    def ask(self, name, status, code, method, path, body=None, headers=None, says=''):
        answer = self.client.ask(method, path, body, headers)
        right = answer.status == status and says in answer.text
        self.tap.ok(right and (code is None or answer.code == code), name, str(answer),
                    'wanted %s %s %s' % (status, code, says))
        return answer

    def load(self, name, zip_bytes, proxy='p', status=201, code=None, query='', says=''):
        return self.ask(name, status, code, 'POST', '/v1/o/acme/apis?action=import&name=%s%s' % (proxy, query),
                        zip_bytes, OCTETS, says)


def check_virtual_hosts(rows):
    body = {'name': 'v', 'hostAliases': ['a.example'], 'port': 9001}
    beans = 'messaging.config.beans.'
    rows.ask('a virtual host', 200, None, 'POST', ENV + '/virtualhosts', body)
    rows.ask('twice', 400, beans + 'VirtualHostAlreadyExists', 'POST', ENV + '/virtualhosts', body)
    rows.ask('another with its alias', 400, beans + 'HostAliasInUse', 'POST', ENV + '/virtualhosts',
             dict(body, name='w', hostAliases=['A.example:9001']))
    rows.ask('another port', 200, None, 'POST', ENV + '/virtualhosts', dict(body, name='w', port='9002'))
    rows.ask('in another environment too', 400, beans + 'HostAliasInUse', 'POST',
             '/v1/o/acme/e/prod/virtualhosts', dict(body, name='x'))
    rows.ask('a keystore there is not', 400, beans + 'KeyStoreDoesNotExist', 'PUT', ENV + '/virtualhosts/w', dict(
        body, name='w', port=9443, sSLInfo={'enabled': True, 'keyStore': 'nope', 'keyAlias': 'a'}))
    rows.ask('an alias there is not', 400, beans + 'KeyAliasDoesNotExist', 'PUT', ENV + '/virtualhosts/w', dict(
        body, name='w', port=9443, sSLInfo={'enabled': True, 'keyStore': 'default', 'keyAlias': 'nope'}))
    rows.ask('a reference there is not', 400, beans + 'ResourceReferenceDoesNotExist', 'PUT',
             ENV + '/virtualhosts/w', dict(body, name='w', port=9443, sSLInfo={
                 'enabled': True, 'keyStore': 'ref://nope', 'keyAlias': 'a'}))
    rows.ask('TLS', 200, None, 'PUT', ENV + '/virtualhosts/w', dict(
        body, name='w', port=9443, sSLInfo={'enabled': True, 'keyStore': 'default', 'keyAlias': 'default'}))
    rows.ask('the deprecated way', 200, None, 'POST', ENV + '/virtualhosts/w/sslinfo', {
        'enabled': 'true', 'keyStore': 'default', 'keyAlias': 'default', 'protocols': ['TLSv1.2']}, says='TLSv1.2')
    rows.ask('not the whole of it', 400, None, 'PUT', ENV + '/virtualhosts/w', {'name': 'w', 'port': 9443},
             says='hostAliases: a virtual host needs')
    rows.ask('another name', 400, None, 'PUT', ENV + '/virtualhosts/w', dict(body, name='z', port=9003),
             says='a virtual host keeps its name')
    rows.ask('XML', 200, None, 'POST', ENV + '/virtualhosts', "<VirtualHost name='y'><HostAliases><HostAlias>y.example"
             '</HostAlias></HostAliases><Port>9001</Port></VirtualHost>', XML, says='y.example')
    rows.ask('unknown', 404, beans + 'VirtualHostDoesNotExist', 'GET', ENV + '/virtualhosts/nope')
    rows.ask('unknown environment', 404, beans + 'EnvironmentDoesNotExist', 'GET', '/v1/o/acme/e/nope/virtualhosts')
    rows.ask('deleted', 200, None, 'DELETE', ENV + '/virtualhosts/y')
    rows.ask('gone', 404, None, 'GET', ENV + '/virtualhosts/y')


def check_import(rows, tap):
    content = whole()
    answer = rows.load('a bundle', content)
    tap.equal(answer.json['revision'], '1', 'the first revision')
    got = rows.client.ask('GET', '/v1/o/acme/apis/p/revisions/1?format=bundle')
    tap.ok(got.body == content, 'exported as it was imported')
    got = rows.client.ask('GET', '/v1/o/acme/apis/p/revisions/1/targets/default', headers={'Accept': 'application/xml'})
    tap.equal(got.text, TARGET % URL, 'a part as XML is the document itself')
    rows.load('the second', whole(), says='"revision": "2"')
    rows.load('a target without end', whole(target='<SSLInfo><Protocols>\n <Protocol>TLSv1.0<Protocol>\n</Protocols></SSLInfo>'
                                            + URL), status=400, code='xml.NotWellFormed',
              says='apiproxy/targets/default.xml, line 2, column 19: <Protocol> is not closed')
    rows.load('even unvalidated', whole(target='<a>'), status=400, code='xml.NotWellFormed', query='&validate=false')
    rows.load('no archive', b'hello', status=400, code='bundle.InvalidArchive')
    rows.load('what cannot be deployed', bundle(), status=400, code='bundle.ProxyMissing')
    rows.load('unvalidated', bundle(), 'q', query='&validate=false', says='bundle.ProxyMissing')
    rows.load('a name that is none', whole(), 'a%2Fb', 400, 'configuration.InvalidParameter')
    rows.load('a policy that is skipped', whole('/k', flow=STEP, key="<VerifyAPIKey name='key'/>"), 'k',
              says='bundle.ProtectionSkipped')
    body, headers = api_client.multipart({'file': ('p.zip', content)})
    rows.ask('as a form', 201, None, 'POST', '/v1/o/acme/apis?action=import&name=form', body, headers)
    rows.ask('no action', 400, None, 'POST', '/v1/o/acme/apis?name=p', content, OCTETS)
    rows.ask('an unknown proxy', 404, 'messaging.config.beans.ApplicationDoesNotExist', 'GET', '/v1/o/acme/apis/nope')
    rows.ask('an unknown revision', 404, None, 'GET', '/v1/o/acme/apis/p/revisions/99')
    tap.equal(rows.client.ask('GET', '/v1/o/acme/apis/p').json['revision'], ['1', '2'], 'revisions of a proxy')


def check_deploy(rows):
    def to(proxy, revision):
        return '%s/apis/%s/revisions/%s/deployments' % (ENV, proxy, revision)

    rows.ask('preflight of a deployment', 400, 'preflight.NotPossible', 'POST', '/v1/o/acme/apis/p/deployments?env=test&revision=1&preflight=true')
    rows.ask('asked before', 400, 'distribution.ApplicationNotDeployed', 'GET', ENV + '/apis/p/deployments')
    rows.ask('undeployed before', 400, 'distribution.RevisionNotDeployed', 'DELETE', to('p', 1))
    rows.ask('deployed', 200, None, 'POST', to('p', 1), says='"state": "deployed"')
    rows.ask('twice', 400, 'distribution.RevisionAlreadyDeployed', 'POST', to('p', 1))
    rows.ask('the other without override', 400, 'messaging.config.beans.PathConflict', 'POST', to('p', 2))
    rows.ask('below another path', 200, None, 'POST', to('p', 2) + '?basepath=/v2', says='"basePath": "/v2"')
    rows.ask('a path that is none', 400, None, 'POST', to('form', 1) + '?basepath=/a;b')
    rows.ask('the path of another proxy', 400, 'messaging.config.beans.PathConflict', 'POST', to('form', 1),
             says='Path /w conflicts with existing deployment path for revision 1 of the APIProxy p')
    rows.ask('override', 200, None, 'POST', to('p', 2), 'override=true&delay=60',
             {'Content-Type': 'application/x-www-form-urlencoded'})
    got = rows.client.ask('GET', ENV + '/apis/p/deployments').json
    rows.tap.equal([entry['name'] for entry in got['revision']], ['2'], 'one is left')
    rows.ask('protection that is skipped', 400, 'bundle.ProtectionSkipped', 'POST', to('k', 1))
    rows.ask('and that is meant', 200, None, 'POST', to('k', 1) + '?allowSkippedPolicies=true')
    rows.ask('not whole', 400, 'bundle.ProxyMissing', 'POST', to('q', 1))
    rows.load('no such virtual host', whole('/n', 'nope'), 'n')
    rows.ask('cannot be deployed', 400, 'messaging.config.beans.VirtualHostDoesNotExist', 'POST', to('n', 1))
    rows.load('a target server', whole('/b', target=BALANCER), 'b')
    rows.ask('that is not there', 400, 'messaging.config.beans.TargetServerDoesNotExist', 'POST', to('b', 1),
             says='Target server backend does not exist in environment test')
    rows.ask('is made', 201, None, 'POST', ENV + '/targetservers', {'name': 'backend', 'host': 'b', 'port': 443})
    rows.ask('then it can', 200, None, 'POST', to('b', 1))
    rows.ask('it is in use', 400, 'messaging.config.beans.TargetServerInUse', 'DELETE', ENV + '/targetservers/backend')
    rows.load('a keystore there is not', whole('/s', target=URL + '<SSLInfo><ClientAuthEnabled>true</ClientAuthEnabled>'
                                               '<KeyStore>nope</KeyStore><KeyAlias>a</KeyAlias></SSLInfo>'), 's')
    rows.ask('nor this', 400, 'messaging.config.beans.KeyStoreDoesNotExist', 'POST', to('s', 1),
             says='target endpoint default')
    rows.ask('the virtual host is in use', 400, 'messaging.config.beans.VirtualHostInUse', 'DELETE',
             ENV + '/virtualhosts/secure')
    rows.ask('what is deployed stays', 400, 'messaging.config.beans.ApplicationDeployed', 'DELETE', '/v1/o/acme/apis/p')
    rows.ask('and is not changed', 400, 'messaging.config.beans.ImmutableRevision', 'POST',
             '/v1/o/acme/apis/p/revisions/2/targets?name=default', TARGET % URL, XML)
    rows.ask('undeployed by name', 200, None, 'POST', '/v1/o/acme/apis/p/deployments?action=undeploy&env=test&revision=2',
             says='"state": "undeployed"')
    rows.ask('deployed by name', 200, None, 'POST', '/v1/o/acme/apis/p/deployments?action=deploy&env=test&revision=1')
    rows.ask('by what runs', 200, None, 'GET', '/v1/runtime/organizations/acme/environments/test/apis/p/revisions/1/'
             'deployments', says='"state": "deployed"')
    rows.ask('undeployed', 200, None, 'DELETE', to('p', 1))
    rows.ask('deleted', 200, None, 'DELETE', '/v1/o/acme/apis/p')
    rows.load('numbers begin again with the proxy', whole(), says='"revision": "1"')


def check_parts(rows):
    parts = '/v1/o/acme/apis/q/revisions/1/'
    rows.ask('a policy goes by its own name', 201, None, 'POST', parts + 'policies', "<Quota name='key'/>", XML,
             says='"name": "key"')
    rows.ask('a target', 201, None, 'POST', parts + 'targets?name=default', TARGET % URL, XML)
    rows.ask('what is skipped is said', 201, None, 'POST', parts + 'proxies?name=default',
             PROXY % (STEP, '/q', 'secure'), XML, says='policy key (Quota, limits the number of requests)')
    rows.ask('a resource', 201, None, 'POST', parts + 'resources?type=jsc&name=a.js', b'\0\1', OCTETS)
    got = rows.client.ask('GET', parts + 'resources/jsc/a.js', checked=False)
    rows.tap.equal(got.body, b'\0\1', 'its bytes')
    rows.ask('not closed', 400, 'xml.NotWellFormed', 'POST', parts + 'targets?name=x', '<TargetEndpoint>', XML,
             says='line 1')
    rows.ask('of another kind', 400, 'bundle.UnknownElement', 'POST', parts + 'targets?name=x', '<ProxyEndpoint/>', XML)
    rows.ask('a name that leads away', 400, None, 'POST', parts + 'targets?name=..%2Fx', TARGET % URL, XML)
    rows.ask('unknown', 404, None, 'GET', parts + 'proxies/nope')
    rows.ask('names', 200, None, 'GET', parts + 'policies', says='key')
    rows.ask('taken out', 200, None, 'DELETE', parts + 'policies/key')
    rows.ask('the step lacks it', 400, 'bundle.PolicyMissing', 'POST', ENV + '/apis/q/revisions/1/deployments')


def main():
    tap = harness.Tap()
    if not api_client.server_program():
        tap.skip('the API', 'the gateway is not built')
        tap.done()
    with api_client.Server() as server:
        client = api_client.Client(server.port, api_client.basic(api_client.ADMIN, server.password))
        client.ask('POST', '/v1/organizations', {'name': 'acme'})
        for env in ('test', 'prod'):
            client.ask('POST', '/v1/o/acme/environments', {'name': env})
        client.learn()
        rows = Rows(tap, client)
        check_virtual_hosts(rows)
        check_import(rows, tap)
        check_deploy(rows)
        check_parts(rows)
        tap.ok(not client.wrong, 'answers are as documented', *client.wrong)
        code = server.stop()
        tap.ok(code == 0, 'the server ends well', server.said())
    tap.done()


if __name__ == '__main__':
    sys.exit(main())
