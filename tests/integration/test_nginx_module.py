#!/usr/bin/env python3
"""The module for nginx by itself: what of failed handshakes it says in the log, the variables, the
metrics and the ring; what a collector gets; that it leaves nginx as it was."""
import json
import os
import pathlib
import re
import signal
import socket
import ssl
import subprocess
import tempfile
import threading

import harness
import nginx_module as lab
import peers
import pki

tap = harness.Tap()

EXPORTS = {'ngx_modules', 'ngx_module_names', 'ngx_module_order'}
NEEDED = {'libcrypto.so.3', 'libssl.so.3', 'libz.so.1', 'libzstd.so.1', 'libbrotlidec.so.1', 'libc.so.6'}
VARIABLES = ('id', 'cause', 'detail', 'rejected_by', 'direction', 'ja4')
FORMAT = "log_format hf '%s';\n" % \
    ' '.join(['$status', '$uri'] + ['$handfast_' + name for name in VARIABLES])
NOTES_HEAD = b'HFN1'


def number_of(name):
    """Of a name in an enum of note.h."""
    text = (harness.SOURCE / 'src/observe/note.h').read_text(encoding='utf-8')
    body = re.search(r'enum \w+ \{([^}]*\b%s\b[^}]*)\}' % name, text).group(1)
    names = re.findall(r'\b([A-Z]\w+)\b(?= *(?:,|=|$))', re.sub(r'/\*.*?\*/', '', body, flags=re.S))
    return names.index(name) + 1




def north_http(made, listen='PORT0', name='good', more=''):
    return 'server { listen %s ssl; server_name good.test; ssl_certificate %s; ssl_certificate_key %s; %s\n' \
        'location / { return 200 ok; }\nlocation /hf { handfast_status; } }\n' \
        % (listen, made.chain(name), made.key(name), more)


def trusting(made, ca=None):
    context = ssl.create_default_context(cafile=str(ca or made.root))
    return context


def careless():
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context


def old(context):
    context.minimum_version = context.maximum_version = ssl.TLSVersion.TLSv1_1
    context.set_ciphers('DEFAULT@SECLEVEL=0')
    return context


def one_cipher(context, name):
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers(name)
    return context


def status(site, port, query=''):
    answer = lab.get(port, '/hf' + query, tls=careless(), name='good.test')
    return answer


def failures(site, port, query=''):
    return status(site, port, query).json()['failures']


def metric(site, port, name, **labels):
    text = status(site, port, '/metrics').body
    wanted = ','.join('%s="%s"' % pair for pair in labels.items())
    found = re.search(r'^%s%s (\d+)$' % (name, re.escape('{%s}' % wanted) if wanted else ''), text, re.M)
    return int(found.group(1)) if found else None


# --- north ---

