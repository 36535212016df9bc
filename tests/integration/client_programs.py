"""Real programs as TLS clients: CLIENTS says how each is found and run."""
import dataclasses
import json
import pathlib
import socket

import peers
import programs
from programs import PYTHON, VERSIONS, Client, daemon, environment, finish, openssl_conf


# --- clients that run once ---

def curl(prefix, d, folder):
    argv = [peers.find('curl'), '-sS', '--max-time', d.timeout_s, '--cacert', d.ca_file]
    if d.name:
        argv += ['--resolve', '%s:%d:127.0.0.1' % (d.name, d.port)]
    if d.certificate:
        argv += ['--cert', d.pki.chain(d.certificate), '--key', d.pki.key(d.certificate)]
    if d.most:
        argv += ['--tls-max', d.most]
    if d.least:
        argv += ['--tlsv' + d.least]
    if d.ciphers:
        argv += ['--ciphers', d.ciphers]
    if d.groups:
        argv += ['--curves', d.groups]
    if d.crl:
        argv += ['--crlfile', d.crl_file]
    if not d.alpn:
        argv += ['--no-alpn']
    wish = dataclasses.replace(d, groups=None, ciphers=None)
    return finish(prefix, argv + ['https://%s:%d/' % (d.name or '127.0.0.1', d.port)], folder,
                  environment(folder, **openssl_conf(folder, wish)))


def openssl_client(prefix, d, folder):
    argv = [peers.find('openssl'), 's_client', '-quiet', '-connect', '127.0.0.1:%d' % d.port,
            '-CAfile', d.ca_file, '-verify_return_error', '-verify', '5']
    argv += ['-servername', d.name, '-verify_hostname', d.name] if d.name else ['-noservername']
    if d.certificate:
        argv += ['-cert', d.pki.chain(d.certificate), '-key', d.pki.key(d.certificate),
                 '-cert_chain', d.pki.chain(d.certificate)]
    for flag, value in (('-max_protocol', VERSIONS.get(d.most)), ('-min_protocol', VERSIONS.get(d.least)),
                        ('-cipher', d.ciphers), ('-groups', d.groups), ('-sigalgs', d.signatures),
                        ('-alpn', ','.join(d.alpn) or None), ('-CRL', d.crl_file)):
        if value:
            argv += [flag, value]
    if d.crl:
        argv += ['-crl_check']
    return finish(prefix, argv, folder, environment(folder), b'GET / HTTP/1.0\r\n\r\n')


PYTHON_CLIENT = r'''
import json, socket, ssl, sys
d = json.loads(sys.argv[1])
c = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
c.load_verify_locations(d["ca"])
if d["crl"]: c.load_verify_locations(d["crl"]); c.verify_flags |= ssl.VERIFY_CRL_CHECK_LEAF
if d["cert"]: c.load_cert_chain(d["cert"], d["key"])
if d["most"]: c.maximum_version = getattr(ssl.TLSVersion, "TLSv1_" + d["most"][2])
if d["least"]: c.minimum_version = getattr(ssl.TLSVersion, "TLSv1_" + d["least"][2])
if d["ciphers"]: c.set_ciphers(d["ciphers"])
if d["alpn"]: c.set_alpn_protocols(d["alpn"])
c.check_hostname = bool(d["name"])
try:
    with socket.create_connection(("127.0.0.1", d["port"]), d["timeout"]) as s:
        with c.wrap_socket(s, server_hostname=d["name"]) as t:
            t.sendall(b"GET / HTTP/1.0\r\n\r\n")
            print(t.recv(4096).decode())
except OSError as e:
    print(type(e).__name__, e)
    sys.exit(1)
'''

