// Forms after which a browser ends at another origin: sign-in and consent, and where that origin sends it on to a third.
// Browsers hold the redirects that follow a form to the form-action of its page. fixture: demo
import { after, test } from 'node:test';
import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import { Browser, person, ready } from './browser.mjs';

/** serve starts a server on a port of its own, which answers with what the function says. */
async function serve(answer) {
  const server = createServer(answer);
  await new Promise((done) => server.listen(0, '127.0.0.1', done));
  after(() => server.close());
  return server.address().port;
}

const front = await serve((_, res) => res.writeHead(200, { 'content-type': 'text/html' }).end('<!DOCTYPE html><html lang="en"><head><title>App</title><link rel="icon" href="data:,"></head><body><main><h1>The app</h1></main></body></html>'));
/** An app as developers have it: what takes the callback is a server, what people see is another. */
const back = await serve((req, res) => res.writeHead(302, { location: `http://127.0.0.1:${front}/${req.url}` }).end());

/** arrives waits for the app's own page, with what its callback was told. */
async function arrives(who, wanted) {
  await who.sees('The app');
  assert.match(who.page.url(), wanted);
  assert.deepEqual(who.complaints.splice(0), []);
}

const authorizeOrg = (redirect) => {
  const app = ready.crm.connected_apps['Integration Test'];
  return `${ready.crm.url}/services/oauth2/authorize?${new URLSearchParams({ response_type: 'code', client_id: app.client_id, redirect_uri: redirect, prompt: 'consent' })}`;
};

test('who is signed out and opens Salesforce Integration in Engagement comes to Connect', async () => {
  const alma = await person('the Engagement admin');
  await alma.visit(`${ready.engagement.auth_url}cloud/email/admin/salesforce-integration`);
  await alma.signsInToEngagement(ready.engagement.admin, { stay: true });
  await alma.sees('Salesforce Integration');
  assert.ok(alma.page.url().startsWith(`${ready.connect.url}/salesforce-integration`), alma.page.url());
  await alma.leaves();
});

test('log-in and consent in the org lead on to an app that goes on elsewhere', async () => {
  const admin = await person('the administrator');
  await admin.signsInToOrg(ready.crm.admin);
  await admin.visit('/setup/find?q=Connected+Apps');
  await admin.main.follow('Connected Apps');
  await admin.main.follow('Integration Test');
  await admin.main.follow('Edit Policies');
  await admin.choose('Permitted Users', 'All users may self-authorize');
  await admin.press('Save');
  if (await admin.page.getByRole('button', { name: 'OK', exact: true }).count()) await admin.press('OK');
  await admin.leaves();
  for (const [decision, answer] of [['Deny', /error=access_denied/], ['Allow', /[?&]code=/]]) {
    const maya = await person('a user of an app');
    await maya.visit(authorizeOrg(`http://localhost:${back}/callback`));
    await maya.signsInToOrg(ready.crm.users[0], { stay: true });
    await maya.sees('Allow access?');
    await maya.press(decision);
    await arrives(maya, answer);
    await maya.leaves();
  }
});

test('the sign-in of Engagement leads on to an app that goes on elsewhere', async () => {
  const app = ready.engagement.web_app_package;
  const maya = await person('a user of a web app');
  const redirect = new URL(app.redirect_uris[0]);
  redirect.port = back;
  await maya.visit(`${ready.engagement.auth_url}v2/authorize?${new URLSearchParams({ response_type: 'code', client_id: app.client_id, redirect_uri: redirect.href })}`);
  await maya.signsInToEngagement(ready.engagement.users[0], { stay: true });
  await arrives(maya, /[?&]code=/);
  await maya.leaves();
});

test('the way back from the app leads to no form again', async () => {
  const maya = await person('a user of an app');
  await maya.visit(`${ready.crm.url}/login`);
  await maya.visit(authorizeOrg(`http://localhost:${back}/callback`));
  await maya.signsInToOrg(ready.crm.users[1], { stay: true });
  if (await maya.page.getByRole('button', { name: 'Allow', exact: true }).count()) await maya.press('Allow');
  await arrives(maya, /[?&]code=/);
  await maya.page.goBack();
  assert.notEqual(await maya.page.title(), 'One moment', 'the page between stays in the history');
  await maya.leaves();
});

test('a program that is no browser is redirected', async () => {
  const browser = new Browser();
  const [, user] = ready.crm.users;
  const page = await browser.open(authorizeOrg(`http://localhost:${back}/callback`));
  const after = await browser.submit(page, { username: user.username, password: user.password });
  const landed = after.left ? after : await browser.submit(after, {}, ['decision', 'allow']);
  assert.ok(landed.left && landed.url.includes('code='), landed.url);
});
