#!/usr/bin/env python3
"""The survey of a server equals its configuration: nginx, HAProxy, Apache, stunnel, Java, Node and Go
with known settings. A server that is not installed is skipped."""
import contextlib
import dataclasses
import json
import pathlib
import shutil
import subprocess
import tempfile

import harness
import peers
import programs
from test_probe_survey import ALL13, VERSIONS, at, faults_of_form, suites

TWO = 'ECDHE-RSA-AES128-GCM-SHA256:ECDHE-RSA-AES256-GCM-SHA384'
BOTH = 'ECDHE+AESGCM:ECDHE+CHACHA20'
OLD = 'ALL:!aNULL:!eNULL:!PSK:!SRP:!ARIA:!CAMELLIA@SECLEVEL=0'
LOOPBACK = peers.LOOPBACK


@dataclasses.dataclass
class Row:
    name: str
    start: object              # (folder, port) -> argv
    program: tuple             # names of it
    versions: tuple = ('1.2', '1.3')
    spec: str = None           # of OpenSSL's ciphers, up to TLS 1.2; None: not checked, or by `listed`
    auths: tuple = ('RSA',)
    order: str = None          # 'server': the list has this order
    more: dict = dataclasses.field(default_factory=dict)
    names: dict = None         # name of the SNI matrix: the host its certificate is for; None: refused
    key_types: tuple = ('RSA',)
    listed: str = None         # file with the suites that the server says it has, IANA's names


# --- how each server is told ---

def nginx(*servers, common=''):
    def start(folder, port):
        blocks = ''.join('server { listen %s:%d ssl%s; %s location / { return 200 "ok\\n"; } }\n'
                         % (LOOPBACK, port, flags, lines) for flags, lines in servers)
        return [peers.find('nginx'), '-e', folder / 'error.log', '-c',
                peers.nginx_config(folder, http=common + blocks)]
    return start


MODERN = ' ssl_protocols TLSv1.2 TLSv1.3; '


def nginx_certificate(*names):
    return ' '.join('ssl_certificate %s.pem; ssl_certificate_key %s.key;' % (n, n) for n in names)


def haproxy(words):
    def start(folder, port):
        config = folder / 'haproxy.cfg'
        config.write_text('global\n nbthread 1\n maxconn 200\n tune.ssl.default-dh-param 2048\ndefaults\n mode http\n'
                          ' timeout client 12s\n timeout server 12s\n timeout connect 12s\n'
                          'frontend f\n bind %s:%d ssl %s\n http-request return status 200\n'
                          % (LOOPBACK, port, words))
        return [peers.find('haproxy'), '-db', '-f', config]
    return start


def apache(*hosts):
    """Each host: lines within a VirtualHost."""
    def start(folder, port):
        modules = '/usr/lib/apache2/modules'
        lines = ['LoadModule %s_module %s/mod_%s.so' % (m, modules, m)
                 for m in ('mpm_event', 'ssl', 'authz_core', 'socache_shmcb')]
        lines += ['ServerRoot %s' % folder, 'PidFile %s/pid' % folder, 'DefaultRuntimeDir %s' % folder,
                  'Mutex file:%s' % folder, 'ErrorLog %s/error.log' % folder, 'ServerName localhost',
                  'StartServers 1', 'ThreadsPerChild 25', 'MaxRequestWorkers 100', 'User nobody', 'Group nogroup',
                  'SSLSessionCache shmcb:%s/sessions' % folder, 'Listen %s:%d' % (LOOPBACK, port)]
        lines += ['<VirtualHost %s:%d>\nSSLEngine on\n%s\n</VirtualHost>' % (LOOPBACK, port, h) for h in hosts]
        config = folder / 'apache.conf'
        config.write_text('\n'.join(lines) + '\n')
        return [peers.find('apache2'), '-DFOREGROUND', '-f', config]
    return start


def apache_host(name, *lines, cert=None):
    cert = cert or name.split('.', maxsplit=1)[0]
    return '\n'.join(('ServerName ' + name, 'SSLCertificateFile %s.pem' % cert, 'SSLCertificateKeyFile %s.key' % cert)
                     + lines)


def stunnel(*lines):
    def start(folder, port):
        config = folder / 'stunnel.conf'
        config.write_text('\n'.join(('foreground = yes', 'pid =', 'debug = info', 'syslog = no', '[s]',
                                     'accept = %s:%d' % (LOOPBACK, port), 'connect = %s:9' % LOOPBACK) + lines) + '\n')
        return [peers.find('stunnel4', 'stunnel'), config]
    return start


