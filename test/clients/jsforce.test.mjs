// jsforce 3, unmodified, against the org. Every expectation of the library that crm-wire section 0 and 7.1 list is
// met here or the library breaks.
import { test } from 'node:test';
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { crc32 } from 'node:zlib';
import jsforce from 'jsforce';
import { assertion, authorize, ready, withClock } from './ready.mjs';

const { crm } = ready;
const app = crm.connected_apps['Integration Test'];
const key = readFileSync(app.private_key_file, 'utf8');
const user = crm.users[0];
const grantType = 'urn:ietf:params:oauth:grant-type:jwt-bearer';
const seconds = () => Math.floor(Date.now() / 1000);

const bearer = (claims) => ({ grant_type: grantType, assertion: assertion({ iss: app.client_id, sub: user.username, aud: crm.url, exp: seconds() + 180, ...claims }, key) });

async function byAssertion(claims) {
  const conn = new jsforce.Connection({ loginUrl: crm.url });
  await conn.authorize(bearer(claims));
  return conn;
}

async function byWebServerFlow() {
  const oauth2 = new jsforce.OAuth2({ loginUrl: crm.url, clientId: app.client_id, clientSecret: app.client_secret, redirectUri: app.redirect_uris[0], useVerifier: true });
  const conn = new jsforce.Connection({ oauth2 });
  const answer = await authorize(oauth2.getAuthorizationUrl({ scope: 'api refresh_token', state: 'a state' }), user.username, user.password);
  assert.equal(answer.get('error'), null, answer.get('error_description'));
  assert.equal(answer.get('state'), 'a state');
  await conn.authorize(answer.get('code'));
  return conn;
}

test('SOAP login with user name, password and security token', async () => {
  const conn = new jsforce.Connection({ loginUrl: crm.url });
  const info = await conn.login(user.username, user.password + user.security_token);
  assert.equal(info.organizationId, crm.org_id);
  assert.equal(conn.instanceUrl, crm.url);
  const me = await conn.identity();
  assert.equal(me.username, user.username);
  assert.equal(me.user_id, info.id);
  const found = await conn.query(`SELECT Id, Username, Profile.Name FROM User WHERE Username = '${user.username}'`);
  assert.equal(found.totalSize, 1);
  assert.equal(found.records[0].Username, user.username);
  assert.ok(found.records[0].Profile.Name);
  await conn.logout();
  await assert.rejects(
    new jsforce.Connection({ instanceUrl: crm.url, accessToken: info.sessionId ?? 'gone' }).query('SELECT Id FROM User'),
    { name: 'INVALID_SESSION_ID' },
  );
});

test('SOAP login refuses what the org refuses', async (t) => {
  for (const [name, password] of [['wrong password', 'nope'], ['no security token', user.password], ['token of nobody', `${user.password}xxxx`]]) {
    await t.test(name, () =>
      assert.rejects(new jsforce.Connection({ loginUrl: crm.url }).login(user.username, password), /INVALID_LOGIN|LOGIN_MUST_USE_SECURITY_TOKEN/));
  }
});

test('JWT bearer', async () => {
  const conn = await byAssertion({});
  assert.match(conn.accessToken, /^00D\w{12}![.\w]+$/);
  assert.equal((await conn.identity()).username, user.username);
});

test('JWT bearer takes every audience and expiry that clients really send', async (t) => {
  const cases = {
    'audience with a slash': { aud: `${crm.url}/` },
    'token endpoint as audience': { aud: `${crm.url}/services/oauth2/token` },
    'production login host': { aud: 'https://login.salesforce.com' },
    'sandbox login host': { aud: 'https://test.salesforce.com' },
    'audience in a list': { aud: [crm.url] },
    'expiry in milliseconds': { exp: Date.now() + 300_000 },
    'expiry as a string': { exp: String(seconds() + 180) },
  };
  for (const [name, claims] of Object.entries(cases)) await t.test(name, async () => void (await byAssertion(claims)));
});

