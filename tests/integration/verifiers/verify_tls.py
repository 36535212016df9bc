#!/usr/bin/env python3
"""Judges chains in handshakes of Python's ssl with itself, in memory.

usage: verify_tls.py [--strict] FOLDER     FOLDER as cases.py writes it; --strict: the flags that
                                           ssl.create_default_context() sets from Python 3.13 on
"""
import pathlib
import ssl
import sys


def server_context(here):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.set_ciphers('ALL:@SECLEVEL=0')
    context.load_cert_chain(here / 'chain.pem', here / 'key.pem')
    return context


def client_context(here, strict):
    context = ssl.create_default_context(cafile=str(here / 'trust.pem'))
    flags = ssl.VERIFY_X509_STRICT | ssl.VERIFY_X509_PARTIAL_CHAIN
    context.verify_flags = context.verify_flags | flags if strict else context.verify_flags & ~flags
    return context


def shake(client, server):
    """One handshake; the client's error is raised."""
    done = set()
    for _ in range(20):
        for side in (client, server):
            if side not in done:
                try:
                    side.do_handshake()
                    done.add(side)
                except ssl.SSLWantReadError:
                    pass
        if len(done) == 2:
            return


def judge(here, strict):
    host = (here / 'host').read_text()
    try:
        context = server_context(here)
    except ssl.SSLError as error:
        return 'skip\t%s' % error
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    server = context.wrap_bio(to_server, to_client, server_side=True)
    try:
        client = client_context(here, strict).wrap_bio(to_client, to_server, server_hostname=host)
        shake(client, server)
        return 'accept'
    except ssl.SSLCertVerificationError as error:
        return 'reject\t%s %s' % (error.verify_code, error.verify_message)
    except (ssl.SSLError, ValueError) as error:
        return 'reject\t%s' % error


def main():
    folder = pathlib.Path(sys.argv[-1])
    for name in (folder / 'list').read_text().split():
        print('%s\t%s' % (name, judge(folder / name, '--strict' in sys.argv)))


if __name__ == '__main__':
    main()
