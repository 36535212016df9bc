#!/usr/bin/env python3
"""The agent as a guest: what it exports, how it leaves the program's ends, descriptors, callbacks,
children, threads and forks, and what it says of programs that it cannot look into."""
import json
import os
import pathlib
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time

import harness
import peers
import pki
import programs

EXPORTS = {
    'SSL_CTX_new', 'SSL_CTX_new_ex', 'SSL_CTX_set_msg_callback', 'SSL_set_msg_callback',
    'SSL_CTX_set_keylog_callback', 'SSL_CTX_load_verify_locations', 'SSL_CTX_load_verify_file',
    'SSL_CTX_load_verify_dir', 'SSL_CTX_set_default_verify_paths', 'SSL_free', 'SSL_clear',
    'SSL_renegotiate', 'SSL_verify_client_post_handshake', 'X509_STORE_load_file', 'X509_STORE_load_locations',
    'X509_check_host', 'X509_check_ip', 'X509_check_ip_asc', 'X509_STORE_load_path', 'X509_STORE_set_default_paths', 'SSL_ImportFD', 'gnutls_handshake',
}
NEEDED = {'libc.so.6'}
LIBRARY = pathlib.Path(harness.program()).parent / 'src' / 'agent' / 'libhandfast-agent.so'
GUEST_SOURCES = ('agent/interpose.c', 'agent/origin.c', 'agent/outbox.c', 'agent/preload.c',
                 'observe/again.c', 'observe/calls.c', 'observe/fresh.c', 'observe/hooks.c',
                 'observe/in_force.c', 'observe/kept.c', 'observe/names.c', 'observe/note.c',
                 'observe/observer.c', 'observe/own_certificate.c', 'observe/sockets.c', 'observe/told.c',
                 'base/clock.c', 'base/text.c', 'base/utf8.c')

# d: port of a good server, port of an expired one, CA file
SCRIPT_HEAD = r'''
import json, os, socket, ssl, sys, threading
good, bad, ca = json.loads(sys.argv[1])
c = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
c.load_verify_locations(ca)
def dial(port):
    try:
        with socket.create_connection(("127.0.0.1", port), 10) as s, c.wrap_socket(s, server_hostname="good.test") as t:
            t.sendall(b"GET / HTTP/1.0\r\n\r\n")
            return len(t.recv(4096)) > 0
    except ssl.SSLCertVerificationError:
        return False
'''


class Lab:
    def __init__(self, folder, group):
        self.folder, self.made = folder, pki.make(folder / 'pki', ('good', 'expired'))
        self.good = group.tls(chain=self.made.chain('good'), key=self.made.key('good'))
        self.bad = group.tls(chain=self.made.chain('expired'), key=self.made.key('expired'))
        self.n = 0

    def run(self, argv, *options, stdin=b'', seconds=60, output=True):
        """(Run, verdicts) of `handfast run OPTIONS -- ARGV`."""
        self.n += 1
        path = self.folder / ('verdicts-%d.json' % self.n)
        more = ['--json', '--output', str(path)] if output else []
        done = harness.run('run', *more, *options, '--', *argv, stdin=stdin, timeout=seconds,
                           env={'ASAN_OPTIONS': 'detect_leaks=1:exitcode=%d' % harness.SANITIZER_EXIT})
        lines = path.read_text().splitlines() if path.exists() else []
        return done, [v for v in map(json.loads, filter(None, lines)) if v.get('type') is None]

    def script(self, body, *options, prefix=True):
        """A Python program with dial(), good and bad."""
        argv = [programs.PYTHON, '-c', SCRIPT_HEAD + body, json.dumps([self.good, self.bad, self.made.root])]
        if prefix:
            return self.run(argv, *options)
        done = subprocess.run(argv, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=60, check=False)
        return harness.Run(argv, done.returncode, done.stdout, b''), []


def causes(verdicts):
    return sorted(v['cause'] or v['outcome'] for v in verdicts)


