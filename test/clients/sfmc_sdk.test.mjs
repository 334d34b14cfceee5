// sfmc-sdk 2, unmodified, against the tenant. Its check of auth_url wants the real host's name somewhere in the URL and
// is not anchored: a fragment satisfies it and never reaches the wire (engagement-wire section 1).
import { test } from 'node:test';
import assert from 'node:assert/strict';
import SDK from 'sfmc-sdk';
import { control, ready, until, withClock } from './ready.mjs';

const { engagement: eng } = ready;
const real = `https://${'mc'.padEnd(28, 'x')}.auth.marketingcloudapis.com/`;

function sdk(over = {}) {
  return new SDK(
    {
      client_id: eng.installed_package.client_id,
      client_secret: eng.installed_package.client_secret,
      auth_url: `${eng.auth_url.replace(/\/$/, '')}/v2/token#${real}`,
      account_id: eng.installed_package.account_id,
      ...over,
    },
    { requestAttempts: 4, retryOnConnectionError: false },
  );
}

async function mailTo(address) {
  const listed = await control('GET', `/mail?to=${encodeURIComponent(address)}`);
  return (listed.messages ?? listed)[0];
}

test('token', async () => {
  const auth = await sdk().auth.getAccessToken();
  assert.ok(auth.access_token);
  assert.equal(typeof auth.expires_in, 'number');
  assert.equal(typeof auth.scope, 'string');
  assert.equal(auth.refresh_token, undefined);
  assert.equal(auth.rest_instance_url, eng.rest_url);
  assert.equal(auth.soap_instance_url, eng.soap_url);
  assert.ok(auth.rest_instance_url.endsWith('/') && auth.soap_instance_url.endsWith('/'));
});

test('token by a path that ends in /v2/token', async () => {
  const auth = await sdk({ auth_url: `${eng.auth_url}${real}` }).auth.getAccessToken();
  assert.ok(auth.access_token);
});

test('wrong secret', async () => {
  await assert.rejects(sdk({ client_secret: 'nope' }).auth.getAccessToken(), (err) => {
    assert.equal(err.response.status, 401);
    assert.equal(err.response.data.error, 'invalid_client');
    return true;
  });
});

test('one REST call', async () => {
  const got = await sdk().rest.get('/platform/v1/endpoints');
  assert.ok(got.items.some((e) => e.type === 'soap' && e.url.endsWith('Service.asmx')));
});

test('a REST list that getBulk can page', async () => {
  const got = await sdk().rest.getBulk('/messaging/v1/email/definitions');
  assert.ok(got.definitions.some((d) => d.definitionKey === 'welcome'), JSON.stringify(got));
});

test('one SOAP Retrieve', async () => {
  const got = await sdk().soap.retrieve('BusinessUnit', ['ID', 'Name', 'ParentID'], { QueryAllAccounts: true });
  assert.equal(got.OverallStatus, 'OK');
  assert.ok(got.Results.some((bu) => Number(bu.ID) === eng.eid), JSON.stringify(got));
});

test('SOAP Retrieve with a filter that finds nothing has no Results', async () => {
  const got = await sdk().soap.retrieve('AccountUser', ['Name', 'UserID'], {
    filter: { leftOperand: 'UserID', operator: 'equals', rightOperand: 'nobody-of-that-name' },
  });
  assert.equal(got.OverallStatus, 'OK');
  assert.equal(got.Results?.length ?? 0, 0);
});

test('SOAP Retrieve of an unknown type says so', async () => {
  await assert.rejects(sdk().soap.retrieve('NoSuchThing', ['ID']), (err) => {
    assert.match(`${err.message} ${JSON.stringify(err.json ?? {})}`, /Unable to find a handler for object type: NoSuchThing/);
    return true;
  });
});

