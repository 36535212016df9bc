#!/usr/bin/env python3
"""The verdict on every labelled capture is the one that captures/labels.json says is right.

Unlike the golden outputs this cannot be rewritten along with a mistake.
"""
import harness


def find(verdicts, label, used):
    for i, v in enumerate(verdicts):
        same = v['client'] == label['client'] and v['server'] == label['server']
        if i not in used and same and label.get('stream', v.get('stream')) == v.get('stream'):
            used.add(i)
            return v
    return None


def faults(label, v):
    """Sentences about what is wrong with one verdict."""
    if v is None:
        return ['no verdict']
    wrong = []
    outcomes = [label['outcome']] + (label.get('outcome_accept') or [])
    if v['outcome'] not in outcomes:
        wrong.append('outcome %s, not %s' % (v['outcome'], label['outcome']))
    if v['outcome'] != 'failed' or label['outcome'] != 'failed':
        missing = set(label.get('findings') or []) - set(v.get('findings') or [])
        return wrong + ['finding %s is missing' % m for m in sorted(missing)]
    causes = [label['cause']] + (label.get('accept') or [])
    if v['cause'] not in causes:
        wrong.append('cause %s, not %s' % (v['cause'], ' or '.join(dict.fromkeys(causes))))
    rejecters = [label.get('rejected_by')] + (label.get('rejected_by_accept') or [])
    if label.get('rejected_by') and v['rejected_by'] not in rejecters:
        wrong.append('rejected by %s, not %s' % (v['rejected_by'], label['rejected_by']))
    if label.get('party') and v['cause'] == label['cause'] and v['party'] != label['party']:
        wrong.append('party %s, not %s' % (v['party'], label['party']))
    if v['confidence'] == 'certain' and label.get('certainty') == 'ambiguous':
        wrong.append('certain, where several causes fit')
    return wrong


def check(entry):
    done = harness.explain_json(entry)
    if done.crashed or done.code not in (0, 1):
        return [str(done)]
    verdicts, used, wrong = done.verdicts(), set(), []
    for label in entry['connections']:
        v = find(verdicts, label, used)
        wrong += ['%s -> %s: %s' % (label['client'], label['server'], w) for w in faults(label, v)]
    spare = [v for i, v in enumerate(verdicts) if i not in used and v['outcome'] == 'failed']
    wrong += ['%s: judged failed, and is no handshake' % v['client'] for v in spare]
    failed = any(v['outcome'] == 'failed' for v in verdicts)
    if done.code != (1 if failed else 0):
        wrong.append('exit code %d' % done.code)
    return wrong


def main():
    tap = harness.Tap()
    entries = harness.labelled()
    for entry, wrong in zip(entries, harness.in_parallel(check, [(e,) for e in entries])):
        tap.ok(not wrong, entry['file'], *wrong)
    tap.done()


if __name__ == '__main__':
    main()
