"""What real programs under test share, as TLS clients and as TLS servers: the settings they are
given, and how they are run and stopped.

A function of client_programs.py or server_programs.py runs a program once under `prefix` (an empty
list, or `handfast run ... --`) and says what came of it. A setting that a program has no option for
goes through OpenSSL's own configuration file.
"""
import contextlib
import dataclasses
import os
import pathlib
import signal
import subprocess
import time

import peers

RUN_S = 40
LOG_S = 0.15  # logs are written after the peer has its answer
FOREIGN = ('HANDFAST_', 'OPENSSL_', 'SSL_', 'CURL_', 'GIT_', 'NODE_', 'PG', 'LD_')  # would change a run
PYTHON = '/usr/bin/python3'
VERSIONS = {'1.0': 'TLSv1', '1.1': 'TLSv1.1', '1.2': 'TLSv1.2', '1.3': 'TLSv1.3'}


@dataclasses.dataclass
class Dial:
    """What a client is to do. Names of certificates are pki.py's."""
    port: int
    pki: object
    name: str = 'good.test'   # asked for and verified; None: the address alone, no server name
    ca: str = 'root'          # 'root' or 'other-root'
    certificate: str = None
    most: str = None          # highest version: '1.2'
    least: str = None
    ciphers: str = None       # of TLS 1.2 and before, OpenSSL's names
    groups: str = None
    signatures: str = None
    alpn: tuple = ()
    crl: str = None           # 'crl', 'crl_missing', 'crl_stale'
    timeout_s: int = 15

    @property
    def crl_file(self):
        return getattr(self.pki, self.crl) if self.crl else None

    @property
    def ca_file(self):
        return self.pki.root if self.ca == 'root' else self.pki.other_root


@dataclasses.dataclass
class Serve:
    """What a server is to do."""
    port: int
    pki: object
    chain: str = 'good'
    most: str = None
    least: str = None
    ciphers: str = None
    groups: str = None
    client_ca: bool = False   # a client certificate is required
    crl: str = None
    alpn: tuple = ()
    strict_names: bool = False  # no host for a name that is not good.test, and none without a name

    @property
    def crl_file(self):
        return getattr(self.pki, self.crl) if self.crl else None


@dataclasses.dataclass
class Outcome:
    code: int
    text: str    # all that the program wrote, its log files included
    peer: str = ''  # what the other side saw


@dataclasses.dataclass
class Client:
    run: object               # (prefix, Dial, folder) -> Outcome
    find: tuple               # names of the program
    lacks: frozenset = frozenset()  # settings it cannot be given: 'alpn', 'groups', 'crl' ...
    stack: str = 'openssl'  # 'gnutls': cannot be observed
    peer: str = None          # the only kind of peer that it can talk to


@dataclasses.dataclass
class Server:
    run: object               # (prefix, Serve, folder, talk) -> Outcome
    find: tuple
    lacks: frozenset = frozenset()
    later: frozenset = frozenset()  # faults that it answers only after the handshake, within it


def environment(folder, **more):
    env = {k: v for k, v in os.environ.items() if not k.startswith(FOREIGN)}
    env.update(HOME=str(folder), LC_ALL='C.UTF-8', TZ='UTC', **more)
    return env


def openssl_conf(folder, wish):
    """{'OPENSSL_CONF': path} where groups or signature algorithms are restricted, else {}."""
    lines = []
    if wish.groups:
        lines.append('Groups = ' + wish.groups)
    if getattr(wish, 'signatures', None):
        lines.append('SignatureAlgorithms = ' + wish.signatures)
    if wish.ciphers:
        lines.append('CipherString = %s:@SECLEVEL=%d' % (wish.ciphers, 2))
    if not lines:
        return {}
    path = pathlib.Path(folder) / 'openssl.cnf'
    path.write_text('openssl_conf = init\n[init]\nssl_conf = modules\n[modules]\nsystem_default = tls\n'
                    '[tls]\nMinProtocol = TLSv1.2\n' + '\n'.join(lines) + '\n')
    return {'OPENSSL_CONF': str(path)}