test('JWT bearer refuses', async (t) => {
  const cases = {
    'another audience': [{ aud: 'https://example.com' }, 'invalid_grant', 'audience is invalid'],
    'an expired assertion': [{ exp: seconds() - 600 }, 'invalid_grant', 'expired authorization code'],
    'an unknown app': [{ iss: 'nobody' }, 'invalid_client_id', 'client identifier invalid'],
    'no expiry': [{ exp: undefined }, 'invalid_grant', 'invalid assertion'],
  };
  for (const [name, [claims, error, text]] of Object.entries(cases)) {
    await t.test(name, () => assert.rejects(byAssertion(claims), (err) => err.name === error && err.message.includes(text)));
  }
});

test('web server flow with PKCE, whose challenge comes without a method', async () => {
  const conn = await byWebServerFlow();
  assert.ok(conn.refreshToken);
  assert.equal((await conn.identity()).username, user.username);
});

test('create and read a Contact', async () => {
  const conn = await byAssertion({});
  const made = await conn.sobject('Contact').create({ FirstName: 'Grace', LastName: "O'Hopper & <Sons>", Email: 'grace@example.com' });
  assert.equal(made.success, true);
  assert.equal(made.id.length, 18);
  const read = await conn.sobject('Contact').retrieve(made.id);
  assert.equal(read.LastName, "O'Hopper & <Sons>");
  assert.equal(read.Name, "Grace O'Hopper & <Sons>");
  const found = await conn.query(`SELECT Id, Email FROM Contact WHERE LastName = 'O\\'Hopper & <Sons>'`);
  assert.ok(found.records.some((r) => r.Id === made.id && r.Email === 'grace@example.com'));
});

test('errors keep code and text', async () => {
  const conn = await byAssertion({});
  await assert.rejects(conn.sobject('Contact').create({ FirstName: 'No', Email: 'x@example.com' }), { name: 'REQUIRED_FIELD_MISSING' });
  await assert.rejects(conn.query('SELECT Nothing FROM User'), (err) => err.name === 'INVALID_FIELD' && /No such column 'Nothing'/.test(err.message));
  await assert.rejects(conn.query('SELECT Id FROM User WHERE'), { name: 'MALFORMED_QUERY' });
  await assert.rejects(conn.query('SELECT Id FROM ScratchOrgInfo limit 1'), { name: 'INVALID_TYPE' });
  await assert.rejects(conn.sobject('Contact').retrieve('003000000000000AAA'), { name: 'NOT_FOUND' });
});

test('metadata of the connected app', async () => {
  const conn = new jsforce.Connection({ loginUrl: crm.url });
  await conn.login(crm.admin.username, crm.admin.password + crm.admin.security_token);
  const listed = await conn.metadata.list([{ type: 'ConnectedApp' }]);
  const mine = listed.find((a) => /Integration_Test$/.test(a.fullName));
  assert.ok(mine, JSON.stringify(listed));
  const before = await conn.metadata.read('ConnectedApp', mine.fullName);
  assert.equal(before.oauthConfig.consumerKey, app.client_id);
  const { oauthConfig, ...rest } = before;
  const updated = await conn.metadata.update('ConnectedApp', { ...rest, oauthConfig, description: 'Changed by jsforce' });
  assert.equal(updated.success, true, JSON.stringify(updated));
  assert.equal((await conn.metadata.read('ConnectedApp', mine.fullName)).description, 'Changed by jsforce');
});

