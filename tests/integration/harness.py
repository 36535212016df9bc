"""What the tests that run the whole program share: TAP, running it, the labelled captures.

The program is $HANDFAST, the project $HANDFAST_SOURCE (both set by meson); a test run by hand finds
build-test/handfast or build/handfast by itself.
"""
import concurrent.futures
import json
import os
import pathlib
import subprocess
import sys

SOURCE = pathlib.Path(os.environ.get('HANDFAST_SOURCE') or pathlib.Path(__file__).resolve().parents[2])
CAPTURES = SOURCE / 'captures'
SHARED = pathlib.Path(os.environ.get('HANDFAST_SHARED') or SOURCE.parent / 'shared') / 'captures'
SANITIZER_EXIT = 99
CAUSE_ORDER = ('outcome', 'cause', 'party', 'rejected_by', 'confidence')


def program():
    given = os.environ.get('HANDFAST')
    if given:
        return given
    for build in ('build-test', 'build'):
        if (SOURCE / build / 'handfast').exists():
            return str(SOURCE / build / 'handfast')
    sys.exit('no program: build it, or set HANDFAST')


class Tap:
    """Rows of the Test Anything Protocol, the plan last."""

    def __init__(self):
        self.n = 0
        self.n_failed = 0

    def ok(self, condition, name, *notes):
        self.n += 1
        self.n_failed += not condition
        print('%s %d - %s' % ('ok' if condition else 'not ok', self.n, name.replace('#', '')))
        if not condition:
            for note in notes:
                for line in str(note).splitlines()[:60]:
                    print('# ' + line)
        sys.stdout.flush()
        return bool(condition)

    def equal(self, got, want, name):
        return self.ok(got == want, name, 'got  %r' % (got,), 'want %r' % (want,))

    def skip(self, name, why):
        self.n += 1
        print('ok %d - %s # SKIP %s' % (self.n, name.replace('#', ''), why))
        sys.stdout.flush()

    def done(self):
        print('1..%d' % self.n)
        sys.exit(1 if self.n_failed else 0)


class Run:
    def __init__(self, argv, code, out, err):
        self.argv, self.code, self.out, self.err = argv, code, out, err

    @property
    def text(self):
        return self.out.decode('utf-8', 'replace')

    @property
    def errors(self):
        return self.err.decode('utf-8', 'replace')

    @property
    def crashed(self):
        return self.code < 0 or self.code == SANITIZER_EXIT or b'Sanitizer' in self.err or \
            b'runtime error:' in self.err

    def verdicts(self):
        return [json.loads(line) for line in self.text.splitlines() if line.strip()]

    def __str__(self):
        return '%s\nexit %d\n%s%s' % (' '.join(self.argv), self.code, self.text[-2000:], self.errors[-4000:])


def environment(extra=None):
    env = dict(os.environ, TZ='UTC', LC_ALL='C.UTF-8', NO_COLOR='1')
    env.setdefault('ASAN_OPTIONS', 'exitcode=%d' % SANITIZER_EXIT)
    env.setdefault('UBSAN_OPTIONS', 'halt_on_error=1:exitcode=%d' % SANITIZER_EXIT)
    env.update(extra or {})
    return env


def run(*args, stdin=b'', env=None, timeout=120, cwd=None, binary=None):
    argv = [str(binary or program())] + [str(a) for a in args]
    try:
        done = subprocess.run(argv, input=stdin, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                              timeout=timeout, env=environment(env), cwd=cwd, check=False)
        return Run(argv, done.returncode, done.stdout, done.stderr)
    except subprocess.TimeoutExpired as hung:
        return Run(argv, -1, hung.stdout or b'', b'timeout: the program did not end')


def labelled():
    """The entries of captures/labels.json."""
    with open(CAPTURES / 'labels.json', encoding='utf-8') as file:
        return json.load(file)['captures']


def options(entry):
    """--trust and --keylog of a labelled capture; paths relative to captures/."""
    given = ['--trust', entry['ca'] or 'none']
    return given + (['--keylog', entry['keylog']] if entry['keylog'] else [])


def explain_json(entry, path=None, **more):
    """Every verdict of a labelled capture, or of another file with the same options."""
    return run('explain', '--json', '--only', 'all', *options(entry), path or entry['file'],
               cwd=CAPTURES, **more)


def in_parallel(function, jobs):
    """As many at once as there are processors; results in the order of the jobs."""
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count() or 2) as pool:
        return list(pool.map(lambda job: function(*job), jobs))


def essence(verdict):
    """What must not depend on how a capture came in."""
    return {key: verdict.get(key) for key in ('client', 'server', 'stream') + CAUSE_ORDER}
