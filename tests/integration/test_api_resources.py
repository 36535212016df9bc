#!/usr/bin/env python3
"""The management API's organizations, environments, keystores, aliases, certificates, references and users: what
goes in, what comes out, in JSON and XML; and the OpenAPI document, which every answer is compared with."""
import pathlib
import shutil
import socket
import ssl
import subprocess
import sys
import tempfile
import threading

import jsonschema

import api_client
import harness

# What OpenAPI 3.1.0 asks of a document, as far as it can be said of this one: section 4.8.
OPENAPI = {
    'type': 'object', 'required': ['openapi', 'info', 'paths'],
    'properties': {
        'openapi': {'pattern': r'^3\.1\.\d+$'},
        'info': {'type': 'object', 'required': ['title', 'version'],
                 'properties': {'license': {'type': 'object', 'required': ['name'],
                                            'not': {'required': ['identifier', 'url']}}}},
        'servers': {'type': 'array', 'items': {'type': 'object', 'required': ['url']}},
        'paths': {'type': 'object', 'patternProperties': {'^/': {'$ref': '#/$defs/item'}}, 'additionalProperties': False},
        'components': {'type': 'object', 'properties': {
            'schemas': {'type': 'object', 'additionalProperties': {'$ref': 'https://json-schema.org/draft/2020-12/schema'},
                        'propertyNames': {'pattern': r'^[A-Za-z0-9._-]+$'}},
            'responses': {'type': 'object', 'additionalProperties': {'$ref': '#/$defs/response'}},
            'securitySchemes': {'type': 'object', 'additionalProperties': {'type': 'object', 'required': ['type']}}}},
        'security': {'type': 'array', 'items': {'type': 'object', 'additionalProperties': {'type': 'array'}}},
        'tags': {'type': 'array', 'uniqueItems': True, 'items': {'type': 'object', 'required': ['name']}},
    },
    'patternProperties': {'^x-': True}, 'additionalProperties': False,
    '$defs': {
        'item': {'type': 'object', 'additionalProperties': False,
                 'patternProperties': {'^(get|put|post|delete|options|head|patch|trace)$': {'$ref': '#/$defs/operation'}}},
        'operation': {
            'type': 'object', 'required': ['operationId', 'summary', 'responses'],
            'properties': {
                'tags': {'type': 'array', 'items': {'type': 'string'}}, 'summary': {'type': 'string'},
                'operationId': {'type': 'string', 'pattern': '^[a-z][A-Za-z0-9]+$'},
                'parameters': {'type': 'array', 'items': {'$ref': '#/$defs/parameter'}, 'uniqueItems': True},
                'requestBody': {'type': 'object', 'required': ['content'], 'additionalProperties': False,
                                'properties': {'required': {'type': 'boolean'}, 'content': {'$ref': '#/$defs/content'}}},
                'responses': {'type': 'object', 'minProperties': 1, 'additionalProperties': False,
                              'patternProperties': {r'^([1-5]\d\d|default)$': {'$ref': '#/$defs/response'}}},
                'security': {'type': 'array'}},
            'patternProperties': {'^x-': True}, 'additionalProperties': False},
        'parameter': {'type': 'object', 'required': ['name', 'in', 'schema'], 'additionalProperties': False,
                      'properties': {'name': {'type': 'string'}, 'in': {'enum': ['path', 'query', 'header', 'cookie']},
                                     'required': {'type': 'boolean'}, 'description': {'type': 'string'},
                                     'schema': {'type': ['object', 'boolean']}},
                      'if': {'properties': {'in': {'const': 'path'}}},
                      'then': {'required': ['required'], 'properties': {'required': {'const': True}}}},
        'content': {'type': 'object', 'propertyNames': {'pattern': '^[a-z]+/[a-z0-9.+-]+$'},
                    'additionalProperties': {'type': 'object', 'additionalProperties': False,
                                             'properties': {'schema': {'type': ['object', 'boolean']}}}},
        'response': {'type': 'object', 'anyOf': [{'required': ['$ref']}, {'required': ['description']}],
                     'additionalProperties': False,
                     'properties': {'$ref': {'type': 'string'}, 'description': {'type': 'string'},
                                    'content': {'$ref': '#/$defs/content'}}},
    },
}
ENV = '/v1/organizations/acme/environments/test'


