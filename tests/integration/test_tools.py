#!/usr/bin/env python3
"""The checks of tools/ pass on this tree, and notice what they are for."""
import json
import pathlib
import subprocess
import sys
import tempfile

import harness

TOOLS = harness.SOURCE / 'tools'


def tool(name, *arguments, **more):
    done = subprocess.run([str(TOOLS / name), *map(str, arguments)], stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          check=False, **more)
    return done.returncode, done.stdout.decode('utf-8', 'replace')


def tree(files):
    folder = tempfile.TemporaryDirectory()
    for name, content in files.items():
        path = pathlib.Path(folder.name) / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
    return folder


HEADERS = {'src/base/text.h': '', 'src/tls/hello.h': '', 'src/diagnose/verdict.h': '', 'src/cli/explain.h': '',
           'src/probe/probe.h': ''}
LAYERS = (
    ('its own area', 'src/tls/a.c', '#include "tls/hello.h"\n', True),
    ('a lower area', 'src/tls/a.c', '#include "base/text.h"\n', True),
    ('the system', 'src/base/a.c', '#include <stdio.h>\n#include <sys/types.h>\n', True),
    ('an entry point uses the core', 'src/cli/a.c', '#include "diagnose/verdict.h"\n', True),
    ('base uses tls', 'src/base/a.c', '#include "tls/hello.h"\n', False),
    ('base uses tls in a header', 'src/base/a.h', '#  include "tls/hello.h"\n', False),
    ('tls uses diagnose', 'src/tls/a.c', '#include "diagnose/verdict.h"\n', False),
    ('the core uses an entry point', 'src/diagnose/a.c', '#include "cli/explain.h"\n', False),
    ('the command line uses an entry point', 'src/cli/a.c', '#include "probe/probe.h"\n', True),
    ('an entry point uses another', 'src/agent/a.c', '#include "probe/probe.h"\n', False),
    ('an entry point uses the command line', 'src/probe/a.c', '#include "cli/explain.h"\n', False),
    ('a path not from src', 'src/tls/a.c', '#include "hello.h"\n', False),
    ('a project header as the system\'s', 'src/tls/a.c', '#include <tls/hello.h>\n', False),
    ('too deep', 'src/tls/more/a.c', '\n', False),
    ('an unknown area', 'src/utils/a.c', '\n', False),
)
BANNED = (
    ('nothing', 'src/tls/a.c', 'int a(void) { return my_strcpy(1); }\n', True),
    ('in a comment', 'src/tls/a.c', '/* not strcpy(a, b), nor\n * goto out */\n', True),
    ('in a string', 'src/tls/a.c', 'const char *s = "strcpy(a, \\"b\\")";\n', True),
    ('memcpy in base', 'src/base/a.c', 'memcpy(a, b, n);\n', True),
    ('memcpy with a reason', 'src/tls/a.c', '/* memcpy: both are ours */\nmemcpy(a, b, n);\n', True),
    ('a member of that name', 'src/tls/a.c', 't->exit(1);\n', True),
    ('strcpy', 'src/tls/a.c', 'strcpy(a, b);\n', False),
    ('sprintf with a blank', 'src/base/a.c', 'sprintf (a, "%d", 1);\n', False),
    ('atoi in a test', 'tests/unit/a.c', 'int n = atoi(s);\n', False),
    ('localtime', 'src/report/a.c', 'x = localtime(&t);\n', False),
    ('alloca', 'src/tcp/a.c', 'x = alloca(4);\n', False),
    ('strtok', 'src/cli/a.c', 'x = strtok(s, ",");\n', False),
    ('goto', 'src/cli/a.c', 'goto out;\n', False),
    ('exit in a library', 'src/tcp/a.c', 'exit(1);\n', False),
    ('memcpy on the wire', 'src/tls/a.c', 'memcpy(a, b, n);\n', False),
)


def check_tables(tap):
    for name, rows, given in (('check_layers', LAYERS, HEADERS), ('check_banned', BANNED, {})):
        for title, path, content, good in rows:
            with tree(dict(given, **{path: content})) as folder:
                code, said = tool(name, folder)
            tap.ok(code == (0 if good else 1) and (good or path.split('/')[-1] in said or 'src/' in said),
                   '%s: %s is %s' % (name, title, 'fine' if good else 'noticed'), code, said)


def check_sizes(tap):
    for n_lines, code in ((500, 0), (700, 0), (801, 1)):
        with tree({'src/tls/a.c': '\n' * n_lines}) as folder:
            got, said = tool('check_sizes', folder)
        tap.equal((got, 'smell' in said), (code, n_lines == 700), 'check_sizes: %d lines' % n_lines)


def check_summary(tap):
    rows = (
        ('rows are counted', [{'name': 'a', 'result': 'OK', 'stdout': '1..2\nok 1 - a\nok 2 - b # SKIP why\n'}],
         '1 passed, 0 failed, 1 skipped', 0),
        ('a failing row', [{'name': 'a', 'result': 'FAIL', 'stdout': 'ok 1\nnot ok 2\n1..2\n'}], '1 passed, 1 failed', 1),
        ('a crash in the middle', [{'name': 'a', 'result': 'ERROR', 'stdout': '1..9\nok 1\n'}], '1 passed, 1 failed', 1),
        ('no TAP', [{'name': 'a', 'result': 'OK', 'stdout': ''}, {'name': 'b', 'result': 'TIMEOUT', 'stdout': 'x\n'}], '1 passed, 1 failed', 1),
        ('nothing ran', [], '0 passed, 0 failed', 1),
    )
    for title, tests, said, code in rows:
        with tempfile.NamedTemporaryFile('w', suffix='.json') as log:
            log.write('\n'.join(json.dumps(t) for t in tests) + '\n' if tests else '')
            log.flush()
            got, text = tool('tap_summary', log.name)
            tap.equal((got, text.splitlines()[-1]), (code, said), 'tap_summary: %s' % title)


def check_this_tree(tap):
    for name in ('check_layers', 'check_banned', 'check_sizes'):
        code, said = tool(name, harness.SOURCE)
        tap.ok(code == 0, '%s on this tree' % name, said)
    for name in sorted(p for folder in ('script', 'tools', '.ci') for p in (harness.SOURCE / folder).iterdir()
                       if p.is_file() and p.suffix != '.c'):
        first = name.read_text(encoding='utf-8').split('\n', 1)[0]
        command = ['sh', '-n'] if first.startswith('#!/bin/sh') else \
            [sys.executable, '-c', 'import ast,sys; ast.parse(open(sys.argv[1]).read())']
        done = subprocess.run(command + [str(name)], stderr=subprocess.PIPE, check=False)
        tap.ok(done.returncode == 0 and first.startswith('#!'), 'syntax of %s' % name.relative_to(harness.SOURCE),
               done.stderr.decode())


def main():
    tap = harness.Tap()
    check_tables(tap)
    check_sizes(tap)
    check_summary(tap)
    check_this_tree(tap)
    tap.done()


if __name__ == '__main__':
    main()