def test_north(folder, made):
    """Each row: what the client does, and what the line says of it."""
    rows = [
        ('the client trusts another CA', trusting(made, made.other_root), 'good.test',
         'certificate-untrusted-ca', 'client'),
        ('TLS 1.1 only', old(careless()), 'good.test', 'protocol-mismatch', 'server'),
        ('another name', trusting(made), 'elsewhere.test', 'certificate-hostname-mismatch', 'client'),
        ('no cipher in common', one_cipher(careless(), 'AES256-SHA'), 'good.test', 'cipher-mismatch', 'server'),
    ]
    with lab.Lab(folder) as group:
        site = group.nginx_site(
            'handfast on; handfast_label org acme; handfast_label colour blue; '
            'ssl_protocols TLSv1.2 TLSv1.3; ssl_ciphers ECDHE+AESGCM;\n' +
            north_http(made), workers=2)
        port = site.ports[0]
        for i, (name, context, host, cause, by) in enumerate(rows):
            lab.get(port, '/', tls=context, name=host)
            tap.equal(site.field('cause', after=i)[:1], [cause], 'north, %s: the cause' % name)
            tap.equal(site.field('rejected_by', after=i)[:1], [by], 'north, %s: who rejected' % name)
        lines = site.lines()
        tap.ok(len(lines) == len(rows) and all(' direction=northbound ' in line for line in lines),
               'one line for each failure, none for the handshakes that went well', lines)
        tap.ok(all(' org=acme colour=blue ' in line for line in lines), 'labels are in the lines', lines)
        ids = site.field('id')
        tap.ok(len(set(ids)) == len(rows), 'each has an id of its own', ids)
        shown = failures(site, port)
        tap.equal([f['id'] for f in shown], ids[::-1], 'the ring has them, the newest first')
        tap.equal([f['verdict']['cause'] for f in shown], [row[3] for row in rows][::-1], 'with their verdicts')
        tap.ok(all(f['labels'] == {'org': 'acme', 'colour': 'blue'} for f in shown), 'and labels', shown[:1])
        tap.ok(all(f['verdict']['ja4'] in line for f, line in zip(shown, lines[::-1])),
               'the line has the JA4 of the verdict')
        one = failures(site, port, '?id=' + ids[1])
        tap.equal([f['id'] for f in one], [ids[1]], 'a verdict is found by its id')
        tap.equal(len(failures(site, port, '?n=2')), 2, 'as many as are asked for')
        tap.equal(status(site, port, '?n=x').status, 400, 'a number that is none is refused')
        for row in rows:
            tap.equal(metric(site, port, 'handfast_failures_total', direction='northbound', cause=row[3]), 1,
                      'counted: ' + row[3])
        tap.equal(metric(site, port, 'handfast_handshakes_total', direction='northbound', outcome='failed'),
                  len(rows), 'counted: failed')
        tap.ok(metric(site, port, 'handfast_handshakes_total', direction='northbound', outcome='completed') >= 8,
               'counted: completed')
        said = [line for line in site.errors().splitlines() if 'SSL_do_handshake() failed' in line]
        tap.ok(len(said) == len(rows) and all(' failed (SSL: error:0A' in line for line in said),
               "nginx's own words keep their reason", said)


# --- south ---

def test_south(folder, made):
    with lab.Lab(folder) as group:
        expired = group.tls(chain=made.chain('expired'), key=made.key('expired'))
        good = group.tls(chain=made.chain('good'), key=made.key('good'))
        wants = group.tls(chain=made.chain('good'), key=made.key('good'), client_ca=made.root)
        verify = 'proxy_ssl_verify on; proxy_ssl_verify_depth 4; proxy_ssl_trusted_certificate %s; ' \
            'proxy_ssl_name good.test; proxy_ssl_server_name on;' % made.root
        block = FORMAT + 'handfast on;\nserver { listen PORT0; access_log FOLDER/access.log hf;\n' + ''.join(
            'location /%s { %s proxy_pass https://127.0.0.1:%d/; }\n' % (name, verify, port)
            for name, port in (('expired', expired), ('good', good), ('wants', wants))) + \
            'location /named { handfast_id $arg_id; %s proxy_pass https://127.0.0.1:%d/; }\n' % (verify, expired) + \
            'location /off { handfast off; %s proxy_pass https://127.0.0.1:%d/; }\n' % (verify, expired) + \
            'location /hf { handfast_status; } }\n'
        site = group.nginx_site(block)
        port = site.ports[0]
        tap.equal(lab.get(port, '/expired').status, 502, 'south, expired: refused')
        tap.equal(site.field('cause')[:1], ['certificate-expired'], 'south, expired: the cause')
        tap.equal(lab.get(port, '/good').status, 200, 'south, good: answered')
        tap.ok(len(site.lines()) == 1, 'south, good: no line', site.lines())
        lab.get(port, '/named?id=abc-1')
        tap.equal(site.field('id', after=1)[:1], ['abc-1'], 'an id from outside is kept')
        lab.get(port, '/off')
        tap.ok(not site.field('cause', after=2, wait_s=0.3), 'off in a location: no word', site.lines())
        log = site.folder / 'access.log'
        lab.wait_for(lambda: len(log.read_text().splitlines()) >= 4)
        access = log.read_text().splitlines()
        first = dict(zip(('status', 'uri') + VARIABLES, access[0].split()))
        tap.equal((first['cause'], first['direction'], first['rejected_by']),
                  ('certificate-expired', 'southbound', 'client'), 'variables of the failure')
        tap.equal(first['id'], site.field('id')[0], 'the same id in the access log and in ours')
        tap.ok(re.fullmatch(r't1[23][di]\d{4}\w\w_[0-9a-f]{12}_[0-9a-f]{12}', first['ja4']), 'a JA4', first)
        second = dict(zip(('status', 'uri') + VARIABLES, access[1].split()))
        tap.equal([second[v] for v in VARIABLES[1:]], ['-'] * 5, 'no verdict where nothing failed')
        tap.equal(metric2(port, 'handfast_failures_total', direction='southbound', cause='certificate-expired'), 2,
                  'counted under the direction')
        lab.get(port, '/wants')
        tap.equal(site.field('cause', after=2)[:1], ['client-certificate-missing'],
                  'south, a certificate of ours is wanted: the cause')
        tap.equal(site.field('rejected_by', after=2)[:1], ['server'], 'the backend rejected')


