#!/usr/bin/env python3
"""The gateway's life: a first start, modes of files, a second manager, kill -9 of each process,
restart of the parts, properties, an end within seconds, errors that say what is wrong.
"""
import os
import pathlib
import signal
import socket
import stat
import subprocess
import tempfile
import time

import gateway_lab as lab
import harness
import peers

tap = harness.Tap()
ANY = lab.trusting_nobody()
NOT_FOUND = (404, 'messaging.adaptors.http.flow.ApplicationNotFound')


def answers(gateway):
    """Both virtual hosts pass on to a Message Processor that knows no API."""
    plain, tls = gateway.call('/x'), gateway.call('/x', context=ANY)
    return (plain.status, plain.fault) == NOT_FOUND and (tls.status, tls.fault) == NOT_FOUND


def wait_for(condition, seconds=15):
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        try:
            if condition():
                return True
        except OSError:
            pass
        time.sleep(0.05)
    return False


def modes(folder):
    """Files and directories that others could read or enter."""
    wrong = []
    for path in [folder, *folder.rglob('*')]:
        mode = stat.S_IMODE(path.lstat().st_mode)
        inside_run = 'run' in path.relative_to(folder).parts[:1]
        if not path.is_symlink() and not inside_run and mode & 0o077:
            wrong.append('%s %o' % (path, mode))
    return wrong


def first_start(gateway):
    said = gateway.log.read_text()
    tap.ok(gateway.password and said.count(gateway.password) == 1, 'the first start: a password, shown once', said)
    tap.ok(answers(gateway), 'the first start: both virtual hosts answer')
    tap.equal(modes(gateway.dir), [], 'the first start: nobody else may read anything')
    tap.equal(stat.S_IMODE(gateway.dir.stat().st_mode), 0o700, 'the first start: the directory has mode 0700')
    hosts = gateway.api('GET', lab.E + '/virtualhosts')
    tap.equal(hosts.json, ['default', 'secure'], 'the first start: the virtual hosts')
    titles = b''.join(pathlib.Path('/proc/%d/cmdline' % pid).read_bytes() for pid in gateway.pids())
    tap.ok(gateway.password.encode() not in titles, 'the first start: no secret in the process list')


def second_manager(gateway):
    other = subprocess.run(gateway.argv(), capture_output=True, timeout=30, check=False)
    tap.ok(other.returncode == 3 and str(gateway.process.pid).encode() in other.stderr,
           'a second manager is refused, and told which one runs', other.stderr)


def since(gateway):
    return {one['type']: one['since'] for one in gateway.api('GET', '/v1/getinfo').json['server']}


def kill_the_manager(gateway):
    before = gateway.master('router'), gateway.master('mp'), gateway.pids('collector')
    started = since(gateway)
    time.sleep(1.5)
    gateway.kill_manager()
    tap.ok(answers(gateway), 'kill -9 of the manager: traffic goes on')
    gateway.start()
    tap.equal((gateway.master('router'), gateway.master('mp'), gateway.pids('collector')), before,
              'kill -9 of the manager: the next one adopts all three')
    tap.ok(answers(gateway), 'kill -9 of the manager: and all is as before')
    after = since(gateway)
    tap.ok(started.keys() == after.keys() and all(abs(after[part] - started[part]) < 1000 for part in started),
           'kill -9 of the manager: the parts have run since they were started', (started, after))
    tap.ok('password' not in gateway.log.read_text().split('ready', 1)[1], 'a later start shows no password')


def kill_the_parts(gateway):
    for part in ('router', 'mp'):
        old = gateway.master(part)
        os.kill(old, signal.SIGKILL)
        tap.ok(wait_for(lambda part=part, old=old: gateway.master(part) != old and answers(gateway)),
               'kill -9 of the master of %s: it is started again' % part, gateway.log.read_text())
        workers = [pid for pid in gateway.pids(part) if pid != gateway.master(part)]
        os.kill(workers[0], signal.SIGKILL)
        tap.ok(wait_for(lambda: answers(gateway)), 'kill -9 of a worker of %s: the others answer' % part)
    old = gateway.pids('collector')
    os.kill(old[0], signal.SIGKILL)
    tap.ok(wait_for(lambda: gateway.pids('collector') not in ([], old)), 'kill -9 of the collector: a new one')


def orders(gateway):
    for word, part in (('router', 'router'), ('message-processor', 'mp'), ('edge-router', 'router')):
        old = gateway.master(part)
        done = gateway.order('restart', word)
        tap.ok(done.returncode == 0 and gateway.master(part) != old and answers(gateway),
               'restart %s: a new process answers' % word, done)
    status = gateway.order('status').stdout.decode()
    tap.ok(all(word in status for word in ('manager', 'router', 'message-processor', 'collector'))
           and ' down' not in status, 'status: all parts are up', status)
    refused = gateway.order('restart', 'everything')
    tap.ok(refused.returncode == 3 and b'router' in refused.stderr, 'restart of no part: says which there are', refused)


