// Judges chains in handshakes of Node with itself, with the defaults of its client.
// Usage: node verify.js FOLDER (as cases.py writes it).
'use strict';
const fs = require('fs');
const net = require('net');
const path = require('path');
const tls = require('tls');

function judge(here) {
  const read = (name) => fs.readFileSync(path.join(here, name), 'latin1');
  const host = read('host');
  return new Promise((resolve) => {
    let server;
    const end = (said) => { if (server) { server.close(); } resolve(said); };
    try {
      server = tls.createServer({ key: read('key.pem'), cert: read('chain.pem'),
                                  ciphers: 'ALL:@SECLEVEL=0' }, (s) => s.destroy());
      server.on('tlsClientError', () => {});
    } catch (error) { // a key that no server of Node's would serve
      end('skip\t' + error.message);
      return;
    }
    server.listen(0, '127.0.0.1', () => {
      const options = { port: server.address().port, host: '127.0.0.1', ca: read('trust.pem') };
      // The identity checked is servername's where there is one, else that of host.
      const check = (_, cert) => tls.checkServerIdentity(host, cert);
      options.checkServerIdentity = check;
      options.servername = net.isIP(host) ? '' : host;
      let client;
      try {
        client = tls.connect(options, () => { client.destroy(); end('accept'); });
      } catch (error) {
        end('reject\t' + (error.code || '') + ' ' + error.message);
        return;
      }
      client.on('error', (error) => end('reject\t' + (error.code || '') + ' ' + error.message));
    });
  });
}

(async () => {
  const names = fs.readFileSync(path.join(process.argv[2], 'list'), 'latin1').split('\n');
  for (const name of names.filter((n) => n)) {
    const said = await judge(path.join(process.argv[2], name));
    console.log(name + '\t' + said.replace(/\n/g, ' '));
  }
})();