JAVA = r'''
import com.sun.net.httpserver.*;
import java.io.*;
import java.net.*;
import java.nio.file.*;
import java.security.*;
import java.util.*;
import java.util.concurrent.*;
import javax.net.ssl.*;

public class Lab {
    public static void main(String[] a) throws Exception {
        KeyStore k = KeyStore.getInstance("PKCS12");
        k.load(new FileInputStream("a.p12"), "secret".toCharArray());
        KeyManagerFactory f = KeyManagerFactory.getInstance("SunX509");
        f.init(k, "secret".toCharArray());
        SSLContext c = SSLContext.getInstance("TLS");
        c.init(f.getKeyManagers(), null, null);
        SSLParameters wish = c.getDefaultSSLParameters();
        if (!a[1].isEmpty()) wish.setProtocols(a[1].split(","));
        if (!a[2].isEmpty()) wish.setCipherSuites(a[2].split(","));
        wish.setNeedClientAuth(a[3].equals("need"));
        wish.setUseCipherSuitesOrder(true);
        Files.write(Paths.get("listed"), Arrays.asList(wish.getCipherSuites()));
        HttpsServer s = HttpsServer.create(new InetSocketAddress("127.0.0.1", Integer.parseInt(a[0])), 500);
        s.setHttpsConfigurator(new HttpsConfigurator(c) {
            public void configure(HttpsParameters p) { p.setSSLParameters(wish); }
        });
        s.setExecutor(Executors.newFixedThreadPool(8));
        s.createContext("/", x -> { x.sendResponseHeaders(200, 2); x.getResponseBody().write("ok".getBytes()); x.close(); });
        s.start();
    }
}
'''


def java(protocols='', ciphers='', auth=''):
    def start(folder, port):
        (folder / 'Lab.java').write_text(JAVA)
        return [peers.find('java'), '-Xmx256m', '-XX:TieredStopAtLevel=1', 'Lab.java', str(port), protocols, ciphers, auth]
    return start


NODE = r'''
const fs = require("fs"), tls = require("tls");
const s = JSON.parse(process.argv[1]);
const pair = (n) => ({ cert: fs.readFileSync(n + ".pem"), key: fs.readFileSync(n + ".key") });
const server = tls.createServer(Object.assign(pair("a"), s.options), (c) => { c.on("error", () => 0); c.end("ok"); });
for (const n of s.hosts) server.addContext(n + ".test", pair(n));
server.on("tlsClientError", () => 0);
server.listen({ port: s.port, host: "127.0.0.1", backlog: 500 });
'''


def node(hosts=(), **options):
    def start(_folder, port):
        return [peers.find('node'), '-e', NODE, json.dumps({'port': port, 'hosts': hosts, 'options': options})]
    return start


GO = r'''
package main

import (
	"crypto/tls"
	"net"
	"os"
	"strings"
)

func main() {
	pair, err := tls.LoadX509KeyPair("a.pem", "a.key")
	if err != nil {
		panic(err)
	}
	c := &tls.Config{Certificates: []tls.Certificate{pair}}
	var names []string
	for _, s := range tls.CipherSuites() {
		if !strings.Contains(s.Name, "ECDSA") {
			names = append(names, s.Name)
		}
	}
	for _, s := range tls.InsecureCipherSuites() { // which Go has switched on in old releases
		if strings.Contains(s.Name, "3DES") {
			names = append(names, s.Name)
		}
	}
	if len(os.Args) > 2 {
		c.MinVersion, c.MaxVersion = tls.VersionTLS12, tls.VersionTLS12
		c.CipherSuites = []uint16{tls.TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256}
		c.CurvePreferences = []tls.CurveID{tls.CurveP384}
		c.ClientAuth = tls.RequireAnyClientCert
		c.SessionTicketsDisabled = true
		names = []string{"TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256"}
	}
	c.NextProtos = []string{"h2", "http/1.1"}
	os.WriteFile("listed", []byte(strings.Join(names, "\n")), 0o644)
	l, err := tls.Listen("tcp", "127.0.0.1:"+os.Args[1], c)
	if err != nil {
		panic(err)
	}
	for {
		a, err := l.Accept()
		if err != nil {
			panic(err)
		}
		go func(a net.Conn) {
			a.(*tls.Conn).Handshake()
			a.Write([]byte("ok"))
			a.Close()
		}(a)
	}
}
'''


