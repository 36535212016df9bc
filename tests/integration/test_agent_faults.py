#!/usr/bin/env python3
"""`handfast run` around real programs: each through every fault that it can have, as client and as
server. The verdict must name the true cause in 99 of 100, must never be certain of a wrong one, and
the program must end and speak as it does without the agent.

usage: test_agent_faults.py [--without] [PROGRAM...] [fault=ID...]
  --without   only that every fault happens without the agent
"""
import concurrent.futures
import dataclasses
import json
import pathlib
import re
import sys
import tempfile
import time

import agent_faults
import client_programs
import harness
import peers
import pki
import programs
import server_programs

PASS_SHARE = 0.99
WORKERS = 3
N_TRIES = 5
IGNORED = (  # what differs from run to run by itself; the first that fits counts
    (r'\b\d{4}[-/.]\d\d[-/.]\d\d[T ]\d\d:\d\d:\d\d(\.\d+)?', 'TIME'),
    (r'\b\d\d/\w{3}/\d{4}:\d\d:\d\d:\d\d(\.\d+)?', 'TIME'),
    (r'(\w{3} )?\w{3} +\d+ \d\d:\d\d:\d\d(\.\d+)?( \d{4})?', 'TIME'),
    (r'\b[0-9A-F]{12,16}:error', 'THREAD:error'), (r'LOG\d\[\w+\]', 'LOG'),
    (r'\b[0-9A-F]{64}\b', 'ID'), (r'Read socket closed \(.*\)', 'read'),
    (r'0x[0-9a-f]+', 'POINTER'), (r'/\S*/with(out)?(-\d+)?/', 'FOLDER/'),
    (r'-?\b\d+(\.\d+)*(?=#|/|\b)', 'N'),  # ports, process ids, counts
)


def normal(text):
    """A program's words without times, process ids, addresses."""
    for pattern, word in IGNORED:
        text = re.sub(pattern, word, text)
    return sorted({line for line in text.splitlines() if line.strip() and 'SIGALRM' not in line})  # nginx's own timer


@dataclasses.dataclass
class Row:
    """One program with one fault; `judge` fills what came of it."""
    name: str
    program: object
    fault: object
    kind: str                  # of peer
    play: object               # (prefix, folder) -> Outcome
    is_server: bool
    problems: list = dataclasses.field(default_factory=list)
    misjudged: str = None
    certainly_wrong: bool = False
    verdicts: list = dataclasses.field(default_factory=list)
    seconds: float = 0


def client_rows(wanted, servers, made):
    for name, program in client_programs.CLIENTS.items():
        if not wanted(name):
            continue
        for i, fault in enumerate(agent_faults.CLIENT_FAULTS):
            if fault.needs in program.lacks or fault.peer not in servers or name not in (fault.only or (name,)):
                continue
            if program.stack == 'gnutls' and fault.id not in agent_faults.UNOBSERVED_FAULTS:
                continue
            able = [p for p in servers[fault.peer] if program.peer in (None, p[0])]
            if not able:
                continue
            kind, port = able[(i + len(name)) % len(able)]
            dial = programs.Dial(port=port, pki=made, **fault.dial)
            yield Row('%s to %s: %s' % (name, kind, fault.id), program, fault, kind,
                      lambda prefix, folder, p=program, d=dial: p.run(prefix, d, folder), False)


def server_rows(wanted, made):
    for name, program in server_programs.SERVERS.items():
        if not wanted(name):
            continue
        for fault in agent_faults.SERVER_FAULTS:
            if fault.needs in program.lacks:
                continue

            def play(prefix, folder, p=program, f=fault):
                port = peers.free_port()
                serve = programs.Serve(port=port, pki=made, **f.serve)
                return p.run(prefix, serve, folder, lambda: f.talk(port, made))
            yield Row('server %s: %s' % (name, fault.id), program, fault, '', play, True)


