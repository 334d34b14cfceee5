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

/** tenant reads objects of the tenant by SOAP's Retrieve, those of which a property has a value, as the package for tests. */
export async function tenant(object, property, value, properties) {
  const { auth_url: auth, soap_url: soap, installed_package: app } = ready.engagement;
  const token = await fetch(`${auth}v2/token`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ grant_type: 'client_credentials', client_id: app.client_id, client_secret: app.client_secret }),
  }).then(answer);
  const res = await fetch(`${soap}Service.asmx`, {
    method: 'POST',
    headers: { 'content-type': 'text/xml; charset=UTF-8', soapaction: 'Retrieve' },
    body:
      '<?xml version="1.0" encoding="utf-8"?><s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance">' +
      `<s:Header><fueloauth xmlns="http://exacttarget.com">${token.access_token}</fueloauth></s:Header><s:Body>` +
      `<RetrieveRequestMsg xmlns="http://exacttarget.com/wsdl/partnerAPI"><RetrieveRequest><ObjectType>${object}</ObjectType>` +
      properties.map((p) => `<Properties>${p}</Properties>`).join('') +
      `<Filter xsi:type="SimpleFilterPart"><Property>${property}</Property><SimpleOperator>equals</SimpleOperator><Value>${quoted(value)}</Value></Filter>` +
      '</RetrieveRequest></RetrieveRequestMsg></s:Body></s:Envelope>',
  });
  const text = await res.text();
  assert.match(text, /<OverallStatus>OK</, text.slice(0, 500));
  return [...text.matchAll(/<Results[^>]*>(.*?)<\/Results>/gs)].map(([, one]) =>
    Object.fromEntries(properties.map((p) => [p, new RegExp(`<${p}>([^<]*)<`).exec(one)?.[1]])));
}