def golang(*words):
    def start(folder, port):
        (folder / 'lab.go').write_text(GO)
        subprocess.run([peers.find('go'), 'build', '-o', 'lab', 'lab.go'], cwd=folder, check=True,
                       env=programs.environment(folder, GOFLAGS='-mod=mod', GO111MODULE='off'))
        return [folder / 'lab', str(port), *words]
    return start


# --- the rows ---

RIGHT = {'server_names.right.accepted': 'yes'}
HOSTS = {'right': 'a.test', 'none': 'b.test', 'wrong': 'b.test', 'case': 'a.test'}
NGINX = ('nginx',)
ROWS = [
    Row('nginx: two suites, its own order and groups', nginx(('', nginx_certificate('a') + '''
        ssl_protocols TLSv1.2 TLSv1.3; ssl_ciphers ECDHE-RSA-AES128-GCM-SHA256:ECDHE-RSA-AES256-GCM-SHA384;
        ssl_prefer_server_ciphers on; ssl_ecdh_curve secp384r1:prime256v1; ssl_session_tickets off;''')), NGINX,
        spec=TWO, order='server',
        more={'groups_tls13.accepted': ['secp384r1', 'secp256r1'], 'sessions.tickets_tls12': 'no',
              'alpn.accepted': ['http/1.1', 'http/1.0', 'http/0.9'], 'client_certificate.asked': 'no'}),
    Row('nginx: all versions, keys of two kinds', nginx(('', nginx_certificate('a', 'aec') + '''
        ssl_protocols TLSv1 TLSv1.1 TLSv1.2 TLSv1.3; ssl_ciphers "%s"; ssl_prefer_server_ciphers on;''' % OLD)), NGINX,
        versions=('1.0', '1.1', '1.2', '1.3'), spec=OLD.replace(':!aNULL', ':!DHE:!aNULL'), auths=('RSA', 'ECDSA'),
        order='server', key_types=('RSA', 'EC P-256'), more={'sessions.tickets_tls12': 'yes', 'sessions.tickets_tls13': 'yes'}),
    Row('nginx: three hosts at one address', nginx((' default_server', 'server_name b.test;' + MODERN + nginx_certificate('b')),
                                                   ('', 'server_name a.test;' + MODERN + nginx_certificate('a')),
                                                   ('', 'server_name c.test;' + MODERN + nginx_certificate('c'))), NGINX,
        names=dict(HOSTS, **{'trailing-dot': 'a.test', 'address': 'b.test'})),
    Row('nginx: no host but the named', nginx((' default_server', MODERN + 'ssl_reject_handshake on;'),
                                              ('', 'server_name a.test;' + MODERN + nginx_certificate('a'))), NGINX,
        names={'right': 'a.test', 'none': None, 'wrong': None, 'case': 'a.test'},
        more={'server_names.wrong.alert': 'unrecognized_name'}),
    Row('nginx: a client certificate, asked for and missed within HTTP only', nginx(('', MODERN + nginx_certificate('a') + '''
        ssl_verify_client on; ssl_client_certificate b.pem;''')), NGINX,
        more={'client_certificate.asked': 'yes', 'client_certificate.required': 'no',
              'client_certificate.authorities': ['CN=b.test']}),
    Row('nginx: HTTP/2, TLS 1.3 alone', nginx((' http2', nginx_certificate('a') + ' ssl_protocols TLSv1.3;')), NGINX,
        versions=('1.3',), more={'alpn.accepted': ['h2', 'http/1.1', 'http/1.0', 'http/0.9']}),
    Row('nginx: an ECDSA key, TLS 1.2 and four groups', nginx(('', nginx_certificate('aec') + '''
        ssl_protocols TLSv1.2; ssl_ciphers %s; ssl_ecdh_curve X25519:prime256v1:secp384r1:secp521r1;''' % BOTH)), NGINX,
        versions=('1.2',), spec=BOTH, auths=('ECDSA',), key_types=('EC P-256',),
        more={'groups_tls12.accepted': {'x25519', 'secp256r1', 'secp384r1', 'secp521r1'}}),
    Row('HAProxy: TLS 1.2 alone, ALPN', haproxy('crt a.pair ssl-max-ver TLSv1.2 alpn h2,http/1.1 ciphers %s' % TWO),
        ('haproxy',), versions=('1.2',), spec=TWO, order='server', more={'alpn.accepted': ['h2', 'http/1.1']}),
    Row('HAProxy: only named hosts, a client certificate required, one curve',
        haproxy('crt a.pair strict-sni ca-file b.pem verify required curves P-384 no-tls-tickets ciphers %s' % TWO),
        ('haproxy',), spec=TWO, names={'right': 'a.test', 'none': None, 'wrong': None},
        more={'client_certificate.asked': 'yes', 'client_certificate.required': 'yes',
              'groups_tls13.accepted': ['secp384r1'], 'sessions.tickets_tls12': 'not-asked'}),
    Row('HAProxy: keys of two kinds, three hosts', haproxy('crt b.pair crt a.pair crt aec.pair crt c.pair'), ('haproxy',),
        names=HOSTS),
    Row('Apache: TLS 1.2, its own order', apache(apache_host(
        'a.test', 'SSLProtocol -all +TLSv1.2', 'SSLCipherSuite ' + TWO, 'SSLHonorCipherOrder on',
        'SSLOpenSSLConfCmd Groups X25519', 'SSLSessionTickets off')), ('apache2',), versions=('1.2',), spec=TWO,
        order='server', more={'groups_tls12.accepted': ['x25519'], 'sessions.tickets_tls12': 'no',
                              'sessions.ids_tls12': 'yes'}),
    Row('Apache: two hosts, and a client certificate required', apache(
        apache_host('b.test', 'SSLVerifyClient require', 'SSLCACertificateFile b.pem'),
        apache_host('a.test', 'SSLVerifyClient require', 'SSLCACertificateFile b.pem')), ('apache2',), names=HOSTS,
        more={'client_certificate.asked': 'yes', 'client_certificate.required': 'yes'}),
    Row('stunnel: TLS 1.2, one curve', stunnel(
        'cert = a.pem', 'key = a.key', 'sslVersionMax = TLSv1.2', 'sslVersionMin = TLSv1.2', 'ciphers = ' + TWO,
        'curves = secp521r1'), ('stunnel4', 'stunnel'), versions=('1.2',), spec=TWO,
        more={'groups_tls12.accepted': ['secp521r1']}),
    Row('stunnel: a client certificate required', stunnel(
        'cert = a.pem', 'key = a.key', 'verifyChain = yes', 'requireCert = yes', 'CAfile = b.pem', 'sslVersionMin = TLSv1.2'),
        ('stunnel4', 'stunnel'), more={'client_certificate.asked': 'yes', 'client_certificate.required': 'yes'}),
    Row('Java 17: defaults', java(), ('java',), listed='listed', order='server'),
    Row('Java 17: TLS 1.2, two suites, a client certificate required',
        java('TLSv1.2', 'TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384,TLS_RSA_WITH_AES_128_CBC_SHA', 'need'), ('java',),
        versions=('1.2',), listed='listed', order='server',
        more={'client_certificate.asked': 'yes', 'client_certificate.required': 'yes'}),
    Row('Node: defaults, ALPN, three hosts', node(('b', 'c'), ALPNProtocols=['h2', 'http/1.1']), ('node',),
        names={'right': 'a.test', 'none': 'a.test', 'wrong': 'a.test'},
        more={'versions.0.cipher_suites.accepted': ALL13, 'alpn.accepted': ['h2', 'http/1.1']}),
    Row('Node: TLS 1.2, two suites', node(maxVersion='TLSv1.2', ciphers=TWO, honorCipherOrder=True, ecdhCurve='P-256:X448'),
        ('node',), versions=('1.2',), spec=TWO, order='server', more={'groups_tls12.accepted': {'secp256r1', 'x448'}}),
    Row('Go: defaults', golang(), ('go',), versions=('1.0', '1.1', '1.2', '1.3'), listed='listed',
        more={'alpn.accepted': ['h2', 'http/1.1'], 'sessions.tickets_tls12': 'yes', 'client_certificate.asked': 'no',
              'groups_tls13.accepted': {'x25519', 'secp256r1', 'secp384r1', 'secp521r1'}}),
    Row('Go: TLS 1.2, one suite, one curve, a client certificate required', golang('narrow'), ('go',), versions=('1.2',),
        listed='listed', more={'groups_tls12.accepted': ['secp384r1'], 'client_certificate.asked': 'yes',
                               'client_certificate.required': 'yes'}),
]


