"""Writes of every kind to a gateway that runs, for tests that interrupt them.

    write.make(i)            # one; is it acknowledged? A broken connection is a no
    write.wrong(is_acknowledged)  # what is wrong with what is there now, or None

What is there has to be as before or as it was to be, wholly; as it was to be where that was
acknowledged; and it has to be in force. `n_kept` counts what was not acknowledged and is there.
"""
import base64
import contextlib
import hashlib
import http.client
import io
import re
import socket
import ssl
import subprocess
import time
import zipfile

import gateway_lab as lab
import peers

BROKEN = (OSError, http.client.HTTPException)
ANY = lab.trusting_nobody()
LAX = '?ignoreNewlineValidation=true&ignoreChainValidation=true'


def must(answer):
    if answer.status not in (200, 201):
        raise RuntimeError('refused: %r' % answer)
    return answer


def is_done(answer):
    return answer.status in (200, 201)


def certificate(folder, name):
    """A certificate of the one key, as PEM; `name` makes it another one."""
    key = folder / 'own.key'
    if not key.exists():
        subprocess.run(['openssl', 'ecparam', '-name', 'prime256v1', '-genkey', '-noout', '-out', str(key)],
                       check=True, capture_output=True)
    made = subprocess.run(['openssl', 'req', '-x509', '-key', str(key), '-subj', '/CN=%s.test' % name, '-days', '9'],
                          check=True, capture_output=True)
    (folder / (name + '.pem')).write_bytes(made.stdout)
    return made.stdout.decode()


def digest(pem):
    return hashlib.sha256(ssl.PEM_cert_to_DER_cert(pem)).hexdigest()


def shown(port):
    """The digest of the certificate that the Router shows there."""
    with socket.create_connection(('127.0.0.1', port), 10) as raw, ANY.wrap_socket(raw, server_hostname='x.test') as tls:
        return hashlib.sha256(tls.getpeercert(True)).hexdigest()


class Write:
    """`now` is what was stored before, `new` what is to be."""
    name = ''

    def __init__(self, gateway, folder):
        self.gateway, self.folder = gateway, folder
        self.now = self.new = None
        self.n_kept, self.took = 0, 0.25

    def make(self, i):
        began, is_acknowledged = time.monotonic(), False
        with contextlib.suppress(*BROKEN):
            is_acknowledged = self.write(i)
        if is_acknowledged:
            self.took = time.monotonic() - began
        return is_acknowledged

    def wrong(self, is_acknowledged):
        stored = self.stored()
        if stored not in (self.now, self.new):
            return 'neither the old nor the new: %r' % (stored,)
        if is_acknowledged and stored != self.new:
            return 'acknowledged and lost'
        self.n_kept += stored == self.new and not is_acknowledged
        self.now = stored
        return self.amiss()

    def get(self, path, **more):
        return self.gateway.api('GET', path, **more)


class Hosts(Write):
    """A virtual host gets other names, two at once."""
    name = 'virtual host'

    def __init__(self, gateway, folder):
        super().__init__(gateway, folder)
        self.other = None
        self.now = ['first.test', 'also-first.test']
        must(self.put(self.now, 'POST'))

    def put(self, aliases, method):
        return self.gateway.api(method, lab.E + '/virtualhosts' + ('/x' if method == 'PUT' else ''),
                                {'name': 'x', 'port': str(self.gateway.http), 'hostAliases': aliases})

    def write(self, i):
        self.new, self.other = ['k%d.test' % i, 'also-k%d.test' % i], self.now
        return is_done(self.put(self.new, 'PUT'))

    def stored(self):
        return self.get(lab.E + '/virtualhosts/x').json['hostAliases']

    def is_known(self, name):
        return 'for host' not in self.gateway.call('/none', host=name).json['fault']['faultstring']

    def amiss(self):
        gone = self.other if self.now == self.new else self.new
        is_right = all(self.is_known(name) for name in self.now) and not any(self.is_known(name) for name in gone)
        return None if is_right else 'not in force as stored'