def version(gateway, least, most):
    context = lab.trusting_nobody()
    context.minimum_version, context.maximum_version = least, most
    try:
        return gateway.call('/x', context=context).status
    except OSError:
        return None


def properties(gateway):
    tls12, tls13 = lab.ssl.TLSVersion.TLSv1_2, lab.ssl.TLSVersion.TLSv1_3
    token = 'conf_load_balancing_load.balancing.driver.server.ssl.protocols'
    place = gateway.dir / 'router.properties'
    place.write_text('# ours\n%s = \\\n  TLSv1.3\nconf_no_such=1\n' % token)
    tap.equal(version(gateway, tls12, tls12), 404, 'properties: a file that was written changes nothing')
    gateway.order('restart', 'router')
    tap.equal(version(gateway, tls12, tls12), None, 'properties: after a restart of the Router TLS 1.2 is refused')
    tap.equal(version(gateway, tls13, tls13), 404, 'properties: and TLS 1.3 is not')
    tap.ok('conf_no_such' in gateway.log.read_text(), 'properties: an unknown token is warned about')
    place.write_text('%s=TLSv1.2\n' % token)
    gateway.process.send_signal(signal.SIGHUP)
    tap.ok(wait_for(lambda: version(gateway, tls13, tls13) is None and version(gateway, tls12, tls12) == 404),
           'properties: SIGHUP reads them again')
    place.write_text('%s=%s;evil\n' % (token, 'x'))
    gateway.process.send_signal(signal.SIGHUP)
    tap.ok(wait_for(lambda: version(gateway, tls13, tls13) == 404),
           'properties: a value that cannot be leaves the default', gateway.log.read_text())


def the_end(gateway):
    took = gateway.stop()
    tap.ok(took < 8, 'SIGTERM: the end within seconds', '%.1f s' % took)
    tap.ok(not peers.is_listening(gateway.https) and not peers.is_listening(gateway.http),
           'SIGTERM: and nobody listens any more')


def run(folder, *options, env=None):
    return subprocess.run([str(lab.program()), '--dir', str(folder), *options], capture_output=True, timeout=60,
                          check=False, env=env)


def errors(folder):
    with socket.create_server(('127.0.0.1', 0)) as taken:
        port = str(taken.getsockname()[1])
        said = run(folder / 'taken', '--listen', '127.0.0.1:0', '--http-port', port)
        tap.ok(said.returncode == 3 and ('pid %d' % os.getpid()).encode() in said.stderr,
               'a port that is taken: who has it', said.stderr)
        tap.ok(b'password' not in said.stdout, 'a port that is taken: nothing is begun', said.stdout)
    said = run(folder / 'none', '--nginx', 'no-such-nginx')
    tap.ok(said.returncode == 3 and b'no-such-nginx' in said.stderr, 'no nginx: says so', said.stderr)
    said = run(folder / 'none', '--module', '/nowhere.so')
    tap.ok(said.returncode == 3 and b'/nowhere.so' in said.stderr, 'no module: says so', said.stderr)
    for options in ((), ('--dir', 'x', '--http-port', '0'), ('--dir', 'x', 'dance'), ('--dir', 'x', 'restart'),
                    ('--dir', 'x', '--api-cert', 'c')):
        said = subprocess.run([str(lab.program()), *options], capture_output=True, timeout=30, check=False)
        tap.equal(said.returncode, 2, 'misuse: %s' % ' '.join(options))
    fresh, file = folder / 'never-made', folder / 'a-file'
    file.write_text('')
    for name, where, options, code, words in (
            ('--listen is no address', fresh, ('--listen', 'here'), 2, b'ADDRESS:PORT'),
            ('an order that is none', fresh, ('dance',), 2, b'restart PART'),
            ('restart of nothing', fresh, ('restart',), 2, b'collector'),
            ('the folder is a file', file, ('--module', 'none'), 3, b'a-file: Not a directory')):
        said = run(where, *options)
        tap.ok(said.returncode == code and words in said.stderr, 'errors: ' + name, said)
    tap.ok(not fresh.exists(), 'errors: and nothing is left of it')
    said = run(folder / 'long' / ('x' * 120))
    tap.ok(said.returncode == 3, 'a path that cannot be made: says so', said.stderr)
    said = subprocess.run([harness.program(), 'gateway', '--help'], capture_output=True, timeout=30, check=False)
    tap.ok(said.returncode == 0 and b'--dir' in said.stdout, 'handfast gateway --help', said)
    said = subprocess.run([str(lab.program()), 'status', '--dir', str(folder)], capture_output=True, timeout=30,
                          check=False)
    tap.ok(said.returncode == 3 and b'no gateway runs' in said.stderr, 'status where none runs', said)


def main():
    lab.need(tap)
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        errors(folder)
        with lab.Gateway(folder) as gateway:
            for part in (first_start, second_manager, kill_the_manager, kill_the_parts, orders, properties, the_end):
                part(gateway)
    tap.done()


main()
