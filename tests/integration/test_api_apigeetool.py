#!/usr/bin/env python3
"""apigeetool and apigee-edge-js as npm has them, unchanged, against the management API.

They are installed into this test's own folder; where npm reaches nothing the test is skipped.
HANDFAST_NPM names a folder where they are already.
"""
import io
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import textwrap
import zipfile

import api_client
import harness

PACKAGES = ('apigeetool@0.16.8', 'apigee-edge-js@0.4.40')

PROXY = """<ProxyEndpoint name="default"><HTTPProxyConnection><BasePath>%s</BasePath>
<VirtualHost>default</VirtualHost><VirtualHost>secure</VirtualHost></HTTPProxyConnection>
<RouteRule name="default"><TargetEndpoint>default</TargetEndpoint></RouteRule></ProxyEndpoint>"""
TARGET = """<TargetEndpoint name="default"><HTTPTargetConnection>
<SSLInfo><Enabled>true</Enabled><Protocols><Protocol>TLSv1.2</Protocol></Protocols></SSLInfo>
<URL>https://backend.example/base</URL></HTTPTargetConnection></TargetEndpoint>"""


def install(folder):
    """The folder with node_modules, or None and why not."""
    given = os.environ.get('HANDFAST_NPM')
    if given:
        return pathlib.Path(given), ''
    if not shutil.which('npm') or not shutil.which('node'):
        return None, 'there is no npm here'
    got = subprocess.run(['npm', 'install', '--no-audit', '--no-fund', '--ignore-scripts', *PACKAGES],
                         cwd=folder, capture_output=True, text=True, timeout=600,
                         env=dict(os.environ, HOME=str(folder)))
    if got.returncode != 0:
        return None, 'npm does not reach its packages'
    return folder, ''


class Tool:
    def __init__(self, modules, server):
        self.program = ['node', str(modules / 'node_modules/apigeetool/lib/cli.js')]
        self.common = ['-L', 'http://127.0.0.1:%d' % server.port, '-o', 'acme', '-u', api_client.ADMIN,
                       '-p', server.password]

    def run(self, command, *more):
        got = subprocess.run([*self.program, command, *self.common, *more], capture_output=True, text=True,
                             timeout=120, stdin=subprocess.DEVNULL)
        return got.returncode, got.stdout, got.stdout + got.stderr


def write_bundle(folder, base_path='/v1/weather', policy=None):
    """apiproxy/ as a developer has it."""
    root = folder / 'apiproxy'
    shutil.rmtree(root, ignore_errors=True)
    for name in ('proxies', 'targets', 'policies', 'resources/jsc'):
        (root / name).mkdir(parents=True)
    proxy = PROXY % base_path
    if policy:
        (root / 'policies/Key.xml').write_text(policy)
        proxy = proxy.replace('<RouteRule', '<PreFlow name="PreFlow"><Request><Step><Name>Key</Name></Step>'
                              '</Request></PreFlow><RouteRule', 1)
    (root / 'weather.xml').write_text('<APIProxy revision="1" name="weather"/>')
    (root / 'proxies/default.xml').write_text(proxy)
    (root / 'targets/default.xml').write_text(TARGET)
    (root / 'resources/jsc/hello.js').write_text('var a = 1;\n')
    return str(folder)


def lines(text):
    return [line.rstrip() for line in textwrap.dedent(text).strip().splitlines()]


def says(tap, got, want, name):
    code, out, everything = got
    found = [line.rstrip() for line in out.strip().splitlines()]
    tap.ok(code == 0 and found == lines(want), name, 'exit %d' % code, everything, 'wanted:', want)


def fails(tap, got, part, name):
    code, _, everything = got
    tap.ok(code != 0 and part in everything, name, 'exit %d' % code, everything, 'wanted: ' + part)


def check_deploy(tap, tool, folder):
    where = write_bundle(folder)
    says(tap, tool.run('deployproxy', '-n', 'weather', '-e', 'test', '-d', where), """
        "weather" Revision 1
          deployed
          environment = test
          base path = /
          URI = http://acme-test.localhost:9001/v1/weather
          URI = https://acme-test.localhost:9443/v1/weather
        """.replace('        ', ''), 'deployproxy')
    says(tap, tool.run('listdeployments', '-e', 'test'), """
        "weather" Revision 1
          deployed
          environment = test
          base path = /
        """.replace('        ', ''), 'listdeployments of an environment')
    code, out, everything = tool.run('deployproxy', '-n', 'weather', '-e', 'test', '-d', where)
    tap.ok(code == 0 and '"weather" Revision 2\n  deployed' in out, 'deployproxy again replaces it', everything)
    code, out, everything = tool.run('listdeployments', '-n', 'weather')
    tap.ok(code == 0 and 'Revision 2' in out and 'Revision 1' not in out, 'one revision is deployed', everything)
    code, out, everything = tool.run('deployproxy', '-n', 'weather', '-e', 'test', '-d', where, '-i', '-V')
    tap.ok(code == 0, 'import without deployment', everything)
    code, out, everything = tool.run('deployExistingRevision', '-n', 'weather', '-e', 'test', '-r', '1')
    tap.ok(code == 0 and 'Revision 1' in out and 'deployed' in out, 'deployExistingRevision', everything)
    code, out, everything = tool.run('listproxies')
    tap.ok(code == 0 and out.strip() == 'weather', 'listproxies', everything)