test('metadata: a connected app and its permission set, from create to delete', async () => {
  const conn = new jsforce.Connection({ loginUrl: crm.url });
  await conn.login(crm.admin.username, crm.admin.password + crm.admin.security_token);
  const set = { fullName: 'Bridge_Users', label: 'Bridge Users', userPermissions: [{ name: 'ApiEnabled', enabled: true }] };
  assert.deepEqual(await conn.metadata.create('PermissionSet', set), { errors: [], fullName: 'Bridge_Users', success: true });
  const taken = await conn.metadata.create('PermissionSet', set);
  assert.equal(taken.success, false);
  assert.equal(taken.errors[0].statusCode, 'DUPLICATE_VALUE');
  const bridge = {
    fullName: 'Bridge', label: 'Bridge', contactEmail: 'ops@bridge.example', permissionSetName: 'Bridge_Users',
    oauthConfig: { callbackUrl: 'https://bridge.example/cb', scopes: ['Api', 'RefreshToken'], isAdminApproved: true },
    oauthPolicy: { ipRelaxation: 'ENFORCE', refreshTokenPolicy: 'infinite' },
  };
  const made = await conn.metadata.upsert('ConnectedApp', bridge);
  assert.equal(made.success, true, JSON.stringify(made));
  assert.equal(made.created, true);
  const changed = await conn.metadata.upsert('ConnectedApp', { ...bridge, label: 'The Bridge' });
  assert.equal(changed.created, false, JSON.stringify(changed));
  const [read, none] = await conn.metadata.read('ConnectedApp', ['Bridge', 'Nowhere']);
  assert.equal(read.label, 'The Bridge');
  assert.equal(read.oauthConfig.isAdminApproved, true);
  assert.deepEqual([].concat(read.permissionSetName), ['Bridge_Users']);
  assert.ok(!none?.fullName, JSON.stringify(none));
  const described = await conn.metadata.describe();
  assert.ok(described.metadataObjects.some((o) => o.xmlName === 'PermissionSet' && o.directoryName === 'permissionsets'));
  const gone = await conn.metadata.delete('ConnectedApp', ['Bridge', 'Nowhere']);
  assert.deepEqual(gone.map((g) => g.success), [true, false]);
  assert.equal(gone[1].errors[0].statusCode, 'INVALID_CROSS_REFERENCE_KEY');
  assert.equal((await conn.metadata.delete('PermissionSet', 'Bridge_Users')).success, true);
});

// zip packs texts without compressing them.
function zip(files) {
  const parts = [];
  const directory = [];
  let at = 0;
  for (const [name, text] of Object.entries(files)) {
    const path = Buffer.from(name);
    const data = Buffer.from(text);
    const fields = Buffer.alloc(26); // what a file's header and its entry in the directory share
    fields.writeUInt16LE(20, 0);
    fields.writeUInt16LE(0x21, 8); // 1 January 1980
    fields.writeUInt32LE(crc32(data), 10);
    fields.writeUInt32LE(data.length, 14);
    fields.writeUInt32LE(data.length, 18);
    fields.writeUInt16LE(path.length, 22);
    const place = Buffer.alloc(14);
    place.writeUInt32LE(at, 10);
    const local = Buffer.concat([Buffer.from('PK\x03\x04'), fields, path, data]);
    directory.push(Buffer.concat([Buffer.from('PK\x01\x02\x14\x00'), fields, place, path]));
    parts.push(local);
    at += local.length;
  }
  const list = Buffer.concat(directory);
  const end = Buffer.alloc(18);
  end.writeUInt16LE(directory.length, 4);
  end.writeUInt16LE(directory.length, 6);
  end.writeUInt32LE(list.length, 8);
  end.writeUInt32LE(at, 12);
  return Buffer.concat([...parts, list, Buffer.from('PK\x05\x06'), end]);
}

test('metadata: deploy a zip, and one that is all or nothing', async () => {
  const conn = new jsforce.Connection({ loginUrl: crm.url });
  await conn.login(crm.admin.username, crm.admin.password + crm.admin.security_token);
  conn.metadata.pollInterval = 100;
  const manifest = '<Package xmlns="http://soap.sforce.com/2006/04/metadata"><types><members>*</members><name>PermissionSet</name></types><version>65.0</version></Package>';
  const set = (label, more = '') => `<PermissionSet xmlns="http://soap.sforce.com/2006/04/metadata"><label>${label}</label>${more}</PermissionSet>`;
  const good = zip({ 'package.xml': manifest, 'permissionsets/Zipped.permissionset': set('Zipped') });
  const done = await conn.metadata.deploy(good.toString('base64'), { singlePackage: true, rollbackOnError: true }).complete(true);
  assert.equal(done.status, 'Succeeded', JSON.stringify(done));
  assert.equal(done.success, true);
  assert.equal(done.numberComponentsDeployed, 1);
  assert.ok(done.details.componentSuccesses.some((m) => m.fullName === 'Zipped' && m.created === true));
  assert.equal((await conn.metadata.read('PermissionSet', 'Zipped')).label, 'Zipped');
  const half = zip({ 'package.xml': manifest, 'permissionsets/One.permissionset': set('One'), 'permissionsets/Two.permissionset': set('Two', '<fly/>') });
  const failed = await conn.metadata.deploy(half.toString('base64'), { singlePackage: true, rollbackOnError: true }).complete(true);
  assert.equal(failed.status, 'Failed', JSON.stringify(failed));
  assert.equal([].concat(failed.details.componentFailures)[0].fullName, 'Two');
  assert.ok(!(await conn.metadata.read('PermissionSet', 'One'))?.fullName);
});