def every_ref(node):
    if isinstance(node, dict):
        for key, value in node.items():
            if key == '$ref':
                yield value
            yield from every_ref(value)
    elif isinstance(node, list):
        for value in node:
            yield from every_ref(value)


def openapi(tap, client):
    document = client.learn()
    store = {'https://json-schema.org/draft/2020-12/schema': jsonschema.Draft202012Validator.META_SCHEMA}
    resolver = jsonschema.RefResolver.from_schema(OPENAPI, store=store)
    errors = list(jsonschema.Draft202012Validator(OPENAPI, resolver=resolver).iter_errors(document))
    tap.ok(not errors, 'openapi: a document of 3.1', *('%s: %s' % (list(e.absolute_path), e.message) for e in errors[:20]))
    lost = []
    for ref in every_ref(document):
        at = document
        for word in ref[2:].split('/'):
            at = at.get(word, {}) if isinstance(at, dict) else {}
        if not ref.startswith('#/') or not at:
            lost.append(ref)
    tap.ok(not lost, 'openapi: every reference leads somewhere', lost)
    operations = [(path, item[method]) for path, item in document['paths'].items() for method in item]
    ids = [operation['operationId'] for _, operation in operations]
    tap.equal(len(ids), len(set(ids)), 'openapi: each operation has a name of its own')
    wrong = []
    for path, operation in operations:
        said = sorted(p['name'] for p in operation['parameters'] if p['in'] == 'path')
        if said != sorted(word[1:-1] for word in path.split('/') if word.startswith('{')):
            wrong.append(path)
    tap.ok(not wrong, 'openapi: the parameters are those of the path', wrong)
    tap.equal(client.ask('GET', '/v1/openapi.json', headers={'Accept': 'application/xml, application/json'}).json['openapi'],
              '3.1.0', 'openapi: JSON, whatever is asked for')


def run_rows(tap, client, rows):
    for name, method, path, body, headers, status, check in rows:
        answer = client.ask(method, path, body, headers)
        try:
            good = answer.status == status and (check is None or check(answer))
        except (KeyError, ValueError, TypeError, AttributeError) as e:
            good = False
            name += ' (%r)' % e
        tap.ok(good, name, answer)


def organizations(tap, client):
    xml = {'Content-Type': 'text/xml'}
    run_rows(tap, client, (
        ('org: made', 'POST', '/v1/organizations', {'name': 'acme', 'displayName': 'ACME', 'odd': 1}, None, 201,
         lambda a: a.json['displayName'] == 'ACME' and 'odd' not in a.json),
        ('org: made from XML', 'POST', '/v1/o', '<Organization name="other"><DisplayName>O &amp; P</DisplayName></Organization>',
         xml, 201, lambda a: a.json['displayName'] == 'O & P'),
        ('org: made by a query', 'POST', '/v1/o?name=third', None, None, 201, lambda a: a.json['name'] == 'third'),
        ('org: without a name', 'POST', '/v1/o', {}, None, 400, None),
        ('org: twice', 'POST', '/v1/o', {'name': 'acme'}, None, 409, lambda a: a.code.endswith('AlreadyExists')),
        ('org: listed', 'GET', '/v1/o', None, None, 200, lambda a: a.json == ['acme', 'other', 'third']),
        ('org: in XML', 'GET', '/v1/o/other', None, {'Accept': 'application/xml'}, 200,
         lambda a: '<Organization name="other">' in a.text and '<DisplayName>O &amp; P</DisplayName>' in a.text),
        ('org: unknown', 'GET', '/v1/o/none', None, None, 404,
         lambda a: a.code == 'messaging.config.beans.OrganizationDoesNotExist'),
        ('env: made', 'POST', '/v1/o/acme/e', {'name': 'test'}, None, 201, lambda a: a.json['name'] == 'test'),
        ('env: twice', 'POST', '/v1/o/acme/e', {'name': 'test'}, None, 409, None),
        ('env: in no organization', 'POST', '/v1/o/none/e', {'name': 'test'}, None, 404, None),
        ('env: listed', 'GET', '/v1/o/acme/e', None, None, 200, lambda a: a.json == ['test']),
        ('env: shown', 'GET', ENV, None, None, 200, lambda a: a.json['createdAt'] > 1700000000000),
        ('env: unknown', 'GET', '/v1/o/acme/e/none', None, None, 404,
         lambda a: a.code == 'messaging.config.beans.EnvironmentDoesNotExist'),
        ('env: shown with the organization', 'GET', '/v1/o/acme', None, None, 200,
         lambda a: a.json['environments'] == ['test']),
        ('env: has its default keystore', 'GET', ENV + '/keystores', None, None, 200, lambda a: a.json == ['default']),
        ('env: with a certificate', 'GET', ENV + '/keystores/default/aliases/default', None, None, 200,
         lambda a: 'acme-test.localhost' in a.json['certsInfo']['certInfo'][0]['subject']),
        ('org: not deleted with what it holds', 'DELETE', '/v1/o/acme', None, None, 409, None),
        ('org: deleted', 'DELETE', '/v1/o/third', None, None, 200, lambda a: a.json['name'] == 'third'),
        ('org: gone', 'GET', '/v1/o/third', None, None, 404, None),
    ))
    rest = client.ask('POST', '/v1/o/other/e', {'name': 'prod'})
    tap.equal(rest.status, 201, 'env: a second one, elsewhere')
    hosts = client.ask('GET', '/v1/o/other/e/prod/virtualhosts')
    tap.ok(hosts.status == 200 and hosts.json == ['default', 'secure'], 'env: has its two virtual hosts', hosts)
    tap.equal(client.ask('DELETE', '/v1/o/other/e/prod').status, 200, 'env: deleted with all it holds')
    tap.equal(client.ask('GET', '/v1/o/other/e/prod/keystores').status, 404, 'env: gone')