NODE_CLIENT = r'''
const d = JSON.parse(process.argv[1]), fs = require("fs"), tls = require("tls");
const o = { host: "127.0.0.1", port: d.port, servername: d.name || "", ca: fs.readFileSync(d.ca) };
if (d.crl) o.crl = fs.readFileSync(d.crl, "latin1").match(/-----BEGIN[^]*?END X509 CRL-----\n/g);
if (d.cert) { o.cert = fs.readFileSync(d.cert); o.key = fs.readFileSync(d.key); }
if (d.most) o.maxVersion = "TLSv" + d.most;
if (d.least) o.minVersion = "TLSv" + d.least;
if (d.ciphers) o.ciphers = d.ciphers;
if (d.groups) o.ecdhCurve = d.groups;
if (d.signatures) o.sigalgs = d.signatures;
if (d.alpn.length) o.ALPNProtocols = d.alpn;
const s = tls.connect(o, () => s.write("GET / HTTP/1.0\r\n\r\n"));
s.setTimeout(d.timeout * 1000, () => s.destroy(new Error("timeout")));
s.on("data", (x) => process.stdout.write(x));
s.on("error", (e) => { console.log(e.code, e.message); process.exitCode = 1; });
s.on("close", () => console.log("closed"));
'''

NODE_HTTPS_CLIENT = r'''
const d = JSON.parse(process.argv[1]), fs = require("fs"), https = require("https");
const o = { host: d.name || "127.0.0.1", port: d.port, path: "/", ca: fs.readFileSync(d.ca), agent: false,
            lookup: (n, x, cb) => x.all ? cb(null, [{ address: "127.0.0.1", family: 4 }]) : cb(null, "127.0.0.1", 4) };
if (d.crl) o.crl = fs.readFileSync(d.crl, "latin1").match(/-----BEGIN[^]*?END X509 CRL-----\n/g);
if (d.cert) { o.cert = fs.readFileSync(d.cert); o.key = fs.readFileSync(d.key); }
if (d.most) o.maxVersion = "TLSv" + d.most;
if (d.least) o.minVersion = "TLSv" + d.least;
if (d.ciphers) o.ciphers = d.ciphers;
if (d.groups) o.ecdhCurve = d.groups;
if (d.signatures) o.sigalgs = d.signatures;
if (d.alpn.length) o.ALPNProtocols = d.alpn;
const r = https.get(o, (a) => { console.log("answer: HTTP/" + a.httpVersion, a.statusCode); a.resume(); });
r.setTimeout(d.timeout * 1000, () => r.destroy(new Error("timeout")));
r.on("error", (e) => { console.log(e.code, e.message); process.exitCode = 1; });
r.on("close", () => console.log("closed"));
'''

RUBY_CLIENT = r'''
require "openssl"; require "socket"; require "json"; require "timeout"
d = JSON.parse(ARGV[0])
c = OpenSSL::SSL::SSLContext.new
store = OpenSSL::X509::Store.new
store.add_file(d["ca"])
if d["crl"]
  File.read(d["crl"]).scan(/-----BEGIN.*?END X509 CRL-----/m) { |x| store.add_crl(OpenSSL::X509::CRL.new(x)) }
  store.flags = OpenSSL::X509::V_FLAG_CRL_CHECK
end
c.cert_store = store
c.verify_mode = OpenSSL::SSL::VERIFY_PEER
c.verify_hostname = true if d["name"]
if d["cert"]
  chain = OpenSSL::X509::Certificate.load_file(d["cert"])
  c.add_certificate(chain[0], OpenSSL::PKey.read(File.read(d["key"])), chain[1..])
end
c.max_version = ("TLS1_" + d["most"][2]).to_sym if d["most"]
c.min_version = ("TLS1_" + d["least"][2]).to_sym if d["least"]
c.ciphers = d["ciphers"] if d["ciphers"]
c.ecdh_curves = d["groups"] if d["groups"]
c.alpn_protocols = d["alpn"] unless d["alpn"].empty?
begin
  Timeout.timeout(d["timeout"]) do
    s = OpenSSL::SSL::SSLSocket.new(TCPSocket.new("127.0.0.1", d["port"]), c)
    s.hostname = d["name"] if d["name"]
    s.sync_close = true
    s.connect
    s.write("GET / HTTP/1.0\r\n\r\n")
    puts s.readpartial(4096)
    s.close
  end
rescue StandardError => e
  puts "#{e.class}: #{e.message}"
  exit 1
end
'''