def check_conflict(tap, tool, folder):
    where = write_bundle(folder)
    fails(tap, tool.run('deployproxy', '-n', 'other', '-e', 'test', '-d', where),
          'Path /v1/weather conflicts with existing deployment path for revision 1 of the APIProxy weather '
          'in organization acme', 'a path that another proxy has')
    where = write_bundle(folder, '/v1/key', '<VerifyAPIKey name="Key"/>')
    fails(tap, tool.run('deployproxy', '-n', 'key', '-e', 'test', '-d', where),
          'policy Key (VerifyAPIKey, asks for an API key) in flow PreFlow is not executed',
          'a policy that would be skipped')
    (folder / 'apiproxy/proxies/default.xml').write_text(PROXY.replace('</BasePath>', '<BasePath>') % '/v1/x')
    fails(tap, tool.run('deployproxy', '-n', 'broken', '-e', 'test', '-d', where),
          '<BasePath> is not closed: here a second <BasePath> begins where </BasePath> is due',
          'a tag that is not closed')


def check_fetch(tap, tool, folder):
    to = folder / 'fetched.zip'
    code, _, everything = tool.run('fetchproxy', '-n', 'weather', '-r', '1', '-f', str(to))
    names = sorted(zipfile.ZipFile(to).namelist()) if to.exists() else []
    names = [name for name in names if not name.endswith('/')]
    tap.ok(code == 0 and names == ['apiproxy/proxies/default.xml', 'apiproxy/resources/jsc/hello.js',
                                   'apiproxy/targets/default.xml', 'apiproxy/weather.xml'],
           'fetchproxy', everything, names)


def check_undeploy(tap, tool):
    says(tap, tool.run('undeploy', '-n', 'weather', '-e', 'test'), """
        "weather" Revision 1
          undeployed
          environment = test
          base path = /
        """.replace('        ', ''), 'undeploy')
    code, out, everything = tool.run('listdeployments', '-e', 'test')
    tap.ok(code == 0 and out.strip() == '', 'nothing is deployed', everything)
    fails(tap, tool.run('undeploy', '-n', 'weather', '-e', 'test', '-r', '1'),
          'Revision 1 of APIProxy weather is not deployed in environment test', 'undeploy again')
    code, _, everything = tool.run('delete', '-n', 'weather')
    tap.ok(code == 0, 'delete', everything)


def json_of(got):
    try:
        return json.loads(got[1])
    except ValueError:
        return got


def check_target_servers(tap, tool):
    made = {'host': 'backend.example', 'isEnabled': True, 'name': 'backend', 'port': 443}
    name = ('-e', 'test', '--targetServerName', 'backend')
    got = json_of(tool.run('createTargetServer', *name, '--targetHost', 'backend.example', '--targetPort', '443'))
    tap.equal(got, made, 'createTargetServer')
    tap.equal(json_of(tool.run('getTargetServer', *name)), made, 'getTargetServer')
    tap.equal(json_of(tool.run('listTargetServers', '-e', 'test')), ['backend'], 'listTargetServers')
    got = json_of(tool.run('updateTargetServer', *name, '--targetHost', 'b.example', '--targetPort', '8443',
                           '--targetSSL', 'true'))
    tap.ok(got == dict(made, host='b.example', port=8443, sSLInfo={
        'ciphers': [], 'clientAuthEnabled': 'false', 'enabled': 'true', 'ignoreValidationErrors': False,
        'protocols': []}), 'updateTargetServer', got)
    fails(tap, tool.run('createTargetServer', *name, '--targetHost', 'b.example', '--targetPort', '443'),
          'Target server backend already exists in environment test', 'createTargetServer again')
    fails(tap, tool.run('createTargetServer', '-e', 'test', '--targetServerName', 'x', '--targetHost',
                        'https://b.example', '--targetPort', '443'), 'host: ', 'a host that is none')
    code, _, everything = tool.run('deleteTargetServer', *name)
    tap.ok(code == 0, 'deleteTargetServer', everything)
    fails(tap, tool.run('getTargetServer', *name), 'Target server backend does not exist in environment test',
          'getTargetServer of what is gone')