def test_redirects(folder, made):
    """Behind an internal redirect a request has its id and its verdict still; what a client gave as an
    id stays one word of the line."""
    with lab.Lab(folder) as group:
        expired = group.tls(chain=made.chain('expired'), key=made.key('expired'))
        site = group.nginx_site(FORMAT + '''handfast on; proxy_ssl_verify on; proxy_ssl_verify_depth 4;
            proxy_ssl_trusted_certificate %s; proxy_ssl_name good.test;
            server { listen PORT0; access_log FOLDER/access.log hf;
                location /named { proxy_pass https://127.0.0.1:%d/; error_page 502 = @page; }
                location /page { proxy_pass https://127.0.0.1:%d/; error_page 502 = /page.html; }
                location /given { handfast_id $http_x_id; handfast_label who $http_x_who;
                                  proxy_pass https://127.0.0.1:%d/; }
                location = /page.html { return 503 "$handfast_id $handfast_cause"; }
                location @page { return 503 "$handfast_id $handfast_cause"; } }'''
                                % (made.root, expired, expired, expired))
        for path in ('/named', '/page'):
            answer, lines = lab.until_told(site, lambda p=path: lab.get(site.ports[0], p))
            words = site.field('id', lines)[-1:] + ['certificate-expired']
            tap.equal(answer.body.split(), words, '%s: the page says id and cause' % path)
            log, in_log = site.folder / 'access.log', ' '.join(words + ['-'])
            tap.ok(lab.wait_for(lambda w=in_log: w in log.read_text()), '%s: and so does the access log' % path,
                   log.read_text())
        _, lines = lab.until_told(site, lambda: lab.get(
            site.ports[0], '/given', headers={'X-Id': 'x cause=none', 'X-Who': 'me" cause="none'}))
        line = site.lines()[lines]
        tap.ok(' id="x cause=none" ' in line, 'an id with a space is in quotes', line)
        tap.ok(' who="me\' cause=\'none" ' in line, 'a label with quotes too', line)


def metric2(port, name, **labels):
    text = lab.get(port, '/hf/metrics').body
    wanted = ','.join('%s="%s"' % pair for pair in labels.items())
    found = re.search(r'^%s\{%s\} (\d+)$' % (name, re.escape(wanted)), text, re.M)
    return int(found.group(1)) if found else None


# --- the collector ---

class Collector:
    """Takes notes, one a message; closes after `limit` of them."""

    def __init__(self, path):
        self.path, self.notes, self.connections = path, [], 0
        self.listener = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.listener.bind(str(path))
        self.listener.listen(16)
        os.chmod(path, 0o666)
        self.open = []
        threading.Thread(target=self._run, daemon=True).start()

    def _run(self):
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            self.connections += 1
            self.open.append(connection)
            threading.Thread(target=self._read, args=(connection,), daemon=True).start()

    def _read(self, connection):
        while True:
            try:
                note = connection.recv(1 << 20)
            except OSError:
                return
            if not note:
                return
            self.notes.append(note)

    def stop(self):
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        for connection in self.open:
            connection.shutdown(socket.SHUT_RDWR)
            connection.close()
        self.path.unlink()


def facts(note, name):
    """The bodies of the facts of this name in a note."""
    at, found, kind, fact = 28, [], number_of('NOTE_FACT'), number_of(name)
    while at + 16 <= len(note):
        size = int.from_bytes(note[at + 4:at + 8], 'big')
        if note[at] == kind and note[at + 2] == fact:
            found.append(note[at + 16:at + 16 + size])
        at += 16 + size
    return found


