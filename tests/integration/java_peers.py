"""TLS clients and servers of the Java platform (JavaPeers.java), in one process of Java.

    java = java_peers.Java(folder)      # None where there is no java: java_peers.find()
    port = java.serve(chain=..., key=..., protocols='TLSv1.2')
    status, words = java.call('https://good.test:%d/' % port, ca=..., by='client')
    java.stop()
"""
import pathlib
import subprocess
import threading

import peers
import pki

SOURCE = pathlib.Path(__file__).resolve().parent / 'JavaPeers.java'


def find():
    """The program, where it can compile: java of a JDK, 11 or later."""
    return peers.find('java') if peers.find('javac') else None


class Java:
    def __init__(self, folder):
        hosts = pathlib.Path(folder) / 'hosts'
        hosts.write_text('127.0.0.1 %s localhost\n' % pki.HOST)
        self.lock = threading.Lock()
        self.process = subprocess.Popen(
            [find(), '-XX:TieredStopAtLevel=1', '-XX:+UseSerialGC', '-Djdk.net.hosts.file=%s' % hosts, str(SOURCE)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, start_new_session=True)

    def stop(self):
        peers.stop(self.process)

    def ask(self, what, **wish):
        words = [what] + ['%s=%s' % (k, v) for k, v in wish.items() if v is not None]
        with self.lock:
            self.process.stdin.write('\t'.join(words) + '\n')
            self.process.stdin.flush()
            return self.process.stdout.readline().rstrip('\n')

    def serve(self, **wish):
        said = self.ask('serve', **wish)
        if not said.isdigit():
            raise OSError('Java does not serve: ' + said)
        return int(said)

    def call(self, url, **wish):
        status, _, words = self.ask('call', url=url, **wish).partition('\t')
        return int(status) if status.isdigit() else 0, words