test('limits and limitInfo', async () => {
  const conn = new jsforce.Connection({ loginUrl: crm.url });
  await conn.login(crm.admin.username, crm.admin.password + crm.admin.security_token);
  const { DailyApiRequests } = await conn.limits();
  const { used, limit } = conn.limitInfo.apiUsage;
  assert.equal(limit, DailyApiRequests.Max);
  assert.equal(used, DailyApiRequests.Max - DailyApiRequests.Remaining);
  await conn.query('SELECT Id FROM User LIMIT 1');
  assert.equal(conn.limitInfo.apiUsage.used, used + 1);
  await conn.soap.getServerTimestamp();
  await conn.query('SELECT Id FROM User LIMIT 1');
  assert.equal(conn.limitInfo.apiUsage.used, used + 3, 'a SOAP call counts as well');
  await assert.rejects((await byAssertion({})).limits(), { name: 'INSUFFICIENT_ACCESS' });
});

test('refresh after expiry, with a clock that moves', async () => {
  const conn = await byWebServerFlow();
  const first = conn.accessToken;
  await withClock('24h', async () => {
    const found = await conn.query('SELECT Id FROM User LIMIT 1');
    assert.equal(found.records.length, 1);
    assert.notEqual(conn.accessToken, first, 'jsforce never refreshed');
  });
});

test('revoke ends the refresh token and its access tokens', async () => {
  const conn = await byWebServerFlow();
  await conn.logout(true);
  const oauth2 = new jsforce.OAuth2({ loginUrl: crm.url, clientId: app.client_id, clientSecret: app.client_secret, redirectUri: app.redirect_uris[0] });
  await assert.rejects(oauth2.refreshToken(conn.refreshToken ?? 'gone'), { name: 'invalid_grant' });
});

test('logout of an OAuth session revokes the access token', async () => {
  const conn = await byAssertion({});
  const token = conn.accessToken;
  await conn.logout();
  await assert.rejects(new jsforce.Connection({ instanceUrl: crm.url, accessToken: token }).query('SELECT Id FROM User'), { name: 'INVALID_SESSION_ID' });
});

test('double slashes are answered without a redirect', async () => {
  const conn = await byAssertion({});
  for (const path of ['//services/data', '//services/data/v60.0/query?q=SELECT+Id+FROM+User+LIMIT+1', '/services/data/v60.0//query/?q=SELECT+Id+FROM+User+LIMIT+1']) {
    const res = await fetch(crm.url + path, { redirect: 'manual', headers: { authorization: `Bearer ${conn.accessToken}` } });
    assert.equal(res.status, 200, path);
  }
  const form = new URLSearchParams(bearer({}));
  const res = await fetch(`${crm.url}//services/oauth2/token`, { method: 'POST', redirect: 'manual', body: form });
  assert.equal(res.status, 200, 'POST to a double slash');
});

test('four error shapes: array, object, plain text, form', async () => {
  const rest = await fetch(`${crm.url}/services/data/v60.0/query?q=SELECT+Id+FROM+User`, { headers: { authorization: 'Bearer nothing' } });
  assert.equal(rest.status, 401);
  assert.deepEqual(await rest.json(), [{ message: 'Session expired or invalid', errorCode: 'INVALID_SESSION_ID' }]);
  const token = await fetch(`${crm.url}/services/oauth2/token`, { method: 'POST', body: new URLSearchParams({ grant_type: 'nothing' }) });
  assert.equal(token.status, 400);
  assert.deepEqual(await token.json(), { error: 'unsupported_grant_type', error_description: 'grant type not supported' });
  const info = await fetch(`${crm.url}/services/oauth2/userinfo`, { headers: { authorization: 'Bearer nothing' } });
  assert.equal(info.status, 403);
  assert.equal(await info.text(), 'Bad_OAuth_Token');
});
