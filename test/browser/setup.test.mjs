// The org's Setup: what the documents do there. fixture: demo
import { test } from 'node:test';
import assert from 'node:assert/strict';
import { person, ready, until } from './browser.mjs';
import { mailTo, Org } from './api.mjs';

// seed:page S004-06
test('an administrator allows OAuth username-password flows', async () => {
  const admin = await person('the administrator');
  await admin.signsInToOrg(ready.crm.admin);
  await admin.follow('Setup');
  await admin.part('navigation', 'Setup').walk('Identity', 'OAuth and OpenID Connect Settings');
  for (const allow of [false, true]) {
    await admin[allow ? 'check' : 'uncheck']('Allow OAuth Username-Password Flows');
    await admin.press('Save');
    await admin.sees('Your changes are saved.');
    const token = await passwordGrant();
    assert.equal(token.status, allow ? 200 : 400, await token.text());
  }
  await admin.leaves();
});

function passwordGrant() {
  const app = ready.crm.connected_apps['Integration Test'];
  const [user] = ready.crm.users;
  return fetch(`${ready.crm.url}/services/oauth2/token`, {
    method: 'POST',
    body: new URLSearchParams({
      grant_type: 'password', client_id: app.client_id, client_secret: app.client_secret,
      username: user.username, password: user.password + user.security_token,
    }),
  });
}

// seed:page S004-22 S004-23 S004-25 S004-28 S004-29
test('an administrator logs in as the integration user and resets its security token', async () => {
  const [user] = ready.crm.users;
  const org = await Org.as();
  const [{ Email: address }] = await org.query(`SELECT Email FROM User WHERE Username = '${user.username}'`);
  const letters = (await mailTo(address)).length;
  const admin = await person('the administrator');
  await admin.signsInToOrg(ready.crm.admin);
  await admin.follow('Setup');
  await admin.part('navigation', 'Setup').walk('Security', 'Login Access Policies');
  await admin.check('Administrators Can Log in as Any User');
  await admin.press('Save');
  await admin.part('navigation', 'Setup').walk('Administer', 'Manage Users', 'Users');
  await admin.row(user.username).press('Login');
  await admin.follow('Reset My Security Token');
  await admin.press('Reset Security Token');
  await admin.sees('Your new security token is on its way');
  await until('the letter with the token', async () => (await mailTo(address)).length > letters);
  await assert.rejects(Org.as(user), /LOGIN_MUST_USE_SECURITY_TOKEN|INVALID_LOGIN/);
  await admin.leaves();
});
