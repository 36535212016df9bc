"""The chains that ours and the real verifiers judge: a row is a name, what is sent (the leaf first),
what is trusted, and the host asked for.
"""
import collections

from make_chain import ca, leaf, root

HOST = 'www.example.test'
Case = collections.namedtuple('Case', 'name sent trust host')


def rows_of_building():
    r, other = root(), root('CN=Other Root')
    i = ca(r)
    good = leaf(i)
    lower = ca(i, 'CN=Lower CA')
    deep = leaf(lower)
    stranger = ca(other, 'CN=Stranger CA')
    yield 'valid', [good, i], [r]
    yield 'valid by the root itself', [leaf(r)], [r]
    yield 'root sent too', [good, i, r], [r]
    yield 'order reversed', [deep, i, lower], [r]
    yield 'order reversed with root', [deep, r, i, lower], [r]
    yield 'unrelated certificate between', [good, stranger, i], [r]
    yield 'unrelated certificate last', [good, i, stranger], [r]
    yield 'leaf sent twice', [good, good, i], [r]
    yield 'intermediate sent twice', [good, i, i], [r]
    yield 'intermediate not sent', [good], [r]
    yield 'second intermediate not sent', [deep, lower], [r]
    yield 'intermediate in the trust store beside the root', [good], [r, i]
    yield 'intermediate as anchor, sent', [good, i], [i]
    yield 'intermediate as anchor, not sent', [good], [i]
    yield 'upper intermediate as anchor', [deep, lower, i], [i]
    yield 'intermediate as anchor, root sent', [good, i, r], [i]
    yield 'leaf as anchor', [good], [good]
    yield 'leaf as anchor, chain sent', [good, i], [good]
    yield 'untrusted root, not sent', [good, i], [other]
    yield 'untrusted root, sent', [good, i, r], [other]
    own = leaf(None, 'CN=www.example.test')
    own_ca = leaf(None, 'CN=www.example.test', basic=(True, None),
                  usage=('digital_signature', 'key_cert_sign'))
    yield 'self-signed, not trusted', [own], [other]
    yield 'self-signed, trusted', [own], [own]
    yield 'self-signed CA as leaf, trusted', [own_ca], [own_ca]
    yield 'self-signed CA as leaf, not trusted', [own_ca], [other]
    for n in (8, 13, 18):
        last, path = i, []
        for k in range(n):
            last = ca(last, 'CN=Level %d' % k)
            path.insert(0, last)
        yield '%d certificates' % (n + 2), [leaf(last)] + path + [i], [r]


def rows_of_alternatives():
    r, old = root(), root('CN=Old Root', until=-5)
    other = root('CN=Other Root')
    i = ca(r)
    wrong = ca(r, 'CN=Issuing CA', key_label='a second key')
    crossed = ca(other, 'CN=Root CA', key_label='CN=Root CA')
    crossed_old = ca(other, 'CN=Root CA', key_label='CN=Root CA', until=-5)
    expired = ca(r, until=-5)
    good = leaf(i)
    yield 'namesake with another key first', [good, wrong, i], [r]
    yield 'namesake with another key only', [good, wrong], [r]
    no_ids = leaf(i, aki=False)
    yield 'namesake first, no key identifiers', [no_ids, wrong, i], [r]
    yield 'expired twin of the intermediate first', [good, expired, i], [r]
    yield 'expired twin of the intermediate last', [good, i, expired], [r]
    yield 'cross-signed root sent, root trusted', [good, i, crossed], [r]
    yield 'cross-signed root sent, other trusted', [good, i, crossed], [other]
    yield 'expired cross-signed root sent, root trusted', [good, i, crossed_old], [r]
    yield 'expired cross-signed root sent, both trusted', [good, i, crossed_old], [r, other]
    yield 'expired cross-signed root sent, other trusted', [good, i, crossed_old], [other]
    r_old = root('CN=Root CA', key_label='CN=Root CA', until=-5)
    yield 'trust store with an expired twin of the root first', [good, i], [r_old, r]
    yield 'expired cross-sign beside a valid one', [good, i, crossed_old, crossed], [other]
    bound = ca(r, permitted=['DNS:example.org'])
    yield 'a twin with fitting constraints behind one without', [good, bound, i], [r]
    by_mail = ca(r, eku=('email',))
    yield 'a twin for another purpose first', [good, by_mail, i], [r]
    weak = ca(r, digest='sha1')
    yield 'a twin signed with SHA-1 first', [good, weak, i], [r]
    yield 'an old root beside', [good, i, old], [r]


