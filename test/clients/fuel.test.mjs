// fuel-auth 3, fuel-rest 3 and fuel-soap 2, unmodified, against the tenant, with authVersion 2. fuel-rest takes what
// follows ".com/" of a URL and lower-cases it: its default origin stays as it is (engagement-wire section 7).
import { test } from 'node:test';
import assert from 'node:assert/strict';
import FuelAuth from 'fuel-auth';
import FuelRest from 'fuel-rest';
import FuelSoap from 'fuel-soap';
import { control, ready, until } from './ready.mjs';

const { engagement: eng } = ready;
const { client_id: clientId, client_secret: clientSecret, account_id: accountId } = eng.installed_package;

const auth = (over = {}) => ({
  clientId,
  clientSecret,
  authUrl: `${eng.auth_url}v2/token`,
  authOptions: { authVersion: 2, accountId, applicationType: 'server', ...over },
});

/** call turns a method of a Fuel client into a promise. */
const call = (client, method, ...args) =>
  new Promise((resolve, reject) => client[method](...args, (err, res) => (err ? reject(err) : resolve(res))));

test('fuel-auth: a token, and no refresh token', async () => {
  const got = await new FuelAuth(auth()).getAccessToken();
  assert.ok(got.access_token ?? got.accessToken, JSON.stringify(got));
  assert.equal(got.refresh_token, undefined);
});

test('fuel-auth: scopes narrow', async () => {
  const got = await new FuelAuth(auth({ scope: 'email_read email_send' })).getAccessToken();
  assert.equal(got.scope, 'email_read email_send');
});

test('fuel-auth: a wrong secret gives no token', async () => {
  const got = await new FuelAuth({ ...auth(), clientSecret: 'wrong' }).getAccessToken().catch((err) => err);
  assert.equal(got.access_token, undefined);
  assert.match(JSON.stringify(got) + got.message, /invalid_client|No access token/);
});

test('fuel-auth: a legacy request is told where to go', async () => {
  const got = await new FuelAuth({ clientId, clientSecret, authUrl: `${eng.auth_url}v1/requestToken`, authOptions: { authVersion: 1 } })
    .getAccessToken().catch((err) => err);
  assert.equal(got.accessToken, undefined);
});

test('fuel-auth: a legacy package has a token of the time before /v2', async () => {
  const { client_id: id, client_secret: secret } = eng.legacy_package;
  const got = await new FuelAuth({ clientId: id, clientSecret: secret, authUrl: `${eng.auth_url}v1/requestToken`, authOptions: { authVersion: 1 } })
    .getAccessToken();
  assert.ok(got.accessToken, JSON.stringify(got));
});

test('fuel-rest: lower-cased paths are served', async () => {
  const { body } = await call(new FuelRest({ auth: auth() }), 'get', { uri: '/platform/v1/tokenContext' });
  assert.equal(body.enterprise.id, eng.eid);
});

test('fuel-rest: a key in another case is found, and the send is delivered', async () => {
  const to = `fuel-${Date.now()}@example.com`;
  const { body } = await call(new FuelRest({ auth: auth() }), 'post', {
    uri: '/messaging/v1/messageDefinitionSends/key:Welcome/send',
    json: true,
    body: { To: { Address: to, SubscriberKey: to, ContactAttributes: { SubscriberAttributes: { FirstName: 'Ada' } } } },
  });
  assert.equal(body.responses[0].hasErrors, false, JSON.stringify(body));
  await until('the mail', async () => {
    const listed = await control('GET', `/mail?to=${encodeURIComponent(to)}`);
    return (listed.messages ?? listed)[0];
  });
});

test('fuel-soap: retrieve', async () => {
  const { body } = await call(new FuelSoap({ auth: auth() }), 'retrieve', 'BusinessUnit', ['ID', 'Name', 'ParentID'], { queryAllAccounts: true });
  assert.equal(body.OverallStatus, 'OK');
  const ids = [].concat(body.Results).map((bu) => Number(bu.ID));
  assert.ok(ids.includes(eng.eid), JSON.stringify(body));
});

test('fuel-soap: describe', async () => {
  const { body } = await call(new FuelSoap({ auth: auth() }), 'describe', 'AccountUser');
  assert.ok(JSON.stringify(body).includes('IsAPIUser'));
});

test('fuel-soap: an unknown type is an error with its text', async () => {
  await assert.rejects(call(new FuelSoap({ auth: auth() }), 'retrieve', 'NoSuchThing', ['ID']), (err) => {
    assert.match(`${err.message} ${JSON.stringify(err)}`, /Unable to find a handler for object type|NoSuchThing/);
    return true;
  });
});

