#!/usr/bin/env python3
"""Diagnoses of target servers, virtual hosts and keystores with real backends, before anything is
deployed; fixes of them that can be made as they stand; and changes that preflight refuses.
"""
import pathlib
import socket
import ssl
import subprocess
import tempfile
import threading
import time

from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

import gateway_lab as lab
import harness
import peers
import pki

tap = harness.Tap()


def must(answer, *statuses):
    if answer.status not in (statuses or (200, 201)):
        raise RuntimeError('refused: %r' % answer)
    return answer


def backend_of(made, leaf, client_ca=None, maximum=None):
    backend = lab.Backend(leaf, made.chain(leaf), made.key(leaf), client_ca=client_ca)
    if maximum is not None:
        backend.context.minimum_version = ssl.TLSVersion.TLSv1_2
        backend.context.maximum_version = maximum
    return backend


def target(name, port, ssl_info=None, host='127.0.0.1'):
    return {'name': name, 'host': host, 'port': port, 'isEnabled': True,
            **({'sSLInfo': ssl_info} if ssl_info is not None else {})}


def diagnose(gateway, name, body=None):
    return gateway.api('POST', '%s/targetservers/%s/diagnosis' % (lab.E, name), body)


def apply(gateway, call):
    return gateway.api(call['method'], call['path'], call.get('body'), call.get('contentType'))


# name, backend, sSLInfo, cause; None: it is good
def rows(made):
    tls12 = ssl.TLSVersion.TLSv1_2
    on = {'enabled': 'true'}
    trusting = {'enabled': 'true', 'trustStore': 'trust'}
    return [
        ('good', backend_of(made, 'good'), trusting, None),
        ('unchecked', backend_of(made, 'untrusted'), on, None),
        ('untrusted', backend_of(made, 'untrusted'), trusting, 'certificate-untrusted-ca'),
        ('selfsigned', backend_of(made, 'self-signed'), trusting, 'certificate-self-signed'),
        ('incomplete', backend_of(made, 'incomplete'), trusting, 'certificate-chain-incomplete'),
        ('wrongname', backend_of(made, 'wrong-name'), on, 'certificate-hostname-mismatch'),
        ('protocol', backend_of(made, 'good', maximum=tls12), {'enabled': 'true', 'protocols': ['TLSv1.3']},
         'protocol-mismatch'),
        ('cipher', backend_of(made, 'good', maximum=tls12),
         {'enabled': 'true', 'protocols': ['TLSv1.2'], 'ciphers': ['TLS_RSA_WITH_AES_128_CBC_SHA']},
         'cipher-mismatch'),
        ('twoway', backend_of(made, 'good', client_ca=made.root), on, 'client-certificate-missing'),
        ('twowayshown', backend_of(made, 'good', client_ca=made.root),
         {'enabled': 'true', 'clientAuthEnabled': 'true', 'keyStore': 'ours', 'keyAlias': 'client'}, None),
        ('plain', lab.Backend('plain'), on, 'plaintext-server'),
        ('tlsoff', backend_of(made, 'good'), None, 'plaintext-client'),
    ]


def targets(gateway, made):
    must(gateway.alias('trust', 'root', made.root))
    must(gateway.alias('ours', 'client', made.chain('client'), made.key('client')))
    for name, backend, ssl_info, cause in rows(made):
        body = target(name, backend.port, ssl_info)
        before = diagnose(gateway, name, body)
        said = before.json or {}
        tap.equal((before.status, said.get('isGood'), said.get('cause')), (200, cause is None, cause),
                  '%s: before it is there' % name)
        moot = [one for one in said.get('findings', []) if one['id'] == 'abandoned' or (cause is None and one['party'] == 'client')]
        tap.equal(moot, [], '%s: no findings about the trial itself' % name)
        made_now = gateway.api('POST', lab.E + '/targetservers?preflight=true', body)
        tap.equal(made_now.status, 201 if cause is None else 400, '%s: preflight' % name)
        if cause is not None:
            contexts = (made_now.json or {}).get('contexts') or [{}]
            tap.equal((made_now.json.get('code'), contexts[0].get('cause')),
                      ('preflight.HandshakeWouldFail', cause), '%s: preflight says why' % name)
            must(gateway.api('POST', lab.E + '/targetservers', body))
            said = diagnose(gateway, name).json or {}
            tap.ok(said.get('fix'), '%s: a fix' % name, said)
        if said.get('fix'):
            done = apply(gateway, said['fix'])
            tap.ok(done.status in (200, 201), '%s: its fix can be made' % name, (done, said['fix']))
            after = diagnose(gateway, name).json
            tap.ok(after['isGood'], '%s: then it is good' % name, after)
        backend.close()


