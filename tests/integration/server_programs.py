"""Real programs as TLS servers: SERVERS says how each is found and run."""
import dataclasses
import json

import peers
import programs
from programs import PYTHON, VERSIONS, Server, daemon, environment, openssl_conf


def protocols(s):
    return ' '.join(v for k, v in VERSIONS.items() if (s.least or '1.2') <= k <= (s.most or '1.3'))


def nginx_tls(s):
    """The directives that http and stream share."""
    lines = ['ssl_certificate %s;' % s.pki.chain(s.chain), 'ssl_certificate_key %s;' % s.pki.key(s.chain),
             'ssl_protocols %s;' % protocols(s)]
    if s.ciphers:
        lines.append('ssl_ciphers %s;' % s.ciphers)
    if s.groups:
        lines.append('ssl_ecdh_curve %s;' % s.groups)
    if s.client_ca:
        lines += ['ssl_verify_client on;', 'ssl_verify_depth 5;', 'ssl_client_certificate %s;' % s.pki.root]
    if s.crl:
        lines.append('ssl_crl %s;' % s.crl_file)
    return lines


def nginx_daemon(prefix, s, folder, talk, main='', **config):
    path = peers.nginx_config(folder, main=main, **config)
    return daemon(prefix, [peers.find('nginx'), '-e', folder / 'error.log', '-c', path], folder,
                  environment(folder), [s.port], talk, [folder / 'error.log'])


def nginx_http(prefix, s, folder, talk):
    servers = 'server { listen 127.0.0.1:%d ssl; server_name good.test; %s location / { return 200 "ok\\n"; } }\n' \
        % (s.port, '\n'.join(nginx_tls(s)))
    if s.strict_names:
        servers = 'server { listen 127.0.0.1:%d ssl default_server; ssl_reject_handshake on; }\n' % s.port + servers
    return nginx_daemon(prefix, s, folder, talk, http=servers)


def nginx_stream(prefix, s, folder, talk):
    lines = nginx_tls(s)
    if s.alpn:
        lines.append('ssl_alpn %s;' % ' '.join(s.alpn))
    server = 'server { listen 127.0.0.1:%d ssl; %s return "HTTP/1.0 200 OK\\r\\n\\r\\nok\\n"; }' \
        % (s.port, '\n'.join(lines))
    return nginx_daemon(prefix, s, folder, talk, stream=server,
                        main='load_module /usr/lib/nginx/modules/ngx_stream_module.so;')


def haproxy(prefix, s, folder, talk):
    words = ['bind 127.0.0.1:%d ssl crt %s' % (s.port, s.pki.pair(s.chain))]
    for word, value in (('ssl-min-ver', VERSIONS.get(s.least or '1.2')), ('ssl-max-ver', VERSIONS.get(s.most)),
                        ('ciphers', s.ciphers), ('curves', s.groups)):
        if value:
            words.append('%s %s' % (word, value))
    if s.client_ca:
        words.append('ca-file %s verify required' % s.pki.root)
    if s.crl:
        words.append('crl-file ' + s.crl_file)
    if s.strict_names:
        words.append('strict-sni')
    path = folder / 'haproxy.cfg'
    path.write_text(
        'global\n nbthread 1\n maxconn 100\n log stderr local0\ndefaults\n mode http\n log global\n'
        ' timeout client 12s\n timeout server 12s\n timeout connect 12s\n'
        'frontend f\n %s\n http-request return status 200 content-type text/plain string ok\n' % ' '.join(words))
    return daemon(prefix, [peers.find('haproxy'), '-db', '-f', path], folder, environment(folder), [s.port], talk)


def apache(prefix, s, folder, talk):
    lines = ['Listen 127.0.0.1:%d' % s.port, 'SSLEngine on', 'SSLCertificateFile ' + s.pki.chain(s.chain),
             'SSLCertificateKeyFile ' + s.pki.key(s.chain),
             'SSLProtocol -all %s' % programs.version_range(s.least, s.most)]
    if s.ciphers:
        lines.append('SSLCipherSuite ' + s.ciphers)
    if s.groups:
        lines.append('SSLOpenSSLConfCmd Groups ' + s.groups)
    if s.client_ca:
        lines += ['SSLVerifyClient require', 'SSLVerifyDepth 5', 'SSLCACertificateFile ' + s.pki.root]
    if s.crl:
        lines += ['SSLCARevocationFile ' + s.crl_file, 'SSLCARevocationCheck leaf']
    return programs.apache(prefix, folder, lines, environment(folder), [s.port], talk)


def stunnel(prefix, s, folder, talk):
    with peers.Group(folder / 'behind') as behind:
        plain = behind.raw(peers.http_answer)
        lines = ['[lab]', 'accept = 127.0.0.1:%d' % s.port, 'connect = 127.0.0.1:%d' % plain, 'TIMEOUTclose = 0',
                 'cert = ' + s.pki.chain(s.chain), 'key = ' + s.pki.key(s.chain)] + programs.stunnel_settings(s)
        if s.client_ca:
            lines += ['verifyChain = yes', 'requireCert = yes', 'CAfile = ' + s.pki.root]
        return programs.stunnel(prefix, folder, lines, environment(folder), [s.port], talk)