test('fuel-soap: a user is made and changed', async () => {
  const soap = new FuelSoap({ auth: auth() });
  const name = `fuel.${Date.now()}`;
  const made = await call(soap, 'create', 'AccountUser', {
    UserID: name, Name: 'Fuel User', Email: 'fuel@example.com', Password: 'a long password 1',
    Roles: { Role: { CustomerKey: 'SYS_DEF_CONTENT' } },
  }, {});
  assert.equal(made.body.OverallStatus, 'OK', JSON.stringify(made.body));
  assert.equal([].concat(made.body.Results)[0].StatusMessage, 'Account User Updated / Created');
  const changed = await call(soap, 'update', 'AccountUser', { UserID: name, SalesforceUsername: 'someone@crm.example' }, {});
  assert.equal(changed.body.OverallStatus, 'OK', JSON.stringify(changed.body));
});

/** done fails the test unless every result of a SOAP write is OK, and gives the first. */
const done = ({ body }) => {
  assert.equal(body.OverallStatus, 'OK', JSON.stringify(body));
  return [].concat(body.Results)[0];
};

test('fuel-soap: a subscriber is made, changed and deleted', async () => {
  const soap = new FuelSoap({ auth: auth() });
  const key = `fuel-sub-${Date.now()}`;
  assert.equal(done(await call(soap, 'create', 'Subscriber', { SubscriberKey: key, EmailAddress: `${key}@example.com` }, {})).StatusMessage, 'Created Subscriber.');
  done(await call(soap, 'update', 'Subscriber', { SubscriberKey: key, Status: 'Unsubscribed' }, {}));
  const { body } = await call(soap, 'retrieve', 'Subscriber', ['SubscriberKey', 'Status'], { filter: { leftOperand: 'SubscriberKey', operator: 'equals', rightOperand: key } });
  assert.equal([].concat(body.Results)[0].Status, 'Unsubscribed');
  done(await call(soap, 'delete', 'Subscriber', { SubscriberKey: key }, {}));
});

test('fuel-soap: an email and its triggered send definition come, are started and go', async () => {
  const soap = new FuelSoap({ auth: auth() });
  const key = `fuel-tsd-${Date.now()}`;
  const email = done(await call(soap, 'create', 'Email', { CustomerKey: key, Name: key, Subject: 'Hi', HTMLBody: '<p>Hi</p>' }, {}));
  done(await call(soap, 'create', 'TriggeredSendDefinition', { CustomerKey: key, Name: key, Email: { ID: email.NewID }, SendClassification: { CustomerKey: 'Default Transactional' } }, {}));
  done(await call(soap, 'update', 'TriggeredSendDefinition', { CustomerKey: key, TriggeredSendStatus: 'Active' }, {}));
  const to = `${key}@example.com`;
  done(await call(soap, 'create', 'TriggeredSend', { TriggeredSendDefinition: { CustomerKey: key }, Subscribers: { EmailAddress: to, SubscriberKey: to } }, {}));
  await until('the mail', async () => {
    const listed = await control('GET', `/mail?to=${encodeURIComponent(to)}`);
    return (listed.messages ?? listed)[0];
  });
  done(await call(soap, 'delete', 'TriggeredSendDefinition', { CustomerKey: key }, {}));
  done(await call(soap, 'delete', 'Email', { ID: email.NewID }, {}));
});

test('fuel-soap and fuel-rest: a data extension and its rows', async () => {
  const soap = new FuelSoap({ auth: auth() });
  const rest = new FuelRest({ auth: auth() });
  const key = `Fuel_${Date.now()}`;
  const field = (Name, FieldType, more = {}) => ({ Name, FieldType, ...more });
  done(await call(soap, 'create', 'DataExtension', {
    CustomerKey: key, Name: key,
    Fields: { Field: [field('Id', 'Text', { MaxLength: 20, IsPrimaryKey: true, IsRequired: true }), field('Age', 'Number')] },
  }, {}));
  const row = (id, age) => ({ CustomerKey: key, Properties: { Property: [{ Name: 'Id', Value: id }, { Name: 'Age', Value: age }] } });
  assert.equal(done(await call(soap, 'create', 'DataExtensionObject', row('a', '1'), {})).StatusMessage, 'Created DataExtensionObject');
  const written = await call(rest, 'post', { uri: `/hub/v1/dataevents/key:${key}/rowset`, json: true, body: [{ keys: { Id: 'b' }, values: { Age: 2 } }] });
  assert.equal(written.body[0].keys.Id, 'b', JSON.stringify(written.body));
  done(await call(soap, 'update', 'DataExtensionObject', row('a', '3'), {}));
  const { body } = await call(soap, 'retrieve', `DataExtensionObject[${key}]`, ['Id', 'Age'], {});
  const rows = [].concat(body.Results).map((r) => Object.fromEntries([].concat(r.Properties.Property).map((p) => [p.Name, p.Value])));
  assert.deepEqual(rows, [{ Id: 'a', Age: '3' }, { Id: 'b', Age: '2' }]);
  const listed = await call(rest, 'get', { uri: `/data/v1/customobjectdata/key/${key}/rowset?$filter=age%20gt%202` });
  assert.equal(listed.body.count, 1, JSON.stringify(listed.body));
  done(await call(soap, 'delete', 'DataExtension', { CustomerKey: key }, {}));
});
