#!/usr/bin/env python3
"""causes.def, the rules, docs/causes.md and the captures name the same causes."""
import pathlib
import re

import harness


def in_table():
    text = (harness.SOURCE / 'src/diagnose/causes.def').read_text(encoding='utf-8')
    return dict(re.findall(r'^CAUSE\((\w+),\s*"([^"]+)"', text, re.MULTILINE))


def in_rules():
    sources = [p for p in (harness.SOURCE / 'src/diagnose').iterdir()
               if p.suffix in ('.c', '.def') and p.name not in ('verdict.c', 'causes.def')]
    text = '\n'.join(p.read_text(encoding='utf-8') for p in sources)
    return {symbol for symbol in in_table() if re.search(r'\b(CAUSE_)?%s\b' % symbol, text)}


def in_docs():
    text = (harness.SOURCE / 'docs/causes.md').read_text(encoding='utf-8')
    return set(re.findall(r'`([a-z][a-z0-9-]+)`', text))


def in_captures():
    return {c['cause'] for entry in harness.labelled() for c in entry['connections'] if c['cause']}


def main():
    tap = harness.Tap()
    table = in_table()
    rules, docs, captures = in_rules(), in_docs(), in_captures()
    tap.ok(len(table) > 30, 'causes.def is read')
    for symbol, cause in table.items():
        tap.ok(symbol in rules, '%s has a rule' % cause)
        tap.ok(cause in docs, '%s is in docs/causes.md' % cause)
        tap.ok(cause in captures, '%s has a labelled capture' % cause)
    tap.equal(sorted(captures - set(table.values())), [], 'no capture has a cause of its own')
    files = {e['file'] for e in harness.labelled()}
    there = {str(p.relative_to(harness.CAPTURES)) for p in pathlib.Path(harness.CAPTURES).rglob('*.pcap*')}
    tap.equal(sorted(there ^ files), [], 'every capture is labelled, every label has its capture')
    tap.done()


if __name__ == '__main__':
    main()