def played(row, prefix, folder):
    folder.mkdir(parents=True)
    started = time.monotonic()
    outcome = row.play(prefix, folder)
    row.seconds += time.monotonic() - started
    return outcome


GOOD = re.compile(r'(?s).*(200 OK|^ok$|answer: HTTP/1\.[01] 200|does not exist|is this a git)', re.M)


def check_without(row, outcome):
    """The fault must be there without the agent, or the row tests nothing."""
    seen = outcome.peer or outcome.text
    if 'HUNG' in outcome.text or outcome.peer == 'NOT LISTENING':
        row.problems.append('does not run: %s %s' % (outcome.peer, outcome.text[-600:]))
        return
    went_well = bool(GOOD.match(seen))
    is_fault = row.fault.cause is not None and not row.fault.id.startswith('abandoned')
    handled_within = row.is_server and row.fault.id in row.program.later
    if went_well == is_fault and not handled_within and row.fault.id != 'plaintext-client':
        row.problems.append('without the agent it %s: %d %s' %
                            ('works' if went_well else 'fails', outcome.code, (outcome.peer + outcome.text)[-600:]))
    says = getattr(row.fault, 'says', '')
    if says and not re.search(says, outcome.text + outcome.peer) and not row.name.startswith('haproxy'):
        row.problems.append('its words are others: %s' % outcome.text[-600:])


def read_verdicts(path):
    if not path.exists():
        return []
    lines = [json.loads(line) for line in path.read_text().splitlines() if line.strip()]
    return [v for v in lines if v.get('type') is None]


def is_right(fault, verdict):
    if fault.cause is None:
        return verdict['outcome'] != 'failed'
    return verdict['outcome'] == 'failed' and verdict['cause'] in (fault.cause, *fault.also) and \
        fault.party in (None, verdict['party']) and fault.detail in (None, verdict['detail']) and \
        (fault.rejected_by == 'either' or verdict['rejected_by'] == fault.rejected_by)


def brief(verdict):
    keys = ('outcome', 'cause', 'detail', 'party', 'rejected_by', 'confidence', 'rule', 'sentence', 'findings')
    return ' '.join('%s=%s' % (k, verdict.get(k)) for k in keys)


def judge(row, path):
    """The verdicts of one run against what is true."""
    row.verdicts = read_verdicts(path)
    failed = [v for v in row.verdicts if v['outcome'] == 'failed']
    row.certainly_wrong = any(v['confidence'] == 'certain' and v['cause'] not in (row.fault.cause, *row.fault.also)
                              for v in failed)
    if row.is_server and row.fault.id in row.program.later and not failed:
        return  # it completes, and the program says the rest itself
    if row.fault.cause is None:
        row.misjudged = '; '.join(brief(v) for v in failed) or None
    elif not failed:
        row.misjudged = 'no failure seen; ' + '; '.join(brief(v) for v in row.verdicts)
    elif not all(is_right(row.fault, v) for v in failed):
        row.misjudged = '; '.join(brief(v) for v in failed)


def check_unobserved(row, under):
    """GnuTLS: the program is told to be out of reach."""
    if 'cannot be observed' not in under.text:
        row.problems.append('no word that it cannot be observed: %s' % under.text[-600:])


def check_same(row, without, under, again):
    """With the agent it is as without. What a close does to an alert on its way is chance: a run that
    differs is made again, both ways, until one with the agent is like one without."""
    seen = [(normal(without.text), without.peer, without.code)]
    seen_under = [(normal(under.text), under.peer, under.code)]
    while not any(one in seen for one in seen_under) and len(seen) < N_TRIES:
        for many, is_under in ((seen, False), (seen_under, True)):
            outcome = again(is_under, len(seen))
            many.append((normal(outcome.text), outcome.peer, outcome.code))
    if not any(one in seen for one in seen_under):
        (words, peer, code), (own, own_peer, own_code) = seen_under[0], seen[0]
        row.problems.append('exit status %d, without the agent %d; its peer sees %r, without %r; its words:\n+ %s\n- %s' % (
            code, own_code, peer, own_peer, '\n+ '.join(w for w in words if w not in own),
            '\n- '.join(w for w in own if w not in words)))