def rows_of_dates():
    r = root()
    i = ca(r)
    r_old = root('CN=Old Root', until=-5)
    r_new = root('CN=New Root', since=5)
    i_of_old = ca(r_old)
    yield 'leaf expired', [leaf(i, until=-1), i], [r]
    yield 'leaf not yet valid', [leaf(i, since=2), i], [r]
    yield 'leaf not yet valid for half a day', [leaf(i, since=0.5), i], [r]
    i_old = ca(r, 'CN=Past CA', until=-5)
    yield 'intermediate expired', [leaf(i_old), i_old], [r]
    i_new = ca(r, 'CN=Coming CA', since=5)
    yield 'intermediate not yet valid', [leaf(i_new), i_new], [r]
    yield 'root expired', [leaf(i_of_old), i_of_old], [r_old]
    yield 'root expired, sent', [leaf(i_of_old), i_of_old, r_old], [r_old]
    yield 'root expired, issues the leaf', [leaf(r_old)], [r_old]
    yield 'root not yet valid', [leaf(r_new)], [r_new]
    yield 'expired intermediate as anchor', [leaf(i_old), i_old], [i_old]
    own = leaf(None, 'CN=www.example.test', until=-1)
    yield 'self-signed, trusted, expired', [own], [own]
    gone = leaf(i, until=-1)
    yield 'leaf as anchor, expired', [gone], [gone]
    yield 'valid for ten years', [leaf(i, until=3650), i], [r]
    yield 'expired, for another host', [leaf(i, until=-1, names=('DNS:other.test',)), i], [r]
    yield 'leaf expired, root not trusted', [leaf(i, until=-1), i], [root('CN=Other Root')]


def rows_of_names():
    r = root()

    def named(*names, subject='CN=www.example.test'):
        return [leaf(r, subject, names=names or None)], [r]

    yield ('other name',) + named('DNS:other.test')
    yield ('other name, root not trusted', [leaf(r, names=('DNS:other.test',))],
           [root('CN=Other Root')])
    yield ('common name only',) + named()
    yield ('common name only, of another host',) + named(subject='CN=other.test')
    yield ('common name fits, subjectAltName does not',) + named('DNS:other.test')
    yield ('common name fits, subjectAltName has an address only',) + named('IP:192.0.2.1')
    yield ('common name fits, subjectAltName has a mailbox only',) + named('MAIL:a@example.test')
    yield ('wildcard',) + named('DNS:*.example.test')
    yield ('wildcard too deep',) + named('DNS:*.example.test') + ('a.www.example.test',)
    yield ('wildcard for the domain itself',) + named('DNS:*.example.test') + ('example.test',)
    yield ('wildcard in a part of a label',) + named('DNS:w*.example.test')
    yield ('wildcard at the end of a label',) + named('DNS:ww*.example.test')
    yield ('wildcard at the start of a label',) + named('DNS:*w.example.test')
    yield ('wildcard in the second label',) + named('DNS:www.*.test')
    yield ('wildcard below the top',) + named('DNS:*.test') + ('example.test',)
    yield ('wildcard alone',) + named('DNS:*') + ('localhost',)
    yield ('wildcard in the common name',) + named(subject='CN=*.example.test')
    yield ('two wildcards',) + named('DNS:*.*.test')
    yield ('capitals',) + named('DNS:WWW.Example.TEST')
    yield ('host with a final dot',) + named('DNS:www.example.test') + ('www.example.test.',)
    yield ('name with a final dot',) + named('DNS:www.example.test.')
    yield ('underscore',) + named('DNS:my_host.example.test') + ('my_host.example.test',)
    yield ('single label',) + named('DNS:server') + ('server',)
    yield ('address',) + named('IP:192.0.2.1') + ('192.0.2.1',)
    yield ('other address',) + named('IP:192.0.2.2') + ('192.0.2.1',)
    yield ('address of IPv6',) + named('IP:2001:db8::1') + ('2001:db8::1',)
    yield ('address written as a host name',) + named('DNS:192.0.2.1') + ('192.0.2.1',)
    yield ('address in the common name',) + named(subject='CN=192.0.2.1') + ('192.0.2.1',)
    yield ('address under a wildcard',) + named('DNS:*.0.2.1') + ('192.0.2.1',)
    yield ('address in the common name, other subjectAltName',) + \
        named('DNS:www.example.test', subject='CN=192.0.2.1') + ('192.0.2.1',)
    yield ('international name',) + named('DNS:xn--bcher-kva.example.test') + \
        ('xn--bcher-kva.example.test',)
    yield ('wildcard over an international name',) + named('DNS:*.example.test') + \
        ('xn--bcher-kva.example.test',)
    empty = leaf(r, '', names=('DNS:www.example.test',), names_critical=True)
    yield 'empty subject, critical subjectAltName', [empty], [r]
    yield ('empty subject, subjectAltName not critical',
           [leaf(r, '', names=('DNS:www.example.test',))], [r])
    spelled = ca(r, issuer_name='P:CN=Root CA')
    yield 'issuer spelled in another string type', [leaf(spelled), spelled], [r]