# The library's promises, as its own tests use them.
EDGE_JS = r"""
const lib = require('apigee-edge-js'), fs = require('fs');
const [port, user, password, zip] = process.argv.slice(2);
const rows = [];
const row = (name, value) => rows.push({ name, value });
const refused = (name, promise) => promise.then(r => row(name, 'not refused'),
    e => row(name, (e && (e.code || (e.result && e.result.code))) || String(e)));
(async () => {
  const org = await lib.apigee.connect({ mgmtServer: 'http://127.0.0.1:' + port, org: 'acme', user, password,
                                  no_token: true, verbosity: 0 });
  row('environments', await org.environments.get());
  row('import', (await org.proxies.import({ name: 'js', source: zip })).revision);
  row('proxies', await org.proxies.get());
  row('revisions', await org.proxies.getRevisions({ name: 'js' }));
  row('deploy', (await org.proxies.deploy({ name: 'js', revision: 1, environment: 'test' })).state);
  row('deployments', (await org.proxies.getDeployments({ name: 'js' })).environment.map(e => e.name));
  row('export', (await org.proxies.export({ name: 'js', revision: 1 })).buffer.equals(fs.readFileSync(zip)));
  row('endpoint', (await org.proxies.get({ name: 'js', revision: 1, proxyendpoint: 'default' }))
      .connection.virtualHost);
  row('undeploy', (await org.proxies.undeploy({ name: 'js', revision: 1, environment: 'test' })).state);
  row('target server', (await org.targetservers.create({ environment: 'test', target: { name: 't',
      host: 'b.example', port: 443, isEnabled: true, sSLInfo: { enabled: true } } })).port);
  row('target servers', await org.targetservers.get({ environment: 'test' }));
  row('keystore', (await org.keystores.create({ environment: 'test', name: 'k1' })).name);
  row('keystores', (await org.keystores.get({ environment: 'test' })).includes('k1'));
  row('reference', (await org.references.create({ environment: 'test', name: 'r1', refers: 'k1' })).refers);
  row('references', await org.references.get({ environment: 'test' }));
  await refused('no such keystore', org.references.create({ environment: 'test', name: 'r2', refers: 'nope' }));
  await refused('no such proxy', org.proxies.get({ name: 'nope' }));
  await org.references.del({ environment: 'test', name: 'r1' });
  await org.keystores.del({ environment: 'test', name: 'k1' });
  row('deleted', await org.proxies.del({ name: 'js' }).then(() => true));
  console.log(JSON.stringify(rows));
})().catch(e => { console.log(JSON.stringify(rows)); console.error(e); process.exit(1); });
"""
EDGE_JS_SAYS = {
    'environments': ['test'], 'import': '1', 'proxies': ['js'], 'revisions': [1], 'deploy': 'deployed',
    'deployments': ['test'], 'export': True, 'endpoint': ['default', 'secure'], 'undeploy': 'undeployed',
    'target server': 443, 'target servers': ['t'], 'keystore': 'k1', 'keystores': True, 'reference': 'k1',
    'references': ['r1'], 'no such keystore': None, 'no such proxy': None, 'deleted': True,
}


def check_edge_js(tap, modules, server, folder):
    archive = folder / 'apiproxy-js.zip'
    content = io.BytesIO()
    with zipfile.ZipFile(content, 'w') as out:
        out.writestr('apiproxy/js.xml', '<APIProxy name="js"/>')
        out.writestr('apiproxy/proxies/default.xml', PROXY % '/js')
        out.writestr('apiproxy/targets/default.xml', TARGET)
    archive.write_bytes(content.getvalue())
    script = folder / 'client.js'
    script.write_text(EDGE_JS)
    got = subprocess.run(['node', str(script), str(server.port), api_client.ADMIN, server.password,
                          str(archive)], capture_output=True, text=True, timeout=120,
                         env=dict(os.environ, NODE_PATH=str(modules / 'node_modules')))
    try:
        rows = {row['name']: row['value'] for row in json.loads(got.stdout.splitlines()[-1])}
    except (ValueError, IndexError):
        rows = {}
    for name, want in EDGE_JS_SAYS.items():
        value = rows.get(name, 'nothing')
        right = value == want if want is not None else value not in ('nothing', 'not refused')
        tap.ok(right, 'apigee-edge-js: ' + name, 'got %r' % (value,), 'want %r' % (want,), got.stderr)


def main():
    tap = harness.Tap()
    if not api_client.server_program():
        tap.skip('apigeetool', 'the gateway is not built')
        tap.done()
    with tempfile.TemporaryDirectory() as name, api_client.Server() as server:
        folder = pathlib.Path(name)
        modules, why = install(folder)
        if modules is None:
            tap.skip('apigeetool', why)
            tap.done()
        client = api_client.Client(server.port, api_client.basic(api_client.ADMIN, server.password))
        client.ask('POST', '/v1/organizations', {'name': 'acme'})
        client.ask('POST', '/v1/o/acme/environments', {'name': 'test'})
        tool = Tool(modules, server)
        (folder / 'work').mkdir()
        check_deploy(tap, tool, folder / 'work')
        check_conflict(tap, tool, folder / 'work')
        check_fetch(tap, tool, folder / 'work')
        check_undeploy(tap, tool)
        check_target_servers(tap, tool)
        for left in ('other', 'key', 'broken'):
            client.ask('DELETE', '/v1/o/acme/apis/' + left)
        check_edge_js(tap, modules, server, folder)
        code = server.stop()
        tap.ok(code == 0, 'the server ends well', server.said())
    tap.done()


if __name__ == '__main__':
    sys.exit(main())
