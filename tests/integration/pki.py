"""Certificates for tests, made in a moment: a root, an intermediate, and leaves that are wrong in
one way each.

    made = pki.make(folder)              # RSA and EC, everything below
    made.chain('expired')                # path of a PEM file: leaf, then the intermediate
    made.key('expired')                  # path of its private key, PEM
    made.pair('expired')                 # both in one file, as HAProxy wants it
    made.bare('expired')                 # the same without the intermediate
    made.root, made.other_root, made.crl # paths

Every leaf names HOST and 127.0.0.1. Keys are made once and shared: they are not what is tested.
"""
import datetime
import ipaddress
import warnings

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

HOST = 'good.test'
warnings.filterwarnings('ignore', message='SHA1 signatures')  # one is made on purpose
DAY = datetime.timedelta(days=1)

# name of the leaf -> what is unlike the good one (see Maker.leaf)
SERVERS = {
    'good': {},
    'good-rsa': {'key': 'rsa'},
    'expired': {'days': (-400, -2)},
    'not-yet': {'days': (30, 400)},
    'wrong-name': {'names': ('elsewhere.test',)},
    'ipv6': {'names': ('::1',)},
    'self-signed': {'issuer': None},
    'incomplete': {'with': ()},
    'incomplete-reticent': {'issuer': 'reticent', 'with': ()},  # nothing says that its issuer is no root
    'wrong-intermediate': {'with': ('other-intermediate',)},
    'untrusted': {'issuer': 'other-intermediate'},
    'untrusted-with-root': {'issuer': 'other-intermediate', 'with': ('other-intermediate', 'other-root')},
    'not-a-ca': {'issuer': 'not-a-ca'},
    'expired-intermediate': {'issuer': 'expired-intermediate'},
    'wrong-purpose': {'usage': (ExtendedKeyUsageOID.CLIENT_AUTH,)},
    'revoked': {},
    'weak-key': {'key': 'rsa-1024'},
    'weak-digest': {'key': 'rsa', 'issuer': 'rsa-root', 'with': (), 'digest': hashes.SHA1()},
    'ed25519': {'key': 'ed25519'},
}
CLIENTS = {
    'client': {},
    'client-rsa': {'key': 'rsa'},
    'client-expired': {'days': (-400, -2)},
    'client-not-yet': {'days': (30, 400)},
    'client-untrusted': {'issuer': 'other-intermediate'},
    'client-incomplete': {'with': ()},
    'client-self-signed': {'issuer': None},
    'client-wrong-purpose': {'usage': (ExtendedKeyUsageOID.SERVER_AUTH,)},
    'client-revoked': {},
    'client-weak-key': {'key': 'rsa-1024'},
}


def name_of(common_name):
    return x509.Name([x509.NameAttribute(NameOID.ORGANIZATION_NAME, 'Handfast tests'),
                      x509.NameAttribute(NameOID.COMMON_NAME, common_name)])


def pem(certificate):
    return certificate.public_bytes(serialization.Encoding.PEM)


def key_pem(key):
    return key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8,
                             serialization.NoEncryption())


def alternative(text):
    """A SubjectAlternativeName entry: an address where it is one, else a DNS name."""
    try:
        return x509.IPAddress(ipaddress.ip_address(text))
    except ValueError:
        return x509.DNSName(text)


class Maker:
    """Signs; holds the keys and the CA certificates by name."""

    def __init__(self):
        self.now = datetime.datetime.utcnow().replace(microsecond=0)
        self.keys = {'ec': ec.generate_private_key(ec.SECP256R1()),
                     'rsa': rsa.generate_private_key(65537, 2048),
                     'rsa-1024': rsa.generate_private_key(65537, 1024),
                     'ed25519': ed25519.Ed25519PrivateKey.generate()}
        self.authorities = {}  # name -> (certificate, key, name of the issuer)

    def sign(self, subject, public_key, issuer, days, extensions, digest=None):
        """issuer: (name, key). extensions: (extension, is critical)."""
        builder = x509.CertificateBuilder().subject_name(subject).issuer_name(issuer[0]) \
            .public_key(public_key).serial_number(x509.random_serial_number()) \
            .not_valid_before(self.now + days[0] * DAY).not_valid_after(self.now + days[1] * DAY)
        for extension, critical in extensions:
            builder = builder.add_extension(extension, critical)
        by_ed25519 = isinstance(issuer[1], ed25519.Ed25519PrivateKey)
        return builder.sign(issuer[1], None if by_ed25519 else digest or hashes.SHA256())

    def authority(self, name, issuer=None, days=(-500, 3000), is_ca=True, key=None, subject=None):
        key = key or ec.generate_private_key(ec.SECP256R1())
        subject = subject or name_of(name)
        parent = (subject, key) if issuer is None else \
            (self.authorities[issuer][0].subject, self.authorities[issuer][1])
        usage = x509.KeyUsage(not is_ca, False, False, False, False, is_ca, is_ca, False, False)
        certificate = self.sign(subject, key.public_key(), parent, days, [
            (x509.BasicConstraints(is_ca, None), True), (usage, True),
            (x509.SubjectKeyIdentifier.from_public_key(key.public_key()), False),
            (x509.AuthorityKeyIdentifier.from_issuer_public_key(parent[1].public_key()), False)])
        self.authorities[name] = (certificate, key, issuer)

    def leaf(self, names, usage, key='ec', issuer='intermediate', days=(-10, 300), digest=None):
        """A certificate and its key; issuer None: signed by itself."""
        private = self.keys[key]
        subject = name_of(names[0])
        parent = (subject, private) if issuer is None else \
            (self.authorities[issuer][0].subject, self.authorities[issuer][1])
        certificate = self.sign(subject, private.public_key(), parent, days, [
            (x509.SubjectAlternativeName([alternative(n) for n in names]), False),
            (x509.BasicConstraints(False, None), True),
            (x509.ExtendedKeyUsage(usage), False),
            (x509.SubjectKeyIdentifier.from_public_key(private.public_key()), False),
            (x509.AuthorityKeyIdentifier.from_issuer_public_key(parent[1].public_key()), False)],
            digest)
        return certificate, private

    def crl(self, issuer, revoked, days=(-1, 30)):
        certificate, key, _ = self.authorities[issuer]
        builder = x509.CertificateRevocationListBuilder().issuer_name(certificate.subject) \
            .last_update(self.now + days[0] * DAY).next_update(self.now + days[1] * DAY)
        for one in revoked:
            builder = builder.add_revoked_certificate(
                x509.RevokedCertificateBuilder().serial_number(one.serial_number)
                .revocation_date(self.now - DAY).build())
        return builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)


