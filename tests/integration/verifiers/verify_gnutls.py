#!/usr/bin/env python3
"""Judges chains as a GnuTLS client does (gnutls_certificate_verify_peers3), by the library itself.

usage: verify_gnutls.py FOLDER     FOLDER as cases.py writes it; the file `at` of a case: its time
"""
import ctypes
import pathlib
import ssl
import sys

FORMAT_PEM = 1
STATUS = {1 << 1: 'invalid', 1 << 5: 'revoked', 1 << 6: 'signer-not-found', 1 << 7: 'signer-not-ca',
          1 << 8: 'insecure-algorithm', 1 << 9: 'not-activated', 1 << 10: 'expired',
          1 << 11: 'signature-failure', 1 << 12: 'revocation-superseded', 1 << 14: 'unexpected-owner',
          1 << 15: 'revocation-issued-in-future', 1 << 16: 'signer-constraints-failure',
          1 << 17: 'mismatch', 1 << 18: 'purpose-mismatch', 1 << 19: 'missing-ocsp-status',
          1 << 20: 'invalid-ocsp-status', 1 << 21: 'unknown-critical-extensions'}
DT_DNS_HOSTNAME, DT_KEY_PURPOSE_OID = 1, 2
SERVER_AUTH = b'1.3.6.1.5.5.7.3.1'
PROFILE_LOW = 2 << 24  # what NORMAL, the default priority, asks for


class Datum(ctypes.Structure):
    _fields_ = [('data', ctypes.c_char_p), ('size', ctypes.c_uint)]


class TypedData(ctypes.Structure):
    _fields_ = [('type', ctypes.c_int), ('data', ctypes.c_char_p), ('size', ctypes.c_uint)]


def library():
    lib = ctypes.CDLL('libgnutls.so.30')
    lib.gnutls_x509_trust_list_deinit.restype = None
    return lib


def datum(data):
    return Datum(data, len(data))


def import_chain(lib, here):
    pems = (here / 'chain.pem').read_text().split('-----END CERTIFICATE-----\n')[:-1]
    chain = (ctypes.c_void_p * len(pems))()
    for i, pem in enumerate(pems):
        der = ssl.PEM_cert_to_DER_cert(pem + '-----END CERTIFICATE-----\n')
        one = ctypes.c_void_p()
        lib.gnutls_x509_crt_init(ctypes.byref(one))
        code = lib.gnutls_x509_crt_import(one, ctypes.byref(datum(der)), 0)
        if code < 0:
            raise ValueError('import %d' % code)
        chain[i] = one
    return chain


def typed_data(host):
    """What gnutls-cli asks for; an address is given as text too."""
    return (TypedData * 2)(TypedData(DT_DNS_HOSTNAME, host.encode(), len(host)),
                           TypedData(DT_KEY_PURPOSE_OID, SERVER_AUTH, 0))


TIME_FUNCTION = ctypes.CFUNCTYPE(ctypes.c_long, ctypes.c_void_p)


def set_time(lib, here, kept=[]):
    """As of the file `at`, where there is one. The function has to outlive the call."""
    at = here / 'at'
    if at.exists():
        seconds = int(at.read_text())
        kept[:] = [TIME_FUNCTION(lambda _: seconds)]
        lib.gnutls_global_set_time_function(kept[0])


def judge(lib, here):
    set_time(lib, here)
    chain = import_chain(lib, here)
    trusted = ctypes.c_void_p()
    lib.gnutls_x509_trust_list_init(ctypes.byref(trusted), 0)
    trust = (here / 'trust.pem').read_bytes()
    lib.gnutls_x509_trust_list_add_trust_mem(trusted, ctypes.byref(datum(trust)), None, FORMAT_PEM,
                                             0, 0)
    status = ctypes.c_uint()
    data = typed_data((here / 'host').read_text())
    code = lib.gnutls_x509_trust_list_verify_crt2(trusted, chain, len(chain), data, 2, PROFILE_LOW,
                                                  ctypes.byref(status), None)
    words = ' '.join(word for bit, word in STATUS.items() if status.value & bit)
    lib.gnutls_x509_trust_list_deinit(trusted, 0)
    if code < 0:
        return 'reject\terror %d %s' % (code, words)
    return 'accept' if status.value == 0 else 'reject\t' + words


def main():
    folder = pathlib.Path(sys.argv[1])
    lib = library()
    for name in (folder / 'list').read_text().split():
        try:
            said = judge(lib, folder / name)
        except ValueError as error:
            said = 'reject\t%s' % error
        print('%s\t%s' % (name, said))


if __name__ == '__main__':
    main()