PHP_CLIENT = r'''
$d = json_decode($argv[1], true);
$o = ["cafile" => $d["ca"], "verify_peer" => true, "SNI_enabled" => (bool)$d["name"],
      "verify_peer_name" => (bool)$d["name"], "peer_name" => $d["name"] ?: "127.0.0.1"];
if ($d["cert"]) { $o["local_cert"] = $d["cert"]; $o["local_pk"] = $d["key"]; }
if ($d["most"]) $o["crypto_method"] = STREAM_CRYPTO_METHOD_TLSv1_2_CLIENT;
if ($d["least"]) $o["crypto_method"] = STREAM_CRYPTO_METHOD_TLSv1_3_CLIENT;
if ($d["ciphers"]) $o["ciphers"] = $d["ciphers"];
if ($d["alpn"]) $o["alpn_protocols"] = implode(",", $d["alpn"]);
$s = stream_socket_client("tls://127.0.0.1:" . $d["port"], $code, $text, $d["timeout"], STREAM_CLIENT_CONNECT,
                          stream_context_create(["ssl" => $o]));
if (!$s) { echo "failed: $text\n"; exit(1); }
fwrite($s, "GET / HTTP/1.0\r\n\r\n");
echo fread($s, 4096);
'''

PERL_CLIENT = r'''
use IO::Socket::SSL; use JSON::PP;
my $d = decode_json($ARGV[0]);
my %o = (PeerHost => "127.0.0.1", PeerPort => $d->{port}, Timeout => $d->{timeout}, SSL_ca_file => $d->{ca},
         SSL_verify_mode => SSL_VERIFY_PEER);
if ($d->{name}) {
    %o = (%o, SSL_hostname => $d->{name}, SSL_verifycn_name => $d->{name}, SSL_verifycn_scheme => "http");
} else {
    %o = (%o, SSL_hostname => "", SSL_verifycn_scheme => "none");
}
%o = (%o, SSL_cert_file => $d->{cert}, SSL_key_file => $d->{key}) if $d->{cert};
$o{SSL_version} = "TLSv12" if $d->{most};
$o{SSL_version} = "TLSv13" if $d->{least};
$o{SSL_cipher_list} = $d->{ciphers} if $d->{ciphers};
$o{SSL_ecdh_curve} = $d->{groups} if $d->{groups};
$o{SSL_alpn_protocols} = $d->{alpn} if @{$d->{alpn}};
%o = (%o, SSL_check_crl => 1, SSL_crl_file => $d->{crl}) if $d->{crl};
my $s = IO::Socket::SSL->new(%o) or do { print "failed: $SSL_ERROR, $!\n"; exit 1 };
print $s "GET / HTTP/1.0\r\n\r\n";
my $line = <$s>;
print defined $line ? $line : "failed: no answer, $SSL_ERROR, $!\n";
print while <$s>;
'''


def scripted(interpreter, script):
    """A client that is a script given on the command line; its settings are one JSON argument."""
    def run(prefix, d, folder):
        settings = {'port': d.port, 'name': d.name, 'ca': d.ca_file, 'most': d.most, 'least': d.least,
                    'cert': d.certificate and d.pki.chain(d.certificate),
                    'key': d.certificate and d.pki.key(d.certificate),
                    'ciphers': d.ciphers, 'groups': d.groups, 'signatures': d.signatures,
                    'alpn': list(d.alpn), 'timeout': d.timeout_s, 'crl': d.crl_file}
        argv = [peers.find(interpreter[0])] + list(interpreter[1:]) + [script]
        if interpreter[0] == 'php':
            argv.append('--')
        wish = dataclasses.replace(d, ciphers=None)
        return finish(prefix, argv + [json.dumps(settings)], folder,
                      environment(folder, **openssl_conf(folder, wish)))
    return run


def psql(prefix, d, folder):
    words = {'hostaddr': '127.0.0.1', 'port': d.port, 'dbname': 'lab', 'user': 'lab', 'password': 'x',
             'connect_timeout': d.timeout_s, 'gssencmode': 'disable', 'sslrootcert': d.ca_file,
             'sslmode': 'verify-full' if d.name else 'verify-ca', 'sslsni': 1 if d.name else 0}
    if d.name:
        words['host'] = d.name
    if d.certificate:
        words.update(sslcert=d.pki.chain(d.certificate), sslkey=d.pki.key(d.certificate))
    if d.most:
        words['ssl_max_protocol_version'] = VERSIONS[d.most]
    if d.least:
        words['ssl_min_protocol_version'] = VERSIONS[d.least]
    if d.crl:
        words['sslcrl'] = d.crl_file
    argv = [peers.find(*CLIENTS['psql'].find), '-w', ' '.join('%s=%s' % w for w in words.items()),
            '-c', 'select 1']
    return finish(prefix, argv, folder, environment(folder, **openssl_conf(folder, d)))