# --- judging ---

def judge_suites(row, found, folder):
    by_version = {v['version']: v for v in found['versions']}
    wrong = ['%s: %s' % (name, by_version[name]['accepted']) for version, name in VERSIONS.items()
             if by_version[name]['accepted'] != ('yes' if version in row.versions else 'no')]
    listed = (folder / row.listed).read_text().split() if row.listed else []
    for version in row.versions:
        got = by_version[VERSIONS[version]]['cipher_suites']
        if row.listed and version >= '1.2':
            own = [n for n in listed if not n.endswith('SCSV') and '_ECDSA_' not in n and '_DSS_' not in n
                   and '_ECDH_' not in n and ('_WITH_' in n) == (version == '1.2')]
        elif row.spec and version != '1.3':
            own = suites(row.spec, row.auths, version)
        else:
            continue
        if set(got['accepted']) != set(own):
            wrong.append('suites of %s: missing %s, too many %s' % (version, sorted(set(own) - set(got['accepted'])),
                                                                    sorted(set(got['accepted']) - set(own))))
        elif row.order == 'server' and got['accepted'] != own:
            wrong.append('order of %s: %s, wanted %s' % (version, got['accepted'], own))
    return wrong


def host_of(found, name):
    """The name in the certificate that a server name brought; None where it was refused."""
    answer = found['server_names'][name]
    if answer['certificate'] is None:
        return None if answer['accepted'] == 'no' else answer['accepted']
    return found['certificates'][answer['certificate']]['chain'][0]['names'][0]


