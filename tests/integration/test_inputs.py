#!/usr/bin/env python3
"""The same handshakes, however they come in: formats, compression, pipes, folders, streams."""
import gzip
import json
import pathlib
import select
import shutil
import subprocess
import tempfile
import time

import harness
import pcapfile

SAMPLES = ('certificate-expired.pcap', 'protocol-mismatch-cooked.pcap', 'cipher-mismatch-retry.pcap',
           'others/completed-null-loopback.pcap', 'completed-tls13.pcap')


def essences(*arguments, **more):
    done = harness.run('explain', '--json', '--only', 'all', '--trust', 'ca/lab-root.pem', *arguments,
                       cwd=harness.CAPTURES, **more)
    if done.crashed or done.code not in (0, 1):
        return str(done)
    return [harness.essence(v) for v in done.verdicts()]


def variants(path):
    """(name of the form, the bytes of a file)"""
    capture = pcapfile.Capture(path)
    frames, link = list(capture.frames()), capture.link_type
    yield 'big endian', pcapfile.pcap(frames, link, '>')
    yield 'nanoseconds', pcapfile.pcap(frames, link, '<', True)
    yield 'big endian nanoseconds', pcapfile.pcap(frames, link, '>', True)
    yield 'pcapng', pcapfile.pcapng(frames, link)
    yield 'pcapng big endian microseconds', pcapfile.pcapng(frames, link, '>', 6)
    half = len(frames) // 2
    yield 'pcapng in two sections', \
        pcapfile.pcapng(frames[:half], link) + pcapfile.pcapng(frames[half:], link, '>')
    yield 'gzip', gzip.compress(capture.bytes)
    yield 'gzip of two members', gzip.compress(capture.bytes[:100]) + gzip.compress(capture.bytes[100:])
    if shutil.which('zstd'):
        yield 'zstd', subprocess.run(['zstd', '-qc'], input=capture.bytes, check=True,
                                     stdout=subprocess.PIPE).stdout


def without_hindsight(verdicts):
    """In a pipe a verdict is given as its connection ends: what later ones show is not known yet."""
    if isinstance(verdicts, str):
        return verdicts
    return sorted(json.dumps(dict(v, confidence=None), sort_keys=True) for v in verdicts)


def check_forms(tap, folder):
    for sample in SAMPLES:
        want = essences(sample)
        tap.ok(isinstance(want, list) and want, sample, want)
        content = (harness.CAPTURES / sample).read_bytes()
        for form, changed in variants(harness.CAPTURES / sample):
            path = folder / 'changed'
            path.write_bytes(changed)
            tap.equal(essences(path), want, '%s: %s' % (sample, form))
            if form in ('gzip', 'pcapng'):
                tap.equal(without_hindsight(essences('-', stdin=changed)), without_hindsight(want),
                          '%s: %s in a pipe' % (sample, form))
        tap.equal(without_hindsight(essences('-', stdin=content)), without_hindsight(want), '%s: a pipe' % sample)
    if not shutil.which('zstd'):
        tap.skip('zstd', 'the zstd program is not installed')


def check_embedded_secrets(tap, folder):
    entry = next(e for e in harness.labelled() if e['file'] == 'certificate-expired-tls13.pcap')
    capture = pcapfile.Capture(harness.CAPTURES / entry['file'])
    secrets = (harness.CAPTURES / entry['keylog']).read_bytes()
    path = folder / 'secrets.pcapng'
    path.write_bytes(pcapfile.pcapng(list(capture.frames()), capture.link_type, secrets=secrets))
    with_file = essences('--keylog', entry['keylog'], entry['file'])
    tap.equal(essences(path), with_file, 'secrets inside a pcapng serve as a key log does')


def check_many(tap, folder):
    names = [e['file'] for e in harness.labelled() if e['file'].endswith('.pcap') and '/' not in e['file']][:12]
    key = lambda v: json.dumps(v, sort_keys=True)
    strip = lambda vs: sorted(key(dict(v, stream=None, confidence=None)) for v in vs)
    together = essences(*names)
    for name in names:
        shutil.copy(harness.CAPTURES / name, folder)
    (folder / 'notes.txt').write_text('not a capture\n')
    in_folder = essences(folder)
    tap.ok(isinstance(together, list) and len(together) >= len(names), 'several files at once', together)
    tap.ok(isinstance(in_folder, list) and isinstance(together, list) and strip(in_folder) == strip(together),
           'a directory is its captures', in_folder)


class Stream:
    """The program reading a pipe that stays open."""

    def __init__(self, *arguments):
        self.process = subprocess.Popen(
            [harness.program(), 'explain', '--json', '--only', 'all', '--trust', 'none', *arguments, '-'],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, bufsize=0,
            env=harness.environment())

    def write(self, content):
        self.process.stdin.write(content)

    def read_line(self, seconds):
        until, line = time.monotonic() + seconds, b''
        while time.monotonic() < until and not line.endswith(b'\n'):
            if select.select([self.process.stdout], [], [], until - time.monotonic())[0]:
                piece = self.process.stdout.read(1)
                if not piece:
                    break
                line += piece
        return line

    def close(self):
        out, err = self.process.communicate(timeout=60)
        return out, err, self.process.returncode


def check_streaming(tap):
    capture = pcapfile.Capture(harness.CAPTURES / 'protocol-mismatch.pcap')
    stream = Stream()
    stream.write(capture.bytes)
    line = stream.read_line(15)
    tap.ok(line.startswith(b'{') and b'protocol-mismatch' in line,
           'a verdict appears while the pipe is still open', line)
    stream.write(capture.bytes[24:60])  # a frame that never gets whole
    out, err, code = stream.close()
    tap.ok(code == 3 and b'offset' in err, 'and its end in a frame is named', out, err, code)

    slow = Stream()
    for i in range(0, len(capture.bytes), 97):
        slow.write(capture.bytes[i:i + 97])
        time.sleep(0.01)
    out, err, code = slow.close()
    tap.ok(code == 1 and b'protocol-mismatch' in out, 'a pipe that trickles', out, err, code)


def main():
    tap = harness.Tap()
    with tempfile.TemporaryDirectory() as name:
        check_forms(tap, pathlib.Path(name))
    with tempfile.TemporaryDirectory() as name:
        check_embedded_secrets(tap, pathlib.Path(name))
    with tempfile.TemporaryDirectory() as name:
        check_many(tap, pathlib.Path(name))
    check_streaming(tap)
    tap.done()


if __name__ == '__main__':
    main()