def wget(prefix, d, folder):
    argv = [peers.find('wget'), '-nv', '-O', '-', '--tries=1', '--timeout=15', '--ca-certificate', d.ca_file,
            'https://localhost:%d/' % d.port]
    return finish(prefix, argv, folder, environment(folder))


def git(prefix, d, folder):
    argv = [peers.find('git'), '-c', 'http.sslCAInfo=' + d.ca_file, 'ls-remote',
            'https://localhost:%d/lab.git' % d.port]
    return finish(prefix, argv, folder, environment(folder, GIT_CONFIG_NOSYSTEM='1', GIT_TERMINAL_PROMPT='0'))


# --- gateways, which dial for somebody who asks in clear ---

def ask(port, host):
    """One request in clear to a gateway, as its user would make it; the first line of the answer."""
    try:
        with socket.create_connection(('127.0.0.1', port), peers.TALK_S * 2) as connection:
            connection.sendall(b'GET / HTTP/1.1\r\nHost: %s\r\nConnection: close\r\n\r\n'
                               % (host or '127.0.0.1').encode())
            answer = b''
            while True:
                more = connection.recv(4096)
                if not more:
                    break
                answer += more
        line = answer.split(b'\r\n')[0].decode('ascii', 'replace')
    except OSError as problem:
        line = type(problem).__name__
    return line


def nginx_client(prefix, d, folder):
    port = peers.free_port()
    lines = ['proxy_pass https://127.0.0.1:%d;' % d.port, 'proxy_ssl_verify on;', 'proxy_ssl_verify_depth 5;',
             'proxy_ssl_trusted_certificate %s;' % d.ca_file, 'proxy_ssl_session_reuse off;', 'proxy_connect_timeout %ds;' % d.timeout_s,
             'proxy_ssl_protocols %s;' % ' '.join(
                 v for k, v in VERSIONS.items()
                 if (d.least or '1.2') <= k <= (d.most or '1.3'))]
    if d.name:
        lines += ['proxy_ssl_server_name on;', 'proxy_ssl_name %s;' % d.name]
    if d.certificate:
        lines += ['proxy_ssl_certificate %s;' % d.pki.chain(d.certificate),
                  'proxy_ssl_certificate_key %s;' % d.pki.key(d.certificate)]
    if d.ciphers:
        lines.append('proxy_ssl_ciphers %s;' % d.ciphers)
    if d.crl:
        lines.append('proxy_ssl_crl %s;' % d.crl_file)
    for command, value in (('Groups', d.groups), ('SignatureAlgorithms', d.signatures)):
        if value:
            lines.append('proxy_ssl_conf_command %s %s;' % (command, value))
    config = peers.nginx_config(folder, 'server { listen 127.0.0.1:%d; location / { %s } }\n'
                                % (port, '\n'.join(lines)))
    return daemon(prefix, [peers.find('nginx'), '-e', folder / 'error.log', '-c', config], folder,
                  environment(folder), [port], lambda: ask(port, d.name), [folder / 'error.log'])


def haproxy_client(prefix, d, folder):
    port = peers.free_port()
    words = ['server s 127.0.0.1:%d ssl verify required ca-file %s' % (d.port, d.ca_file)]
    if d.name:
        words.append('sni str(%s) verifyhost %s' % (d.name, d.name))
    if d.certificate:
        words.append('crt ' + d.pki.pair(d.certificate))
    if d.most:
        words.append('ssl-max-ver ' + VERSIONS[d.most])
    if d.least:
        words.append('ssl-min-ver ' + VERSIONS[d.least])
    if d.ciphers:
        words.append('ciphers ' + d.ciphers)
    if d.alpn:
        words.append('alpn ' + ','.join(d.alpn))
    if d.crl:
        words.append('crl-file ' + d.crl_file)
    config = folder / 'haproxy.cfg'
    config.write_text(
        'global\n nbthread 1\n maxconn 100\n log stderr local0\ndefaults\n mode http\n log global\n option httplog\n'
        ' timeout client 12s\n timeout server 20s\n timeout connect %ds\n retries 0\n'
        'frontend f\n bind 127.0.0.1:%d\n default_backend b\nbackend b\n %s\n' % (d.timeout_s, port, ' '.join(words)))
    return daemon(prefix, [peers.find('haproxy'), '-db', '-f', config], folder,
                  environment(folder, **openssl_conf(folder, dataclasses.replace(d, ciphers=None))),
                  [port], lambda: ask(port, d.name))