def test_collector(folder, made):
    with lab.Lab(folder) as group:
        path = pathlib.Path(folder) / 'collector.sock'
        collector = Collector(path)
        site = group.nginx_site('handfast on; handfast_collector unix:%s;\n' % path + north_http(made))
        port = site.ports[0]
        bad = trusting(made, made.other_root)
        for _ in range(3):
            lab.get(port, '/', tls=bad, name='good.test')
        tap.ok(lab.wait_for(lambda: len(collector.notes) == 3), 'a note of each failure', len(collector.notes))
        lab.get(port, '/', tls=careless(), name='good.test')
        tap.equal(collector.connections, 1, 'over one connection')
        tap.ok(all(n.startswith(NOTES_HEAD) for n in collector.notes), 'in the form of a note')
        tap.equal([facts(n, 'FACT_ID')[0].decode() for n in collector.notes], site.field('id'),
                  'with the id of the log')
        collector.stop()
        for _ in range(2):
            lab.get(port, '/', tls=bad, name='good.test')
        tap.ok(lab.wait_for(lambda: len(site.lines()) == 5), 'without a collector the log goes on', site.lines())
        tap.equal(metric(site, port, 'handfast_notes_total', result='lost'), 2, 'what is lost is counted')
        again = Collector(path)
        lab.get(port, '/', tls=bad, name='good.test')
        tap.ok(lab.wait_for(lambda: len(again.notes) == 1), 'a collector that comes back is found')
        tap.equal([int.from_bytes(b, 'big') for n in again.notes for b in facts(n, 'FACT_LOST')], [2],
                  'and hears how many it missed')
        again.stop()


def test_completed(folder, made):
    """Handshakes that went well reach the collector where they are asked for."""
    with lab.Lab(folder) as group:
        path = pathlib.Path(folder) / 'collector.sock'
        collector = Collector(path)
        backend = group.tls(chain=made.chain('good'), key=made.key('good'))
        block = 'handfast on; handfast_collector unix:%s;\nserver { listen PORT0; %s\n' % (path, ''.join(
            'location /%s { handfast_completed %s; handfast_label target %s; proxy_ssl_session_reuse off; '
            'proxy_pass https://127.0.0.1:%d/; }\n' % (how, how, how, backend) for how in ('off', 'sampled', 'on'))) + '}\n'
        site = group.nginx_site(block)
        for how, wanted in (('off', 0), ('sampled', 1), ('on', 3)):
            before = len(collector.notes)
            for _ in range(3):
                tap.equal(lab.get(site.ports[0], '/' + how).status, 200, 'completed %s: answered' % how)
            lab.wait_for(lambda b=before, w=wanted: len(collector.notes) - b >= w)
            new = collector.notes[before:]
            tap.equal(len(new), wanted, 'completed %s: %d notes of 3 handshakes' % (how, wanted))
            tap.ok(all(facts(n, 'FACT_TARGET') == [how.encode()] and facts(n, 'FACT_DIRECTION') == [b'southbound']
                       for n in new), 'completed %s: they say whose they are' % how)
        tap.equal(site.lines(), [], 'and there is no line of them')
        collector.stop()


def test_http2(folder, made):
    """Connections of HTTP/2 carry the verdict of their own handshake, and requests with upstreams."""
    curl = peers.find('curl')
    if curl is None:
        tap.skip('HTTP/2', 'no curl')
        return
    with lab.Lab(folder) as group:
        expired = group.tls(chain=made.chain('expired'), key=made.key('expired'))
        site = group.nginx_site(
            FORMAT + 'handfast on;\n' +
            north_http(made, 'PORT0 ssl http2').replace('ssl http2 ssl', 'ssl http2').replace(
                'location / ', 'access_log FOLDER/access.log hf; location /up { proxy_ssl_verify on; '
                'proxy_ssl_trusted_certificate %s; proxy_ssl_name good.test; proxy_ssl_verify_depth 4;'
                'proxy_pass https://127.0.0.1:%d/; }\nlocation / ' % (made.root, expired)))
        url = 'https://127.0.0.1:%d' % site.ports[0]
        subprocess.run([curl, '-sk', '--http2', url + '/', url + '/up'], stdout=subprocess.DEVNULL, check=False)
        log = site.folder / 'access.log'
        lab.wait_for(lambda: len(log.read_text().splitlines()) == 2)
        fields = [dict(zip(('status', 'uri') + VARIABLES, line.split())) for line in log.read_text().splitlines()]
        tap.equal([f['cause'] for f in fields], ['-', 'certificate-expired'], 'HTTP/2: each request its own verdict')
        tap.ok(fields[0]['id'].split('.')[0] == fields[1]['id'].split('.')[0] and fields[0]['id'] != fields[1]['id'],
               'HTTP/2: one connection, two ids', fields)


