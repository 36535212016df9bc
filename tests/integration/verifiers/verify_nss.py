#!/usr/bin/env python3
"""Judges chains as an NSS client does (SSL_AuthCertificate's steps), by the library itself.

usage: verify_nss.py FOLDER     FOLDER as cases.py writes it

NSS remembers certificates it has seen, so each chain gets a process and an empty database of its own.
"""
import ctypes
import os
import pathlib
import ssl
import sys
import tempfile

END = '-----END CERTIFICATE-----\n'
USAGE_SSL_SERVER = 1
TRUSTED_CA = 1 << 4
VALID_CA = 1 << 3


class Item(ctypes.Structure):
    _fields_ = [('type', ctypes.c_uint), ('data', ctypes.c_char_p), ('len', ctypes.c_uint)]


class Trust(ctypes.Structure):
    _fields_ = [('ssl', ctypes.c_uint), ('email', ctypes.c_uint), ('code', ctypes.c_uint)]


def library():
    nss = ctypes.CDLL('libnss3.so')
    nspr = ctypes.CDLL('libnspr4.so')
    for name in ('CERT_GetDefaultCertDB', 'CERT_NewTempCertificate', 'PK11_GetInternalKeySlot'):
        getattr(nss, name).restype = ctypes.c_void_p
    nspr.PR_Now.restype = ctypes.c_longlong
    nspr.PR_ErrorToName.restype = ctypes.c_char_p
    return nss, nspr


def ders(path):
    return [ssl.PEM_cert_to_DER_cert(pem + END) for pem in path.read_text().split(END)[:-1]]


def certificate(nss, der):
    item = Item(0, der, len(der))
    return nss.CERT_NewTempCertificate(ctypes.c_void_p(nss.CERT_GetDefaultCertDB()),
                                       ctypes.byref(item), None, 0, 1)


def trust_all(nss, paths):
    slot = ctypes.c_void_p(nss.PK11_GetInternalKeySlot())
    nss.PK11_InitPin(slot, b'', b'')
    for number, der in enumerate(paths):
        cert = ctypes.c_void_p(certificate(nss, der))
        nss.PK11_ImportCert(slot, cert, 0, b'ca%d' % number, 0)
        trust = Trust(TRUSTED_CA | VALID_CA, 0, 0)
        nss.CERT_ChangeCertTrust(ctypes.c_void_p(nss.CERT_GetDefaultCertDB()), cert,
                                 ctypes.byref(trust))


def judge(here):
    nss, nspr = library()

    def why():
        code = nspr.PR_GetError()
        name = nspr.PR_ErrorToName(code)
        return name.decode() if name else {-12276: 'SSL_ERROR_BAD_CERT_DOMAIN'}.get(code, str(code))

    with tempfile.TemporaryDirectory() as home:
        if nss.NSS_InitReadWrite(b'sql:' + home.encode()) != 0:
            return 'skip\t' + why()
        trust_all(nss, ders(here / 'trust.pem'))
        chain = [ctypes.c_void_p(certificate(nss, der)) for der in ders(here / 'chain.pem')]
        if not all(chain):
            return 'reject\t' + why()
        db = ctypes.c_void_p(nss.CERT_GetDefaultCertDB())
        at = here / 'at'
        time = int(at.read_text()) * 1000000 if at.exists() else nspr.PR_Now()
        if nss.CERT_VerifyCert(db, chain[0], 1, USAGE_SSL_SERVER, ctypes.c_longlong(time), None,
                               None) != 0:
            return 'reject\t' + why()
        if nss.CERT_VerifyCertName(chain[0], (here / 'host').read_bytes()) != 0:
            return 'reject\t' + why()
        return 'accept'


def in_child(here):
    """The judgement of a process of its own."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        os.write(writer, judge(here).encode())
        os._exit(0)
    os.close(writer)
    with os.fdopen(reader) as said:
        answer = said.read()
    os.waitpid(child, 0)
    return answer or 'skip\tno answer'


def main():
    folder = pathlib.Path(sys.argv[1])
    for name in (folder / 'list').read_text().split():
        print('%s\t%s' % (name, in_child(folder / name)), flush=True)


if __name__ == '__main__':
    main()