def judge(row, found, folder):
    wrong = faults_of_form(found) + judge_suites(row, found, folder)
    for path, want in row.more.items():
        got = at(found, path)
        if (set(got) if isinstance(want, set) else got) != want:
            wrong.append('%s: %r, wanted %r' % (path, got, want))
    for name, host in (row.names or {}).items():
        if host_of(found, name) != host:
            wrong.append('the name "%s" brings %s, wanted %s' % (name, host_of(found, name), host))
    keys = {c['key'] for c in found['certificates']}
    if not row.names and keys != set(row.key_types):
        wrong.append('certificates with %s, wanted %s' % (sorted(keys), sorted(row.key_types)))
    return wrong


def prepare(folder, made):
    folder.mkdir()
    for path in made.iterdir():
        shutil.copy(path, folder)
    for parent in (folder, folder.parent):  # a server's worker may be another user
        parent.chmod(0o755)


def check_row(row, made):
    if peers.find(*row.program) is None:
        return None
    port = peers.free_port()
    folder = made.parent / str(port)
    prepare(folder, made)
    with contextlib.ExitStack() as stack:
        out = stack.enter_context(open(folder / 'out.log', 'wb'))
        process = subprocess.Popen([str(w) for w in row.start(folder, port)], cwd=folder, stdin=subprocess.DEVNULL,
                                   stdout=out, stderr=out, env=programs.environment(folder), start_new_session=True)
        stack.callback(peers.stop, process)
        if not peers.wait_listening([port], process, 90):
            return ['it does not listen', (folder / 'out.log').read_text(errors='replace')[-2000:]]
        done = harness.run('probe', '--json', '--trust', 'none', '--sni', 'a.test', '--fail-on', 'none',
                           '%s:%d' % (LOOPBACK, port), cwd=folder)
    if done.crashed or done.code != 0:
        return [str(done)]
    return judge(row, done.verdicts()[0], folder)


def make_certificates(folder):
    folder.mkdir()
    for name, host, kind in (('a', 'a', ['rsa:2048']), ('b', 'b', ['rsa:2048']), ('c', 'c', ['rsa:2048']),
                             ('aec', 'a', ['ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1'])):
        subprocess.run(['openssl', 'req', '-x509', '-newkey', *kind, '-nodes', '-subj', '/CN=%s.test' % host, '-days', '30',
                        '-addext', 'subjectAltName=DNS:%s.test' % host, '-keyout', name + '.key', '-out', name + '.pem'],
                       cwd=folder, check=True, stderr=subprocess.DEVNULL)
        (folder / (name + '.pair')).write_text((folder / (name + '.pem')).read_text() + (folder / (name + '.key')).read_text())
    subprocess.run(['openssl', 'pkcs12', '-export', '-in', 'a.pem', '-inkey', 'a.key', '-passout', 'pass:secret', '-out',
                    'a.p12'], cwd=folder, check=True)
    for path in folder.iterdir():
        path.chmod(0o644)


def main():
    tap = harness.Tap()
    folder = pathlib.Path(tempfile.mkdtemp(prefix='probe-servers.'))
    try:
        make_certificates(folder / 'made')
        results = harness.in_parallel(check_row, [(row, folder / 'made') for row in ROWS])
        for row, wrong in zip(ROWS, results):
            if wrong is None:
                tap.skip(row.name, 'no such server here')
            else:
                tap.ok(not wrong, '%s: the survey equals the configuration' % row.name, *wrong)
    finally:
        shutil.rmtree(folder)
    tap.done()


if __name__ == '__main__':
    main()