def rows_of_strength():
    r = root()
    i = ca(r)
    i_rsa = ca(r, 'CN=RSA CA', key='rsa2048')
    for digest in ('sha1', 'md5', 'sha384'):
        yield 'leaf signed with ' + digest, [leaf(i_rsa, digest=digest), i_rsa], [r]
    yield 'leaf signed with sha1 by EC', [leaf(i, digest='sha1'), i], [r]
    i_sha1 = ca(r, 'CN=Old CA', digest='sha1')
    yield 'intermediate signed with sha1', [leaf(i_sha1), i_sha1], [r]
    for digest in ('sha1', 'md5'):
        r_old = root('CN=Root of ' + digest, digest=digest, key='rsa2048')
        i_of_old = ca(r_old)
        yield 'root signed with ' + digest, [leaf(i_of_old), i_of_old], [r_old]
        yield 'root signed with %s, sent' % digest, [leaf(i_of_old), i_of_old, r_old], [r_old]
    for key in ('rsa2048', 'rsa1024', 'rsa1536', 'rsa768', 'rsa512', 'p192', 'p224', 'p384', 'k256',
                'ed25519', 'dsa1024', 'dsa2048'):
        yield 'leaf with %s key' % key, [leaf(i, key=key), i], [r]
    for key in ('rsa1024', 'p192', 'p224', 'ed25519', 'rsa768'):
        weak = ca(r, 'CN=CA with ' + key, key=key)
        yield 'intermediate with %s key' % key, [leaf(weak), weak], [r]
    for key in ('rsa1024', 'rsa768', 'p192', 'dsa2048'):
        r_weak = root('CN=Root with ' + key, key=key)
        i_of_weak = ca(r_weak)
        yield 'root with %s key' % key, [leaf(i_of_weak), i_of_weak], [r_weak]


