// openid-client 6, unmodified, against the org as an OpenID provider (clients 3.4). Everything that the library checks
// by itself, it checks here: issuer, audience, nonce, times, signature of the id_token, subject of userinfo.
import { test } from 'node:test';
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import * as oc from 'openid-client';
import { assertion, Browser, land, ready, withClock } from './ready.mjs';

const { crm } = ready;
const app = crm.connected_apps['Integration Test'];
const key = readFileSync(app.private_key_file, 'utf8');
const user = crm.users[0];
const redirect = app.redirect_uris[1];

const config = (auth = oc.ClientSecretPost(app.client_secret)) =>
  oc.discovery(new URL(crm.url), app.client_id, undefined, auth, { execute: [oc.allowInsecureRequests, oc.enableNonRepudiationChecks] });

async function signIn(as, { scope = 'openid id api refresh_token', browser, ...more } = {}) {
  const pkceCodeVerifier = oc.randomPKCECodeVerifier();
  const expectedState = oc.randomState();
  const expectedNonce = oc.randomNonce();
  const url = oc.buildAuthorizationUrl(as, {
    redirect_uri: redirect,
    scope,
    state: expectedState,
    nonce: expectedNonce,
    code_challenge: await oc.calculatePKCECodeChallenge(pkceCodeVerifier),
    code_challenge_method: 'S256',
    ...more,
  });
  const back = await land(url.href, user.username, user.password, browser);
  return oc.authorizationCodeGrant(as, back, { pkceCodeVerifier, expectedState, expectedNonce, idTokenExpected: scope.includes('openid') });
}

test('discovery: the issuer is the address asked for', async () => {
  const meta = (await config()).serverMetadata();
  assert.equal(meta.issuer, crm.url);
  assert.deepEqual(meta.code_challenge_methods_supported, ['S256']);
  for (const at of ['authorization_endpoint', 'token_endpoint', 'revocation_endpoint', 'userinfo_endpoint', 'introspection_endpoint', 'jwks_uri']) assert.ok(meta[at].startsWith(`${crm.url}/`), at);
});

for (const [name, auth] of Object.entries({ 'secret in the body': oc.ClientSecretPost(app.client_secret), 'secret in the header': oc.ClientSecretBasic(app.client_secret) })) {
  test(`code with PKCE, id_token and userinfo, ${name}`, async () => {
    const as = await config(auth);
    const tokens = await signIn(as);
    const claims = tokens.claims();
    assert.equal(claims.iss, crm.url);
    assert.equal(claims.aud, app.client_id);
    assert.ok(claims.at_hash);
    const info = await oc.fetchUserInfo(as, tokens.access_token, claims.sub);
    assert.equal(info.preferred_username, user.username);
    assert.equal(info.organization_id, crm.org_id);
    assert.equal(tokens.id, claims.sub);
    assert.equal(tokens.instance_url, crm.url);
    assert.ok(tokens.refresh_token);
    assert.equal(tokens.expires_in, undefined);
  });
}

test('introspection tells an app about its own tokens', async () => {
  const as = await config();
  const tokens = await signIn(as);
  const told = await oc.tokenIntrospection(as, tokens.access_token, { token_type_hint: 'access_token' });
  assert.equal(told.active, true);
  assert.equal(told.client_id, app.client_id);
  assert.equal(told.username, user.username);
  assert.equal((await oc.tokenIntrospection(as, tokens.refresh_token)).active, true);
  assert.deepEqual(await oc.tokenIntrospection(as, 'nothing'), { active: false });
});

test('introspection needs the right secret', async () => {
  const as = await config(oc.ClientSecretPost('wrong'));
  await assert.rejects(oc.tokenIntrospection(as, 'anything'), (err) => err.status === 401 || err.cause?.status === 401 || /401|invalid_client/.test(`${err.message} ${err.error}`));
});

test('refresh, revoke, and the refresh after that fails', async () => {
  const as = await config();
  const tokens = await signIn(as);
  const next = await oc.refreshTokenGrant(as, tokens.refresh_token);
  assert.notEqual(next.access_token, tokens.access_token);
  assert.equal(next.claims().sub, tokens.claims().sub);
  await oc.tokenRevocation(as, tokens.refresh_token);
  await assert.rejects(oc.refreshTokenGrant(as, tokens.refresh_token), { error: 'invalid_grant', error_description: 'expired access/refresh token', status: 400 });
  assert.equal((await oc.tokenIntrospection(as, next.access_token)).active, false);
});

test('client credentials', async () => {
  const as = await config();
  const tokens = await oc.clientCredentialsGrant(as);
  assert.equal(tokens.refresh_token, undefined);
  assert.equal((await oc.fetchUserInfo(as, tokens.access_token, oc.skipSubjectCheck)).preferred_username, crm.admin.username);
});

for (const aud of [crm.url, `${crm.url}/services/oauth2/token`, 'https://login.salesforce.com']) {
  test(`JWT bearer for ${aud.replace(crm.url, 'the org')}`, async () => {
    const as = await config(oc.None());
    const tokens = await oc.genericGrantRequest(as, 'urn:ietf:params:oauth:grant-type:jwt-bearer', {
      assertion: assertion({ iss: app.client_id, sub: user.username, aud, exp: Math.floor(Date.now() / 1000) + 180 }, key),
    });
    assert.equal((await oc.fetchUserInfo(as, tokens.access_token, oc.skipSubjectCheck)).preferred_username, user.username);
  });
}

test('password with the security token, which the demo org allows', async () => {
  const as = await config();
  const tokens = await oc.genericGrantRequest(as, 'password', { username: user.username, password: user.password + user.security_token });
  assert.equal((await oc.fetchUserInfo(as, tokens.access_token, oc.skipSubjectCheck)).preferred_username, user.username);
  await assert.rejects(oc.genericGrantRequest(as, 'password', { username: user.username, password: 'wrong' }), { error: 'invalid_grant', error_description: 'authentication failure' });
});

test('a wrong verifier is refused', async () => {
  const as = await config();
  const url = oc.buildAuthorizationUrl(as, { redirect_uri: redirect, scope: 'api', state: 's', code_challenge: await oc.calculatePKCECodeChallenge(oc.randomPKCECodeVerifier()), code_challenge_method: 'S256' });
  const back = await land(url.href, user.username, user.password);
  await assert.rejects(oc.authorizationCodeGrant(as, back, { pkceCodeVerifier: oc.randomPKCECodeVerifier(), expectedState: 's' }), { error: 'invalid_grant', error_description: 'invalid code verifier' });
});

test('prompt=none needs a session, and max_age a fresh one', async () => {
  const as = await config();
  const browser = new Browser();
  const silent = oc.buildAuthorizationUrl(as, { redirect_uri: redirect, scope: 'openid', state: 's', prompt: 'none' });
  assert.equal((await land(silent.href, user.username, user.password, browser)).searchParams.get('error'), 'login_required');
  await signIn(as, { browser });
  assert.ok((await land(silent.href, user.username, user.password, browser)).searchParams.get('code'));
  await withClock('10m', async () => {
    const aged = oc.buildAuthorizationUrl(as, { redirect_uri: redirect, scope: 'openid', state: 's', prompt: 'none', max_age: '60' });
    assert.equal((await land(aged.href, user.username, user.password, browser)).searchParams.get('error'), 'login_required');
  });
});