class Targets(Write):
    """A target server moves to the other backend."""
    name = 'target server'

    def __init__(self, gateway, folder):
        super().__init__(gateway, folder)
        self.names = {lab.Backend(name).port: name for name in ('left', 'right')}
        self.now = sorted(self.names)[0]
        must(gateway.api('POST', lab.E + '/targetservers', self.body(self.now)))
        must(gateway.deploy('kt', lab.bundle('kt', '/kt', '<LoadBalancer><Server name="kt"/></LoadBalancer>')))

    @staticmethod
    def body(port):
        return {'name': 'kt', 'host': '127.0.0.1', 'port': port, 'isEnabled': True}

    def write(self, _):
        self.new = next(port for port in self.names if port != self.now)
        return is_done(self.gateway.api('PUT', lab.E + '/targetservers/kt', self.body(self.new)))

    def stored(self):
        return int(self.get(lab.E + '/targetservers/kt').json['port'])

    def amiss(self):
        said = self.gateway.call('/kt/x')
        return None if said.status == 200 and said.json['name'] == self.names[self.now] else 'not in force: %r' % said


class Certificates(Write):
    """An alias that a virtual host shows gets another certificate."""
    name = 'certificate'

    def __init__(self, gateway, folder):
        super().__init__(gateway, folder)
        self.port = peers.free_port()
        self.now = digest(certificate(folder, 'shown'))
        must(gateway.alias('kc', 'own', folder / 'shown.pem', folder / 'own.key'))
        must(gateway.api('POST', lab.E + '/virtualhosts', {
            'name': 'kc', 'port': str(self.port), 'hostAliases': ['*'],
            'sSLInfo': {'enabled': 'true', 'keyStore': 'kc', 'keyAlias': 'own'}}))

    def write(self, i):
        pem = certificate(self.folder, 'shown%d' % i)
        self.new = digest(pem)
        return is_done(self.gateway.api('PUT', lab.E + '/keystores/kc/aliases/own' + LAX, pem, 'application/octet-stream'))

    def stored(self):
        return digest(self.get(lab.E + '/keystores/kc/aliases/own/certificate', accept='*/*').body.decode())

    def amiss(self):
        files = [path.read_text() for path in (self.gateway.dir / 'current' / 'router').rglob('*.pem')]
        if self.now not in {digest(text) for text in files if text.startswith('-----BEGIN CERT')}:
            return 'the files are not as the rows'
        return None if shown(self.port) == self.now else 'another one is shown'


class Aliases(Write):
    """A certificate with its key is put into a keystore, which nobody uses yet, under a new name."""
    name = 'alias'

    def __init__(self, gateway, folder):
        super().__init__(gateway, folder)
        certificate(folder, 'put')
        must(gateway.api('POST', lab.E + '/keystores', {'name': 'ka'}))
        self.now = []

    def write(self, i):
        self.new = sorted([*self.now, 'a%d' % i])
        return is_done(self.gateway.alias('ka', 'a%d' % i, self.folder / 'put.pem', self.folder / 'own.key'))

    def stored(self):
        return sorted(one['aliasName'] for one in self.get(lab.E + '/keystores/ka').json['aliases'])

    def amiss(self):
        said = self.get(lab.E + '/keystores/ka').json
        if not all(one.get('cert') and one.get('key') for one in said['aliases']) or \
                not len(said['aliases']) == len(said['certs']) == len(said['keys']):
            return 'a certificate without its key: %r' % said
        last = self.now[-1:]
        signed = all(self.get('%s/keystores/ka/aliases/%s/csr' % (lab.E, name), accept='*/*').status == 200
                     for name in last) # needs the private key
        return None if signed else 'the key cannot be read'


