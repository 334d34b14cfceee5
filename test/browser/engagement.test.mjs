// Engagement's own pages: the ways of the documents through Email Studio and Setup. fixture: demo
import { test } from 'node:test';
import assert from 'node:assert/strict';
import { person, ready } from './browser.mjs';
import { connect, tenant } from './api.mjs';

const { admin, api_user: apiUser, users } = ready.engagement;

// seed:page S003-16 S003-18 S003-19 S003-20
test('the Engagement admin finds Salesforce Integration', async () => {
  const alma = await person('the Engagement admin');
  await alma.signsInToEngagement(admin);
  await alma.main.follow('Email Studio');
  await alma.main.follow('Admin');
  await alma.main.follow('Salesforce Integration');
  assert.ok(alma.page.url().startsWith(ready.connect.url), alma.page.url());
  await alma.leaves();
});

// seed:page S002-25
test('the API user can log in to Engagement with the present credentials', async () => {
  const api = await person('the API user');
  await api.signsInToEngagement(apiUser);
  await api.sees(`(${apiUser.username})`);
  await api.leaves();
});

test('a user is made, gets roles in several units, is changed, integrated and shut out', async () => {
  const alma = await person('the Engagement admin');
  await alma.signsInToEngagement(admin);
  await alma.main.follow('Email Studio');
  await alma.main.follow('Admin');
  await alma.main.follow('My Users');
  await alma.follow('Create');
  await alma.fill({ Name: 'Nora New', Username: 'nora.new', 'Reply Email Address': 'nora@tenant.example', 'Temporary Password': 'a temporary one', 'Confirm Temporary Password': 'another one' });
  await alma.press('Save');
  await alma.sees('The two passwords are not the same.');
  await alma.fill({ 'Temporary Password': 'a temporary one', 'Confirm Temporary Password': 'a temporary one' });
  await alma.press('Save');
  await alma.sees('The user is there.');
  await alma.follow('Manage Roles');
  for (const role of ['Content Creator', 'Data Manager', 'Marketing Cloud Content Editor/Publisher']) await alma.check(role);
  await alma.press('Save');
  await alma.sees('The roles are saved.');
  await alma.follow('Integrate');
  await alma.fill({ 'Salesforce.com Status': ready.crm.users[0].username });
  await alma.press('Save');
  await alma.sees('Salesforce.com Status is set.');
  const [nora] = await tenant('AccountUser', 'UserID', 'nora.new', ['Name', 'Email']);
  assert.deepEqual(nora, { Name: 'Nora New', Email: 'nora@tenant.example' });
  await alma.follow('Associated Business Units');
  await alma.follow('Cancel');
  await alma.follow('Reset Password');
  await alma.press('Reset Password');
  await alma.sees('This page shows it once.');
  await alma.follow('Done');
  await alma.press('Deactivate');
  await alma.sees('The user is inactive');
  const without = await person('somebody without permission');
  await without.signsInToEngagement(users[0]);
  await without.main.follow('Setup');
  await without.main.follow('Installed Packages');
  await without.sees('Accounts.Read or Accounts.Write is missing');
  await without.leaves();
  await alma.leaves();
});

// seed:page S002-02
test('every page of Email Studio and Setup is there for the admin', async () => {
  const alma = await person('the Engagement admin');
  await alma.signsInToEngagement(admin);
  for (const app of ['Email Studio', 'Setup']) {
    await alma.visit('/cloud');
    await alma.main.follow(app);
    const pages = await alma.page.locator('#tree a').evaluateAll((links) => links.map((a) => a.getAttribute('href')));
    assert.ok(pages.length > 4, `${pages}`);
    for (const path of pages.filter((p) => !p.endsWith('/salesforce-integration'))) {
      await alma.visit(path);
      assert.equal(alma.status, path.endsWith('/my-documents') ? 409 : 200, path);
      if (path.endsWith('/domains')) await alma.sees('Mail leaves only from verified domains');
    }
  }
  await alma.leaves();
});