class Pki:
    """Paths of what was made."""

    def __init__(self, folder):
        self.folder = folder
        self.root = str(folder / 'root.pem')
        self.other_root = str(folder / 'other-root.pem')
        self.intermediate = str(folder / 'intermediate.pem')
        self.crl = str(folder / 'crl.pem')          # of the root and of the intermediate
        self.crl_missing = str(folder / 'crl-missing.pem')  # of the root alone
        self.crl_stale = str(folder / 'crl-stale.pem')      # past its nextUpdate
        self.trust = str(folder / 'trust')          # a directory by hash, holding the root

    def chain(self, name):
        return str(self.folder / (name + '.crt'))

    def key(self, name):
        return str(self.folder / (name + '.key'))

    def pair(self, name):
        return str(self.folder / (name + '.pem'))

    def bare(self, name):
        return str(self.folder / (name + '.bare.pem'))

    def rest(self, name):
        """What is sent after the leaf, alone."""
        return str(self.folder / (name + '.rest.pem'))


def write_leaf(folder, name, certificates, key):
    chain = b''.join(pem(c) for c in certificates)
    (folder / (name + '.crt')).write_bytes(chain)
    (folder / (name + '.key')).write_bytes(key_pem(key))
    (folder / (name + '.pem')).write_bytes(chain + key_pem(key))
    (folder / (name + '.bare.pem')).write_bytes(pem(certificates[0]) + key_pem(key))
    (folder / (name + '.rest.pem')).write_bytes(b''.join(pem(c) for c in certificates[1:]))
    for kind in ('.key', '.pem', '.bare.pem'):
        (folder / (name + kind)).chmod(0o600)


def make_authorities(maker):
    maker.authority('root')
    maker.authority('other-root')
    maker.authority('rsa-root', key=rsa.generate_private_key(65537, 2048))
    maker.authority('intermediate', 'root')
    maker.authority('other-intermediate', 'other-root')
    maker.authority('expired-intermediate', 'root', days=(-500, -3))
    maker.authority('reticent', 'root', subject=x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, 'Alpha')]))
    maker.authority('not-a-ca', 'intermediate', is_ca=False)


def links(maker, issuer):
    """The CA certificates from an issuer up to its root, the root left out."""
    found = []
    while issuer is not None and maker.authorities[issuer][2] is not None:
        found.append(maker.authorities[issuer][0])
        issuer = maker.authorities[issuer][2]
    return found


def make(folder, names=None):
    """names: only these leaves; None: all."""
    folder.mkdir(parents=True, exist_ok=True)
    maker = Maker()
    make_authorities(maker)
    made = Pki(folder)
    revoked = []
    for name, how in {**SERVERS, **CLIENTS}.items():
        if names is not None and name not in names:
            continue
        is_client = name in CLIENTS
        hosts = how.get('names', (name + '.test',) if is_client else (HOST, 'localhost', '127.0.0.1'))
        usage = how.get('usage', (ExtendedKeyUsageOID.CLIENT_AUTH if is_client
                                  else ExtendedKeyUsageOID.SERVER_AUTH,))
        rest = {k: v for k, v in how.items() if k in ('key', 'issuer', 'days', 'digest')}
        leaf, key = maker.leaf(hosts, usage, **rest)
        issuer = how.get('issuer', 'intermediate')
        sent = [maker.authorities[n][0] for n in how['with']] if 'with' in how else links(maker, issuer)
        write_leaf(folder, name, [leaf] + sent, key)
        if name.endswith('revoked'):
            revoked.append(leaf)
    roots = pem(maker.authorities['root'][0]) + pem(maker.authorities['rsa-root'][0])
    (folder / 'root.pem').write_bytes(roots)
    (folder / 'other-root.pem').write_bytes(pem(maker.authorities['other-root'][0]))
    (folder / 'intermediate.pem').write_bytes(pem(maker.authorities['intermediate'][0]))
    (folder / 'reticent.crt').write_bytes(pem(maker.authorities['reticent'][0]))
    rest = maker.crl('root', []) + maker.crl('other-root', [])
    (folder / 'crl.pem').write_bytes(maker.crl('intermediate', revoked) + rest)
    (folder / 'crl-missing.pem').write_bytes(rest)
    (folder / 'crl-stale.pem').write_bytes(maker.crl('intermediate', revoked, (-30, -3)) + rest)
    return made
