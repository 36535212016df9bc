#!/usr/bin/env python3
"""Suites of other projects give the same results with the agent as without: Python's test_ssl, and
Node's tests of tls and https where their sources are ($HANDFAST_NODE_TESTS: node's test/parallel).

usage: test_agent_suites.py [python] [node]
"""
import concurrent.futures
import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile

import harness
import peers
import programs

SUITE_S = 400
NODE_TEST_S = 60
PYTHON_SUITE = r"""
import json, sys, unittest
class Result(unittest.TextTestResult):
    def startTest(self, test): super().startTest(test); found.setdefault(test.id(), "ok")
    def addError(self, test, e): super().addError(test, e); found[test.id()] = "error"
    def addFailure(self, test, e): super().addFailure(test, e); found[test.id()] = "failure"
    def addSkip(self, test, why): super().addSkip(test, why); found[test.id()] = "skipped"
found = {}
suite = unittest.defaultTestLoader.loadTestsFromName("test.test_ssl")
done = unittest.TextTestRunner(resultclass=Result).run(suite)
json.dump(found, open(sys.argv[1], "w"))
sys.exit(not done.wasSuccessful())
"""


def prefix(folder):
    return [harness.program(), 'run', '--json', '--output', str(folder / 'verdicts.json'), '--']


def run(argv, folder, seconds):
    folder.mkdir(parents=True, exist_ok=True)
    try:
        done = subprocess.run([str(a) for a in argv], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, timeout=seconds, cwd=folder, check=False,
                              env=programs.environment(folder))
        return done.returncode, done.stdout.decode('utf-8', 'replace')
    except subprocess.TimeoutExpired as hung:
        return -1, (hung.stdout or b'').decode('utf-8', 'replace')


def python_results(folder):
    """{test: result}"""
    path = folder / 'results.json'
    return json.loads(path.read_text()) if path.exists() else {}


def compare(tap, name, without, under, output=''):
    """One row for each test, so that a failure names it."""
    for test in sorted(set(without) | set(under)):
        tap.equal(under.get(test), without.get(test), '%s: %s' % (name, test))
    if output and any(under.get(t) != without.get(t) for t in without):
        print('\n'.join('# ' + line for line in output.splitlines()[-120:]))


def check_python(tap, folder):
    suite = [programs.PYTHON, '-c', PYTHON_SUITE, 'results.json']
    if subprocess.run([programs.PYTHON, '-c', 'import test.test_ssl'], stderr=subprocess.DEVNULL, check=False).returncode:
        tap.skip('python: test_ssl', 'libpython3.11-testsuite is not installed')
        return
    with concurrent.futures.ThreadPoolExecutor(2) as pool:  # it mostly waits
        plain = pool.submit(run, suite, folder / 'without', SUITE_S)
        agent = pool.submit(run, prefix(folder) + suite, folder / 'with', SUITE_S)
    without, under = python_results(folder / 'without'), python_results(folder / 'with')
    tap.ok(len(without) > 100, 'python: the suite runs', plain.result()[1][-2000:])
    tap.equal(agent.result()[0], plain.result()[0], 'python: exit status')
    compare(tap, 'python', without, under, agent.result()[1])
    tap.ok((folder / 'verdicts.json').exists() and (folder / 'verdicts.json').stat().st_size > 0,
           'python: the agent was there and saw failures')


def node_test(path, folder):
    """Exit status without the agent and with it; a test that fails by chance gets a second try."""
    argv = [peers.find('node')] + node_flags(path) + [path]
    without = run(argv, folder / path.stem / 'without', NODE_TEST_S)
    under = run(prefix(folder / path.stem) + argv, folder / path.stem / 'with', NODE_TEST_S)
    if under[0] != without[0]:
        without = run(argv, folder / path.stem / 'without', NODE_TEST_S)
        under = run(prefix(folder / path.stem) + argv, folder / path.stem / 'with', NODE_TEST_S)
    return without[0], under


def node_flags(path):
    first = re.search(r'^// Flags: (.*)$', path.read_text(errors='replace'), re.M)
    return first[1].split() if first else []


def check_node(tap, folder):
    tests = pathlib.Path(os.environ.get('HANDFAST_NODE_TESTS', ''))
    found = sorted([*tests.glob('test-tls-*.js'), *tests.glob('test-https-*.js')]) \
        if os.environ.get('HANDFAST_NODE_TESTS') else []
    if not found or not peers.find('node'):
        tap.skip('node: tls and https', 'HANDFAST_NODE_TESTS names no folder with them, or there is no node')
        return
    with concurrent.futures.ThreadPoolExecutor(1) as pool:  # some use a fixed port
        results = list(pool.map(lambda path: node_test(path, folder), found))
    for path, (without, under) in zip(found, results):
        tap.ok(under[0] == without, 'node: ' + path.stem, 'exit %s, without the agent %s' % (under[0], without), under[1][-2000:])
    n_passed = sum(without == 0 for without, _ in results)
    print('# node: %d of %d pass without the agent' % (n_passed, len(results)))


def main():
    wanted = set(sys.argv[1:]) or {'python', 'node'}
    tap = harness.Tap()
    with tempfile.TemporaryDirectory(prefix='handfast-suites-') as scratch:
        folder = pathlib.Path(scratch)
        if 'python' in wanted:
            check_python(tap, folder / 'python')
        if 'node' in wanted:
            check_node(tap, folder / 'node')
    tap.done()


if __name__ == '__main__':
    main()