def test_stuck_collector(folder, made):
    """A collector that accepts nobody: nothing waits for it."""
    with lab.Lab(folder) as group:
        path = pathlib.Path(folder) / 'stuck.sock'
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        listener.bind(str(path))
        listener.listen(0)
        os.chmod(path, 0o666)
        site = group.nginx_site('handfast on; handfast_collector unix:%s;\n' % path + north_http(made))
        bad = trusting(made, made.other_root)
        for _ in range(200):
            lab.get(site.ports[0], '/', tls=bad, name='good.test')
        answer = lab.get(site.ports[0], '/', tls=careless(), name='good.test')
        tap.equal(answer.status, 200, 'a collector that takes nothing holds nobody up')
        tap.ok(metric(site, site.ports[0], 'handfast_notes_total', result='lost') > 0, 'and the loss is counted')
        listener.close()


# --- nginx as it was ---

def worker_of(site):
    pids = subprocess.run(['pgrep', '-P', str(site.process.pid)], stdout=subprocess.PIPE, text=True,
                          check=False).stdout.split()
    return int(pids[0]) if pids else 0


def rss_kib(pid):
    return int(re.search(r'VmRSS:\s+(\d+)', pathlib.Path('/proc/%d/status' % pid).read_text()).group(1))


def fail_many(port, made, n):
    context = trusting(made, made.other_root)
    for _ in range(n):
        with socket.create_connection((lab.LOOPBACK, port), 10) as s:
            try:
                context.wrap_socket(s, server_hostname='good.test').close()
            except (ssl.SSLError, OSError):
                pass


def test_memory(folder, made):
    if lab.SANITIZER:
        tap.skip('memory over many failures', 'a sanitizer keeps what was freed')
        return
    with lab.Lab(folder) as group:
        site = group.nginx_site('handfast on; handfast_zone own 256k;\n' + north_http(made))
        port = site.ports[0]
        fail_many(port, made, 300)
        pid, before = worker_of(site), rss_kib(worker_of(site))
        fail_many(port, made, 2000)
        after = rss_kib(pid)
        tap.ok(after - before < 1024, 'memory is flat over 2000 failures', before, after)
        n = metric(site, port, 'handfast_failures_total', direction='northbound', cause='certificate-untrusted-ca')
        unjudged = metric(site, port, 'handfast_unjudged_total')
        tap.equal(n + unjudged, 2300, 'each is judged or counted as unjudged')
        shown = failures(site, port, '?n=1024')
        tap.ok(0 < len(shown) < 2300, 'the ring keeps the last ones', len(shown))
        ids = [f['id'] for f in shown]
        tap.equal(ids, [i for i in site.field('id')[::-1]][:len(ids)], 'these, in order')


def test_reload_and_crash(folder, made):
    with lab.Lab(folder) as group:
        site = group.nginx_site('handfast on;\n' + north_http(made))
        port = site.ports[0]
        fail_many(port, made, 3)
        old_worker = worker_of(site)
        site.reload()
        tap.ok(lab.wait_for(lambda: not pathlib.Path('/proc/%d' % old_worker).exists()), 'a reload ends the worker')
        tap.equal(len(failures(site, port)), 3, 'the ring outlives a reload')
        fail_many(port, made, 1)
        tap.ok(lab.wait_for(lambda: len(set(site.field('id'))) == 4), 'ids do not come again after a reload')
        victim = worker_of(site)
        os.kill(victim, signal.SIGKILL)
        tap.ok(lab.wait_for(lambda: worker_of(site) not in (0, victim) and peers.is_listening(port)), 'a new worker comes')
        fail_many(port, made, 1)
        tap.equal(len(failures(site, port)), 5, 'the ring outlives the death of a worker')
        tap.equal(metric(site, port, 'handfast_failures_total', direction='northbound',
                         cause='certificate-untrusted-ca'), 5, 'and so do the counters')
        site.write('handfast_log off; handfast off;\n' + north_http(made).replace('handfast_status;', 'return 204;'))
        text = (site.folder / 'nginx.conf').read_text()
        (site.folder / 'nginx.conf').write_text(text.replace('handfast_log %s/handfast.log;' % site.folder, ''))
        code, words = site.check()
        tap.ok(code == 0, 'off is a good configuration', words)
        last = worker_of(site)
        site.reload()
        lab.wait_for(lambda: not pathlib.Path('/proc/%d' % last).exists())
        n = len(site.lines())
        fail_many(port, made, 2)
        tap.equal(lab.get(port, '/', tls=careless(), name='good.test').status, 200, 'off: answered')
        tap.equal(len(site.lines()), n, 'off: no line')