PYTHON_SERVER = r'''
import json, socket, ssl, sys
s = json.loads(sys.argv[1])
c = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
c.load_cert_chain(s["cert"], s["key"])
if s["most"]: c.maximum_version = getattr(ssl.TLSVersion, "TLSv1_" + s["most"][2])
if s["least"]: c.minimum_version = getattr(ssl.TLSVersion, "TLSv1_" + s["least"][2])
if s["ciphers"]: c.set_ciphers(s["ciphers"])
if s["groups"]: c.set_ecdh_curve(s["groups"])
if s["ca"]: c.load_verify_locations(s["ca"]); c.verify_mode = ssl.CERT_REQUIRED
if s["crl"]: c.load_verify_locations(s["crl"]); c.verify_flags |= ssl.VERIFY_CRL_CHECK_LEAF
if s["strict"]:
    c.sni_callback = lambda t, name, x: None if name == "good.test" else ssl.ALERT_DESCRIPTION_UNRECOGNIZED_NAME
with socket.create_server(("127.0.0.1", s["port"])) as l:
    while True:
        try:
            a, _ = l.accept()
            with a, c.wrap_socket(a, server_side=True) as t:
                if t.recv(4096): t.sendall(b"HTTP/1.0 200 OK\r\n\r\nok\n")
        except OSError as e:
            print(type(e).__name__, e, flush=True)
'''

NODE_SERVER = r'''
const s = JSON.parse(process.argv[1]), fs = require("fs"), tls = require("tls");
const o = { cert: fs.readFileSync(s.cert), key: fs.readFileSync(s.key), minVersion: "TLSv1.2" };
if (s.most) o.maxVersion = "TLSv" + s.most;
if (s.least) o.minVersion = "TLSv" + s.least;
if (s.ciphers) o.ciphers = s.ciphers;
if (s.groups) o.ecdhCurve = s.groups;
if (s.ca) { o.ca = fs.readFileSync(s.ca); o.requestCert = true; o.rejectUnauthorized = true; }
if (s.crl) o.crl = fs.readFileSync(s.crl, "latin1").match(/-----BEGIN[^]*?END X509 CRL-----\n/g);
if (s.alpn.length) o.ALPNProtocols = s.alpn;
const server = tls.createServer(o, (c) => {
  c.on("error", (e) => console.log("connection", e.code));
  c.on("data", () => c.end("HTTP/1.0 200 OK\r\n\r\nok\n"));
});
server.on("tlsClientError", (e) => console.log(e.code, e.message));
server.listen(s.port, "127.0.0.1");
'''


def scripted(interpreter, script):
    def run(prefix, s, folder, talk):
        settings = {'port': s.port, 'cert': s.pki.chain(s.chain), 'key': s.pki.key(s.chain), 'most': s.most,
                    'least': s.least, 'ciphers': s.ciphers, 'groups': s.groups, 'alpn': list(s.alpn),
                    'ca': s.pki.root if s.client_ca else None, 'crl': s.crl_file,
                    'strict': s.strict_names}
        return daemon(prefix, [peers.find(interpreter[0]), *interpreter[1:], script, json.dumps(settings)],
                      folder, environment(folder, **openssl_conf(folder, dataclasses.replace(s, ciphers=None, groups=None))),
                      [s.port], talk)
    return run


# A client certificate is asked for by nginx's http and refused within HTTP: the handshake completes.
CLIENT_CERTIFICATE = frozenset(('client-missing', 'client-missing-1.2', 'client-expired', 'client-untrusted',
                                'client-wrong-purpose', 'client-self-signed', 'client-incomplete',
                                'client-not-yet', 'client-revoked'))
SERVERS = {
    'nginx': Server(nginx_http, ('nginx',), frozenset(('alpn',)), CLIENT_CERTIFICATE | {'plaintext-client'}),
    'nginx-stream': Server(nginx_stream, ('nginx',), frozenset(('strict_names',)),
                           frozenset(('abandoned-wrong-name',))),  # it speaks and leaves first
    'haproxy': Server(haproxy, ('haproxy',), frozenset(('alpn',))),
    'apache': Server(apache, ('apache2',), frozenset(('alpn', 'strict_names'))),
    'stunnel': Server(stunnel, ('stunnel4', 'stunnel'), frozenset(('alpn', 'strict_names'))),
    'python': Server(scripted((PYTHON, '-c'), PYTHON_SERVER), (PYTHON,), frozenset(('alpn',))),
    'node': Server(scripted(('node', '-e'), NODE_SERVER), ('node',), frozenset(('strict_names',))),
}