def perform(row, folder, only_without):
    """Runs a row without the agent and with it."""
    without = played(row, [], folder / 'without')
    check_without(row, without)
    if only_without or row.problems:
        return row
    verdicts = folder / 'verdicts.json'

    def under_agent(path, name):
        return played(row, [harness.program(), 'run', '--json', '--output', str(path), '--all', '--'], folder / name)

    def again(is_under, n):
        if is_under:
            return under_agent(folder / 'again.json', 'with-%d' % n)
        return played(row, [], folder / ('without-%d' % n))
    under = under_agent(verdicts, 'with')
    if not row.is_server and row.program.stack == 'gnutls':
        check_unobserved(row, under)
        return row
    check_same(row, without, under, again)
    judge(row, verdicts)
    return row


def arguments(given):
    names = {a for a in given if not a.startswith('--') and '=' not in a}
    faults = {a.split('=')[1] for a in given if a.startswith('fault=')}
    return (lambda name: not names or name in names), (lambda f: not faults or f.id in faults), '--without' in given


def absent(tap, wanted):
    """Programs that are not installed are said to be."""
    for table in (client_programs.CLIENTS, server_programs.SERVERS):
        for name in [n for n, program in table.items() if not peers.find(*program.find)]:
            if wanted(name):
                tap.skip('%s: every fault' % name, '%s is not installed' % name)
            yield name


def report(tap, rows, only_without):
    for row in rows:
        tap.ok(not row.problems, row.name + (': the fault is there' if only_without else ': as without the agent'), *row.problems)
    if only_without:
        return
    n_right = sum(row.misjudged is None for row in rows if not row.problems or row.verdicts)
    n_all = sum(not row.problems or bool(row.verdicts) for row in rows)
    for row in rows:
        if row.misjudged:
            print('# missed: %s, should be %s %s by %s\n#   %s' % (row.name, row.fault.cause, row.fault.party or '',
                                                                  row.fault.rejected_by, row.misjudged))
        tap.ok(not row.certainly_wrong, row.name + ': not certain of a wrong cause', row.misjudged)
    by_name = {}
    for row in rows:
        by_name.setdefault(row.name.split(' to ')[0].split(':')[0], []).append(row.misjudged is None)
    for name, results in sorted(by_name.items()):
        print('# %-20s %3d of %3d' % (name, sum(results), len(results)))
    tap.ok(n_all and n_right >= PASS_SHARE * n_all, 'the true cause in %d of %d' % (n_right, n_all))


def main():
    wanted, fault_wanted, only_without = arguments(sys.argv[1:])
    tap = harness.Tap()
    missing = set(absent(tap, wanted))
    started = time.monotonic()
    with tempfile.TemporaryDirectory(prefix='handfast-agent-') as scratch:
        folder = pathlib.Path(scratch)
        folder.chmod(0o755)
        made = pki.make(folder / 'pki')
        with peers.Group(folder / 'peers') as group:
            servers = agent_faults.start_peers(group, made, folder)
            present = lambda name: wanted(name) and name not in missing
            rows = [r for r in [*client_rows(present, servers, made), *server_rows(present, made)]
                    if fault_wanted(r.fault)]
            rows.sort(key=lambda row: row.fault.id != 'timeout')  # they wait: first
            with concurrent.futures.ThreadPoolExecutor(WORKERS) as pool:
                list(pool.map(lambda job: perform(job[1], folder / str(job[0]), only_without), enumerate(rows)))
    report(tap, rows, only_without)
    print('# %d rows in %.0f s' % (len(rows), time.monotonic() - started))
    for row in sorted(rows, key=lambda r: -r.seconds)[:8]:
        print('#   %5.1f s %s' % (row.seconds, row.name))
    tap.done()


if __name__ == '__main__':
    main()
