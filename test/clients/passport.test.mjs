// passport-forcedotcom, unmodified: a web application's sign-in, with the request and answer objects of a framework
// played by the test (clients 3.5).
import { test } from 'node:test';
import assert from 'node:assert/strict';
import ForceDotCom from 'passport-forcedotcom';
import { Browser, land, ready } from './ready.mjs';

const { crm } = ready;
const app = crm.connected_apps['Integration Test'];
const user = crm.users[2];
const Strategy = ForceDotCom.Strategy;

const strategy = (options = {}) =>
  new Strategy(
    {
      clientID: app.client_id, clientSecret: app.client_secret, callbackURL: app.redirect_uris[1],
      authorizationURL: `${crm.url}/services/oauth2/authorize`, tokenURL: `${crm.url}/services/oauth2/token`, ...options,
    },
    (token, refreshToken, profile, done) => done(null, { token, refreshToken, profile }),
  );

/** run lets the strategy decide one request, as passport's middleware does. */
function run(s, query, options = {}, session = {}) {
  return new Promise((resolve, reject) => {
    const live = Object.create(s);
    Object.assign(live, {
      redirect: (url) => resolve({ redirect: url }), success: (found) => resolve({ success: found }), error: reject,
      fail: (info, status) => resolve({ fail: info, status }), pass: () => resolve({ pass: true }),
    });
    live.authenticate({ query, body: {}, session, headers: {}, connection: {} }, options);
  });
}

async function signIn(s, options = {}, browser = undefined) {
  const session = {};
  const { redirect } = await run(s, {}, options, session);
  const back = await land(redirect, user.username, user.password, browser);
  return run(s, Object.fromEntries(back.searchParams), options, session);
}

test('sign-in and profile from the identity URL', async () => {
  const { success } = await signIn(strategy(), { scope: ['id', 'api', 'refresh_token'] });
  assert.equal(success.profile._raw.username, user.username);
  assert.equal(success.profile.id, `${crm.org_id}/${success.profile._raw.user_id}`);
  assert.equal(success.profile.emails[0].value, user.username);
  assert.ok(success.profile.displayName.includes(success.profile.name.familyName));
  assert.ok(success.refreshToken);
  assert.equal(success.token.params.instance_url, crm.url);
  assert.ok(success.token.params.signature);
});

test('state and PKCE', async () => {
  const { success } = await signIn(strategy({ state: true, pkce: true }), { scope: 'id' });
  assert.equal(success.profile._raw.username, user.username);
});

test('display, prompt and login_hint are taken', async () => {
  const { success } = await signIn(strategy({ skipPhoto: true }), { scope: 'id', display: 'popup', prompt: 'login consent', login_hint: user.username });
  assert.equal(success.profile.provider, 'forcedotcom');
});

test('a login hint fills the form', async () => {
  const { redirect } = await run(strategy(), {}, { scope: 'id', login_hint: 'someone@example.com' });
  assert.match((await new Browser().open(redirect)).text, /value="someone@example\.com"/);
});

test('a second sign-in in the same browser asks nothing', async () => {
  const browser = new Browser();
  await signIn(strategy(), { scope: 'id' }, browser);
  const { redirect } = await run(strategy(), {}, { scope: 'id' });
  assert.equal((await browser.open(redirect)).left, true);
});

test('a wrong secret is an error with the org\'s own words', async () => {
  await assert.rejects(signIn(strategy({ clientSecret: 'wrong' }), { scope: 'id' }), (err) => err.code === 'invalid_client' && err.message === 'invalid client credentials');
});

test('a refused sign-in is a failure', async () => {
  const res = await run(strategy(), { error: 'access_denied', error_description: 'end-user denied authorization' });
  assert.equal(res.fail.message, 'end-user denied authorization');
});
