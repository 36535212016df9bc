#!/usr/bin/env python3
"""The commands that handfast check prints are followed to the letter, and do what they say.

usage: tests/integration/test_check_steps.py        TAP
"""
import pathlib
import re
import shlex
import tempfile

import harness
import pki


def blocks(path):
    text = pathlib.Path(path).read_text()
    return re.findall(r'-----BEGIN CERTIFICATE-----.*?-----END CERTIFICATE-----\n?', text, re.S)


def commands(text):
    """The commands of handfast check that a text tells to run, as argument lists."""
    told = re.findall(r'`handfast (check [^`]*)`', re.sub(r'\s+', ' ', text))
    return [shlex.split(one) for one in told]


def main():
    tap = harness.Tap()
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        made = pki.make(folder / 'pki')
        leaf, intermediate = blocks(made.chain('good'))
        stranger = blocks(made.chain('untrusted'))[1]
        root = made.root
        files = {'leaf only.pem': leaf, 'issuer.pem': intermediate, 'turned.pem': intermediate + leaf,
                 'extra.pem': leaf + intermediate + stranger}
        for file, content in files.items():
            (folder / file).write_text(content)

        def run(*arguments):
            return harness.run(*arguments, cwd=folder)

        asked = ('check', '--width', '200', '--trust', root, '--purpose', 'server')
        for inputs, before in ((('leaf only.pem', 'issuer.pem'), 1), (('turned.pem',), 0), (('extra.pem',), 0)):
            done = run(*asked, *inputs)
            told = commands(done.text)
            repairs = [one for one in told if '--fix' in one]
            tap.ok(done.code == before and len(repairs) == 1, 'a repair is told: ' + inputs[0], done.text)
            for one in repairs:
                repaired = run(*one)
                again = commands(repaired.text)
                tap.ok('acceptable' in repaired.text and 'Wrote' in repaired.text, 'and works', one, repaired.text)
                tap.ok(bool(again) == bool(before) and all(run(*two).code == 0 for two in again),
                       'what is checked after it is acceptable', again)
            asks_the_same = [('--trust' in one, '--purpose' in one) == (True, True) for one in told]
            tap.ok(told and all(asks_the_same), 'each asks the same question', told)
        given = run(*asked, '--at', '2020-01-01', 'turned.pem')
        tap.ok('as --at says' in given.text, 'whose clock: the one named', given.text)
        tap.ok("this machine's clock" in run(*asked, 'turned.pem').text, 'whose clock: this machine\'s')
        compared = run('check', '--width', '200', made.other_root, '--trust', root, '--host', 'good.test', '--against', 'turned.pem')
        tap.ok('append its PEM block to %s.' % made.other_root in re.sub(r'\s+', ' ', compared.text),
               'what to upload, and where', compared.text)
        (folder / 'cut.pem').write_text(leaf[:200])
        for arguments in (('cut.pem',), (made.key('good'),)):
            nothing = run(*asked, *arguments)
            tap.ok(nothing.code == 3 and 'nothing was judged' in nothing.errors, 'nothing to judge is no success', nothing)
    tap.done()


if __name__ == '__main__':
    main()
