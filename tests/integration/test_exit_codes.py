#!/usr/bin/env python3
"""Exit codes and the errors that go with them, as the man page promises."""
import pathlib
import socket
import struct
import subprocess
import tempfile
import time

import harness

FAILED = 'protocol-mismatch.pcap'
COMPLETED = 'completed-tls13.pcap'
NOTHING_FAILED, SOME_FAILED, USAGE, INPUT = 0, 1, 2, 3


def broken_files(folder):
    whole = (harness.CAPTURES / FAILED).read_bytes()
    corrupt = bytearray(whole + whole[24:])
    corrupt[len(whole) + 8:len(whole) + 12] = struct.pack('<I', 0xFFFFFFF0)
    strange = bytearray(whole)
    strange[20:24] = struct.pack('<I', 147)
    made = {
        'cut.pcap': whole[:-5], 'cut-in-header.pcap': whole + whole[24:33], 'corrupt.pcap': bytes(corrupt),
        'strange-link.pcap': bytes(strange), 'empty.pcap': b'', 'short.pcap': whole[:10],
        'text.pcap': b'not a capture at all\n' * 20, 'no-frames.pcap': whole[:24],
    }
    for name, content in made.items():
        (folder / name).write_bytes(content)
    return len(whole)


def rows(folder, size):
    """name, arguments, exit code, what standard error must say, are there verdicts?"""
    trust = ('--trust', 'none')
    usage = 'usage'
    return (
        ('a failed handshake', ('explain', *trust, FAILED), SOME_FAILED, '', True),
        ('nothing failed', ('explain', *trust, '--only', 'all', COMPLETED), NOTHING_FAILED, '', True),
        ('both', ('explain', *trust, COMPLETED, FAILED), SOME_FAILED, '', True),
        ('--only failed does not change it', ('explain', *trust, '--only', 'failed', COMPLETED),
         NOTHING_FAILED, '', None),
        ('--summary counts too', ('explain', *trust, '--summary', FAILED), SOME_FAILED, '', True),
        ('no frames', ('explain', *trust, folder / 'no-frames.pcap'), NOTHING_FAILED, '', None),
        ('no command', (), USAGE, usage, False),
        ('unknown command', ('explian', FAILED), USAGE, 'explain', False),
        ('no operand', ('explain',), USAGE, 'nothing to read', False),
        ('unknown option', ('explain', '--trsut', 'none', FAILED), USAGE, '--trust', False),
        ('bad choice', ('explain', '--only', 'some', FAILED), USAGE, 'findings', False),
        ('bad filter', ('explain', '--filter', 'tcp and and', FAILED), None, 'filter', None),
        ('bad gateway', ('explain', '--gateway', '10.0.0.0/99', FAILED), USAGE, '--gateway', False),
        ('standard input twice', ('explain', '-', '-'), USAGE, 'once', False),
        ('no such trust file', ('explain', '--trust', folder / 'none.pem', FAILED), None, 'none.pem', False),
        ('no such key log', ('explain', '--keylog', folder / 'none.log', FAILED), None, 'none.log', False),
        ('help', ('explain', '--help'), NOTHING_FAILED, '', True),
        ('help in general', ('--help',), NOTHING_FAILED, '', True),
        ('version', ('--version',), NOTHING_FAILED, '', True),
        ('no such file', ('explain', *trust, folder / 'none.pcap'), INPUT, 'No such file', None),
        ('no such file, and one that failed', ('explain', *trust, folder / 'none.pcap', FAILED), INPUT,
         'none.pcap', True),
        ('not a capture', ('explain', *trust, folder / 'text.pcap'), INPUT, 'text.pcap', None),
        ('an empty file', ('explain', *trust, folder / 'empty.pcap'), INPUT, 'empty.pcap', None),
        ('shorter than its header', ('explain', *trust, folder / 'short.pcap'), INPUT, 'short.pcap', None),
        ('cut in the last frame', ('explain', *trust, folder / 'cut.pcap'), INPUT, 'offset', True),
        ('cut in a frame header', ('explain', *trust, folder / 'cut-in-header.pcap'), INPUT,
         'offset %d' % size, True),
        ('corrupt in the middle', ('explain', *trust, folder / 'corrupt.pcap'), INPUT,
         'offset %d' % size, True),
        ('an unknown link type is named', ('explain', *trust, folder / 'strange-link.pcap'), INPUT,
         '147', None),
    )


def sockets(tap, folder):
    """run --listen: a socket that was left behind is replaced, one that somebody listens on is not."""
    path = folder / 'collector'
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as other:
        other.bind(str(path))
        other.listen(1)
        done = harness.run('run', '--listen', path)
        tap.ok(done.code == INPUT and 'in use' in done.errors and path.exists(), 'somebody listens there', done)
    listener = subprocess.Popen([harness.program(), 'run', '--listen', str(path)], stderr=subprocess.PIPE)
    until = time.monotonic() + 20
    while time.monotonic() < until and listener.poll() is None:
        with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as client:
            if client.connect_ex(str(path)) == 0:
                break
        time.sleep(0.05)
    else:
        tap.ok(False, 'a socket left behind is replaced', listener.poll())
        return
    listener.terminate()
    tap.equal(listener.wait(20), 0, 'a socket left behind is replaced')
    listener.stderr.close()


def main():
    tap = harness.Tap()
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        size = broken_files(folder)
        for title, arguments, code, said, has_output in rows(folder, size):
            done = harness.run(*arguments, cwd=harness.CAPTURES)
            codes = (USAGE, INPUT) if code is None else (code,)
            good = not done.crashed and done.code in codes and said in done.errors
            good = good and (has_output is None or bool(done.out.strip()) == has_output)
            tap.ok(good, title, 'want exit %s, "%s" said, output: %s' % (codes, said, has_output), done)
        full = harness.run('explain', '--trust', 'none', FAILED, cwd=harness.CAPTURES)
        cut = harness.run('explain', '--trust', 'none', folder / 'corrupt.pcap', '--json', '--only', 'all')
        tap.ok(full.code == 1 and any(v['cause'] == 'protocol-mismatch' for v in cut.verdicts()),
               'verdicts on what was readable come before the error', cut)
    with tempfile.TemporaryDirectory() as name:
        sockets(tap, pathlib.Path(name))
    tap.done()


if __name__ == '__main__':
    main()