def check_library(tap, _):
    """Nothing but what is in the list is visible, and nothing but the C library is needed."""
    names = subprocess.run(['nm', '-D', '--defined-only', LIBRARY], stdout=subprocess.PIPE, text=True, check=False).stdout
    tap.equal({line.split()[-1].split('@')[0] for line in names.splitlines() if ' A ' not in line}, EXPORTS, 'exports')
    dynamic = subprocess.run(['readelf', '-d', LIBRARY], stdout=subprocess.PIPE, text=True, check=False).stdout
    needed = {line.split('[')[1].rstrip(']') for line in dynamic.splitlines() if '(NEEDED)' in line}
    tap.equal(needed - NEEDED, set(), 'needs the C library alone')


def check_ends(tap, lab):
    """Exit statuses and signals are the command's."""
    for status in (0, 1, 37, 255):
        tap.equal(lab.run(['sh', '-c', 'exit %d' % status])[0].code, status, 'exit status %d' % status)
    for name in ('TERM', 'KILL', 'SEGV', 'INT'):
        plain = subprocess.run(['sh', '-c', 'kill -%s $$' % name], check=False).returncode
        tap.equal(lab.run(['sh', '-c', 'kill -%s $$' % name])[0].code, plain, 'ended by SIG' + name)
    tap.equal(lab.run(['cat'], stdin=b'a\0b\n', output=False)[0].out, b'a\0b\n', 'input and output pass')
    missing, _ = lab.run(['./no-such-command'])
    tap.ok(missing.code == 127 and 'no-such-command' in missing.errors, 'a command that is not there: 127', missing)
    forbidden, _ = lab.run(['/etc/passwd'])
    tap.ok(forbidden.code == 126, 'a command that may not run: 126', forbidden)
    tap.equal(lab.run([])[0].code, 2, 'no command: misuse')
    words = 'import os, signal, sys; signal.signal(signal.SIGCHLD, signal.SIG_IGN); os.execvp(sys.argv[1], sys.argv[1:])'
    ignoring = subprocess.run([programs.PYTHON, '-c', words, harness.program(), 'run', '--', 'sh', '-c', 'exit 7'], timeout=30,
                              check=False, env=harness.environment())
    tap.equal(ignoring.returncode, 7, 'started by somebody who ignores SIGCHLD')


def check_stuck(tap, lab):
    """What cannot be written is said; a reader that reads nothing does not hold up the command's end."""
    body = 'dial(bad); dial(good); sys.exit(int(sys.argv[2]))'
    for options in (('--keylog', '/dev/full'), ('--output', '/dev/full')):
        for status in (0, 6):
            argv = [programs.PYTHON, '-c', SCRIPT_HEAD + body, json.dumps([lab.good, lab.bad, lab.made.root]), str(status)]
            done, _ = lab.run(argv, *options, output=False)
            tap.ok(done.code == (status or 3) and '/dev/full' in done.errors, '%s on a full disk, exit %d' % (options[0], status), done)
    place = str(lab.folder / 'stuck.sock')
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as reader:
        reader.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1)
        reader.bind(place)
        reader.listen(1)
        argv = [programs.PYTHON, '-c', SCRIPT_HEAD + 'for i in range(120): dial(bad)\nsys.exit(6)',
                json.dumps([lab.good, lab.bad, lab.made.root])]
        done, _ = lab.run(argv, '--output', 'unix:' + place, output=False, seconds=30)
        tap.ok(done.code == 6 and 'stuck.sock' in done.errors, 'a Unix socket that nobody reads', done)