def apache_client(prefix, d, folder):
    port = peers.free_port()
    lines = ['Listen 127.0.0.1:%d' % port, 'SSLProxyEngine on', 'SSLProxyVerify require', 'SSLProxyVerifyDepth 5',
             'SSLProxyCACertificateFile %s' % d.ca_file,
             'SSLProxyProtocol -all %s' % programs.version_range(d.least, d.most),
             'ProxyPass / https://127.0.0.1:%d/ retry=0' % d.port, 'ProxyPreserveHost On',
             'SSLProxyCheckPeerName %s' % ('on' if d.name else 'off')]
    if d.certificate:
        lines += ['SSLProxyMachineCertificateFile ' + d.pki.bare(d.certificate)]
        if pathlib.Path(d.pki.rest(d.certificate)).stat().st_size > 0:
            lines += ['SSLProxyMachineCertificateChainFile ' + d.pki.rest(d.certificate)]
    if d.ciphers:
        lines.append('SSLProxyCipherSuite ' + d.ciphers)
    if d.crl:
        lines += ['SSLProxyCARevocationFile ' + d.crl_file, 'SSLProxyCARevocationCheck leaf']
    return programs.apache(prefix, folder, lines, environment(
        folder, **openssl_conf(folder, dataclasses.replace(d, ciphers=None))), [port],
        lambda: ask(port, d.name))


def stunnel_client(prefix, d, folder):
    port = peers.free_port()
    lines = ['[lab]', 'client = yes', 'accept = 127.0.0.1:%d' % port, 'connect = 127.0.0.1:%d' % d.port,
             'verifyChain = yes', 'CAfile = ' + d.ca_file, 'TIMEOUTclose = 0'] + programs.stunnel_settings(d)
    lines += ['checkHost = ' + d.name, 'sni = ' + d.name] if d.name else ['sni =']
    if d.certificate:
        lines += ['cert = ' + d.pki.chain(d.certificate), 'key = ' + d.pki.key(d.certificate)]
    wish = dataclasses.replace(d, groups=None, ciphers=None)
    return programs.stunnel(prefix, folder, lines, environment(folder, **openssl_conf(folder, wish)), [port],
                   lambda: ask(port, d.name))


CLIENTS = {
    'curl': Client(curl, ('curl',)),
    'openssl': Client(openssl_client, ('openssl',), frozenset({'timeout'})),
    'python': Client(scripted((PYTHON, '-c'), PYTHON_CLIENT), (PYTHON,)),
    'node': Client(scripted(('node', '-e'), NODE_CLIENT), ('node',), frozenset({'level2', 'dhe'})),
    'node-https': Client(scripted(('node', '-e'), NODE_HTTPS_CLIENT), ('node',), frozenset({'level2', 'dhe'})),
    'ruby': Client(scripted(('ruby', '-e'), RUBY_CLIENT), ('ruby',), frozenset({'timeout'})),
    'php': Client(scripted(('php', '-r'), PHP_CLIENT), ('php',), frozenset({'crl', 'timeout'})),
    'perl': Client(scripted(('perl', '-e'), PERL_CLIENT), ('perl',), frozenset({'timeout'})),
    'psql': Client(psql, ('/usr/lib/postgresql/15/bin/psql', 'psql'), frozenset({'alpn', 'timeout', 'banner'}), peer='python'),
    'nginx': Client(nginx_client, ('nginx',), frozenset({'alpn'})),
    'haproxy': Client(haproxy_client, ('haproxy',)),
    'apache': Client(apache_client, ('apache2',), frozenset({'alpn', 'timeout'})),
    'stunnel': Client(stunnel_client, ('stunnel4', 'stunnel'), frozenset({'alpn', 'timeout', 'dhe'})),
    'wget': Client(wget, ('wget',), stack='gnutls'),
    'git': Client(git, ('git',), stack='gnutls'),
}