def openssl(*args, stdin=None):
    return subprocess.run(['openssl', *map(str, args)], check=True, capture_output=True, input=stdin).stdout


def make_files(folder):
    """A CA and a leaf of it; key, chain, PKCS#12."""
    f = {name: pathlib.Path(folder) / name for name in ('ca.pem', 'ca.key', 'leaf.pem', 'leaf.key', 'leaf.csr', 'ext', 'p12')}
    openssl('req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-keyout', f['ca.key'], '-out', f['ca.pem'], '-days', 400,
            '-subj', '/C=DE/O=ACME, Inc./CN=ACME Root', '-addext', 'keyUsage=critical,keyCertSign,cRLSign')
    openssl('req', '-newkey', 'rsa:2048', '-nodes', '-keyout', f['leaf.key'], '-out', f['leaf.csr'], '-subj', '/CN=api.example.com')
    f['ext'].write_text('subjectAltName=DNS:api.example.com,DNS:localhost\nbasicConstraints=CA:FALSE\n')
    openssl('x509', '-req', '-in', f['leaf.csr'], '-CA', f['ca.pem'], '-CAkey', f['ca.key'], '-days', 90, '-out', f['leaf.pem'],
            '-extfile', f['ext'], '-CAcreateserial')
    openssl('pkcs12', '-export', '-in', f['leaf.pem'], '-inkey', f['leaf.key'], '-certfile', f['ca.pem'], '-name', 'leaf',
            '-passout', 'pass:changeit', '-out', f['p12'])
    return {name: path.read_bytes() for name, path in f.items() if path.exists()}


