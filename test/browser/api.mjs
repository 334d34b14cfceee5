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

  /** create makes a record and returns its id. */
  async create(object, fields) {
    return (await this.call('POST', `/sobjects/${object}`, fields)).id;
  }

  /** query returns the records that SOQL finds. */
  async query(soql) {
    return (await this.call('GET', `/query?q=${encodeURIComponent(soql)}`)).records;
  }

  /** metadata reads one component by the Metadata API, and returns its XML. */
  async metadata(type, name) {
    const res = await fetch(`${ready.crm.url}/services/Soap/m/60.0`, {
      method: 'POST',
      headers: { 'content-type': 'text/xml; charset=UTF-8', soapaction: '""' },
      body:
        '<?xml version="1.0" encoding="utf-8"?><env:Envelope xmlns:env="http://schemas.xmlsoap.org/soap/envelope/"><env:Header>' +
        `<SessionHeader xmlns="http://soap.sforce.com/2006/04/metadata"><sessionId>${this.session}</sessionId></SessionHeader></env:Header><env:Body>` +
        `<readMetadata xmlns="http://soap.sforce.com/2006/04/metadata"><type>${type}</type><fullNames>${quoted(name)}</fullNames></readMetadata></env:Body></env:Envelope>`,
    });
    const text = await res.text();
    assert.ok(res.ok, text.slice(0, 500));
    return text;
  }

  /** tooling is query by the Tooling API. */
  async tooling(soql) {
    return (await this.call('GET', `/tooling/query?q=${encodeURIComponent(soql)}`)).records;
  }
}

/** connectOf is a client of Connect's API for the pair of a ready file, or of the control API's answer. */
export const connectOf = (pair) => (method, path, body) =>
  fetch(`${pair.connect.url}/api/v1${path}`, {
    method,
    headers: { authorization: `Bearer ${pair.connect.api_token}`, 'content-type': 'application/json', 'idempotency-key': crypto.randomUUID() },
    body: body && JSON.stringify(body),
  }).then(answer);

/** connect calls Connect's API. */
export const connect = connectOf(ready);

/** mailTo is the letters in the built-in inbox that went to an address, newest first. */
export async function mailTo(address) {
  const all = await control('GET', '/mail');
  return all.messages.filter((m) => m.to.some((to) => to.includes(address)));
}

/** tenantToken is a token of the package for tests, in a business unit: the package's own where none is given. */
async function tenantToken(mid) {
  const { auth_url: auth, installed_package: app } = ready.engagement;
  const token = await fetch(`${auth}v2/token`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ grant_type: 'client_credentials', client_id: app.client_id, client_secret: app.client_secret, account_id: mid }),
  }).then(answer);
  return token.access_token;
}

/** soap calls the tenant's SOAP API with the inside of a request, and returns the answer's text. */
async function soap(action, request, body, mid) {
  const res = await fetch(`${ready.engagement.soap_url}Service.asmx`, {
    method: 'POST',
    headers: { 'content-type': 'text/xml; charset=UTF-8', soapaction: action },
    body:
      '<?xml version="1.0" encoding="utf-8"?><s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance">' +
      `<s:Header><fueloauth xmlns="http://exacttarget.com">${await tenantToken(mid)}</fueloauth></s:Header><s:Body>` +
      `<${request} xmlns="http://exacttarget.com/wsdl/partnerAPI">${body}</${request}></s:Body></s:Envelope>`,
  });
  const text = await res.text();
  assert.match(text, /<OverallStatus>OK</, text.slice(0, 500));
  return text;
}

/** tenant reads objects of the tenant by SOAP's Retrieve, those of which a property has a value, as the package for tests. */
export async function tenant(object, property, value, properties) {
  const text = await soap('Retrieve', 'RetrieveRequestMsg', `<RetrieveRequest><ObjectType>${object}</ObjectType>` + properties.map((p) => `<Properties>${p}</Properties>`).join('') +
    `<Filter xsi:type="SimpleFilterPart"><Property>${property}</Property><SimpleOperator>equals</SimpleOperator><Value>${quoted(value)}</Value></Filter></RetrieveRequest>`);
  return [...text.matchAll(/<Results[^>]*>(.*?)<\/Results>/gs)].map(([, one]) =>
    Object.fromEntries(properties.map((p) => [p, new RegExp(`<${p}>([^<]*)<`).exec(one)?.[1]])));
}

/** dataExtension makes a sendable data extension in a business unit, with a person of the org in its one row. */
export async function dataExtension(mid, name, id, address) {
  const field = (n, more) => `<Field><Name>${n}</Name>${more}</Field>`;
  await soap('Create', 'CreateRequest', `<Objects xsi:type="DataExtension"><CustomerKey>${name}</CustomerKey><Name>${name}</Name><IsSendable>true</IsSendable>` +
    '<SendableDataExtensionField><Name>Contact ID</Name></SendableDataExtensionField><SendableSubscriberField><Name>_SubscriberKey</Name></SendableSubscriberField><Fields>' +
    field('Contact ID', '<FieldType>Text</FieldType><MaxLength>18</MaxLength><IsPrimaryKey>true</IsPrimaryKey><IsRequired>true</IsRequired>') +
    field('Mail', '<FieldType>EmailAddress</FieldType>') + '</Fields></Objects>', mid);
  const property = (n, v) => `<Property><Name>${n}</Name><Value>${v}</Value></Property>`;
  await soap('Create', 'CreateRequest', `<Objects xsi:type="DataExtensionObject"><CustomerKey>${name}</CustomerKey><Properties>` +
    property('Contact ID', id) + property('Mail', address) + '</Properties></Objects>', mid);
}

/** engagementSends has Engagement send a message by its own API, which Connect has no part in. */
export async function engagementSends(definition, to) {
  return fetch(`${ready.engagement.rest_url}messaging/v1/email/messages/${crypto.randomUUID()}`, {
    method: 'POST',
    headers: { authorization: `Bearer ${await tenantToken()}`, 'content-type': 'application/json' },
    body: JSON.stringify({ definitionKey: definition, recipient: { contactKey: to, to } }),
  }).then(answer);
}