def check_signals(tap, lab):
    """A signal to `handfast run` reaches the command, which decides."""
    words = "trap 'echo caught; exit 9' TERM; echo ready; while :; do sleep 0.1; done"
    argv = [harness.program(), 'run', '--json', '--output', str(lab.folder / 'signal.json'), '--', 'sh', '-c', words]
    process = subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env=harness.environment())
    ready = process.stdout.readline()
    process.send_signal(signal.SIGTERM)
    try:
        out, _ = process.communicate(timeout=20)
    except subprocess.TimeoutExpired:
        process.kill()
        out = b'did not end'
    tap.equal((ready, out, process.returncode), (b'ready\n', b'caught\n', 9), 'SIGTERM is passed on')
    numbers = [signal.SIGALRM, signal.SIGWINCH, signal.SIGCONT, signal.SIGIO, signal.SIGRTMIN, signal.SIGRTMAX, signal.SIGUSR1]
    words = """
import signal, sys
wanted = %r
signal.pthread_sigmask(signal.SIG_BLOCK, wanted)
print("ready", flush=True)
got = set()
while got < set(wanted):
    info = signal.sigtimedwait(wanted, 20)
    if info is None: break
    got.add(info.si_signo)
print(sorted(got))
""" % sorted(map(int, numbers))
    process = subprocess.Popen([harness.program(), 'run', '--', programs.PYTHON, '-c', words], stdout=subprocess.PIPE,
                               env=harness.environment())
    ready = process.stdout.readline()
    for number in numbers:
        process.send_signal(number)
    out, _ = process.communicate(timeout=40)
    tap.equal((ready, out.decode(), process.returncode), (b'ready\n', '%r\n' % sorted(map(int, numbers)), 0),
              'other signals are passed on, and end nobody')


def check_children(tap, lab):
    """Children of children are followed, whatever program they are."""
    one = 'curl -sS --cacert %s --resolve good.test:%d:127.0.0.1 https://good.test:%d/' % (lab.made.root, lab.bad, lab.bad)
    done, verdicts = lab.run(['sh', '-c', '(%s); env sh -c "%s"; true' % (one, one)])
    tap.ok(causes(verdicts) == ['certificate-expired'] * 2, 'children of children', done, verdicts)


def check_forks(tap, lab):
    done, verdicts = lab.script('''
print(dial(bad))
child = os.fork()
if child == 0:
    ok = dial(bad)
    os._exit(4 if ok else 3)
print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), dial(bad))
''')
    tap.equal((done.text, causes(verdicts)), ('False\n3 False\n', ['certificate-expired'] * 3), 'before and after a fork')
    done, verdicts = lab.script('''
s = socket.create_connection(("127.0.0.1", good), 10)
t = c.wrap_socket(s, server_hostname="good.test", do_handshake_on_connect=False)
t.setblocking(False)
try: t.do_handshake()
except ssl.SSLWantReadError: pass
if os.fork() == 0: sys.exit(0)
os.wait()
t.settimeout(10); t.do_handshake(); t.sendall(b"GET / HTTP/1.0\\r\\n\\r\\n"); print(len(t.recv(4096)) > 0)
''', '--all')
    tap.ok(done.text == 'True\n' and causes(verdicts) == ['completed'], 'a fork in the middle of a handshake is no failure',
           done, verdicts)


def check_left(tap, lab):
    """A program that closes its socket in mid-handshake was not left by the other side."""
    done, verdicts = lab.script('''
s = socket.create_server(("127.0.0.1", 0))
t = c.wrap_socket(socket.create_connection(s.getsockname()), server_hostname="good.test", do_handshake_on_connect=False)
t.setblocking(False)
try: t.do_handshake()
except ssl.SSLWantReadError: pass
sys.exit(4)
''')
    tap.equal((done.code, [v['rejected_by'] for v in verdicts]), (4, ['client']), 'who left in mid-handshake')


def check_bare(tap, lab):
    """A server that has no certificate at all."""
    done, verdicts = lab.script('''
l = socket.create_server(("127.0.0.1", 0))
def serve():
    try: ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).wrap_socket(l.accept()[0], server_side=True)
    except ssl.SSLError as e: reasons.append(e.reason)
reasons = []
t = threading.Thread(target=serve); t.start()
try: c.wrap_socket(socket.create_connection(l.getsockname()), server_hostname="good.test")
except ssl.SSLError: pass
t.join(); print(reasons)
''')
    found = [(v['cause'], v['confidence']) for v in verdicts if v['inside']['side'] == 'server']
    tap.ok('NO_SHARED_CIPHER' in done.text and found == [('signature-mismatch', 'probable')], 'a server without a certificate', done, verdicts)


def check_name(tap, lab):
    """A program that was started by a link to it is called as its user calls it."""
    link = lab.folder / 'by-another-name'
    link.symlink_to(os.path.realpath(programs.PYTHON))
    _, verdicts = lab.run([link, '-c', 'import socket, ssl; ssl.create_default_context().wrap_socket('
                           'socket.create_connection(("127.0.0.1", %d)), server_hostname="good.test")' % lab.good])
    tap.equal([v['inside']['program'] for v in verdicts], [str(link)], 'the name of a program')


