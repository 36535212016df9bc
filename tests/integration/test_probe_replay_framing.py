#!/usr/bin/env python3
"""A replay sends what was captured, byte for byte: records, their versions, the first segment. Where
those are what the server refuses, they are the proved change."""
import pathlib

import harness
import hello_lab as lab
import test_probe_replay as replays
from hello_lab import alert, server_hello


def records(body, sizes, version=0x0301):
    """The hello in records of these sizes, the last one with what is left."""
    message, out = b'\x01' + lab.vec(3, body), b''
    for size in [*sizes, len(message)]:
        if message:
            out += b'\x16' + version.to_bytes(2, 'big') + lab.vec(2, message[:size])
        message = message[size:]
    return out


def cut(wire, *sizes):
    out = []
    for size in sizes:
        out.append(wire[:size])
        wire = wire[size:]
    return out + [wire]


BODY = lab.hello(name='localhost', alpn=('h2',))
# name, how it went over the wire, may the server answer?, change, in how many pieces at least
ROWS = [
    ('three records', [records(BODY, (20, 70))], lambda h: h.n_records == 1, 'in-one-record', 1),
    ('a record of the header alone', [records(BODY, (4,))], lambda h: h.n_records == 1, 'in-one-record', 1),
    ('a record for each byte', [records(BODY, [1] * len(BODY))], lambda h: h.n_records < 100,
     'in-one-record', 1),
    ('records of TLS 1.2', [records(BODY, (), 0x0303)], lambda h: h.record_version == 0x0301,
     'record-version-1.0', 1),
    ('records of SSL 3.0', [records(BODY, (), 0x0300)], lambda h: h.record_version != 0x0300,
     'record-version-1.0', 1),
    ('a first segment of five bytes', cut(lab.record(BODY), 5), lambda h: h.pieces == 1, 'in-one-segment', 2),
]


def of_server(test, seen_wires):
    def decide(seen, _server):
        seen_wires.append((seen.wire, seen.pieces))
        return server_hello(seen) if test(seen) else alert(40)
    return decide


def try_row(tap, name, segments, test, change, pieces):
    seen = []
    wire = b''.join(segments)
    server = lab.Responder(of_server(test, seen))
    path = pathlib.Path(replays.DIRECTORY.name) / (name.replace(' ', '-') + '.pcap')
    lab.write_capture(path, server.port, wire, alert(40), 'fin', segments)
    run = replays.replay(path, server.port)
    server.stop()
    row = (name, None, BODY, 'proved', 'hello-intolerance', change, None)
    replays.check(tap, row, run)
    tap.ok(seen and seen[0][0] == wire and seen[0][1] >= pieces, name + ': first as it was captured',
           seen[:1])


def no_file(tap):
    """From standard input the message is known, not its records."""
    seen = []
    server = lab.Responder(of_server(lambda h: False, seen))
    path = pathlib.Path(replays.DIRECTORY.name) / 'stdin.pcap'
    lab.write_capture(path, server.port, records(BODY, (20,)), alert(40), 'fin')
    run = harness.run('explain', '--json', '--trust', 'none', '--prove', '--to', 'localhost', '-',
                      stdin=path.read_bytes())
    server.stop()
    line = replays.proof_of(run)
    tap.ok(line and line['proof']['outcome'] == 'nothing-helps' and seen and seen[0][0] == lab.record(BODY),
           'standard input: the message in one record', run)


def main():
    tap = harness.Tap()
    for row in ROWS:
        try_row(tap, *row)
    no_file(tap)
    tap.equal(replays.COUNTED['wrongly certain'], 0, 'no proof of a wrong cause')
    tap.done()


if __name__ == '__main__':
    main()
