"""Certificates for the comparison with real verifiers: any field may be as wrong as a case needs.

python3-cryptography makes the certificate; what it declines to make (version 1, odd serial numbers,
two algorithms that differ) is put into its bytes afterwards, which are then signed anew.
"""
import datetime
import functools
import ipaddress

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed25519, padding, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID as Eku, NameOID, ObjectIdentifier

NOW = datetime.datetime.utcnow().replace(microsecond=0)
DAY = datetime.timedelta(days=1)
USAGES = ('digital_signature', 'content_commitment', 'key_encipherment', 'data_encipherment',
          'key_agreement', 'key_cert_sign', 'crl_sign', 'encipher_only', 'decipher_only')
EKUS = {'server': Eku.SERVER_AUTH, 'client': Eku.CLIENT_AUTH, 'any': Eku.ANY_EXTENDED_KEY_USAGE,
        'email': Eku.EMAIL_PROTECTION, 'code': Eku.CODE_SIGNING, 'ocsp': Eku.OCSP_SIGNING,
        'sgc': ObjectIdentifier('2.16.840.1.113730.4.1')}
PRIVATE_OID = ObjectIdentifier('1.3.6.1.4.1.55555.1')
HASHES = {'sha256': hashes.SHA256, 'sha1': hashes.SHA1, 'md5': hashes.MD5, 'sha384': hashes.SHA384}


def new_key(kind):
    if kind.startswith('rsa'):
        return rsa.generate_private_key(65537, int(kind[3:]))
    if kind.startswith('dsa'):
        return dsa.generate_private_key(int(kind[3:]))
    if kind == 'ed25519':
        return ed25519.Ed25519PrivateKey.generate()
    curves = {'p192': ec.SECP192R1, 'p224': ec.SECP224R1, 'p256': ec.SECP256R1, 'p384': ec.SECP384R1,
              'k256': ec.SECP256K1}
    return ec.generate_private_key(curves[kind]())


@functools.lru_cache(maxsize=None)
def key_of(kind, label):
    """One key for each label: RSA keys take long to make. RSA keys of a size have four owners."""
    return new_key(kind)


def name_of(text):
    """'CN=a,O=b', '' the empty name; a leading 'P:' spells it as PrintableString."""
    kinds = {'CN': NameOID.COMMON_NAME, 'O': NameOID.ORGANIZATION_NAME, 'C': NameOID.COUNTRY_NAME}
    is_printable = text.startswith('P:')
    parts = [part.split('=', 1) for part in text.removeprefix('P:').split(',') if part]
    as_type = {'_type': x509.name._ASN1Type.PrintableString} if is_printable else {}
    return x509.Name([x509.NameAttribute(kinds[k], v, **as_type) for k, v in parts])


def general_name(text):
    kind, value = text.split(':', 1)
    if kind == 'DNS':
        return x509.DNSName(value)
    if kind == 'IP':
        is_net = '/' in value
        return x509.IPAddress(ipaddress.ip_network(value) if is_net else ipaddress.ip_address(value))
    if kind == 'URI':
        return x509.UniformResourceIdentifier(value)
    if kind == 'DIR':
        return x509.DirectoryName(name_of(value))
    return x509.RFC822Name(value)


def general_names(texts):
    return [general_name(text) for text in texts] if texts else None


