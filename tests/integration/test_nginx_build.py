#!/usr/bin/env python3
"""docs/nginx-module.md from nothing to a verdict: its commands build the module with nginx's own build,
load it, and show what the page says they show."""
import json
import os
import pathlib
import re
import shutil
import subprocess
import tempfile

import harness
import peers

tap = harness.Tap()
# Who types has given nginx the time that it needs: it writes when the answer is gone.
WAIT = 'for i in $(seq 100); do [ $(wc -l <handfast.log) -ge 2 ] && [ -s access.log ] && break; sleep 0.1; done\n'
PAGE = harness.SOURCE / 'docs/nginx-module.md'
NGINX = pathlib.Path('/usr/share/nginx/src')


def commands():
    """Those of the first part, but for the installation; the build without optimization."""
    part = PAGE.read_text(encoding='utf-8').split('## From nothing to a verdict', 1)[1]
    block = re.search(r'\n\n((?: {4}.*\n)+)', part).group(1)
    lines = [line[4:] for line in block.splitlines() if not line.startswith('    apt ')]
    text = '\n'.join(lines) + '\n'
    text = text.replace('--add-dynamic-module', '--with-cc-opt=-O0 --add-dynamic-module')
    text = text.replace('cat handfast.log', WAIT + 'cat handfast.log')
    for port in ('8443', '8081'):
        text = text.replace(port, str(peers.free_port()))
    return text


def missing():
    if os.geteuid() != 0:
        return 'nginx as Debian configures it wants to be started as root'
    if not NGINX.is_dir():
        return 'no nginx-dev'
    programs = [p for p in ('nginx', 'bash', 'make', 'cc', 'openssl', 'curl') if shutil.which(p) is None]
    return 'no ' + ', '.join(programs) if programs else None


def check(folder):
    for name in ('packaging', 'src', 'meson.build'):
        (folder / name).symlink_to(harness.SOURCE / name)
    script = commands()
    try:
        done = subprocess.run(['bash', '-e', '-c', script], cwd=folder, capture_output=True, check=False, timeout=600)
    finally:
        pid = folder / 'nginx-src/try.pid'
        if pid.exists():
            subprocess.run(['kill', pid.read_text().strip()], check=False)
    said = done.stdout.decode('utf-8', 'replace')
    tap.ok(done.returncode == 0, 'every command of the page goes well', said,
           done.stderr.decode('utf-8', 'replace')[-2000:])
    answer = re.search(r'^(certificate-self-signed: .*)\nid (\S+)$', said, re.M)
    tap.ok(answer, 'the answer names cause and id', said)
    tap.ok(answer and answer.group(1) in PAGE.read_text(encoding='utf-8'), 'in the words of the page', said)
    own = answer.group(2) if answer else 'no id'
    tap.equal(sorted(re.findall(r' direction=(\w+) cause=certificate-self-signed ', said)),
              ['northbound', 'southbound'], 'two lines: of both sides')
    tap.ok(' id=%s ' % own in said, 'the id is in the log', said)
    tap.ok('GET / HTTP/1.1 502 %s certificate-self-signed' % own in said, 'and in the access log', said)
    tap.ok('handfast_failures_total{direction="southbound",cause="certificate-self-signed"} 1' in said, 'counted', said)
    ring = re.search(r'^\{"failures":.*$', said, re.M)
    tap.equal(len(json.loads(ring.group(0))['failures']) if ring else None, 1, 'the last verdict in full')


def main():
    why = missing()
    if why is not None:
        tap.skip('the page of the module for nginx', why)
    else:
        with tempfile.TemporaryDirectory(prefix='handfast-build-') as folder:
            check(pathlib.Path(folder))
    tap.done()


if __name__ == '__main__':
    main()
