#!/usr/bin/env python3
"""Every capture cut after each frame, and with each frame dropped in turn.

Never a crash, and never a verdict marked certain that the whole capture contradicts.

usage: test_cut_and_drop.py [LABELS.json [STEP]]    default: captures/labels.json, every frame
"""
import collections
import json
import pathlib
import sys
import tempfile

import harness
import pcapfile


def by_ends(verdicts):
    table = collections.defaultdict(list)
    for v in verdicts:
        table[frozenset((v['client'], v['server']))].append(v)
    return table


def accepted_causes(entry):
    table = collections.defaultdict(set)
    for label in entry['connections']:
        ends = frozenset((label['client'], label['server']))
        table[ends].update([label.get('cause')] + (label.get('accept') or []))
    return table


def agrees(v, whole, accepted):
    """Does the whole capture allow what is said of a part of it?"""
    return any(v['outcome'] == w['outcome'] and
               (v['outcome'] != 'failed' or v['cause'] == w['cause'] or v['cause'] in accepted)
               for w in whole)


def contradictions(verdicts, whole, accepted):
    for v in verdicts:
        ends = frozenset((v['client'], v['server']))
        claims = v.get('confidence') == 'certain' and v['outcome'] in ('failed', 'completed')
        if claims and not agrees(v, whole[ends], accepted[ends]):
            yield 'certain %s %s (%s)' % (v['outcome'], v.get('cause'), v.get('rule'))


def faults_of_part(entry, base, path, whole, accepted):
    trust = ['--trust', base / entry['ca']] if entry.get('ca') else ['--trust', 'none']
    keys = ['--keylog', base / entry['keylog']] if entry.get('keylog') else []
    done = harness.run('explain', '--json', '--only', 'all', *trust, *keys, path)
    if done.crashed or done.code not in (0, 1):
        return [str(done)]
    return list(contradictions(done.verdicts(), whole, accepted))


def check(entry, base, how, step):
    capture = pcapfile.Capture(base / entry['file'])
    part = capture.cut_after if how == 'cut' else capture.without
    accepted = accepted_causes(entry)
    wrong = []
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder) / 'part.pcap'
        path.write_bytes(capture.bytes)
        trust = ['--trust', base / entry['ca']] if entry.get('ca') else ['--trust', 'none']
        keys = ['--keylog', base / entry['keylog']] if entry.get('keylog') else []
        done = harness.run('explain', '--json', '--only', 'all', *trust, *keys, path)
        if done.crashed or done.code not in (0, 1):
            return [str(done)]
        whole = by_ends(done.verdicts())
        for n in range(1, capture.n_frames + 1, step):
            path.write_bytes(part(n))
            wrong += ['%s %d: %s' % (how, n, w) for w in faults_of_part(entry, base, path, whole, accepted)]
    return wrong


def main():
    labels = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else harness.CAPTURES / 'labels.json')
    step = int(sys.argv[2]) if len(sys.argv) > 2 else 1
    with open(labels, encoding='utf-8') as file:
        entries = json.load(file)
    entries = entries if isinstance(entries, list) else entries['captures']
    entries = [e for e in entries if e['file'].endswith(('.pcap', '.pcapng'))]
    jobs = [(e, labels.resolve().parent, how, step) for e in entries for how in ('cut', 'drop')]
    tap = harness.Tap()
    for (entry, _, how, _), wrong in zip(jobs, harness.in_parallel(check, jobs)):
        tap.ok(not wrong, '%s %s' % (how, entry['file']), *wrong)
    tap.done()


if __name__ == '__main__':
    main()