def finish(prefix, argv, folder, env, stdin=b''):
    """Runs a command to its end."""
    try:
        done = subprocess.run([str(a) for a in prefix + argv], input=stdin, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, cwd=folder, env=env, timeout=RUN_S, check=False)
        return Outcome(done.returncode, done.stdout.decode('utf-8', 'replace'))
    except subprocess.TimeoutExpired as hung:
        return Outcome(-1, 'HUNG ' + (hung.stdout or b'').decode('utf-8', 'replace'))


# --- programs that run until stopped ---

def daemon(prefix, argv, folder, env, ports, talk, logs=(), how=signal.SIGTERM):
    """Starts a daemon in the foreground, talks to it, stops it. `peer` is what talk() returns."""
    out_path = folder / 'out.log'
    with open(out_path, 'wb') as out:
        process = subprocess.Popen([str(a) for a in prefix + argv], stdin=subprocess.DEVNULL, stdout=out,
                                   stderr=out, cwd=folder, env=env, start_new_session=True)
    try:
        if not peers.wait_listening(ports, process):
            peer = 'NOT LISTENING'
        else:
            peer = talk()
            time.sleep(LOG_S)
    finally:
        code = peers.stop(process, how)
    text = ''.join(pathlib.Path(p).read_text(errors='replace') for p in (out_path, *logs)
                   if pathlib.Path(p).exists())
    return Outcome(code, text, peer)


APACHE_MODULES = ('mpm_event', 'ssl', 'proxy', 'proxy_http', 'authz_core', 'dir', 'socache_shmcb')


def apache(prefix, folder, lines, env, ports, talk):
    modules = '/usr/lib/apache2/modules'
    load = ['LoadModule %s_module %s/mod_%s.so' % (m, modules, m) for m in APACHE_MODULES]
    (folder / 'index.html').write_text('ok\n')
    config = folder / 'apache.conf'
    config.write_text('\n'.join(load + [
        'ServerRoot %s' % folder, 'PidFile %s/apache.pid' % folder, 'DefaultRuntimeDir %s' % folder,
        'Mutex file:%s' % folder, 'ErrorLog %s/error.log' % folder, 'LogLevel warn ssl:info',
        'ServerName localhost', 'DocumentRoot %s' % folder, 'StartServers 1', 'MinSpareThreads 1',
        'ThreadsPerChild 4', 'MaxRequestWorkers 4', 'MaxSpareThreads 8', 'Timeout 12', 'User nobody' if os.geteuid() == 0 else '',
        'Group nogroup' if os.geteuid() == 0 else ''] + lines) + '\n')
    for parent in (folder, *folder.parents):  # its worker is nobody, and reads the document
        if parent.stat().st_uid == os.geteuid() and parent != pathlib.Path('/tmp'):
            with contextlib.suppress(OSError):
                parent.chmod(parent.stat().st_mode | 0o055)
    return daemon(prefix, [peers.find('apache2'), '-DFOREGROUND', '-f', config], folder,
                  env, ports, talk, [folder / 'error.log'])


def version_range(least, most):
    return ' '.join('+' + v for k, v in VERSIONS.items() if (least or '1.2') <= k <= (most or '1.3'))


def stunnel(prefix, folder, lines, env, ports, talk):
    config = folder / 'stunnel.conf'
    config.write_text('\n'.join(['foreground = yes', 'pid =', 'debug = info', 'syslog = no'] + lines) + '\n')
    return daemon(prefix, [peers.find('stunnel4', 'stunnel'), config], folder, env, ports, talk)


def stunnel_settings(wish):
    lines = []
    if wish.most:
        lines.append('sslVersionMax = ' + VERSIONS[wish.most])
    if wish.least:
        lines.append('sslVersionMin = ' + VERSIONS[wish.least])
    if wish.ciphers:
        lines.append('ciphers = ' + wish.ciphers)
    if wish.groups:
        lines.append('curves = ' + wish.groups)
    if wish.crl:
        lines.append('CRLfile = ' + wish.crl_file)
    return lines