def check_threads(tap, lab):
    done, verdicts = lab.script('''
n = [0, 0]
def many():
    for i in range(20):
        n[dial(good if i % 2 else bad)] += 1
ts = [threading.Thread(target=many) for _ in range(8)]
[t.start() for t in ts]; [t.join() for t in ts]
print(n)
''', '--all')
    counts = {word: causes(verdicts).count(word) for word in set(causes(verdicts))}
    tap.equal((done.text, counts), ('[80, 80]\n', {'certificate-expired': 80, 'completed': 80}), 'threads')


def check_odd(tap, lab):
    """A program that forks, closes all descriptors, changes its root, its user ... in mid-handshake."""
    source, program = harness.SOURCE / 'tests' / 'integration' / 'agent_odd.c', lab.folder / 'agent_odd'
    subprocess.run(['cc', '-O1', '-D_GNU_SOURCE', '-o', program, source, '-lssl', '-lcrypto', '-pthread'], check=True)
    empty = lab.folder / 'empty'
    empty.mkdir()
    argv = [program, lab.made.chain('good'), lab.made.key('good'), empty]
    plain = subprocess.run(argv, stdout=subprocess.PIPE, timeout=120, check=False).stdout.decode()
    done, verdicts = lab.run(argv, seconds=120)
    lines = done.text.splitlines()
    tap.ok(len(lines) == 10 and lines == plain.splitlines(), 'odd programs: as many things as without', done, plain)
    for line in lines:
        tap.ok(line.endswith('as it ought to'), 'odd programs: ' + line.split(':')[0], line)
    certain = {v['cause'] for v in verdicts if v['confidence'] == 'certain'}
    n_right = sum(v['cause'] == 'certificate-untrusted-ca' for v in verdicts if v['inside']['side'] == 'client')
    tap.ok(certain <= {'certificate-untrusted-ca'} and n_right >= 200, 'odd programs: the cause', certain, n_right)
    tap.ok(len(verdicts) >= 300, 'odd programs: the agent was at work', '%d verdicts' % len(verdicts))


def check_dlsym(tap, lab):
    """An OpenSSL that nobody links, and a program that uses more indexes than it was given (Qt)."""
    source, program = harness.SOURCE / 'tests' / 'integration' / 'agent_dlsym.c', lab.folder / 'agent_dlsym'
    subprocess.run(['cc', '-O1', '-D_GNU_SOURCE', '-o', program, source, '-ldl'], check=True)
    argv = [program, lab.made.chain('good'), lab.made.key('good')]
    plain = subprocess.run(argv, stdout=subprocess.PIPE, timeout=60, check=False)
    done, verdicts = lab.run(argv)
    tap.equal((done.code, done.text), (0, plain.stdout.decode()), 'an OpenSSL found with dlsym(): as without')
    tap.equal([v['cause'] for v in verdicts if v['inside']['side'] == 'client'], ['certificate-untrusted-ca'] * 3,
              'an OpenSSL found with dlsym(): the cause')