def not_there(gateway, made):
    tap.equal(diagnose(gateway, 'nobody').status, 404, 'a target server that is none')
    said = diagnose(gateway, 'x', target('x', peers.free_port(), {'enabled': 'true'})).json
    tap.equal((said['isGood'], said['cause']), (False, 'connection-refused'), 'nobody listens')
    said = diagnose(gateway, 'x', target('x', 1, {'enabled': 'true', 'trustStore': 'none'})).json
    tap.ok(said['isGood'] is False and 'none' in said['sentence'], 'a truststore that is none', said)
    expired = backend_of(made, 'expired')
    said = diagnose(gateway, 'x', target('x', expired.port, {'enabled': 'true', 'trustStore': 'trust'})).json
    tap.equal((said['cause'], said['fix']), ('certificate-expired', None), 'expired: nothing of ours to mend')
    tap.ok(said['workaround'], 'expired: a workaround')
    expired.close()
    unchanged = gateway.api('GET', lab.E + '/targetservers/x')
    tap.equal(unchanged.status, 404, 'a diagnosis keeps nothing')


def stalls(gateway):
    """Backends that accept and say nothing: bounded, and not too many at once."""
    silent = socket.create_server(('127.0.0.1', 0))
    body = target('silent', silent.getsockname()[1], {'enabled': 'true'})
    answers = []
    began = time.monotonic()
    threads = [threading.Thread(target=lambda: answers.append(diagnose(gateway, 'silent', body))) for _ in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    took = time.monotonic() - began
    statuses = sorted(answer.status for answer in answers)
    tap.ok(took < 25, 'a silent backend holds up a diagnosis for %.0f s' % took)
    tap.ok(200 in statuses and set(statuses) <= {200, 503}, 'so many at once, then 503', statuses)
    good = [answer.json for answer in answers if answer.status == 200]
    tap.ok(all(one['cause'] == 'handshake-timeout' for one in good), 'its cause', good[:1])
    silent.close()


def hosts(gateway, made):
    must(gateway.alias('site', 'expired', made.chain('expired'), made.key('expired')))
    must(gateway.alias('site', 'good', made.chain('good'), made.key('good')))
    port = peers.free_port()

    def body(alias, name=pki.HOST):
        return {'name': 'site', 'hostAliases': [name], 'port': str(port),
                'sSLInfo': {'enabled': 'true', 'keyStore': 'site', 'keyAlias': alias}}

    def ask(document):
        return gateway.api('POST', lab.E + '/virtualhosts/site/diagnosis', document).json

    def ids(said):
        return [one['id'] for one in said['findings']]

    tap.ok(ask(body('good'))['isGood'], 'virtual host: good')
    said = ask(body('expired'))
    tap.ok(not said['isGood'] and 'certificate-expired' in ids(said), 'virtual host: expired', said)
    said = ask(body('good', 'other.example'))
    tap.ok(not said['isGood'] and 'certificate-hostname-mismatch' in ids(said), 'virtual host: another name', said)
    refused = gateway.api('POST', lab.E + '/virtualhosts?preflight=true', body('expired'))
    tap.equal((refused.status, refused.json['code']), (400, 'preflight.HandshakeWouldFail'),
              'virtual host: preflight refuses')
    must(gateway.api('POST', lab.E + '/virtualhosts', body('expired')))
    said = gateway.api('POST', lab.E + '/virtualhosts/site/diagnosis').json
    tap.ok(said['router']['isListening'], 'virtual host: the Router listens', said)
    tap.ok(said['fix'], 'virtual host: a fix', said)
    if said['fix']:
        must(apply(gateway, said['fix']))
        tap.ok(gateway.api('POST', lab.E + '/virtualhosts/site/diagnosis').json['isGood'],
               'virtual host: then it is good')
    said = gateway.api('POST', lab.E + '/keystores/site/diagnosis').json
    by_alias = {one['alias']: one for one in said['aliases']}
    tap.ok(not by_alias['expired']['isGood'] and by_alias['good']['isGood'], 'keystore: each certificate', said)
    tap.ok(any(use['kind'] == 'virtual host' and use['name'] == 'site' for use in said['usedBy']),
           'keystore: what uses it', said)
    tap.equal(gateway.api('POST', lab.E + '/keystores/nobody/diagnosis').status, 404, 'a keystore that is none')


def unrelated(gateway, made, folder):
    """A root that belongs to no chain makes none complete, and is told of."""
    for name, whose, is_good in (('whole', 'good', True), ('cut', 'incomplete', False)):
        odd = folder / (name + '.pem')
        odd.write_bytes(pathlib.Path(made.chain(whose)).read_bytes() + pathlib.Path(made.other_root).read_bytes())
        must(gateway.alias('odd' + name, 'own', odd, made.key(whose)))
        if not is_good:  # without it nobody knows whether the issuer is a root
            must(gateway.alias('otherstoo', 'intermediate', made.intermediate))
        said = gateway.api('POST', '%s/keystores/odd%s/diagnosis' % (lab.E, name)).json
        found = [one['id'] for one in said['aliases'][0]['findings']]
        tap.equal((said['isGood'], 'unrelated' in found, 'certificate-chain-incomplete' in found), (is_good, True, not is_good),
                  'keystore: a root of nobody, %s' % name)


def refused_by_nginx(gateway, made):
    """A key that OpenSSL refuses: the answer says which, and whose."""
    must(gateway.alias('weak', 'own', made.chain('weak-key'), made.key('weak-key')))
    answer = gateway.api('POST', lab.E + '/virtualhosts', {
        'name': 'weakly', 'hostAliases': [pki.HOST], 'port': str(peers.free_port()),
        'sSLInfo': {'enabled': 'true', 'keyStore': 'weak', 'keyAlias': 'own'}})
    said = (answer.json or {}).get('message', '')
    tap.ok(answer.status == 400 and said.startswith('virtual host weakly: alias own of keystore weak: ') and 'too small' in said,
           'a key that nginx refuses is named', answer)


def named_by_path(gateway):
    """The path says which one is changed: the body need not."""
    must(gateway.api('POST', lab.E + '/targetservers', target('mute', 1)))
    body = {'host': '127.0.0.1', 'port': 2}
    tap.equal(gateway.api('PUT', lab.E + '/targetservers/mute', body).json.get('port'), 2, 'PUT without a name: target server')
    port = str(peers.free_port())
    must(gateway.api('POST', lab.E + '/virtualhosts', {'name': 'mute', 'hostAliases': ['a.test'], 'port': port}))
    done = gateway.api('PUT', lab.E + '/virtualhosts/mute', {'hostAliases': ['b.test'], 'port': port})
    tap.equal((done.json or {}).get('hostAliases'), ['b.test'], 'PUT without a name: virtual host')
    tap.equal(gateway.api('PUT', lab.E + '/virtualhosts/mute', {'name': 'b', 'hostAliases': ['b.test'], 'port': port}).status, 400,
              'PUT with another name')


def lacking(gateway, made):
    """An alias without its intermediate, which another keystore has; and references that would lead to it."""
    must(gateway.alias('bare', 'own', made.chain('incomplete'), made.key('incomplete')))
    must(gateway.alias('whole', 'own', made.chain('good'), made.key('good')))
    must(gateway.alias('others', 'intermediate', made.intermediate))
    must(gateway.api('POST', lab.E + '/references', {'name': 'site-keys', 'refers': 'whole', 'resourceType': 'KeyStore'}))
    must(gateway.api('POST', lab.E + '/virtualhosts',
                     {'name': 'referring', 'hostAliases': [pki.HOST], 'port': str(peers.free_port()),
                      'sSLInfo': {'enabled': 'true', 'keyStore': 'ref://site-keys', 'keyAlias': 'own'}}))
    change = {'name': 'site-keys', 'refers': 'bare', 'resourceType': 'KeyStore'}
    place = lab.E + '/references/site-keys?preflight=true'
    refused = gateway.api('PUT', place, change)
    tap.equal((refused.status, refused.json['code']), (400, 'preflight.HandshakeWouldFail'), 'reference: preflight refuses')
    tap.ok('referring' in refused.json['message'], 'reference: it says what would break', refused)
    tap.equal(gateway.api('GET', lab.E + '/references/site-keys').json['refers'], 'whole', 'reference: it is as it was')
    said = gateway.api('POST', lab.E + '/keystores/bare/diagnosis').json
    fix = said['aliases'][0]['fix']
    tap.ok(fix and not said['isGood'], 'keystore: a fix for the chain', said)
    if fix:
        must(apply(gateway, fix))
        said = gateway.api('POST', lab.E + '/keystores/bare/diagnosis').json
        tap.ok(said['isGood'] and said['aliases'][0]['fix'] is None, 'keystore: then it is good', said)
    taken = gateway.api('PUT', place, change)
    tap.equal((taken.status, taken.json.get('refers')), (200, 'bare'), 'reference: then preflight lets it pass')


def trusting(gateway, made):
    """A target server whose truststore is a reference's."""
    backend = backend_of(made, 'good')
    must(gateway.alias('rightroots', 'root', made.root))
    must(gateway.alias('wrongroots', 'root', made.other_root))
    must(gateway.api('POST', lab.E + '/references', {'name': 'roots', 'refers': 'rightroots', 'resourceType': 'TrustStore'}))
    must(gateway.api('POST', lab.E + '/targetservers', target('referring', backend.port,
                                                              {'enabled': 'true', 'trustStore': 'ref://roots'})))
    place = lab.E + '/references/roots?preflight=true'
    refused = gateway.api('PUT', place, {'name': 'roots', 'refers': 'wrongroots', 'resourceType': 'TrustStore'})
    tap.equal((refused.status, refused.json['code']), (400, 'preflight.HandshakeWouldFail'),
              'reference: preflight tries the target servers')
    taken = gateway.api('PUT', place, {'name': 'roots', 'refers': 'rightroots', 'resourceType': 'TrustStore'})
    tap.equal(taken.status, 200, 'reference: what they trust passes')


def put(gateway, keystore, alias, certificate, preflight=True):
    return gateway.api('PUT', '%s/keystores/%s/aliases/%s?ignoreNewlineValidation=true&ignoreExpiryValidation=true'
                       '&ignoreChainValidation=true%s' % (lab.E, keystore, alias, '&preflight=true' * preflight),
                       certificate, 'application/octet-stream')


def refused(answer, cause, user, name):
    """By preflight, with the verdict."""
    said = answer.json or {}
    first = (said.get('contexts') or [{}])[0]
    found = first.get('cause') or (first.get('findings') or [{}])[0].get('id')
    tap.equal((answer.status, said.get('code'), found), (400, 'preflight.HandshakeWouldFail', cause), name)
    tap.ok(user in said.get('message', ''), name + ': it says what would break', said)


def own_pem(gateway, keystore, alias):
    return gateway.api('GET', '%s/keystores/%s/aliases/%s/certificate' % (lab.E, keystore, alias), accept='*/*').body


def self_signed(folder, key, usage):
    """Another certificate of that key."""
    made = subprocess.run(['openssl', 'req', '-x509', '-key', key, '-subj', '/CN=someone', '-days', '9',
                           '-addext', 'extendedKeyUsage=' + usage], cwd=folder, check=True, capture_output=True)
    return made.stdout


def replacing(gateway, made, folder):
    """Certificates put into an alias that a virtual host or a target server shows, or trusts."""
    chain = pathlib.Path(made.chain('good')).read_bytes()
    end = b'-----END CERTIFICATE-----\n'
    must(gateway.alias('shown', 'own', made.chain('good'), made.key('good')))
    must(gateway.alias('shown', 'spare', made.chain('good'), made.key('good')))
    must(gateway.api('POST', lab.E + '/references', {'name': 'shown-keys', 'refers': 'shown', 'resourceType': 'KeyStore'}))
    must(gateway.api('POST', lab.E + '/virtualhosts',
                     {'name': 'showing', 'hostAliases': [pki.HOST], 'port': str(peers.free_port()),
                      'sSLInfo': {'enabled': 'true', 'keyStore': 'ref://shown-keys', 'keyAlias': 'own'}}))
    leaf = chain[:chain.index(end) + len(end)]
    refused(put(gateway, 'shown', 'own', leaf), 'certificate-chain-incomplete', 'showing', 'alias: a chain cut short')
    tap.equal(own_pem(gateway, 'shown', 'own').count(end), 2, 'alias: refused, it is as it was')
    tap.equal(put(gateway, 'shown', 'spare', leaf).status, 200, 'alias: one that nobody shows')
    tap.equal(put(gateway, 'shown', 'own', chain).status, 200, 'alias: what is good passes')
    tap.equal(put(gateway, 'shown', 'own', pathlib.Path(made.chain('good-rsa')).read_bytes()).json.get('code'),
              put(gateway, 'shown', 'own', pathlib.Path(made.chain('good-rsa')).read_bytes(), False).json.get('code'),
              'alias: what the store refuses has its own words')
    tap.equal(put(gateway, 'shown', 'own', leaf, False).status, 200, 'alias: without preflight it is taken')

    two_way = backend_of(made, 'good', client_ca=made.root)
    must(gateway.alias('clients', 'own', made.chain('client'), made.key('client')))
    must(gateway.api('POST', lab.E + '/targetservers', target('two-way', two_way.port, {
        'enabled': 'true', 'clientAuthEnabled': 'true', 'keyStore': 'clients', 'keyAlias': 'own'})))
    other = self_signed(folder, made.key('client'), 'clientAuth')
    answer = put(gateway, 'clients', 'own', other)
    tap.equal((answer.status, (answer.json or {}).get('code')), (400, 'preflight.HandshakeWouldFail'),
              'alias: a client certificate that the backend does not take')
    tap.equal(put(gateway, 'clients', 'own', pathlib.Path(made.chain('client')).read_bytes()).status, 200,
              'alias: a client certificate that it takes')

    one_way = backend_of(made, 'good')
    root, other = (pathlib.Path(path).read_bytes() for path in (made.root, made.other_root))
    root = root[:root.index(end) + len(end)]
    must(gateway.alias('anchors', 'first', made.root))
    must(gateway.alias('anchors', 'second', made.other_root))
    must(gateway.api('POST', lab.E + '/targetservers', target('trusting', one_way.port, {
        'enabled': 'true', 'trustStore': 'anchors'})))
    refused(put(gateway, 'anchors', 'first', other), 'certificate-untrusted-ca', 'trusting', 'truststore: another root')
    tap.equal(put(gateway, 'anchors', 'second', root).status, 200, 'truststore: one more root')
    tap.equal(put(gateway, 'anchors', 'first', other).status, 200, 'truststore: then the first may go')
    gone = gateway.api('DELETE', lab.E + '/keystores/anchors/aliases/second?preflight=true')
    refused(gone, 'certificate-untrusted-ca', 'trusting', 'truststore: its root deleted')
    tap.equal(gateway.api('DELETE', lab.E + '/keystores/anchors/aliases/first?preflight=true').status, 200,
              'truststore: a root that nobody needs deleted')
    one_way.close()
    two_way.close()


def waiting(gateway, made):
    """While a preflight waits for a backend that says nothing, others may change things."""
    silent = socket.create_server(('127.0.0.1', 0))
    must(gateway.alias('patient', 'root', made.root))
    must(gateway.api('POST', lab.E + '/targetservers', target('silent', silent.getsockname()[1], {
        'enabled': 'true', 'trustStore': 'patient'})))
    said = []
    asking = threading.Thread(target=lambda: said.append(put(gateway, 'patient', 'root',
                                                             pathlib.Path(made.other_root).read_bytes())))
    asking.start()
    time.sleep(1)
    began = time.monotonic()
    must(gateway.alias('others', 'meanwhile', made.root))
    tap.ok(asking.is_alive() and time.monotonic() - began < 4, 'preflight: others need not wait for it')
    asking.join()
    refused(said[0], 'handshake-timeout', 'silent', 'preflight: a backend that says nothing')
    silent.close()


def upload(gateway, keystore, chain, key, query=''):
    body = b''.join(b'--xyz\r\nContent-Disposition: form-data; name="%s"; filename="f.pem"\r\n\r\n%s\r\n' % part
                    for part in ((b'certFile', chain), (b'keyFile', key))) + b'--xyz--\r\n'
    must(gateway.api('POST', lab.E + '/keystores', {'name': keystore}), 201, 409)
    return gateway.api('POST', '%s/keystores/%s/aliases?alias=own&format=keycertfile&ignoreNewlineValidation=true%s'
                       % (lab.E, keystore, query), body, 'multipart/form-data; boundary=xyz')


def nameless(gateway):
    """Nothing in a leaf says whether a root issued it: a keystore that has its issuer does."""
    usual, pki.name_of = pki.name_of, lambda name: x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    try:
        maker = pki.Maker()
        maker.authority('plain-root')
        maker.authority('plain-issuer', issuer='plain-root')
        leaf, key = maker.leaf(('plain.test',), (ExtendedKeyUsageOID.SERVER_AUTH,), issuer='plain-issuer')
    finally:
        pki.name_of = usual
    bare, key = pki.pem(leaf), pki.key_pem(key)
    whole = bare + pki.pem(maker.authorities['plain-issuer'][0])
    must(upload(gateway, 'plainbare', bare, key))
    must(upload(gateway, 'plainwhole', whole, key))
    refusal = upload(gateway, 'plainagain', bare, key)
    contexts = (refusal.json or {}).get('contexts') or [{}]
    tap.equal((refusal.status, contexts[0].get('cause')), (400, 'certificate-chain-incomplete'), 'upload: a chain cut short')
    tap.equal(upload(gateway, 'plainagain', bare, key, '&ignoreChainValidation=true').status, 201, 'upload: where that is meant')
    said = gateway.api('POST', lab.E + '/keystores/plainbare/diagnosis').json
    fix = said['aliases'][0]['fix']
    tap.ok(fix and not said['isGood'], 'keystore: an issuer that another keystore has', said)
    text = gateway.api('POST', lab.E + '/keystores/plainbare/diagnosis', accept='text/plain')
    tap.ok(b'NOT GOOD' in text.body and b'certificate-chain-incomplete' in text.body and b'curl -u USER' in text.body and
           text.headers['Content-Type'].startswith('text/plain'), 'keystore: as text', text)
    if fix:
        must(apply(gateway, fix))
        tap.ok(gateway.api('POST', lab.E + '/keystores/plainbare/diagnosis').json['isGood'], 'keystore: its fix')


def as_text(gateway, made):
    other = backend_of(made, 'untrusted')
    must(gateway.alias('readtrust', 'root', made.root))
    must(gateway.api('POST', lab.E + '/targetservers', target('read', other.port, {'enabled': 'true', 'trustStore': 'readtrust'})))
    text = gateway.api('POST', lab.E + '/targetservers/read/diagnosis', accept='text/plain')
    tap.ok(text.body.startswith(b'target server read\n  NOT GOOD  certificate-untrusted-ca\n'), 'target server: as text', text)
    for part in (b'ClientHello', b'To fix', b'curl -u USER'):
        tap.ok(part in text.body, 'target server: as text, %s' % part.decode(), text)
    other.close()
    text = gateway.api('POST', lab.E + '/targetservers/read/diagnosis?format=text')
    tap.ok(b'NOT GOOD  connection-refused' in text.body, 'target server: nobody listens, as text', text)
    text = gateway.api('POST', lab.E + '/virtualhosts/secure/diagnosis', accept='text/plain')
    tap.ok(text.body.startswith(b'virtual host secure\n  GOOD\n'), 'virtual host: as text', text)
    text = gateway.api('POST', lab.E + '/virtualhosts/secure/diagnosis', {
        'hostAliases': ['nobody.example'], 'port': '1', 'sSLInfo': {'enabled': 'true', 'keyStore': 'default',
                                                                    'keyAlias': 'default'}}, accept='text/plain')
    tap.ok(b'NOT GOOD' in text.body and b'nobody.example' in text.body, 'virtual host: another name, as text', text)


def main():
    lab.need(tap)
    with tempfile.TemporaryDirectory() as name:
        made = pki.make(pathlib.Path(name))
        with lab.Gateway(name) as gateway:
            targets(gateway, made)
            not_there(gateway, made)
            stalls(gateway)
            hosts(gateway, made)
            lacking(gateway, made)
            unrelated(gateway, made, pathlib.Path(name))
            refused_by_nginx(gateway, made)
            named_by_path(gateway)
            trusting(gateway, made)
            replacing(gateway, made, name)
            waiting(gateway, made)
            nameless(gateway)
            as_text(gateway, made)
    tap.done()


main()
