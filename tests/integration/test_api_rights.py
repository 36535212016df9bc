#!/usr/bin/env python3
"""Every route of the management API wants a user, and a role that may: walked by the OpenAPI document."""
import sys

import api_client
import harness

PASSWORD = 'correct horse battery'
ROLES = ('orgadmin', 'opsadmin', 'businessuser', 'user', 'readonlyadmin')
# who may, by the right that a route asks for; written down here apart from the program's own table
MAY = {
    'login': ROLES + ('sysadmin', 'nobody', 'stranger'),
    'read': ROLES + ('sysadmin',),
    'export': ('orgadmin', 'sysadmin'),
    'develop': ('orgadmin', 'user', 'sysadmin'),
    'deploy': ('orgadmin', 'opsadmin', 'user', 'sysadmin'),
    'configure': ('orgadmin', 'opsadmin', 'sysadmin'),
    'diagnose': ('orgadmin', 'opsadmin', 'user', 'sysadmin'),
    'administer': ('orgadmin', 'sysadmin'),
    'system': ('sysadmin',),
}
OPEN = {('POST', '/oauth/token')}


def address(who):
    return api_client.ADMIN if who == 'sysadmin' else who + '@example.com'


def make_users(client):
    """One user for each role in acme, one without any, one who is administrator elsewhere."""
    for org in ('acme', 'elsewhere'):
        client.ask('POST', '/v1/organizations', {'name': org})
    client.ask('POST', '/v1/organizations/acme/environments', {'name': 'test'}) # so acme is not deleted
    people = {'sysadmin': client.authorization}
    for who in ROLES + ('nobody', 'stranger'):
        client.ask('POST', '/v1/users', {'emailId': address(who), 'firstName': who, 'lastName': 'X',
                                         'password': PASSWORD})
        people[who] = api_client.basic(address(who), PASSWORD)
    for role in ROLES:
        client.ask('POST', '/v1/o/acme/userroles/%s/users?id=%s' % (role, address(role)))
    client.ask('POST', '/v1/o/elsewhere/userroles/orgadmin/users?id=' + address('stranger'))
    return people


def fill(template, who):
    path = template
    for name, value in {'o': 'acme', 'u': address(who), 'role': 'none'}.items():
        path = path.replace('{%s}' % name, value)
    while '{' in path: # what is not there: allowed users get a 404, and nothing is changed
        start = path.index('{')
        path = path[:start] + 'nothere' + path[path.index('}') + 1:]
    return '/v1' + path


def check_route(tap, client, people, method, template, operation):
    name = '%s %s' % (method, template)
    right = operation.get('x-handfast-right')
    if (method, template) in OPEN:
        tap.equal(right, 'open', '%s: open to all, and meant to be' % name)
        return
    if not tap.ok(right in MAY, '%s: asks for a right' % name, right):
        return
    path = fill(template, 'nobody')
    bare = api_client.Client(client.port)
    answer = bare.ask(method, path, '{}', {'Content-Type': 'application/json'})
    tap.ok(answer.status == 401 and 'Basic' in answer.headers.get('WWW-Authenticate', ''),
           '%s: 401 without a user' % name, answer)
    answer = bare.ask(method, path, user='Bearer ' + '0' * 64)
    tap.equal(answer.status, 401, '%s: 401 with a token that is none' % name)
    bare.close()
    wrong = []
    for who, authorization in people.items():
        answer = client.ask(method, fill(template, who), user=authorization, checked=False)
        is_refused = answer.status in (401, 403)
        if is_refused != (who not in MAY[right]) or answer.status >= 500:
            wrong.append('%s: %s' % (who, answer))
    tap.ok(not wrong, '%s: right %s, for those who have it' % (name, right), *wrong)


def main():
    tap = harness.Tap()
    if api_client.server_program() is None:
        tap.skip('rights', 'built without the gateway')
        tap.done()
    with api_client.Server() as server:
        client = api_client.Client(server.port, api_client.basic(api_client.ADMIN, server.password))
        people = make_users(client)
        document = client.learn()
        n = 0
        for template, item in sorted(document['paths'].items()):
            for method, operation in sorted(item.items()):
                check_route(tap, client, people, method.upper(), template, operation)
                n += 1
        tap.ok(n > 40, 'there are routes: %d' % n)
        answer = client.ask('GET', '/v1/organizations', user=people['stranger'])
        tap.equal(answer.json, ['elsewhere'], 'a user sees only the own organizations')
        answer = client.ask('GET', '/v1/users/' + api_client.ADMIN, user=people['orgadmin'])
        tap.equal(answer.status, 403, 'an orgadmin does not see other users')
        answer = client.ask('POST', '/v1/o/acme/userroles/sysadmin/users?id=' + address('nobody'),
                            user=people['orgadmin'])
        tap.equal(answer.status, 404, 'nobody is made a sysadmin in an organization')
        client.close()
        tap.ok(server.stop() == 0, 'the server ends well', server.said())
    tap.done()


if __name__ == '__main__':
    sys.exit(main())