test('one triggered send by REST, delivered', async () => {
  const to = `rest-${Date.now()}@example.com`;
  const key = `client-test-${Date.now()}`;
  const sent = await sdk().rest.post(`/messaging/v1/email/messages/${key}`, {
    definitionKey: 'welcome',
    recipient: { contactKey: to, to, attributes: { FirstName: 'Ada' } },
  });
  assert.equal(sent.errorcode, 0);
  assert.equal(sent.responses[0].messageKey, key);
  const mail = await until('the mail', () => mailTo(to));
  assert.ok(mail.subject);
  await until('its event', async () => (await sdk().rest.get(`/messaging/v1/email/messages/${key}`)).eventCategoryType === 'TransactionalSendEvents.EmailSent');
});

test('one triggered send by SOAP, delivered', async () => {
  const to = `soap-${Date.now()}@example.com`;
  const got = await sdk().soap.create('TriggeredSend', {
    TriggeredSendDefinition: { CustomerKey: 'welcome' },
    Subscribers: [{ EmailAddress: to, SubscriberKey: to }],
  });
  assert.equal(got.OverallStatus, 'OK', JSON.stringify(got));
  await until('the mail', () => mailTo(to));
});

test('an expired token is renewed, by REST and by SOAP', async () => {
  const client = sdk();
  const first = (await client.auth.getAccessToken()).access_token;
  await withClock('21m', async () => {
    await client.rest.get('/platform/v1/endpoints/soap');
    const second = client.auth.authObject.access_token;
    assert.notEqual(second, first, 'REST never renewed');
  });
  const again = sdk();
  const third = (await again.auth.getAccessToken()).access_token;
  await withClock('21m', async () => {
    assert.equal((await again.soap.retrieve('BusinessUnit', ['ID'])).OverallStatus, 'OK');
    assert.notEqual(again.auth.authObject.access_token, third, 'SOAP never renewed');
  });
});

test('a data extension, its rows by REST at once and later, and pages of them', async () => {
  const client = sdk();
  const key = `sdk_${Date.now()}`;
  const made = await client.soap.create('DataExtension', {
    CustomerKey: key, Name: key,
    Fields: { Field: [{ Name: 'Id', FieldType: 'Text', MaxLength: 20, IsPrimaryKey: true, IsRequired: true }, { Name: 'City', FieldType: 'Text', MaxLength: 50 }] },
  });
  assert.equal(made.OverallStatus, 'OK', JSON.stringify(made));
  const rows = Array.from({ length: 120 }, (_, i) => ({ Id: `k${i}`, City: i % 2 ? 'Paris' : 'Rome' }));
  const now = await client.rest.post(`/hub/v1/dataevents/key:${key}/rowset`, rows.slice(0, 60).map(({ Id, City }) => ({ keys: { Id }, values: { City } })));
  assert.equal(now.length, 60);
  const later = await client.rest.put(`/data/v1/async/dataextensions/key:${key}/rows`, { items: rows.slice(50) });
  await until('the rows', async () => (await client.rest.get(`/data/v1/async/${later.requestId}/status`)).status.requestStatus === 'Complete');
  const results = await client.rest.getBulk(`/data/v1/async/${later.requestId}/results`);
  assert.ok(results.items.every((i) => i.status === 'OK'), JSON.stringify(results));
  const all = await client.rest.getBulk(`/data/v1/customobjectdata/key/${key}/rowset`);
  assert.equal(all.items.length, 120);
  const some = await client.soap.retrieve(`DataExtensionObject[${key}]`, ['Id', 'City'], { filter: { leftOperand: 'City', operator: 'equals', rightOperand: 'Rome' } });
  assert.equal(some.Results.length, 60);
  const gone = await client.soap.delete('DataExtension', { CustomerKey: key });
  assert.equal(gone.OverallStatus, 'OK', JSON.stringify(gone));
});

test('emails as assets', async () => {
  const client = sdk();
  const found = await client.rest.post('/asset/v1/content/assets/query', {
    page: { page: 1, pageSize: 50 }, query: { property: 'assetType.id', simpleOperator: 'in', value: [207, 208, 209] }, fields: ['views'],
  });
  assert.ok(found.items.some((a) => a.name === 'Welcome'), JSON.stringify(found));
  const listed = await client.rest.getBulk(`/asset/v1/content/assets?$filter=name eq 'Welcome'`);
  assert.equal(listed.items[0].views.subjectline.content, 'Welcome, %%First Name%%');
});