def check_dtls(tap, lab):
    """Datagrams: a certificate that goes in pieces is told as it was, by who sent it."""
    for options, want in (((), None), (('-verify_return_error', '-CAfile', lab.made.other_root), 'certificate-untrusted-ca')):
        port = peers.free_port()
        path = lab.folder / ('dtls-%d.json' % port)
        server = subprocess.Popen([harness.program(), 'run', '--all', '--json', '--output', str(path), '--', 'openssl', 's_server', '-dtls',
                                   '-accept', str(port), '-cert', lab.made.chain('good'), '-cert_chain', lab.made.chain('good'),
                                   '-key', lab.made.key('good'), '-naccept', '1', '-mtu', '400'],
                                  stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env=harness.environment())
        while b'ACCEPT' not in server.stdout.readline():
            pass
        talk = subprocess.Popen(['openssl', 's_client', '-dtls', '-connect', '127.0.0.1:%d' % port, '-mtu', '400',
                                 *(options or ('-CAfile', lab.made.root))],
                                stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        time.sleep(0.7)
        talk.communicate(b'Q\n', timeout=20)
        time.sleep(0.3)
        server.send_signal(signal.SIGTERM)
        server.communicate(timeout=20)
        found = [json.loads(line) for line in path.read_text().splitlines()]
        shown = [m for v in found for m in v['transcript'] if m['message'] == 'Certificate'] if found and 'transcript' in found[0] else found
        tap.ok(len(found) == 1 and found[0]['cause'] == want, 'DTLS in pieces: %s' % (want or 'completed'), found)
        tap.ok('good.test' in json.dumps(shown), 'DTLS in pieces: the certificate', found)


def check_dtls_refused(tap, lab):
    """Nobody takes the datagrams."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as bound:
        bound.bind(('127.0.0.1', 0))
        port = bound.getsockname()[1]
    done, verdicts = lab.run(['openssl', 's_client', '-dtls', '-connect', '127.0.0.1:%d' % port])
    tap.equal([(v['cause'], v['confidence']) for v in verdicts], [('connection-refused', 'probable')], 'DTLS to a port that nobody has')
    tap.ok(verdicts and 'port %d' % port in verdicts[0]['sentence'], 'DTLS: the address', done, verdicts)


def check_nothing_left(tap, lab):
    """No descriptor, thread or handler of ours in the program; its own callbacks still run."""
    body = '''
import signal
dial(bad); dial(good)
print(sorted(os.listdir("/proc/self/fd")), len(os.listdir("/proc/self/task")))
spawned = 3 << 31  # glibc's posix_spawn() ignores its own two, 32 and 33, in every child
print([int(l.split()[1], 16) & ~spawned for l in open("/proc/self/status") if l.startswith(("SigBlk", "SigIgn", "SigCgt"))])
'''
    tap.equal(lab.script(body)[0].text, lab.script(body, prefix=False)[0].text, 'descriptors, threads, signals as without')
    body = '''
seen = []
c._msg_callback = lambda conn, way, version, kind, message, data: seen.append((way, str(kind), str(message)))
c.keylog_filename = os.path.join(%r, "own-%%d.log" %% os.getpid())
print(dial(good), dial(bad))
print(seen[:40], len(open(c.keylog_filename).readlines()))
''' % str(lab.folder)
    tap.equal(lab.script(body)[0].text, lab.script(body, prefix=False)[0].text, "the program's own callbacks run")


def check_files(tap, lab):
    """--keylog and --pcapng: what explain makes of them is the same verdict."""
    keys, capture = lab.folder / 'keys.log', lab.folder / 'seen.pcapng'
    done, verdicts = lab.script('dial(bad); dial(good)', '--all', '--keylog', str(keys), '--pcapng', str(capture))
    text = keys.read_text() if keys.exists() else ''
    tap.ok('CLIENT_HANDSHAKE_TRAFFIC_SECRET' in text and 'SERVER_HANDSHAKE_TRAFFIC_SECRET' in text, '--keylog', done, text)
    explained = harness.run('explain', '--json', '--only', 'all', '--trust', lab.made.root, capture)
    tap.ok(causes(explained.verdicts()) == causes(verdicts) == ['certificate-expired', 'completed'],
           '--pcapng says the same to explain', explained, verdicts)
    tap.ok(stat_is_private(keys), 'the key log is for its owner alone', oct(keys.stat().st_mode) if keys.exists() else 'absent')


def stat_is_private(path):
    return path.exists() and path.stat().st_mode & 0o077 == 0


def check_unobservable(tap, lab):
    """A clear word, and what to do instead."""
    source = lab.folder / 'still.c'
    source.write_text('#include <stdio.h>\nint main(void) { puts("still"); return 5; }\n')
    static = lab.folder / 'still'
    subprocess.run(['cc', '-static', '-o', static, source], check=True)
    done, _ = lab.run([static], output=False)
    tap.ok(done.code == 5 and done.text == 'still\n' and 'static' in done.errors and '--keylog' in done.errors + 'SSLKEYLOGFILE --keylog',
           'a statically linked program', done)
    if peers.find('java'):
        done, _ = lab.run(['java', '-version'], output=False)
        tap.ok(done.code == 0 and 'javax.net.debug' in done.errors, 'Java', done)
    else:
        tap.skip('Java', 'java is not installed')


def check_no_collector(tap, lab):
    """The library alone, with nobody to report to: the program goes on."""
    argv = ['curl', '-sS', '--cacert', lab.made.root, '--resolve', 'good.test:%d:127.0.0.1' % lab.good,
            'https://good.test:%d/' % lab.good]
    for name, more in (('no socket named', {}), ('a socket that is not there', {'HANDFAST_SOCKET': str(lab.folder / 'gone')})):
        done = subprocess.run(argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=30, check=False,
                              env=dict(os.environ, LD_PRELOAD=str(LIBRARY), **more))
        tap.equal((done.returncode, done.stdout, done.stderr), (0, b'ok\n', b''), 'without a collector: ' + name)


class Listener:
    """Takes what the agent sends and throws it away."""

    def __init__(self, path):
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.socket.bind(str(path))
        self.socket.listen(1024)
        self.n = 0
        threading.Thread(target=self.take, daemon=True).start()

    def take(self):
        while True:
            try:
                one, _ = self.socket.accept()
            except OSError:
                return
            with one:
                self.n += bool(one.recv(1 << 20))


def check_thread_sanitizer(tap, lab):
    """The guest's own code built with ThreadSanitizer, in a program of threads that forks."""
    library, program = lab.folder / 'libguest.so', lab.folder / 'agent_threads'
    flags = ['-std=gnu11', '-D_GNU_SOURCE', '-DHANDFAST_VERSION="test"', '-g', '-O1', '-fsanitize=thread', '-fvisibility=hidden',
             '-I', harness.SOURCE / 'src']
    built = subprocess.run(['gcc', *flags, '-shared', '-fPIC', '-o', library, *[harness.SOURCE / 'src' / s for s in GUEST_SOURCES]],
                           stderr=subprocess.PIPE, check=False)
    built.returncode = built.returncode or subprocess.run(
        ['gcc', *flags, '-o', program, harness.SOURCE / 'tests' / 'integration' / 'agent_threads.c', library, '-lssl', '-lcrypto',
         '-pthread', '-Wl,-rpath,' + str(lab.folder)], check=False).returncode
    if not tap.ok(built.returncode == 0, 'ThreadSanitizer: it builds', built.stderr.decode()):
        return
    listener = Listener(lab.folder / 'tsan.sock')
    done = subprocess.run([program, lab.made.chain('good'), lab.made.key('good'), '6', '30'], stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, timeout=200, check=False,
                          env=dict(os.environ, HANDFAST_SOCKET=str(lab.folder / 'tsan.sock'), HANDFAST_KEY='00' * 16, HANDFAST_ALL='1',
                                   TSAN_OPTIONS='exitcode=66:report_signal_unsafe=0'))
    time.sleep(0.5)
    tap.ok(done.returncode == 0 and b'WARNING: ThreadSanitizer' not in done.stdout, 'ThreadSanitizer: clean', done.returncode,
           done.stdout.decode('utf-8', 'replace')[:6000])
    tap.ok(listener.n > 100, 'ThreadSanitizer: the guest was at work', '%d notes' % listener.n)


CHECKS = (check_library, check_ends, check_stuck, check_signals, check_children, check_forks, check_left, check_bare, check_name, check_threads, check_odd, check_dlsym, check_dtls, check_dtls_refused, check_nothing_left, check_files,
          check_unobservable, check_no_collector, check_thread_sanitizer)


def main():
    wanted = sys.argv[1:]
    tap = harness.Tap()
    with tempfile.TemporaryDirectory(prefix='handfast-guest-') as scratch:
        folder = pathlib.Path(scratch)
        with peers.Group(folder / 'peers') as group:
            lab = Lab(folder, group)
            for check in CHECKS:
                if not wanted or check.__name__.replace('check_', '') in wanted:
                    check(tap, lab)
    tap.done()


if __name__ == '__main__':
    main()
