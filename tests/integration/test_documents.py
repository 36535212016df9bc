#!/usr/bin/env python3
"""Documents say what the program does: tables, options in man pages and completions, --message."""
import json
import re
import subprocess
import sys

import jsonschema

import harness

MESSAGES = (
    'curl: (60) SSL certificate problem: unable to get local issuer certificate',
    'SSL_do_handshake() failed (SSL: error:0A000410:SSL routines::sslv3 alert handshake failure) '
    'while SSL handshaking to upstream, upstream: "https://10.1.1.9:8443/"',
    'nothing that is known', '\x01\x02 \udcff"\\ certificate has expired',
)


def check_tool(tap, tool):
    done = subprocess.run([sys.executable, str(harness.SOURCE / 'tools' / tool), '--check'],
                          capture_output=True, check=False)
    tap.ok(done.returncode == 0, 'tools/%s --check' % tool, done.stderr.decode('utf-8', 'replace'))


def documents(name):
    return (harness.SOURCE / name).read_text(encoding='utf-8')


def options_in(text, pattern):
    return {option for found in re.findall(pattern, text, re.MULTILINE) for option in found.split() if option}


def shell_function(name, command):
    """The body of _handfast_COMMAND in a completion."""
    return documents('completions/' + name).split('_handfast_%s()' % command, 1)[1].split('\n}\n', 1)[0]


def bash_options(command):
    lists = re.findall(r"compgen -W '([^']*)'", shell_function('handfast.bash', command))
    return {word for words in lists if '--help' in words for word in words.split()}


def zsh_options(command):
    body = shell_function('_handfast', command)
    specs = '\n'.join(re.findall(r"^ +'(?!\*:)([^\[]*)\[", body, re.MULTILINE))
    return options_in(specs, r'(?<![\w-])(--?[a-z0-9][a-z0-9-]*)')


def check_options(tap, command):
    """What --help lists stands in the man page and in both completions, and nothing else does."""
    helped = harness.run(command, '--help').text
    wanted = options_in(helped, r'^ +(?:(?:-\w), )?(--[a-z0-9-]+)') | options_in(helped, r'^ +(-\w), --')
    man = documents('docs/man/handfast-%s.1.scd' % command)
    described = {option for line in re.findall(r'^\*-.*', man, re.MULTILINE)
                 for option in re.findall(r'\*(--?[a-z0-9][a-z0-9-]*)\*', line)}
    tap.ok('--help' in wanted and len(wanted) > 8, '%s --help lists options' % command, helped)
    tap.equal([line for line in helped.splitlines() if len(line) > 80], [], '%s --help in 80 columns' % command)
    for where, found in (('its man page', described), ('the bash completion', bash_options(command)),
                         ('the zsh completion', zsh_options(command))):
        tap.equal(sorted(found), sorted(wanted), 'options of %s: %s' % (command, where))


def check_values(tap, command, option, wanted):
    """The words after an option, in both completions."""
    bash = shell_function('handfast.bash', command).split('\n    %s)\n' % option, 1)[1].split('return', 1)[0]
    zsh = re.search(r"'--%s=[^']*'" % option.lstrip('-'), shell_function('_handfast', command)).group(0)
    for where, text in (('bash', re.search(r"-W '([^']*)'", bash).group(1)), ('zsh', zsh)):
        missing = [word for word in wanted if not re.search(r'(?<![\w.-])%s(?![\w.-])' % re.escape(word), text)]
        tap.ok(wanted and not missing, 'values of %s %s: %s' % (command, option, where), *missing)


def ids(table, row):
    return re.findall(r'^%s\((?:\w+, *)?"([^"]+)"' % row, documents(table), re.MULTILINE)


def check_pages(tap):
    """Commands, pages and documents name each other and are installed."""
    commands = re.findall(r'^  (\w+) ', harness.run('help').text, re.MULTILINE)
    own = [command for command in commands if command not in ('help', 'version')]
    installed = documents('docs/meson.build')
    pages = sorted(path.stem for path in (harness.SOURCE / 'docs/man').glob('*.scd'))
    wanted = ['handfast.1', 'handfast-nginx.5'] + ['handfast-%s.1' % command for command in own]
    tap.equal(pages, sorted(wanted), 'a page for each command, and for the module')
    for page in pages:
        text = documents('docs/man/%s.scd' % page)
        unknown = [name for name in map('.'.join, re.findall(r'\*(handfast[a-z-]*)\*\((\d)\)', text)) if name not in pages]
        tap.ok(not unknown and "'%s'" % page in installed, '%s is installed and names pages that exist' % page, *unknown)
    main_page = documents('docs/man/handfast.1.scd')
    tap.ok(all('*handfast-%s*(1)' % command in main_page for command in own), 'handfast(1) names every page')
    for document in sorted(path for path in (harness.SOURCE / 'docs').iterdir() if path.suffix in ('.json', '.md')):
        tap.ok("'%s'" % document.name in installed, '%s is installed' % document.name)
        if document.suffix == '.json':
            jsonschema.Draft202012Validator.check_schema(json.loads(document.read_text(encoding='utf-8')))
    return own


def check_messages(tap):
    schema = json.loads((harness.SOURCE / 'docs/message.schema.json').read_text(encoding='utf-8'))
    validator = jsonschema.Draft202012Validator(schema)
    lines = '\n'.join(MESSAGES[:2]) + '\n'
    runs = [harness.run('explain', '--json', '--message', message) for message in MESSAGES]
    runs.append(harness.run('explain', '--json', '--message', stdin=lines.encode()))
    for run in runs:
        faults = [str(e.message)[:200] for line in run.verdicts() for e in validator.iter_errors(line)]
        tap.ok(run.verdicts() and not faults, 'message.schema.json: %s' % ascii(run.argv[-1][:40]), *faults)
    tap.equal([line['line'] for line in runs[-1].verdicts()], [1, 2], 'lines are numbered')


def check_log(tap):
    """A long log, lines of every length, the last one without its end."""
    known = b'x509: certificate has expired'
    log = b'\n' * 10 + (b'-' * 70000 + b'\n') * 3 + known + b'\r\n' + b'\0' * 100 + b'\n' + known
    run = harness.run('explain', '--json', '--message', stdin=log)
    tap.equal([line['line'] for line in run.verdicts()], [14, 16], 'lines of a log are found')
    tap.equal(run.code, 0, 'exit status 0 where something is known')
    tap.equal(harness.run('explain', '--message', stdin=b'nothing\n').code, 1, 'and 1 where nothing is')


def main():
    tap = harness.Tap()
    check_tool(tap, 'gen_causes_doc')
    check_tool(tap, 'update_readme')
    for command in check_pages(tap):
        check_options(tap, command)
    check_values(tap, 'check', '--as', ids('src/check/verifiers.def', 'VERIFIER'))
    check_values(tap, 'probe', '--as', ids('src/probe/clients.def', 'CLIENT'))
    check_messages(tap)
    check_log(tap)
    tap.done()


if __name__ == '__main__':
    main()