test('pages fit a telephone', async () => {
  const alma = await person('the Engagement admin', { phone: true });
  await alma.signsInToEngagement(admin);
  for (const path of ['/cloud/setup/users', '/cloud/setup/security', '/cloud/email/triggered-sends/welcome']) await alma.visit(path);
  await alma.leaves();
});

test('what was sent, and packages, in full', async () => {
  const alma = await person('the Engagement admin');
  await alma.signsInToEngagement(admin);
  const at = (path) => new URL(path, ready.engagement.auth_url).href;
  await alma.visit(at('/cloud/email/triggered-sends'));
  await alma.main.follow('Welcome');
  await alma.press('Pause');
  await alma.sees('The triggered send is paused.');
  await alma.press('Start');
  await alma.visit(at('/cloud/setup/packages'));
  await alma.main.follow('Marketing Cloud Connect');
  await alma.follow('Access');
  await alma.sees('Users who let the package act for them');
  await alma.follow('Details');
  await alma.follow('Disable');
  await alma.sees('Who loses access');
  await alma.follow('Cancel');
  await alma.visit(at('/cloud/setup/packages'));
  await alma.main.follow('Integration Test Web App');
  await alma.follow('Rotate Secret');
  await alma.press('Rotate Secret');
  await alma.sees('shown this once');
  await alma.follow('Done');
  await alma.follow('Edit');
  await alma.follow('Cancel');
  await alma.visit(at('/cloud/setup/packages/new'));
  await alma.press('Save');
  await alma.sees('The package cannot be made');
  await alma.visit(at('/cloud/setup/security'));
  await alma.fill({ 'Login IP Allowlist: UI': '203.0.113.0/24' });
  await alma.press('Save');
  await alma.sees('would shut you out');
  await alma.visit(at('/cloud/setup/business-units'));
  await alma.main.follow(await alma.page.locator('main table a').first().innerText());
  await alma.visit(at('/cloud/email/admin/sender-profiles/new'));
  await alma.visit(at('/cloud/nowhere'));
  await alma.sees('There is no such page.');
  await alma.leaves();
});

test('a role is made and changed, and My Documents says who turns it on', async () => {
  const alma = await person('the Engagement admin');
  await alma.signsInToEngagement(admin);
  await alma.main.follow('Setup');
  await alma.main.follow('Roles');
  await alma.main.follow('Create');
  await alma.press('Save');
  await alma.sees('There is a problem');
  await alma.fill({ Name: 'Night Shift', 'External Key': 'night_shift' });
  await alma.choose('Email Send', 'Allow');
  await alma.press('Save');
  await alma.sees('The role is there.');
  await alma.follow('Edit');
  await alma.choose('Email Send', 'Deny');
  await alma.press('Save');
  await alma.sees('The role is saved.');
  const [role] = await tenant('Role', 'CustomerKey', 'night_shift', ['Name']);
  assert.equal(role.Name, 'Night Shift');
  await alma.follow('Delete');
  await alma.press('Delete');
  await alma.sees('The role is deleted.');
  await alma.visit('/cloud/email/my-documents');
  await alma.sees('My Documents in Content is off');
  await alma.lacks('This did not work');
  await alma.leaves();
});

// Last, for it takes the connection down.
test('the Engagement admin disconnects', async () => {
  const alma = await person('the Engagement admin');
  await alma.visit(`${ready.engagement.auth_url}cloud/email/admin/salesforce-integration`);
  await alma.signsInToEngagement(admin, { stay: true });
  await alma.sees('Signs in to the org by');
  await alma.main.follow('Disconnect');
  await alma.sees('All user mappings are removed');
  await alma.press('Disconnect');
  await alma.sees('Say why.');
  await alma.main.fill({ 'Why; kept on record': 'The account moves to another org.' });
  await alma.press('Disconnect');
  await alma.sees('Both spans are down');
  const users = await connect('GET', '/users');
  assert.equal(users.users.filter((u) => u.state === 'mapped').length, 0);
  await alma.main.follow('OK');
  await alma.main.follow('Connect Account');
  await alma.sees('log out of any active Sales or Service Cloud sessions');
  await alma.leaves();
});
