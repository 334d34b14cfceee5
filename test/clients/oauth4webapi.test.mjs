// oauth4webapi 3, unmodified: the strict low-level library that many others are built on. It refuses every answer that
// leaves the RFCs where it must not, so that each step passed here is one that RFC 6749, 7009, 7662 or OpenID Connect
// would pass.
import { test } from 'node:test';
import assert from 'node:assert/strict';
import { createPrivateKey, webcrypto } from 'node:crypto';
import { readFileSync } from 'node:fs';
import * as oauth from 'oauth4webapi';
import { assertion, land, ready } from './ready.mjs';

const { crm } = ready;
const app = crm.connected_apps['Integration Test'];
const user = crm.users[1];
const redirect = app.redirect_uris[1];
const plain = { [oauth.allowInsecureRequests]: true };
const client = { client_id: app.client_id };
const post = oauth.ClientSecretPost(app.client_secret);
const basic = oauth.ClientSecretBasic(app.client_secret);

const issuer = new URL(crm.url);
const as = await oauth.processDiscoveryResponse(issuer, await oauth.discoveryRequest(issuer, plain));

async function code({ scope = 'openid id api refresh_token', nonce, verifier, ...more } = {}) {
  const url = new URL(as.authorization_endpoint);
  const state = oauth.generateRandomState();
  const params = { client_id: app.client_id, redirect_uri: redirect, response_type: 'code', scope, state, ...more };
  if (nonce) params.nonce = nonce;
  if (verifier) Object.assign(params, { code_challenge: await oauth.calculatePKCECodeChallenge(verifier), code_challenge_method: 'S256' });
  for (const [k, v] of Object.entries(params)) url.searchParams.set(k, v);
  return oauth.validateAuthResponse(as, client, await land(url.href, user.username, user.password), state);
}

async function exchange(auth = post, options = {}) {
  const nonce = oauth.generateRandomNonce();
  const verifier = oauth.generateRandomCodeVerifier();
  const res = await oauth.authorizationCodeGrantRequest(as, client, auth, await code({ nonce, verifier, ...options }), redirect, verifier, plain);
  return oauth.processAuthorizationCodeResponse(as, client, res, { expectedNonce: nonce, requireIdToken: true });
}

const refusal = (error, text) => (err) => err.error === error && err.error_description === text && err.status === 400;

test('code with PKCE and id_token, secret in the body', async () => {
  const tokens = await exchange();
  const claims = oauth.getValidatedIdTokenClaims(tokens);
  assert.equal(claims.sub, tokens.id);
  assert.ok(claims.auth_time > 0);
});

test('code with PKCE and id_token, secret in the header', async () => assert.ok((await exchange(basic)).refresh_token));

test('the id_token is signed with a published key', async () => {
  const nonce = oauth.generateRandomNonce();
  const verifier = oauth.generateRandomCodeVerifier();
  const res = await oauth.authorizationCodeGrantRequest(as, client, post, await code({ nonce, verifier }), redirect, verifier, plain);
  await oauth.processAuthorizationCodeResponse(as, client, res, { expectedNonce: nonce, requireIdToken: true });
  await oauth.validateApplicationLevelSignature(as, res, plain);
});

test('userinfo has the subject of the id_token', async () => {
  const tokens = await exchange();
  const { sub } = oauth.getValidatedIdTokenClaims(tokens);
  const info = await oauth.processUserInfoResponse(as, client, sub, await oauth.userInfoRequest(as, client, tokens.access_token, plain));
  assert.equal(info.preferred_username, user.username);
});

test('a client that the answer is not for refuses the state', async () => {
  const url = await land(`${as.authorization_endpoint}?${new URLSearchParams({ client_id: app.client_id, redirect_uri: redirect, response_type: 'code', state: 'mine' })}`, user.username, user.password);
  assert.throws(() => oauth.validateAuthResponse(as, client, url, 'another'));
});

test('introspection, RFC 7662', async () => {
  const tokens = await exchange();
  const told = await oauth.processIntrospectionResponse(as, client, await oauth.introspectionRequest(as, client, basic, tokens.access_token, plain));
  assert.equal(told.active, true);
  assert.equal(typeof told.exp, 'number');
});

test('refresh, revoke as RFC 7009 has it, refresh again', async () => {
  const tokens = await exchange();
  const refresh = async () => oauth.processRefreshTokenResponse(as, client, await oauth.refreshTokenGrantRequest(as, client, post, tokens.refresh_token, plain));
  const next = await refresh();
  assert.notEqual(next.access_token, tokens.access_token);
  await oauth.processRevocationResponse(await oauth.revocationRequest(as, client, post, tokens.refresh_token, plain));
  await assert.rejects(refresh(), refusal('invalid_grant', 'expired access/refresh token'));
});

test('client credentials', async () => {
  const res = await oauth.clientCredentialsGrantRequest(as, client, basic, {}, plain);
  const tokens = await oauth.processClientCredentialsResponse(as, client, res);
  assert.equal(tokens.token_type, 'bearer');
});

test('JWT bearer by the generic grant', async () => {
  const claims = { iss: app.client_id, sub: user.username, aud: crm.url, exp: Math.floor(Date.now() / 1000) + 180 };
  const signed = assertion(claims, readFileSync(app.private_key_file, 'utf8'));
  const res = await oauth.genericTokenEndpointRequest(as, client, oauth.None(), 'urn:ietf:params:oauth:grant-type:jwt-bearer', { assertion: signed }, plain);
  assert.ok((await oauth.processGenericTokenEndpointResponse(as, client, res)).access_token.startsWith('00D'));
});

test('private_key_jwt in place of the secret, RFC 7523', async () => {
  const der = createPrivateKey(readFileSync(app.private_key_file, 'utf8')).export({ type: 'pkcs8', format: 'der' });
  const key = await webcrypto.subtle.importKey('pkcs8', der, { name: 'RSASSA-PKCS1-v1_5', hash: 'SHA-256' }, false, ['sign']);
  const signed = oauth.PrivateKeyJwt(key);
  const tokens = await exchange(signed);
  const told = await oauth.processIntrospectionResponse(as, client, await oauth.introspectionRequest(as, client, signed, tokens.access_token, plain));
  assert.equal(told.active, true);
  await oauth.processRevocationResponse(await oauth.revocationRequest(as, client, signed, tokens.refresh_token, plain));
  const res = await oauth.clientCredentialsGrantRequest(as, client, signed, {}, plain);
  assert.ok((await oauth.processClientCredentialsResponse(as, client, res)).access_token);
});

test('a code is good once', async () => {
  const verifier = oauth.generateRandomCodeVerifier();
  const params = await code({ verifier, scope: 'api' });
  const redeem = async () =>
    oauth.processAuthorizationCodeResponse(as, client, await oauth.authorizationCodeGrantRequest(as, client, post, params, redirect, verifier, plain));
  await redeem();
  await assert.rejects(redeem(), refusal('invalid_grant', 'expired authorization code'));
});

test('a wrong secret is refused', async () => {
  const res = await oauth.clientCredentialsGrantRequest(as, client, oauth.ClientSecretPost('wrong'), {}, plain);
  await assert.rejects(oauth.processClientCredentialsResponse(as, client, res), refusal('invalid_client', 'invalid client credentials'));
});

test('a scope that the app does not have goes back to the client', async () => {
  await assert.rejects(code({ scope: 'api pardot_api' }), (err) => err.error === 'invalid_scope');
});