class References(Write):
    """A reference that a virtual host shows the certificate of is pointed to the other keystore."""
    name = 'reference'

    def __init__(self, gateway, folder):
        super().__init__(gateway, folder)
        self.port, self.digests = peers.free_port(), {}
        for store in ('kr1', 'kr2'):
            self.digests[store] = digest(certificate(folder, store))
            must(gateway.alias(store, 'own', folder / (store + '.pem'), folder / 'own.key'))
        self.now = 'kr1'
        must(gateway.api('POST', lab.E + '/references', self.body(self.now)))
        must(gateway.api('POST', lab.E + '/virtualhosts', {
            'name': 'kr', 'port': str(self.port), 'hostAliases': ['*'],
            'sSLInfo': {'enabled': 'true', 'keyStore': 'ref://kr', 'keyAlias': 'own'}}))

    @staticmethod
    def body(store):
        return {'name': 'kr', 'refers': store, 'resourceType': 'KeyStore'}

    def write(self, _):
        self.new = 'kr2' if self.now == 'kr1' else 'kr1'
        return is_done(self.gateway.api('PUT', lab.E + '/references/kr', self.body(self.new)))

    def stored(self):
        return self.get(lab.E + '/references/kr').json['refers']

    def amiss(self):
        return None if shown(self.port) == self.digests[self.now] else "another keystore's certificate is shown"


class Proxies(Write):
    """A bundle is imported and deployed in the place of the one before. Each has a mark in its target's URL."""
    name = 'proxy'

    def __init__(self, gateway, folder):
        super().__init__(gateway, folder)
        self.backend = lab.Backend('proxied')
        self.imported = set() # what was acknowledged
        self.now = '/m0'
        must(gateway.deploy('kp', self.bundle(self.now)))

    def bundle(self, mark):
        return lab.bundle('kp', '/kp', '<URL>http://127.0.0.1:%d%s</URL>' % (self.backend.port, mark))

    def write(self, i):
        self.new = '/m%d' % (i + 1)
        made = self.gateway.api('POST', lab.O + '/apis?action=import&name=kp', self.bundle(self.new),
                                'application/octet-stream')
        if not is_done(made):
            return False
        self.imported.add(made.json['revision'])
        return is_done(self.gateway.api('POST', '%s/apis/kp/revisions/%s/deployments' % (lab.E, made.json['revision']),
                                        'override=true', 'application/x-www-form-urlencoded'))

    def mark(self, revision):
        """Of the archive as it was imported, which is whole."""
        answer = self.get('%s/apis/kp/revisions/%s?format=bundle' % (lab.O, revision), accept='*/*')
        with zipfile.ZipFile(io.BytesIO(answer.body)) as archive:
            text = archive.read('apiproxy/targets/default.xml').decode()
        return re.search(r'(/m\d+)</URL>', text).group(1)

    def stored(self):
        deployed = self.get(lab.E + '/apis/kp/deployments').json['revision']
        return [self.mark(one['name']) for one in deployed][0] if len(deployed) == 1 else deployed

    def amiss(self):
        there = self.get(lab.O + '/apis/kp').json['revision']
        if not self.imported <= set(there):
            return 'an import that was acknowledged is lost: %r' % (self.imported - set(there))
        self.mark(there[-1])
        said = self.gateway.call('/kp/x')
        is_right = said.status == 200 and said.json['path'].startswith(self.now + '/')
        return None if is_right else 'not in force: %r' % said


class Users(Write):
    """A user is made, who can log in then."""
    name = 'user'

    def __init__(self, gateway, folder):
        super().__init__(gateway, folder)
        self.now, self.last = self.names(), None

    def names(self):
        return sorted(self.get('/v1/users').json)

    def write(self, i):
        self.last = 'k%d@example.com' % i
        self.new = sorted([*self.now, self.last])
        return is_done(self.gateway.api('POST', '/v1/users', {
            'emailId': self.last, 'firstName': 'K', 'lastName': 'I', 'password': 'a long one for %d' % i}))

    def stored(self):
        return self.names()

    def amiss(self):
        """Says who they are, with the password that they were made with."""
        word = base64.b64encode(('%s:a long one for %s' % (self.last, self.last[1:].split('@')[0])).encode()).decode()
        connection = http.client.HTTPConnection('127.0.0.1', self.gateway.api_port, timeout=30)
        try:
            connection.request('GET', '/v1/users/' + self.last, headers={'Authorization': 'Basic ' + word})
            status = connection.getresponse().status
        finally:
            connection.close()
        want = 200 if self.last in self.now else 401
        return None if status == want else 'logs in with %d' % status


KINDS = (Hosts, Targets, Certificates, Aliases, References, Proxies, Users)


def all_of(gateway, folder):
    return [kind(gateway, folder) for kind in KINDS]
