// Loaded into the CLI before its own code (node --require): names outside this machine do not resolve, and each try is
// written down, so that a test can say what the CLI would have called.
'use strict';
const dns = require('node:dns');
const { appendFileSync } = require('node:fs');

const own = new Set(['localhost', '127.0.0.1', '::1']);

function refused(host) {
  appendFileSync(process.env.TWINSPAN_OUTSIDE_FILE, `${host}\n`);
  return Object.assign(new Error(`getaddrinfo ENOTFOUND ${host}`), { code: 'ENOTFOUND', errno: -3008, syscall: 'getaddrinfo', hostname: host });
}

const lookup = dns.lookup;
dns.lookup = function (host, options, callback) {
  if (own.has(host)) return lookup.call(dns, host, options, callback);
  const done = typeof options === 'function' ? options : callback;
  process.nextTick(done, refused(host));
};

const lookupPromise = dns.promises.lookup;
dns.promises.lookup = async (host, options) => {
  if (own.has(host)) return lookupPromise.call(dns.promises, host, options);
  throw refused(host);
};