def rows_of_usage():
    r = root()
    i = ca(r)

    def used(**options):
        return [leaf(i, **options), i], [r]

    def below(**options):
        special = ca(r, 'CN=Special CA', **options)
        return [leaf(special), special], [r]

    for eku in ('server', 'client', 'any', 'email', 'code', 'sgc'):
        yield ('leaf for %s only' % eku,) + used(eku=(eku,))
        yield ('intermediate for %s only' % eku,) + below(eku=(eku,))
        r_eku = root('CN=Root for ' + eku, eku=(eku,))
        i_eku = ca(r_eku)
        yield 'root for %s only' % eku, [leaf(i_eku), i_eku], [r_eku]
    yield ('leaf without extended key usage',) + used(eku=None)
    yield ('leaf without key usage',) + used(usage=None)
    yield ('leaf for signatures only',) + used(usage=('digital_signature',))
    yield ('leaf for key encipherment only',) + used(usage=('key_encipherment',))
    yield ('leaf with RSA for key encipherment only',) + used(usage=('key_encipherment',), key='rsa2048')
    yield ('leaf for key agreement only',) + used(usage=('key_agreement',))
    yield ('leaf for data encipherment only',) + used(usage=('data_encipherment',))
    yield ('leaf for CRLs only',) + used(usage=('crl_sign',))
    yield ('leaf may sign certificates',) + used(usage=('digital_signature', 'key_cert_sign'))
    yield ('leaf is a CA',) + used(basic=(True, None))
    yield ('leaf is a CA and may sign',) + used(basic=(True, None),
                                               usage=('digital_signature', 'key_cert_sign'))
    yield ('leaf without basic constraints',) + used(basic=None)
    yield ('intermediate without keyCertSign',) + below(usage=('digital_signature', 'crl_sign'))
    yield ('intermediate without key usage',) + below(usage=None)
    yield ('intermediate without basic constraints',) + below(basic=None)
    yield ('intermediate without basic constraints and key usage',) + below(basic=None, usage=None)
    yield ('intermediate is no CA',) + below(basic=(False, None))
    yield ('basic constraints not critical',) + below(basic_critical=False)
    yield ('path length of the intermediate kept',) + below(basic=(True, 0))
    upper = ca(r, 'CN=Upper CA', basic=(True, 0))
    lower = ca(upper, 'CN=Lower CA')
    yield 'path length of an intermediate exceeded', [leaf(lower), lower, upper], [r]
    again = ca(upper, 'CN=Upper CA', key_label='new key of the upper CA')
    yield 'path length with a self-issued CA', [leaf(again), again, upper], [r]
    r_short = root('CN=Short Root', basic=(True, 0))
    i_of_short = ca(r_short)
    yield 'path length of the root exceeded', [leaf(i_of_short), i_of_short], [r_short]
    yield from rows_of_roots()


def rows_of_roots():
    def under(**options):
        r = root('CN=Odd Root', **options)
        i = ca(r)
        return [leaf(i), i], [r]

    v1 = {'version': 1}
    yield ('root of version 1',) + under(alter=v1)
    yield ('root without basic constraints',) + under(basic=None)
    yield ('root without basic constraints and key usage',) + under(basic=None, usage=None)
    yield ('root is no CA',) + under(basic=(False, None))
    yield ('root without keyCertSign',) + under(usage=('digital_signature',))
    yield ('root without key usage',) + under(usage=None)
    yield ('root without key identifier',) + under(ski=False)
    yield ('root with an unknown critical extension',) + under(unknown_critical=True)
    yield ('root whose signature does not verify',) + under(broken=True)
    r = root()
    i = ca(r, alter=v1)
    yield 'intermediate of version 1', [leaf(i), i], [r]
    i = ca(r)
    yield 'leaf of version 1', [leaf(i, alter=v1), i], [r]