def der(tag, content):
    n = len(content)
    size = bytes([n]) if n < 128 else bytes([0x80 + (n.bit_length() + 7) // 8]) + \
        n.to_bytes((n.bit_length() + 7) // 8, 'big')
    return bytes([tag]) + size + content


def elements(content):
    """The elements of a SEQUENCE's content, each with its header."""
    found = []
    while content:
        n, at = content[1], 2
        if n >= 128:
            at = 2 + (n & 127)
            n = int.from_bytes(content[2:at], 'big')
        found.append(content[:at + n])
        content = content[at + n:]
    return found


def inside(element):
    return element[2 if element[1] < 128 else 2 + (element[1] & 127):]


class Certificate:
    """A certificate, its key, and what issues need of it."""

    def __init__(self, der_bytes, key, subject, key_id):
        self.der, self.key, self.subject, self.key_id = der_bytes, key, subject, key_id

    def pem(self):
        import base64
        body = base64.encodebytes(self.der).decode().replace('\n', '')
        lines = '\n'.join(body[i:i + 64] for i in range(0, len(body), 64))
        return '-----BEGIN CERTIFICATE-----\n%s\n-----END CERTIFICATE-----\n' % lines

    def key_pem(self):
        return self.key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8,
                                      serialization.NoEncryption()).decode()


def sign(key, digest, tbs):
    how = HASHES[digest]()
    if isinstance(key, rsa.RSAPrivateKey):
        return key.sign(tbs, padding.PKCS1v15(), how)
    if isinstance(key, ec.EllipticCurvePrivateKey):
        return key.sign(tbs, ec.ECDSA(how))
    if isinstance(key, dsa.DSAPrivateKey):
        return key.sign(tbs, how)
    return key.sign(tbs)


def altered(der_bytes, key, digest, version=None, serial_bytes=None, twice=False, other_inner=False):
    """The certificate with fields replaced, signed again."""
    tbs, algorithm, _ = elements(inside(der_bytes))
    fields = elements(inside(tbs))
    if serial_bytes is not None:
        fields[1] = der(2, serial_bytes)
    if version == 1:
        fields = [f for f in fields[1:] if f[0] not in (0xa1, 0xa2, 0xa3)]
    if twice:
        extensions = elements(inside(inside(fields[-1])))
        fields[-1] = der(0xa3, der(0x30, b''.join(extensions + extensions[-1:])))
    if other_inner:  # sha384 inside, as signed outside
        fields[2] = fields[2].replace(b'\x3d\x04\x03\x02', b'\x3d\x04\x03\x03')
    tbs = der(0x30, b''.join(fields))
    signature = sign(key, digest, tbs)
    return der(0x30, tbs + algorithm + der(3, b'\0' + signature))


def key_usage(names):
    return x509.KeyUsage(**{usage: usage in names for usage in USAGES})


def add_extensions(builder, o, key, issuer, subject_key_id):
    def add(value, critical):
        nonlocal builder
        builder = builder.add_extension(value, critical)

    if o['basic'] is not None:
        is_ca, path_length = o['basic']
        add(x509.BasicConstraints(is_ca, path_length if is_ca else None), o['basic_critical'])
    if o['usage']:
        add(key_usage(o['usage']), True)
    if o['eku']:
        add(x509.ExtendedKeyUsage([EKUS[e] for e in o['eku']]), False)
    if o['names']:
        add(x509.SubjectAlternativeName(general_names(o['names'])), o['names_critical'])
    if o['permitted'] or o['excluded']:
        add(x509.NameConstraints(general_names(o['permitted']), general_names(o['excluded'])),
            o['constraints_critical'])
    if o['ski']:
        add(subject_key_id, False)
    if o['aki'] and issuer is not None:
        identifier = x509.AuthorityKeyIdentifier(o['aki_value'] or issuer.key_id, None, None)
        add(identifier, o['aki_critical'])
    if o['policies']:
        add(x509.CertificatePolicies([x509.PolicyInformation(ObjectIdentifier(p), None)
                                      for p in o['policies']]), False)
    if o['explicit_policy'] is not None:
        add(x509.PolicyConstraints(o['explicit_policy'], None), True)
    if o['unknown_critical']:
        add(x509.UnrecognizedExtension(PRIVATE_OID, b'\x05\x00'), True)
    if o['must_staple']:
        add(x509.TLSFeature([x509.TLSFeatureType.status_request]), False)
    return builder


DEFAULTS = {
    'key': 'p256', 'key_label': None, 'digest': 'sha256', 'since': -30, 'until': 60, 'serial': None,
    'issuer_name': None, 'basic': None, 'basic_critical': True, 'usage': None, 'eku': None,
    'names': None, 'names_critical': False, 'permitted': None, 'excluded': None,
    'constraints_critical': True, 'ski': True, 'aki': True, 'aki_value': None, 'aki_critical': False,
    'policies': None, 'explicit_policy': None, 'unknown_critical': False, 'must_staple': False,
    'broken': False, 'alter': None,
}
CA = {'basic': (True, None), 'usage': ('key_cert_sign', 'crl_sign'), 'until': 3000, 'since': -300}
LEAF = {'basic': (False, None), 'usage': ('digital_signature', 'key_encipherment'),
        'eku': ('server', 'client'), 'names': ('DNS:www.example.test',)}
_serials = iter(range(0x1000000, 0x7fffffff))


def make(subject, issuer, kind, options):
    o = dict(DEFAULTS, **kind, **{k: v for k, v in options.items() if k not in kind})
    o.update(options)
    key = key_of(o['key'], o['key_label'] or subject)
    signer = issuer.key if issuer else key
    public = key.public_key()
    subject_key_id = x509.SubjectKeyIdentifier.from_public_key(public)
    issuer_name = o['issuer_name'] if o['issuer_name'] is not None else \
        (issuer.subject if issuer else subject)
    builder = x509.CertificateBuilder(
        name_of(issuer_name), name_of(subject), public, o['serial'] or next(_serials),
        NOW + o['since'] * DAY, NOW + o['until'] * DAY)
    builder = add_extensions(builder, o, key, issuer, subject_key_id)
    is_edwards = isinstance(signer, ed25519.Ed25519PrivateKey)
    made = builder.sign(signer, None if is_edwards else HASHES[o['digest']]())
    encoded = made.public_bytes(serialization.Encoding.DER)
    if o['alter']:
        encoded = altered(encoded, signer, o['digest'], **o['alter'])
    if o['broken']:
        encoded = encoded[:-1] + bytes([encoded[-1] ^ 1])
    return Certificate(encoded, key, subject, subject_key_id.digest)


def root(subject='CN=Root CA', **options):
    return make(subject, None, CA, options)


def ca(issuer, subject='CN=Issuing CA', **options):
    return make(subject, issuer, CA, options)


def leaf(issuer, subject='CN=www.example.test', **options):
    return make(subject, issuer, LEAF, options)