def test_words(folder, made):
    """Mistakes in the configuration are named."""
    rows = [
        ('handfast_collector /tmp/x;', 'needs "unix:PATH"'),
        ('handfast_collector unix:%s;' % ('x' * 120), 'too long'),
        ('handfast_zone a 1k;', '128k'),
        ('handfast_label a-b c;', 'letters, digits and underscores'),
        ('handfast_completed maybe;', 'invalid value'),
        ('handfast on; handfast off;', 'duplicate'),
    ]
    with lab.Lab(folder) as group:
        site = group.nginx_site('handfast on;\n' + north_http(made))
        for line, words in rows:
            site.write(line + '\n' + north_http(made))
            code, said = site.check()
            tap.ok(code != 0 and words in said, 'refused: ' + line[:40], said)


def test_example(folder, made):
    """The configuration that the documents show is one that nginx takes."""
    text = (harness.SOURCE / 'packaging/nginx/example.conf').read_text(encoding='utf-8')
    for was, now in (('modules/ngx_http_handfast_module.so', str(lab.module_path())),
                     ('/etc/nginx/www.example.com.pem', made.chain('good')),
                     ('/etc/nginx/www.example.com.key', made.key('good')),
                     ('/etc/ssl/certs/ca-certificates.crt', made.root),
                     ('/var/log/nginx', folder), ('backend.example.com', '127.0.0.1'), ('443', '0')):
        tap.ok(was in text, 'the example names ' + was)
        text = text.replace(was, str(now))
    (folder / 'nginx.conf').write_text('pid %s/pid; error_log %s/error.log;\n' % (folder, folder) +
                                       text.replace('listen 0 ssl', 'listen 127.0.0.1:%d ssl' % peers.free_port())
                                       .replace('127.0.0.1:8081', '127.0.0.1:%d' % peers.free_port()))
    done = subprocess.run([peers.find('nginx'), '-t', '-e', folder / 'error.log', '-c', folder / 'nginx.conf'],
                          env=lab.environment(folder, leaks=False), capture_output=True, check=False)
    tap.ok(done.returncode == 0, 'the example is taken', done.stderr.decode('utf-8', 'replace'))


def test_object():
    if lab.SANITIZER:
        tap.skip('what the module exports and needs', 'it was built with a sanitizer')
        return
    path = lab.module_path()
    names = subprocess.run(['nm', '-D', '--defined-only', path], stdout=subprocess.PIPE, text=True, check=False).stdout
    tap.equal({line.split()[-1] for line in names.splitlines()}, EXPORTS, 'exports what nginx asks for, no more')
    needed = subprocess.run(['readelf', '-d', path], stdout=subprocess.PIPE, text=True, check=False).stdout
    found = set(re.findall(r'NEEDED.*\[(.*)\]', needed))
    tap.ok(found <= NEEDED, 'needs no more libraries than OpenSSL and decompressors', found)


def main():
    lab.need(tap)
    test_object()
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        made = pki.make(folder / 'pki', ('good', 'expired', 'client'))
        for test in (test_north, test_south, test_redirects, test_http2, test_collector, test_completed,
                     test_stuck_collector, test_memory, test_reload_and_crash, test_words, test_example):
            (folder / test.__name__).mkdir()
            test(folder / test.__name__, made)
    tap.done()


if __name__ == '__main__':
    main()