def rows_of_form():
    r = root()
    i = ca(r)

    def leafs(**options):
        return [leaf(i, **options), i], [r]

    def inters(**options):
        odd = ca(r, 'CN=Odd CA', **options)
        return [leaf(odd), odd], [r]

    yield ('serial number 0',) + leafs(alter={'serial_bytes': b'\0'})
    yield ('serial number negative',) + leafs(alter={'serial_bytes': b'\xfb'})
    yield ('serial number of 24 octets',) + leafs(alter={'serial_bytes': b'\x11' * 24})
    yield ('intermediate with serial number 0',) + inters(alter={'serial_bytes': b'\0'})
    yield ('unknown critical extension',) + leafs(unknown_critical=True)
    yield ('unknown critical extension in the intermediate',) + inters(unknown_critical=True)
    yield ('extension twice',) + leafs(alter={'twice': True})
    yield ('signature algorithms differ',) + leafs(alter={'other_inner': True})
    yield ('signature of the leaf broken',) + leafs(broken=True)
    yield ('signature of the intermediate broken',) + inters(broken=True)
    yield ('leaf names another key',) + leafs(aki_value=b'\x01' * 20)
    yield ('intermediate names another key',) + inters(aki_value=b'\x01' * 20)
    yield ('leaf without authority key identifier',) + leafs(aki=False)
    yield ('intermediate without authority key identifier',) + inters(aki=False)
    yield ('intermediate without key identifier',) + inters(ski=False)
    yield ('authority key identifier critical',) + leafs(aki_critical=True)
    yield ('must-staple, nothing stapled',) + leafs(must_staple=True)
    yield ('explicit policy asked for and missing',) + inters(explicit_policy=0)
    policed = ca(r, 'CN=Policy CA', explicit_policy=0, policies=['1.3.6.1.4.1.55555.2'])
    yield ('explicit policy asked for and there',
           [leaf(policed, policies=['1.3.6.1.4.1.55555.2']), policed], [r])


def rows_of_constraints():
    r = root()

    def bound(*names, **options):
        i = ca(r, 'CN=Bound CA', **options)
        return [leaf(i, names=names or None), i], [r]

    name = 'DNS:www.example.test'
    yield ('constraints kept',) + bound(name, permitted=['DNS:example.test'])
    yield ('constraints with a leading dot',) + bound(name, permitted=['DNS:.example.test'])
    yield ('constraints violated, permitted',) + bound(name, permitted=['DNS:example.org'])
    yield ('constraints violated, excluded',) + bound(name, excluded=['DNS:example.test'])
    yield ('constraints violated, not critical',) + bound(name, permitted=['DNS:example.org'],
                                                         constraints_critical=False)
    yield ('constraints violated by the second name',) + bound(name, 'DNS:www.example.org',
                                                              permitted=['DNS:example.test'])
    yield ('constraints on addresses, kept',) + bound(name, permitted=['IP:192.0.2.0/24'])
    yield ('constraints on addresses, violated',) + bound(name, 'IP:198.51.100.1',
                                                         permitted=['IP:192.0.2.0/24'])
    yield ('constraints on mailboxes',) + bound(name, permitted=['MAIL:example.test'])
    yield ('constraints on directory names, violated',) + bound(name, permitted=['DIR:O=Example'])
    yield ('constraints on URIs, none there',) + bound(name, permitted=['URI:example.test'])
    yield ('constraints violated by the common name',) + bound(permitted=['DNS:example.org'])
    yield ('constraints kept by the common name',) + bound(permitted=['DNS:example.test'])
    yield ('constraints, wildcard inside',) + bound('DNS:*.example.test', permitted=['DNS:example.test'])
    yield ('constraints, wildcard over an excluded name',) + \
        bound('DNS:*.example.test', excluded=['DNS:bad.example.test'])
    r_bound = root('CN=Bound Root', permitted=['DNS:example.org'])
    i = ca(r_bound)
    yield 'constraints of the root violated', [leaf(i), i], [r_bound]


GROUPS = (rows_of_building, rows_of_alternatives, rows_of_dates, rows_of_names, rows_of_strength,
          rows_of_usage, rows_of_form, rows_of_constraints)


def all_cases():
    for group in GROUPS:
        for name, sent, trust, *host in group():
            yield Case(name, sent, trust, host[0] if host else HOST)


def write(folder):
    """A folder for each case, numbered: chain.pem, trust.pem, key.pem, host; and `list` of them all."""
    cases = list(all_cases())
    for number, case in enumerate(cases):
        here = folder / ('%03d' % number)
        here.mkdir()
        (here / 'chain.pem').write_text(''.join(c.pem() for c in case.sent))
        (here / 'trust.pem').write_text(''.join(c.pem() for c in case.trust))
        (here / 'key.pem').write_text(case.sent[0].key_pem())
        (here / 'host').write_text(case.host)
    (folder / 'list').write_text(''.join('%03d\n' % n for n in range(len(cases))))
    return cases
