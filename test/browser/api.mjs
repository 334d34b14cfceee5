// What a script asserts at: the public APIs of both clouds, Connect's, and the mail that the control API shows.
import assert from 'node:assert/strict';
import { control, ready } from '../clients/ready.mjs';

const apiVersion = 'v60.0';

async function answer(res) {
  const text = await res.text();
  assert.ok(res.ok, `${res.url}: ${res.status} ${text.slice(0, 500)}`);
  return text === '' ? null : JSON.parse(text);
}

const quoted = (s) => s.replace(/&/g, '&amp;').replace(/</g, '&lt;');

/** Org calls the org's API with the session of a user, the administrator where none is given. */
export class Org {
  static async as(user = ready.crm.admin) {
    const res = await fetch(`${ready.crm.url}/services/Soap/u/60.0`, {
      method: 'POST',
      headers: { 'content-type': 'text/xml; charset=UTF-8', soapaction: '""' },
      body:
        '<?xml version="1.0" encoding="utf-8"?><env:Envelope xmlns:env="http://schemas.xmlsoap.org/soap/envelope/"><env:Body>' +
        `<n1:login xmlns:n1="urn:partner.soap.sforce.com"><n1:username>${quoted(user.username)}</n1:username>` +
        `<n1:password>${quoted(user.password + (user.security_token ?? ''))}</n1:password></n1:login></env:Body></env:Envelope>`,
    });
    const text = await res.text();
    const session = /<sessionId>([^<]+)</.exec(text)?.[1];
    assert.ok(session, `${user.username} is not logged in: ${text.slice(0, 500)}`);
    return new Org(session);
  }

  constructor(session) {
    this.session = session;
  }

  call(method, path, body) {
    return fetch(`${ready.crm.url}/services/data/${apiVersion}${path}`, {
      method,
      headers: { authorization: `Bearer ${this.session}`, 'content-type': 'application/json' },
      body: body && JSON.stringify(body),
    }).then(answer);
  }

  /** query returns the records that SOQL finds. */
  async query(soql) {
    return (await this.call('GET', `/query?q=${encodeURIComponent(soql)}`)).records;
  }

  /** tooling is query by the Tooling API. */
  async tooling(soql) {
    return (await this.call('GET', `/tooling/query?q=${encodeURIComponent(soql)}`)).records;
  }
}

/** connect calls Connect's API. */
export function connect(method, path, body) {
  return fetch(`${ready.connect.url}/api/v1${path}`, {
    method,
    headers: { authorization: `Bearer ${ready.connect.api_token}`, 'content-type': 'application/json', 'idempotency-key': crypto.randomUUID() },
    body: body && JSON.stringify(body),
  }).then(answer);
}

/** mailTo is the letters in the built-in inbox that went to an address, newest first. */
export async function mailTo(address) {
  const all = await control('GET', '/mail');
  return all.messages.filter((m) => m.to.some((to) => to.includes(address)));
}