def serve(folder):
    """A server with the leaf; its port."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pathlib.Path(folder) / 'leaf.pem', pathlib.Path(folder) / 'leaf.key')
    listener = socket.create_server(('127.0.0.1', 0))

    def run():
        while True:
            link = listener.accept()[0]
            try:
                context.wrap_socket(link, server_side=True).recv(1)
            except OSError:
                link.close() # refused, as some of the rows want
    threading.Thread(target=run, daemon=True).start()
    return listener.getsockname()[1]


def keystores(tap, client, files):
    chain = files['leaf.pem'] + b'\n' + files['ca.pem']
    whole, form = api_client.multipart({'certFile': ('c.pem', chain), 'keyFile': ('k.pem', files['leaf.key'])})
    unclosed, _ = api_client.multipart({'certFile': ('ca.pem', files['ca.pem'])}, closed=False)
    mismatch, _ = api_client.multipart({'certFile': ('c.pem', chain), 'keyFile': ('k.pem', files['ca.key'])})
    p12, _ = api_client.multipart({'file': ('s.p12', files['p12']), 'password': (None, b'changeit')})
    badp12, _ = api_client.multipart({'file': ('s.p12', files['p12']), 'password': (None, b'wrong')})
    replaced, _ = api_client.multipart({'certFile': ('c.pem', chain)})
    k = ENV + '/keystores'
    own = {'alias': 'own', 'keySize': '2048', 'sigAlg': 'SHA256withRSA', 'subject': {'commonName': 'own.example.com'},
           'certValidityInDays': '30', 'subjectAlternativeDNSNames': {'subjectAlternativeName': ['own.example.com']}}
    run_rows(tap, client, (
        ('keystore: made from XML', 'POST', k, '<KeyStore name="ks"/>', {'Content-Type': 'text/xml'}, 201,
         lambda a: a.json == {'name': 'ks', 'aliases': [], 'certs': [], 'keys': []}),
        ('keystore: made from JSON', 'POST', k, {'name': 'ts'}, None, 201, None),
        ('keystore: made by a query', 'POST', k + '?name=third', None, None, 201, None),
        ('keystore: twice', 'POST', k, {'name': 'ks'}, None, 409, None),
        ('keystore: a name with a dash', 'POST', k, {'name': 'k-s'}, None, 400, None),
        ('keystore: without a name', 'POST', k, None, None, 400, None),
        ('keystore: listed', 'GET', k, None, None, 200, lambda a: a.json == ['default', 'ks', 'third', 'ts']),
        ('keystore: unknown', 'GET', k + '/none', None, None, 404, None),
        ('alias: certificate, chain and key', 'POST', k + '/ks/aliases?alias=leaf&format=keycertfile', whole, form, 201,
         lambda a: len(a.json['certsInfo']['certInfo']) == 2 and a.json['alias'] == 'leaf'),
        ('alias: twice', 'POST', k + '/ks/aliases?alias=leaf&format=keycertfile', whole, form, 409, None),
        ('alias: trusted, from a client that forgets the last dashes', 'POST', k + '/ts/aliases?alias=root&format=keycertfile',
         unclosed, form, 201, lambda a: 'ACME Root' in a.json['certsInfo']['certInfo'][0]['subject']),
        ('alias: a key that is another one\'s', 'POST', k + '/ks/aliases?alias=wrong&format=keycertfile', mismatch, form, 400,
         lambda a: len(a.json['contexts']) > 0),
        ('alias: PKCS#12', 'POST', k + '/ks/aliases?alias=p12&format=pkcs12', p12, form, 201, None),
        ('alias: PKCS#12 with a wrong password', 'POST', k + '/ks/aliases?alias=bad&format=pkcs12', badp12, form, 400,
         lambda a: 'wrong' not in a.json['message'].split('"')),
        ('alias: self-signed', 'POST', k + '/ks/aliases?format=selfsignedcert', own, None, 201,
         lambda a: a.json['alias'] == 'own'),
        ('alias: without a format', 'POST', k + '/ks/aliases?alias=x', whole, form, 400, None),
        ('alias: without a name', 'POST', k + '/ks/aliases?format=keycertfile', whole, form, 400, None),
        ('alias: listed', 'GET', k + '/ks/aliases', None, None, 200, lambda a: sorted(a.json) == ['leaf', 'own', 'p12']),
        ('alias: with the same key again', 'PUT', k + '/ks/aliases/leaf', replaced, form, 200, None),
        ('alias: not a PKCS#12 one', 'PUT', k + '/ks/aliases/p12', replaced, form, 400, None),
        ('alias: its certificate', 'GET', k + '/ks/aliases/leaf/certificate', None, None, 200,
         lambda a: a.text.count('BEGIN CERTIFICATE') == 2 and 'PRIVATE' not in a.text),
        ('alias: a request for a new one', 'GET', k + '/ks/aliases/leaf/csr', None, None, 200,
         lambda a: 'CERTIFICATE REQUEST' in a.text),
        ('alias: its key is not given out', 'GET', k + '/ks/aliases/leaf/privatekey', None, None, 403, None),
        ('alias: one that may be', 'POST', k + '/ks/aliases?alias=open&format=keycertfile&privateKeyExportable=true', whole,
         form, 201, None),
        ('alias: is', 'GET', k + '/ks/aliases/open/privatekey', None, None, 200, lambda a: 'PRIVATE KEY' in a.text),
        ('cert: listed', 'GET', k + '/ts/certs', None, None, 200, lambda a: len(a.json) == 1),
        ('cert: as the guide prints it', 'GET', k + '/ts/certs/root', None, None, 200,
         lambda a: a.json['certInfo'][0]['subject'] == 'CN=ACME Root, O="ACME, Inc.", C=DE'
         and a.json['certInfo'][0]['isValid'] == 'Yes' and a.json['certInfo'][0]['sigAlgName'] == 'SHA256withRSA'
         and a.json['certInfo'][0]['publicKey'] == 'RSA Public Key, 2048 bits'),
        ('cert: in XML', 'GET', k + '/ts/certs/root', None, {'Accept': 'application/xml'}, 200,
         lambda a: '<Subject>CN=ACME Root, O=&quot;ACME, Inc.&quot;, C=DE</Subject>' in a.text),
        ('cert: exported', 'GET', k + '/ts/certs/root/export', None, None, 200,
         lambda a: a.text.startswith('-----BEGIN CERTIFICATE-----')),
        ('cert: the older upload', 'POST', k + '/ts/certs?alias=again', files['ca.pem'],
         {'Content-Type': 'application/octet-stream'}, 201, None),
        ('cert: deleted', 'DELETE', k + '/ts/certs/again', None, None, 200, None),
        ('cert: unknown', 'GET', k + '/ts/certs/again', None, None, 404, None),
        ('testssl: every certificate judged', 'GET', k + '/ks/testssl', None, None, 200,
         lambda a: sorted(one['alias'] for one in a.json['aliases']) == ['leaf', 'open', 'own', 'p12']),
        ('testssl: of nothing', 'GET', k + '/none/testssl', None, None, 404, None),
        ('testssl: with no server', 'POST', k + '/ts/testssl', {}, None, 400, None),
        ('testssl: a server that trusts nobody here', 'POST', k + '/default/testssl', '{"host":"127.0.0.1","port":%d}' % files['port'],
         {'Content-Type': 'application/json'}, 200, lambda a: a.json['isGood'] is False),
        ('testssl: a server of the truststore\'s CA', 'POST', k + '/ts/testssl', {'host': 'localhost', 'port': files['port']},
         None, 200, lambda a: a.json['isGood'] is True),
        ('keystore: shown', 'GET', k + '/ks', None, None, 200, lambda a: len(a.json['aliases']) == 4 and a.json['keys']),
    ))


def references(tap, client):
    r = ENV + '/references'
    run_rows(tap, client, (
        ('reference: made', 'POST', r, {'name': 'ref', 'refers': 'ks', 'resourceType': 'KeyStore'}, None, 201,
         lambda a: a.json == {'name': 'ref', 'refers': 'ks', 'resourceType': 'KeyStore'}),
        ('reference: from XML', 'POST', r, '<ResourceReference name="ref2"><Refers>ts</Refers><ResourceType>KeyStore'
         '</ResourceType></ResourceReference>', {'Content-Type': 'application/xml'}, 201, lambda a: a.json['refers'] == 'ts'),
        ('reference: to nothing', 'POST', r, {'name': 'x', 'refers': 'none', 'resourceType': 'KeyStore'}, None, 400,
         lambda a: a.code == 'messaging.config.beans.InvalidKeyStoreReference'),
        ('reference: twice', 'POST', r, {'name': 'ref', 'refers': 'ks', 'resourceType': 'KeyStore'}, None, 409, None),
        ('reference: changed', 'PUT', r + '/ref', {'name': 'ref', 'refers': 'third', 'resourceType': 'KeyStore'}, None, 200,
         lambda a: a.json['refers'] == 'third'),
        ('reference: listed', 'GET', r, None, None, 200, lambda a: a.json == ['ref', 'ref2']),
        ('reference: unknown', 'GET', r + '/none', None, None, 404,
         lambda a: a.code == 'messaging.config.beans.ResourceReferenceDoesNotExist'),
        ('reference: keeps its keystore', 'DELETE', ENV + '/keystores/third', None, None, 409, None),
        ('reference: in XML', 'GET', r + '/ref', None, {'Accept': 'text/xml'}, 200,
         lambda a: '<ResourceReference name="ref"><Refers>third</Refers>' in a.text),
        ('reference: deleted', 'DELETE', r + '/ref', None, None, 200, lambda a: a.json['name'] == 'ref'),
        ('reference: then the keystore goes', 'DELETE', ENV + '/keystores/third', None, None, 200, None),
    ))


def users(tap, client):
    u = '/v1/users'
    run_rows(tap, client, (
        ('user: made', 'POST', u, {'emailId': 'Joe@Example.com', 'firstName': 'Joe', 'lastName': 'X', 'password': 'long enough'},
         None, 201, lambda a: a.json['emailId'] == 'joe@example.com' and 'password' not in a.text),
        ('user: twice', 'POST', u, {'emailId': 'joe@example.com', 'password': 'long enough'}, None, 409, None),
        ('user: a short password', 'POST', u, {'emailId': 'b@example.com', 'password': 'short'}, None, 400,
         lambda a: 'short' not in a.json['contexts']),
        ('user: no address', 'POST', u, {'emailId': 'nobody', 'password': 'long enough'}, None, 400, None),
        ('user: from XML', 'POST', u, '<User><EmailId>x@example.com</EmailId><FirstName>X</FirstName><LastName>Y</LastName>'
         '<Password>long enough</Password></User>', {'Content-Type': 'text/xml'}, 201, None),
        ('user: changed', 'PUT', u + '/joe@example.com', {'firstName': 'Jo', 'lastName': 'X'}, None, 200,
         lambda a: a.json['firstName'] == 'Jo'),
        ('user: unknown', 'GET', u + '/none@example.com', None, None, 404, None),
        ('role: listed', 'GET', '/v1/o/acme/userroles', None, None, 200,
         lambda a: sorted(a.json) == ['businessuser', 'opsadmin', 'orgadmin', 'readonlyadmin', 'user']),
        ('role: granted', 'POST', '/v1/o/acme/userroles/opsadmin/users?id=joe@example.com', None, None, 200, None),
        ('role: by a form', 'POST', '/v1/o/acme/userroles/user/users', 'id=joe%40example.com',
         {'Content-Type': 'application/x-www-form-urlencoded'}, 200, None),
        ('role: by XML', 'POST', '/v1/o/acme/userroles/orgadmin/users', '<User id="x@example.com"/>',
         {'Content-Type': 'text/xml'}, 200, None),
        ('role: to nobody', 'POST', '/v1/o/acme/userroles/user/users?id=none@example.com', None, None, 404, None),
        ('role: who has it', 'GET', '/v1/o/acme/userroles/opsadmin/users', None, None, 200,
         lambda a: a.json == ['joe@example.com']),
        ('role: what a user has', 'GET', u + '/joe@example.com/userroles', None, None, 200,
         lambda a: sorted(r['name'] for r in a.json['role']) == ['opsadmin', 'user']),
        ('role: revoked', 'DELETE', '/v1/o/acme/userroles/user/users/joe@example.com', None, None, 200, None),
        ('role: unknown', 'GET', '/v1/o/acme/userroles/none', None, None, 404, None),
        ('role: of the installation', 'GET', '/v1/userroles/sysadmin/users', None, None, 200,
         lambda a: a.json == [api_client.ADMIN]),
        ('user: the last sysadmin stays', 'DELETE', u + '/' + api_client.ADMIN, None, None, 409, None),
        ('user: deleted', 'DELETE', u + '/joe@example.com', None, None, 200, None),
        ('user: gone, with the roles', 'GET', '/v1/o/acme/userroles/opsadmin/users', None, None, 200, lambda a: a.json == []),
    ))


def main():
    tap = harness.Tap()
    if api_client.server_program() is None or shutil.which('openssl') is None:
        tap.skip('resources', 'built without the gateway, or no openssl')
        tap.done()
    with tempfile.TemporaryDirectory() as folder, api_client.Server() as server:
        files = make_files(folder)
        files['port'] = serve(folder)
        client = api_client.Client(server.port, api_client.basic(api_client.ADMIN, server.password))
        openapi(tap, client)
        organizations(tap, client)
        keystores(tap, client, files)
        references(tap, client)
        users(tap, client)
        answer = client.ask('GET', '/v1/getinfo')
        tap.ok(answer.json['generation'] > 10, 'getinfo: changes are counted', answer)
        tap.ok(not client.wrong, 'every answer is as documented', *client.wrong)
        client.close()
        tap.ok(server.stop() == 0, 'the server ends well', server.said())
        database = b''.join(path.read_bytes() for path in server.dir.glob('store.db*'))
        tap.ok(b'long enough' not in database and server.password.encode() not in database,
               'no password stands in the store')
    tap.done()


if __name__ == '__main__':
    sys.exit(main())
