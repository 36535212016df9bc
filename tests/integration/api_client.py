"""A client of the management API for tests, and the API started alone (handfast_api_server).

Each answer is compared with the OpenAPI document that the API serves: its status has to be a documented
one, its body has to fit the schema. What does not is noted in `Client.wrong`.
"""
import base64
import http.client
import json
import os
import pathlib
import re
import ssl
import subprocess
import tempfile

import jsonschema

import harness

ADMIN = 'admin@example.com'


def server_program():
    given = os.environ.get('HANDFAST_API_SERVER')
    if given:
        return given
    for build in ('build-test', 'build'):
        if (harness.SOURCE / build / 'tests/handfast_api_server').exists():
            return str(harness.SOURCE / build / 'tests/handfast_api_server')
    return None


class Server:
    """The API alone, in a folder of its own; `with` stops it."""

    def __init__(self, *more):
        self.folder = tempfile.TemporaryDirectory()
        self.dir = pathlib.Path(self.folder.name) / 'gateway'
        self.dir.mkdir(mode=0o700)
        self.errors = tempfile.TemporaryFile()
        self.process = subprocess.Popen([server_program(), str(self.dir), *map(str, more)],
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self.errors,
                                        env=harness.environment())
        words = self.process.stdout.readline().split()
        self.port = int(words[0]) if words else 0
        self.password = words[1].decode() if words else ''
        self.code = None

    def stop(self, timeout=60):
        if self.code is None:
            self.process.stdin.close()
            self.code = self.process.wait(timeout)
        return self.code

    def said(self):
        self.errors.seek(0)
        return self.errors.read().decode('utf-8', 'replace')

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()
        self.process.stdout.close()
        self.errors.close()
        self.folder.cleanup()


def basic(user, password):
    return 'Basic ' + base64.b64encode(('%s:%s' % (user, password)).encode()).decode()


class Answer:
    def __init__(self, status, headers, body):
        self.status, self.headers, self.body = status, headers, body

    @property
    def text(self):
        return self.body.decode('utf-8', 'replace')

    @property
    def json(self):
        return json.loads(self.body)

    @property
    def code(self):
        return self.json['code']

    def __str__(self):
        return '%d %s' % (self.status, self.text[:600])


class Client:
    def __init__(self, port, authorization=None, host='127.0.0.1', tls=None):
        self.port, self.host, self.authorization = port, host, authorization
        self.tls = tls
        self.link = None
        self.document = None
        self.wrong = []

    def connect(self):
        if self.tls is not None:
            return http.client.HTTPSConnection(self.host, self.port, timeout=60, context=self.tls)
        return http.client.HTTPConnection(self.host, self.port, timeout=60)

    def ask(self, method, path, body=None, headers=None, user=None, checked=True):
        """`body`: a dict is sent as JSON; `user`: another Authorization."""
        wanted = {}
        if self.authorization or user:
            wanted['Authorization'] = user or self.authorization
        if isinstance(body, (dict, list)):
            body = json.dumps(body)
            wanted['Content-Type'] = 'application/json'
        wanted.update(headers or {})
        for attempt in (0, 1):
            if self.link is None:
                self.link = self.connect()
            try:
                self.link.request(method, path, body, wanted)
                response = self.link.getresponse()
                break
            except (ConnectionError, http.client.HTTPException):
                self.close() # a kept connection that the server has closed
                if attempt:
                    raise
        streams = response.headers.get('Content-Type', '').startswith('text/event-stream')
        answer = Answer(response.status, response.headers, b'' if streams else response.read())
        if streams or response.headers.get('Connection') == 'close':
            self.close()
        if checked and self.document:
            self.compare(method, path, answer)
        return answer

    def close(self):
        if self.link is not None:
            self.link.close()
            self.link = None

    def learn(self):
        """From now on answers are compared with the document."""
        self.document = self.ask('GET', '/v1/openapi.json').json
        return self.document

    def operation(self, method, path):
        words = path.split('?')[0].strip('/').split('/')
        words = words[1:] if words[0] == 'v1' else words
        words = [{'o': 'organizations', 'e': 'environments'}.get(word, word) for word in words]
        best = None
        for template, item in self.document['paths'].items():
            pattern = template.strip('/').split('/')
            fits = len(pattern) == len(words) and all(p[0] == '{' or p == w for p, w in zip(pattern, words))
            if fits and method.lower() in item:
                fixed = sum(p[0] != '{' for p in pattern)
                best = max(best or (-1, None), (fixed, item[method.lower()]), key=lambda pair: pair[0])
        return best[1] if best else None

    def resolved(self, node):
        while '$ref' in node:
            at = self.document
            for word in node['$ref'].lstrip('#/').split('/'):
                at = at[word]
            node = at
        return node

    def compare(self, method, path, answer):
        operation = self.operation(method, path)
        if operation is None or method in ('HEAD', 'OPTIONS'):
            return
        responses = operation['responses']
        response = self.resolved(responses.get(str(answer.status), responses['default']))
        where = '%s %s: %d' % (method, re.sub(r'\?.*', '', path), answer.status)
        if str(answer.status) not in responses and answer.status < 400:
            self.wrong.append(where + ' is not documented')
            return
        kind = answer.headers.get('Content-Type', '').split(';')[0]
        if kind and kind not in response.get('content', {}):
            self.wrong.append('%s: %s is not documented' % (where, kind))
        elif kind == 'application/json':
            schema = dict(response['content'][kind].get('schema', {}), components=self.document['components'])
            for error in jsonschema.Draft202012Validator(schema).iter_errors(answer.json):
                self.wrong.append('%s: %s: %s' % (where, list(error.absolute_path), error.message))


def multipart(parts, closed=True):
    """Body and headers of {name: (filename or None, bytes)}; without the last "--" where not closed."""
    boundary = 'xX-handfast-Xx'
    out = b''
    for name, (filename, content) in parts.items():
        out += ('--%s\r\nContent-Disposition: form-data; name="%s"' % (boundary, name)).encode()
        out += ('; filename="%s"\r\nContent-Type: application/octet-stream' % filename).encode() if filename else b''
        out += b'\r\n\r\n' + content + b'\r\n'
    out += ('--%s%s\r\n' % (boundary, '--' if closed else '')).encode()
    return out, {'Content-Type': 'multipart/form-data; boundary=' + boundary}


def tls_context(ca=None):
    context = ssl.create_default_context(cafile=ca)
    if ca is None:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context
